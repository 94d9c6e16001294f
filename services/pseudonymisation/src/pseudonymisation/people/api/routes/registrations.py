"""Who is registered with which practice, over HTTP: taken in; and that it was, never who."""

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
from common.web.replacement import Reason
from pseudonymisation.intake.api.dependencies import Uploading
from pseudonymisation.intake.domain.errors import TooManyUploads, UploadIncomplete
from pseudonymisation.people.api.dependencies import DecideCtx, ImportCtx, ListsCtx
from pseudonymisation.people.api.schemas.registrations import RegistrationListView
from pseudonymisation.people.domain import errors
from pseudonymisation.people.use_cases import registrations as use_cases

LIST_BYTES_MAX = 1 << 31
EXAMPLE = "9990000018,J81002\n9990000026,A81001\n"

router = APIRouter(prefix="/v1/practice-registrations", tags=["people"])


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    max_body_size=LIST_BYTES_MAX,
    responses=responses(
        errors.RegistrationsInvalid,
        errors.RegistrationsCountDiffers,
        UploadIncomplete,
        EditedMeanwhile,
        IdempotencyKeyReused,
        TooManyUploads,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE}},
        }
    },
)
async def import_registrations(
    request: Request,
    ctx: ImportCtx,
    uploads: Uploading,
    list_date: Annotated[date, Query(description="The day whose registrations the list holds.")],
    declared_count: Annotated[
        int, Query(ge=0, description="How many people the list has, as its sender counted them.")
    ],
    key: IdempotencyKey = None,
) -> RegistrationListView:
    """Import a list: `number,practice`, one line a person, no header.

    It takes the place of the list in force, whose content is destroyed. Where by it many people
    would be another practice's it is `waiting` for a second person, and until then somebody is a
    practice's patient only where both lists say so. Numbers become haven tokens as they come in.
    """
    announced = use_cases.RegistrationDeclaration(list_date=list_date, declared=declared_count)
    begin = partial(use_cases.begin_import, announced, ctx=ctx)
    async with uploads.into(request, begin) as (list_id, coming):
        stored = await run_sync(
            partial(use_cases.finish_import, list_id, announced, coming, key=key, ctx=ctx)
        )
    return RegistrationListView.of_list(stored)


@router.get("")
def list_registrations(ctx: ListsCtx, paging: Paging) -> Page[RegistrationListView]:
    """List what was taken in, oldest first."""
    found = use_cases.page(after=paging.after, limit=paging.rows, ctx=ctx)
    return Page[RegistrationListView].of(
        found, paging, show=RegistrationListView.of_list, key=lambda one: one.id
    )


@router.get("/{registrations_id}", responses=responses(errors.RegistrationsNotFound))
def get_registrations(registrations_id: UUID, ctx: ListsCtx) -> RegistrationListView:
    """Return how a list stands, and what it changes."""
    return RegistrationListView.of_list(use_cases.get(registrations_id, ctx=ctx))


@router.post(
    "/{registrations_id}/confirmation",
    responses=responses(
        errors.RegistrationsNotFound,
        SecondPersonNeeded,
        ReplacementDecided,
        ReplacementOutdated,
        EditedMeanwhile,
    ),
)
def confirm_registrations(
    registrations_id: UUID, body: Reason, ctx: DecideCtx
) -> RegistrationListView:
    """Confirm a list that waits; somebody other than who sent it, with a reason."""
    return RegistrationListView.of_list(use_cases.confirm(registrations_id, body.reason, ctx=ctx))


@router.post(
    "/{registrations_id}/withdrawal",
    responses=responses(errors.RegistrationsNotFound, ReplacementDecided, EditedMeanwhile),
)
def take_registrations_back(
    registrations_id: UUID, body: Reason, ctx: DecideCtx
) -> RegistrationListView:
    """Take a list back, waiting or in force. Without one nobody is re-identified."""
    return RegistrationListView.of_list(use_cases.take_back(registrations_id, body.reason, ctx=ctx))
