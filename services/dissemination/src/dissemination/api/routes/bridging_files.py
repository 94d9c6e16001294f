"""Bridging files: which pseudonym of one line is whose in another line of the same recipient."""

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
from dissemination.api.schemas.bridging_files import BridgingFileView
from dissemination.api.schemas.extracts import FileList
from dissemination.domain.errors import BridgingFileNotFound
from dissemination.domain.extract import Kind
from dissemination.use_cases import extracts as use_cases
from statements.bridging_file import WantedBridgingFile

router = APIRouter(prefix="/v1/bridging-files", tags=["bridging files"])


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
def ask_for_bridging_file(
    body: WantedBridgingFile,
    response: Response,
    ctx: RequestCtx,
    catalogue: CatalogueOf,
    key: IdempotencyKey = None,
) -> BridgingFileView:
    """Ask for the pairs of pseudonyms of people who are in the records of two lines.

    Both agreements decide, and either can stop it. It is given once for two pseudonym domains,
    never between two recipients or environments, and never of people who are known.
    """
    asked = use_cases.ask(body, idempotency_key=key, known=catalogue, ctx=ctx)
    response.headers["Location"] = f"/v1/bridging-files/{asked.extract.id}"
    return BridgingFileView.of(asked)


@router.get("")
def list_bridging_files(
    ctx: ReadCtx,
    paging: Paging,
    agreement: OfAgreement = None,
    edition: OfEdition = None,
) -> Page[BridgingFileView]:
    """List the bridging files of one's own organisation, oldest first."""
    found = use_cases.page(
        agreement=agreement,
        edition=edition,
        after=paging.after,
        limit=paging.rows,
        kind=Kind.BRIDGING_FILE,
        ctx=ctx,
    )
    return Page[BridgingFileView].of(
        found, paging, show=BridgingFileView.of, key=lambda shown: shown.extract.id
    )


@router.get("/{bridging_file_id}", responses=responses(BridgingFileNotFound))
def get_bridging_file(bridging_file_id: UUID, ctx: ReadCtx) -> BridgingFileView:
    """Show its progress, why it failed, or which files it has."""
    return BridgingFileView.of(use_cases.get(bridging_file_id, kind=Kind.BRIDGING_FILE, ctx=ctx))


@router.get("/{bridging_file_id}/files", responses=responses(BridgingFileNotFound))
def list_files_of_bridging_file(bridging_file_id: UUID, ctx: ReadCtx) -> FileList:
    """List its released files, one for each format. `GET /v1/files/{id}/content` fetches them."""
    return FileList.of(use_cases.files(bridging_file_id, kind=Kind.BRIDGING_FILE, ctx=ctx))


@router.post(
    "/{bridging_file_id}/withdrawal",
    responses=responses(BridgingFileNotFound, TransitionRefused, EditedMeanwhile),
)
def withdraw_bridging_file(bridging_file_id: UUID, ctx: WithdrawCtx) -> BridgingFileView:
    """Withdraw it before its release; released files have to be destroyed instead."""
    return BridgingFileView.of(
        use_cases.withdraw(bridging_file_id, kind=Kind.BRIDGING_FILE, ctx=ctx)
    )
