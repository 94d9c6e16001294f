"""What was delivered; and the audit log, for whoever proves it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from common.web.pagination import LIMIT_MAX, Page, Paging
from dissemination.api.permissions import AuditCtx, DeliveriesCtx, ReleasedCtx
from dissemination.api.schemas.extracts import DeliveryView, LoggedView, LogPage, ReleasedFileView
from dissemination.use_cases import deliveries as use_cases
from dissemination.use_cases import releases
from statements.request import AgreementReference

router = APIRouter(prefix="/v1", tags=["deliveries"])


@router.get("/deliveries")
def list_deliveries(
    ctx: DeliveriesCtx,
    paging: Paging,
    agreement: Annotated[
        AgreementReference | None, Query(description="Only those under it.")
    ] = None,
    file_id: Annotated[UUID | None, Query(description="Only those of this file.")] = None,
) -> Page[DeliveryView]:
    """List what was delivered, oldest first: when, to whom, how many bytes, how it ended."""
    found = use_cases.page(
        agreement=agreement, file_id=file_id, after=paging.after, limit=paging.rows, ctx=ctx
    )
    return Page[DeliveryView].of(found, paging, show=DeliveryView.of, key=lambda d: d.id)


@router.get("/released-files")
def list_released_files(
    ctx: ReleasedCtx,
    paging: Paging,
    agreement: Annotated[AgreementReference, Query(description="Under which they were released.")],
) -> Page[ReleasedFileView]:
    """List the files that were released under an agreement, for its ledger of holdings."""
    found = releases.under(agreement, after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[ReleasedFileView].of(
        found, paging, show=ReleasedFileView.model_validate, key=lambda one: one.file_id
    )


@router.get("/audit")
def read_audit_log(
    ctx: AuditCtx,
    agreement: Annotated[AgreementReference, Query(description="What the log has about it.")],
    after: Annotated[int | None, Query(ge=0, description="The `next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = 50,
) -> LogPage:
    """Read who asked, released, fetched and was refused under an agreement, in order.

    Each line is a leaf of the log; `dsfc audit verify` proves offline that none was changed.
    """
    found = use_cases.audit_page(agreement=agreement, after=after, limit=limit + 1, ctx=ctx)
    shown = found[:limit]
    return LogPage(
        items=[LoggedView.of(logged) for logged in shown],
        next=shown[-1].index if len(found) > limit else None,
    )
