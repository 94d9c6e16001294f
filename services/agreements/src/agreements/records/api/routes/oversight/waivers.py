"""Letters by which opt-outs are not upheld for a purpose (ruling 27)."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from agreements.records.api import permissions
from agreements.records.api.dependencies import part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.oversight.waivers import OptOutWaiverView, RecordOptOutWaiver
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import UnlikeSeal
from agreements.records.domain.oversight.errors import (
    LetterNotYetWritten,
    OptOutWaiverNotFound,
    OptOutWaiverRecorded,
    WaiverDataSetUnknown,
)
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.oversight import waivers
from common.replacement import ReplacementDecided, SecondPersonNeeded
from common.web.context import permitted
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason

router = APIRouter(prefix="/v1/opt-out-waivers", tags=["oversight"])
removing = APIRouter(
    prefix="/v1/opt-out-waivers", tags=["oversight"], route_class=RemovesPermission
)

Second = Annotated[Context, permitted(permissions.DECIDE_IMPORTS)]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(WaiverDataSetUnknown, LetterNotYetWritten, OptOutWaiverRecorded),
)
def record_opt_out_waiver(
    body: RecordOptOutWaiver,
    ctx: Annotated[Context, permitted(permissions.IMPORT_REFERENCE_DATA)],
) -> OptOutWaiverView:
    """Record a letter that waives opt-outs. It waives nothing before a second person confirms it.

    What is recorded is never changed; the same again is the same record.
    """
    asked = body.fact(by=ctx.principal.subject, at=ctx.clock.now())
    return OptOutWaiverView.model_validate(waivers.record(asked, ctx=ctx))


@router.get("")
def list_opt_out_waivers(
    page: Paging, ctx: Annotated[Context, permitted(permissions.READ_FACTS)]
) -> Page[OptOutWaiverView]:
    """List the letters that are on record, whatever became of them."""
    found = waivers.page(part(page), ctx=ctx)
    return Page[OptOutWaiverView].of(
        found, page, show=told(OptOutWaiverView.model_validate), key=lambda one: one.one.id
    )


@router.post(
    "/{waiver_id}/confirmation",
    responses=responses(OptOutWaiverNotFound, SecondPersonNeeded, ReplacementDecided, UnlikeSeal),
)
def confirm_opt_out_waiver(waiver_id: UUID, body: Reason, ctx: Second) -> OptOutWaiverView:
    """Confirm that the letter says so; somebody other than who recorded it.

    From then on identifiable lines for its purpose may leave opt-outs out, on the letter's days.
    """
    return OptOutWaiverView.model_validate(waivers.confirm(waiver_id, body.reason, ctx=ctx))


@removing.post(
    "/{waiver_id}/withdrawal", responses=responses(OptOutWaiverNotFound, ReplacementDecided)
)
def withdraw_opt_out_waiver(waiver_id: UUID, body: Reason, ctx: Second) -> OptOutWaiverView:
    """Take a letter back: opt-outs are upheld again at once, and one person is enough."""
    return OptOutWaiverView.model_validate(waivers.take_back(waiver_id, body.reason, ctx=ctx))
