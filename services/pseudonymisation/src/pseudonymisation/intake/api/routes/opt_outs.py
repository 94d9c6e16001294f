"""Lists of opt-outs over HTTP: taken in; and that they were, never who is on them."""

from datetime import date
from functools import partial
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request

from common.db.idempotency import IdempotencyKeyReused
from common.errors import EditedMeanwhile
from common.replacement import ReplacementDecided, ReplacementOutdated, SecondPersonNeeded
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import OfState, Reason, filtered
from pseudonymisation.intake.api.dependencies import (
    DecideListsCtx,
    ImportCtx,
    OptOutsCtx,
    TakeBackListsCtx,
    Uploading,
)
from pseudonymisation.intake.api.schemas.submissions import OptOutListView
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.opt_out import ListKind
from pseudonymisation.intake.use_cases import opt_outs as use_cases

LIST_BYTES_MAX = 1 << 30

router = APIRouter(prefix="/v1/opt-out-lists", tags=["opt-outs"])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    max_body_size=LIST_BYTES_MAX,
    responses=responses(
        errors.ListInvalid,
        errors.ListIsReply,
        errors.ListOfCleared,
        errors.ListEmpty,
        errors.ListDoubled,
        errors.ListCountDiffers,
        errors.UploadIncomplete,
        EditedMeanwhile,
        IdempotencyKeyReused,
        errors.TooManyUploads,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {"schema": {"type": "string"}, "example": "9990000018\n9990000026\n"}
            },
        }
    },
)
async def import_list(
    request: Request,
    ctx: ImportCtx,
    uploads: Uploading,
    list_date: Annotated[date, Query(description="The day whose opt-outs the list holds.")],
    kind: Annotated[
        ListKind,
        Query(
            description="Who is on the list: `objectors` are left out. People who are `cleared` are"
            " refused here; they are taken as the reply to a check."
        ),
    ],
    declared_count: Annotated[
        int | None,
        Query(
            ge=0,
            description="How many people the list has, as its sender counted them; compared where"
            " it is given. An empty list needs 0.",
        ),
    ] = None,
    key: IdempotencyKey = None,
) -> OptOutListView:
    """Import a list: one NHS number per line, nothing after it, no header.

    It is in force from the next preparation on. Where by it many people would be released it
    is `waiting` for a second person, and whoever is on either list is left out. Numbers become
    haven tokens as they come in.
    """
    announced = use_cases.ListDeclaration(list_date=list_date, kind=kind, declared=declared_count)
    begin = partial(use_cases.begin_import, announced, ctx=ctx)
    async with uploads.into(request, begin) as (list_id, coming):
        stored = await run_sync(
            partial(use_cases.finish_import, list_id, announced, coming, key=key, ctx=ctx)
        )
    return OptOutListView.of_list(stored)


@router.get("")
def list_lists(ctx: OptOutsCtx, paging: Paging, state: OfState = None) -> Page[OptOutListView]:
    """List what was taken in, oldest first; `state=waiting` for what a second person has to see."""
    found = use_cases.page(state=filtered(state), after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[OptOutListView].of(found, paging, show=OptOutListView.of_list, key=lambda o: o.id)


@router.get("/{list_id}", responses=responses(errors.ListNotFound))
def get_list(list_id: UUID, ctx: OptOutsCtx) -> OptOutListView:
    """Return how a list stands, and what it changes."""
    return OptOutListView.of_list(use_cases.get(list_id, ctx=ctx))


@router.post(
    "/{list_id}/confirmation",
    responses=responses(
        errors.ListNotFound,
        SecondPersonNeeded,
        ReplacementDecided,
        ReplacementOutdated,
        EditedMeanwhile,
    ),
)
def confirm_list(list_id: UUID, body: Reason, ctx: DecideListsCtx) -> OptOutListView:
    """Confirm a list that waits; somebody other than who sent it, with a reason."""
    return OptOutListView.of_list(use_cases.confirm(list_id, body.reason, ctx=ctx))


@router.post(
    "/{list_id}/withdrawal",
    responses=responses(
        errors.ListNotFound, SecondPersonNeeded, ReplacementDecided, EditedMeanwhile
    ),
)
def take_list_back(list_id: UUID, body: Reason, ctx: TakeBackListsCtx) -> OptOutListView:
    """Take a list back, waiting or in force; the one before it is in force again.

    Where by that many people would be released it is `leaving`, and both hold, until a second
    person takes it back as well. Without a list nothing is prepared where opt-outs are upheld.
    What was made with a list in force is void from the first person's word on: its fetch is
    refused with `FILE_VOID`.
    """
    return OptOutListView.of_list(use_cases.take_back(list_id, body.reason, ctx=ctx))
