"""Lists of opt-outs over HTTP: taken in; and that they were, never who is on them."""

from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request

from common.db.idempotency import IdempotencyKeyReused
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from pseudonymisation.api.dependencies import ImportCtx, OptOutsCtx, TooManyUploads, Uploading
from pseudonymisation.api.schemas import OptOutListView
from pseudonymisation.domain.errors import ListInvalid, UploadIncomplete
from pseudonymisation.use_cases import opt_outs as use_cases

LIST_BYTES_MAX = 1 << 30

router = APIRouter(prefix="/v1/opt-out-lists", tags=["opt-outs"])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    max_body_size=LIST_BYTES_MAX,
    responses=responses(ListInvalid, UploadIncomplete, IdempotencyKeyReused, TooManyUploads),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
async def import_list(
    request: Request,
    ctx: ImportCtx,
    uploads: Uploading,
    list_date: Annotated[date, Query(description="The day whose opt-outs the list holds.")],
    key: IdempotencyKey = None,
) -> OptOutListView:
    """Take in a list: an NHS number a line, a comma behind it or not, no header.

    It is in force from the next preparation on. Numbers become haven tokens as they come in.
    """
    async with uploads.counted():
        list_id, taken = await run_sync(partial(use_cases.begin_import, list_date, ctx=ctx))
        try:
            async for block in uploads.blocks(request):
                await run_sync(taken.take, block)
            stored = await run_sync(
                partial(use_cases.finish_import, list_id, list_date, taken, key=key, ctx=ctx)
            )
        except BaseException:
            with anyio.CancelScope(shield=True):
                await run_sync(taken.abandon)
            raise
    return OptOutListView.of(stored)


@router.get("")
def list_lists(ctx: OptOutsCtx, paging: Paging) -> Page[OptOutListView]:
    """List what was taken in, oldest first."""
    found = use_cases.page(after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[OptOutListView].of(found, paging, show=OptOutListView.of, key=lambda o: o.id)
