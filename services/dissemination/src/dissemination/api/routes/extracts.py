"""Extracts: asked for, watched, withdrawn."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from common.db.idempotency import IdempotencyKeyReused
from common.errors import (
    AgreementNotFound,
    DecisionUnavailable,
    EditedMeanwhile,
    InvalidPeriods,
    LineNotInAgreement,
    NoEdition,
    PeriodNotOffered,
    Refused,
    TransitionRefused,
)
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from dissemination.api.dependencies import CatalogueOf
from dissemination.api.permissions import ReadCtx, RequestCtx, WithdrawCtx
from dissemination.api.schemas.extracts import (
    ExtractQualityView,
    ExtractView,
    FileList,
    LandedMonths,
    LandedMonthView,
)
from dissemination.api.schemas.previews import ExtractPreviewView
from dissemination.domain.errors import (
    EarlierExtractDestroyed,
    ExtractNotFound,
    HavenUnavailable,
    NotReleased,
)
from dissemination.use_cases import extracts as use_cases
from dissemination.use_cases import wanted
from statements.request import AgreementReference, ExternalId, WantedExtract

router = APIRouter(prefix="/v1/extracts", tags=["extracts"])

landed_router = APIRouter(prefix="/v1/landed-months", tags=["extracts"])


@landed_router.get(
    "",
    responses=responses(
        AgreementNotFound, LineNotInAgreement, DecisionUnavailable, HavenUnavailable
    ),
)
def list_landed_months(
    ctx: RequestCtx,
    agreement: Annotated[AgreementReference, Query(description="One's own agreement.")],
    data_set: Annotated[
        str,
        Query(
            pattern=r"^[A-Z][A-Z0-9_]{1,31}$",
            description="For which it has a line.",
            examples=["SUS_APC"],
        ),
    ],
) -> LandedMonths:
    """List the months of a data set for which there are records, before asking for an extract."""
    found = wanted.landed(agreement, data_set, ctx=ctx)
    return LandedMonths(items=[LandedMonthView.model_validate(month) for month in found])


OfAgreement = Annotated[AgreementReference | None, Query(description="Only those under it.")]
OfEdition = Annotated[
    ExternalId | None,
    Query(description="Only what was released from this edition, as manifests name it."),
]


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    responses=responses(
        Refused,
        AgreementNotFound,
        InvalidPeriods,
        PeriodNotOffered,
        NoEdition,
        ExtractNotFound,
        EarlierExtractDestroyed,
        IdempotencyKeyReused,
        DecisionUnavailable,
    ),
)
def ask_for_extract(
    body: WantedExtract,
    response: Response,
    ctx: RequestCtx,
    catalogue: CatalogueOf,
    key: IdempotencyKey = None,
) -> ExtractView:
    """Ask for an extract. The answer to a no names every reason; a yes is prepared at once.

    `warnings` tell what is probably not what is wanted: it can be withdrawn before its release, and
    `POST /v1/extracts/preview` tells it before anything is asked for.
    """
    asked = use_cases.ask(body, idempotency_key=key, known=catalogue, ctx=ctx)
    response.headers["Location"] = f"/v1/extracts/{asked.extract.id}"
    return ExtractView.of(asked, catalogue)


@router.post(
    "/preview",
    responses=responses(
        AgreementNotFound,
        InvalidPeriods,
        PeriodNotOffered,
        ExtractNotFound,
        DecisionUnavailable,
    ),
)
def preview_extract(
    body: WantedExtract, ctx: RequestCtx, catalogue: CatalogueOf
) -> ExtractPreviewView:
    """Say what asking for an extract would be answered now, and what it should be warned of.

    Nothing is asked for, kept or permitted by it: when it is asked for it is decided anew.
    """
    found = wanted.preview(body, known=catalogue, ctx=ctx)
    return ExtractPreviewView.of(found, catalogue)


@router.get("")
def list_extracts(
    ctx: ReadCtx,
    paging: Paging,
    catalogue: CatalogueOf,
    agreement: OfAgreement = None,
    edition: OfEdition = None,
) -> Page[ExtractView]:
    """List the extracts of one's own organisation, oldest first.

    With `edition`: what was released from it. `editions` of each says what replaced which of them.
    """
    found = use_cases.page(
        agreement=agreement, edition=edition, after=paging.after, limit=paging.rows, ctx=ctx
    )
    return Page[ExtractView].of(
        found,
        paging,
        show=lambda shown: ExtractView.of(shown, catalogue),
        key=lambda shown: shown.extract.id,
    )


@router.get("/{extract_id}", responses=responses(ExtractNotFound))
def get_extract(extract_id: UUID, ctx: ReadCtx, catalogue: CatalogueOf) -> ExtractView:
    """Show its progress, why it failed, or which files it has."""
    return ExtractView.of(use_cases.get(extract_id, ctx=ctx), catalogue)


@router.get(
    "/{extract_id}/quality",
    responses=responses(ExtractNotFound, NotReleased, HavenUnavailable),
)
def get_quality(extract_id: UUID, ctx: ReadCtx) -> ExtractQualityView:
    """Show how complete and valid its fields are, in each edition that it was made of.

    The same at every call. Small numbers are hidden by the disclosure rule of the line.
    """
    return ExtractQualityView.of(use_cases.quality(extract_id, ctx=ctx))


@router.get("/{extract_id}/files", responses=responses(ExtractNotFound))
def list_files(extract_id: UUID, ctx: ReadCtx) -> FileList:
    """List its released files; Parquet and CSV of one extract are two."""
    return FileList.of(use_cases.files(extract_id, ctx=ctx))


@router.post(
    "/{extract_id}/withdrawal",
    responses=responses(ExtractNotFound, TransitionRefused, EditedMeanwhile),
)
def withdraw_extract(extract_id: UUID, ctx: WithdrawCtx, catalogue: CatalogueOf) -> ExtractView:
    """Withdraw it before its release; released files have to be destroyed instead."""
    return ExtractView.of(use_cases.withdraw(extract_id, ctx=ctx), catalogue)
