"""The second port: preparations by permit, for dissemination only (design.md sections 3 and 9)."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from common.audit import RecordNotAsLogged, is_as_logged
from common.errors import NoEdition, Refused
from common.security.roles import Role
from common.web.auth import Permission
from common.web.context import permitted
from common.web.problems import responses
from pseudonymisation.preparations.api.schemas.preparations import (
    LandedMonths,
    LandedMonthView,
    PreparationView,
    PutPreparation,
)
from pseudonymisation.preparations.domain.errors import (
    AreasUntold,
    BridgingFileMade,
    CatalogueUnknown,
    DomainClosed,
    DomainTransferred,
    PermitInvalid,
    PermitMismatch,
    PermitUsed,
    PreparationNotFound,
    UnsafeEditions,
)
from pseudonymisation.preparations.use_cases import preparations as use_cases

PREPARE = Permission(
    "preparations:prepare",
    frozenset({Role.SERVICE_DISSEMINATION}),
    "Have an extract prepared that a permit allows, and follow it.",
)

Ctx = Annotated[use_cases.PreparationContext, permitted(PREPARE, state="preparations")]

router = APIRouter(prefix="/v1/preparations", tags=["preparations"])


@router.put(
    "/{permit_id}",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        201: {"model": PreparationView, "description": "Accepted now, for the first time."},
        **responses(
            PermitInvalid,
            PermitMismatch,
            PermitUsed,
            CatalogueUnknown,
            NoEdition,
            AreasUntold,
            UnsafeEditions,
            Refused,
            DomainClosed,
            DomainTransferred,
            BridgingFileMade,
            RecordNotAsLogged,
        ),
    },
)
def put_preparation(
    permit_id: UUID, body: PutPreparation, response: Response, ctx: Ctx
) -> PreparationView:
    """Have an extract prepared. The same permit, request and caller again changes nothing."""
    preparation, is_new = use_cases.accept(permit_id, body.permit, body.request, ctx=ctx)
    if is_new:
        response.status_code = HTTPStatus.CREATED
        response.headers["Location"] = f"/v1/preparations/{preparation.id}"
    return PreparationView.of(preparation)


@router.post(
    "/{permit_id}/judgement",
    status_code=HTTPStatus.NO_CONTENT,
    responses=responses(
        PermitInvalid,
        PermitMismatch,
        CatalogueUnknown,
        NoEdition,
        AreasUntold,
        UnsafeEditions,
        Refused,
    ),
)
def judge_preparation(permit_id: UUID, body: PutPreparation, ctx: Ctx) -> None:
    """Say before it is put whether it would wait for its next edition; the permit stays unused.

    It does where it would tell, beside what the recipient environment was given, who opted out
    (`OPT_OUT_DIFFERENCING`).
    """
    use_cases.judge(permit_id, body.permit, body.request, ctx=ctx)


@router.get("/{permit_id}", responses=responses(PreparationNotFound))
def get_preparation(permit_id: UUID, ctx: Ctx) -> PreparationView:
    """Return how a preparation stands, and once it is prepared, where its files are."""
    return PreparationView.of(use_cases.get(permit_id, ctx=ctx))


landed_router = APIRouter(prefix="/v1/landed-months", tags=["preparations"])


@landed_router.get("")
def list_landed_months(
    ctx: Ctx,
    data_set: Annotated[str, Query(pattern=r"^[A-Z][A-Z0-9_]{1,31}$", examples=["SUS_APC"])],
) -> LandedMonths:
    """List the months for which there are records of a data set; one that is unknown has none."""
    found = use_cases.landed(data_set, ctx=ctx)
    return LandedMonths(
        items=[LandedMonthView.model_validate(month) for month in found.months],
        opt_out_lists=[*found.opt_out_lists],
        is_as_logged=is_as_logged(),
    )
