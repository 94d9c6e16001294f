"""Tables of counts: asked for, watched, withdrawn. Their files are fetched as all files are."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response

from common.db.idempotency import IdempotencyKeyReused
from common.errors import (
    AgreementNotFound,
    DecisionUnavailable,
    EditedMeanwhile,
    InvalidPeriods,
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
from dissemination.api.routes.extracts import OfAgreement, OfEdition
from dissemination.api.schemas.extracts import FileList
from dissemination.api.schemas.tabulations import TabulationView
from dissemination.domain.errors import TabulationNotFound
from dissemination.domain.extract import Kind
from dissemination.use_cases import extracts as use_cases
from statements.tabulation import WantedTabulation

router = APIRouter(prefix="/v1/tabulations", tags=["tabulations"])


@router.post(
    "",
    status_code=HTTPStatus.ACCEPTED,
    responses=responses(
        Refused,
        AgreementNotFound,
        InvalidPeriods,
        PeriodNotOffered,
        NoEdition,
        IdempotencyKeyReused,
        DecisionUnavailable,
    ),
)
def ask_for_tabulation(
    body: WantedTabulation,
    response: Response,
    ctx: RequestCtx,
    catalogue: CatalogueOf,
    key: IdempotencyKey = None,
) -> TabulationView:
    """Ask for a table under an aggregate line. It is counted and protected in the safe haven.

    Small numbers are hidden by the data set's disclosure rule, and so is what would give them away,
    also by difference from tables that you have already.
    """
    asked = use_cases.ask(body, idempotency_key=key, known=catalogue, ctx=ctx)
    response.headers["Location"] = f"/v1/tabulations/{asked.extract.id}"
    return TabulationView.of(asked, catalogue)


@router.get("")
def list_tabulations(
    ctx: ReadCtx,
    paging: Paging,
    catalogue: CatalogueOf,
    agreement: OfAgreement = None,
    edition: OfEdition = None,
) -> Page[TabulationView]:
    """List the tables of one's own organisation, oldest first."""
    found = use_cases.page(
        agreement=agreement,
        edition=edition,
        after=paging.after,
        limit=paging.rows,
        kind=Kind.TABULATION,
        ctx=ctx,
    )
    return Page[TabulationView].of(
        found,
        paging,
        show=lambda shown: TabulationView.of(shown, catalogue),
        key=lambda shown: shown.extract.id,
    )


@router.get("/{tabulation_id}", responses=responses(TabulationNotFound))
def get_tabulation(tabulation_id: UUID, ctx: ReadCtx, catalogue: CatalogueOf) -> TabulationView:
    """Show its progress, why it failed, or which files it has."""
    found = use_cases.get(tabulation_id, kind=Kind.TABULATION, ctx=ctx)
    return TabulationView.of(found, catalogue)


@router.get("/{tabulation_id}/files", responses=responses(TabulationNotFound))
def list_tabulation_files(tabulation_id: UUID, ctx: ReadCtx) -> FileList:
    """List its released files, one for each format. `GET /v1/files/{id}/content` fetches them."""
    return FileList.of(use_cases.files(tabulation_id, kind=Kind.TABULATION, ctx=ctx))


@router.post(
    "/{tabulation_id}/withdrawal",
    responses=responses(TabulationNotFound, TransitionRefused, EditedMeanwhile),
)
def withdraw_tabulation(
    tabulation_id: UUID, ctx: WithdrawCtx, catalogue: CatalogueOf
) -> TabulationView:
    """Withdraw it before its release; released files have to be destroyed instead."""
    found = use_cases.withdraw(tabulation_id, kind=Kind.TABULATION, ctx=ctx)
    return TabulationView.of(found, catalogue)
