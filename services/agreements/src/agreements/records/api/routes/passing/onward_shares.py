"""The public register of what recipients passed on by a clause (domain.md 9; R22)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from agreements.records.api.dependencies import PublicCtx
from agreements.records.api.routes.registers import PUBLIC, SHEETS, RegisterFormat, sheet
from agreements.records.api.schemas.passing.onward_shares import (
    RegisteredSharePage,
    RegisteredShareView,
)
from agreements.records.api.schemas.shared import told
from agreements.records.domain.terms.errors import OnwardShareNotFound
from agreements.records.use_cases.passing import onward
from agreements.records.use_cases.ports import Slice
from agreements.records.use_cases.registers import PublicRegister
from common.web.pagination import Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/registers/onward-shares", tags=["registers"])


@router.get("", dependencies=[PUBLIC], response_model=RegisteredSharePage, responses=SHEETS)
def register_of_onward_shares(
    page: Paging,
    ctx: PublicCtx,
    format: Annotated[  # noqa: A002  the parameter's name on the wire
        RegisterFormat, Query(description="`csv`, `xlsx`: the whole register, not a part of it.")
    ] = RegisterFormat.JSON,
) -> RegisteredSharePage | Response:
    """List what went on to other organisations by a clause of an agreement, and by which.

    `next` counts what was logged, so a page may have fewer lines than `limit`.
    """
    if format is not RegisterFormat.JSON:
        return sheet(PublicRegister.ONWARD_SHARES, format, ctx=ctx)
    at = ctx.clock.now()
    found = onward.published(Slice(after=page.after, rows=page.limit), ctx=ctx)
    items = [told(RegisteredShareView.of)(shown) for shown in found.rows]
    return RegisteredSharePage(as_of=at, items=items, next=found.next)


@router.get("/{share_id}", dependencies=[PUBLIC], responses=responses(OnwardShareNotFound))
def registered_onward_share(share_id: UUID, ctx: PublicCtx) -> RegisteredShareView:
    """Return one line of the register. The link stays."""
    return told(RegisteredShareView.of)(onward.published_one(share_id, ctx=ctx))
