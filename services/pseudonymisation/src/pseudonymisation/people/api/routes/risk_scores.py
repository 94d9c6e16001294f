"""Scores of risk stratification over HTTP: sent back by token (docs/adr/0147)."""

from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request

from common.db.idempotency import IdempotencyKeyReused
from common.errors import (
    AgreementNotFound,
    DecisionUnavailable,
    EditedMeanwhile,
    KeyUnavailable,
    ObjectStoreUnavailable,
    Refused,
    TransitionRefused,
)
from common.texts import Scanned
from common.web.idempotency import IdempotencyKey
from common.web.problems import responses
from pseudonymisation.engine.errors import KeyDestroyed
from pseudonymisation.intake.api.dependencies import Uploading
from pseudonymisation.intake.domain import errors as intake_errors
from pseudonymisation.people.api.dependencies import ScoresCtx
from pseudonymisation.people.api.schemas.risk_scores import MODEL, MODEL_VERSION, ScoresView
from pseudonymisation.people.domain import errors
from pseudonymisation.people.domain.risk_scores import ScoresDeclaration
from pseudonymisation.people.use_cases import risk_scores as use_cases
from pseudonymisation.preparations.domain.errors import DomainClosed
from statements.request import AgreementInForce, DataSetOfLine
from statements.vocabulary import Classification, LineKey, Purpose

SCORES_BYTES_MAX = 1 << 28
EXAMPLE = "PAbCdEfGhIjKlMnOpQrStUvW,0.42\nPWvUtSrQpOnMlKjIhGfEdCbA,17\n"

router = APIRouter(prefix="/v1/risk-scores", tags=["people"])


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    max_body_size=SCORES_BYTES_MAX,
    responses=responses(
        errors.RiskScoresInvalid,
        errors.TooManyPeople,
        errors.TokensOfAnotherDomain,
        errors.TokensUnknown,
        errors.RegistrationsOutOfDate,
        AgreementNotFound,
        DecisionUnavailable,
        DomainClosed,
        EditedMeanwhile,
        IdempotencyKeyReused,
        KeyDestroyed,
        KeyUnavailable,
        ObjectStoreUnavailable,
        Refused,
        TransitionRefused,
        intake_errors.PeriodOverlaps,
        intake_errors.ProviderUnknown,
        intake_errors.TooManyUploads,
        intake_errors.UploadIncomplete,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE}},
        }
    },
)
async def return_risk_scores(
    request: Request,
    ctx: ScoresCtx,
    uploads: Uploading,
    agreement: Annotated[
        AgreementInForce, Query(description="Under which the records were supplied.")
    ],
    data_set: Annotated[
        DataSetOfLine, Query(description="Of the line by which the tokens were supplied.")
    ],
    classification: Annotated[
        Classification, Query(description="Of the same line; records are scored, never tables.")
    ],
    as_at: Annotated[date, Query(description="Day up to which the records were looked at.")],
    model: Annotated[
        str,
        Query(pattern=MODEL, description="Name of the model.", examples=["Combined Model"]),
        Scanned(),
    ],
    model_version: Annotated[
        str,
        Query(pattern=MODEL_VERSION, description="Version of the model.", examples=["2"]),
        Scanned(code=True),
    ],
    key: IdempotencyKey = None,
) -> ScoresView:
    """Send scores: `token,score`, one line a person, no header.

    All or none is taken. They take the place of the same model's of the month under the agreement,
    and leave as the data set RISK_SCORES: to the commissioner without identity, and to each
    practice for its own patients.
    """
    declared = ScoresDeclaration(
        agreement=agreement,
        key=LineKey(Purpose.RS.value, data_set, classification.value),
        as_at=as_at,
        model=model,
        model_version=model_version,
    )
    async with uploads.counted():
        coming = await run_sync(partial(use_cases.begin, declared, ctx=ctx))
        async for block in uploads.blocks(request):
            await run_sync(coming.take, block)
        returned = await run_sync(partial(use_cases.finish, declared, coming, key=key, ctx=ctx))
    return ScoresView.of(returned)


@router.get(
    "/{scores_id}",
    responses=responses(intake_errors.SubmissionNotFound, errors.RiskScoresNotFound),
)
def get_risk_scores(scores_id: UUID, ctx: ScoresCtx) -> ScoresView:
    """Return how scores stand that one's own organisation sent."""
    return ScoresView.of(use_cases.get(scores_id, ctx=ctx))
