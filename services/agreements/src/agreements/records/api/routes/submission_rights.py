"""Who may send whose activity: rights to submit for another provider (ruling 24)."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from agreements.records.api import permissions
from agreements.records.api.dependencies import CsvFile, once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.shared import Code, Day, told
from agreements.records.api.schemas.submission_rights import (
    BatchView,
    EndRight,
    RecordRight,
    RightView,
    StandingsView,
)
from agreements.records.domain.errors import (
    ImportContradicts,
    ImportRefused,
    OrganisationUnknown,
    SubmissionRightNotFound,
    UnlikeSeal,
)
from agreements.records.domain.parties.errors import SubmissionRightOverlaps
from agreements.records.domain.parties.submission_right import RightState
from agreements.records.use_cases import submission_rights as use_cases
from agreements.records.use_cases.context import Context
from agreements.settings import IMPORT_BYTES_MAX
from common.replacement import ReplacementDecided, SecondPersonNeeded
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses
from common.web.replacement import Reason

router = APIRouter(prefix="/v1/submission-rights", tags=["submission rights"])
removing = APIRouter(
    prefix="/v1/submission-rights", tags=["submission rights"], route_class=RemovesPermission
)

Recorder = Annotated[Context, permitted(permissions.RECORD_SUBMISSION_RIGHTS)]
Second = Annotated[Context, permitted(permissions.DECIDE_IMPORTS)]


@router.get("", responses=responses(UnlikeSeal))
def ask_for_whom(
    submitter: Annotated[Code, Query(description="Who submits.")],
    as_at: Annotated[Day, Query(description="The first day of the period.")],
    ctx: Annotated[Context, permitted(permissions.READ_SUBMISSION_RIGHTS)],
    provider: Annotated[
        Code | None, Query(description="Whose records; by default all for whom it may.")
    ] = None,
) -> StandingsView:
    """Return whether an organisation may send a provider's records, and the provider's status.

    A provider sends its own. For another one it needs a right in force on the first day of the
    period, and the provider has to be open on that day.
    """
    found = use_cases.standings(submitter, provider, as_at, ctx=ctx)
    return StandingsView.of(found)


@router.get("/recorded")
def list_rights(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_SUBMISSION_RIGHTS)],
    state: Annotated[
        RightState | None, Query(description="Only those; `waiting`: for a second person.")
    ] = None,
) -> Page[RightView]:
    """List the rights that were recorded, whatever became of them."""
    found = use_cases.page(part(page), state, ctx=ctx)
    return Page[RightView].of(
        found, page, show=told(RightView.model_validate), key=lambda r: r.one.id
    )


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(OrganisationUnknown, SubmissionRightOverlaps),
)
def record_right(body: RecordRight, ctx: Recorder, key: IdempotencyKey = None) -> BatchView:
    """Record a right. It permits nothing before a second person confirms it."""
    once = once_key(key, "submission-right", body)
    return BatchView.of(use_cases.record(body.listed(), once=once, ctx=ctx))


@router.post(
    "/imports",
    status_code=HTTPStatus.CREATED,
    responses=responses(ImportRefused, ImportContradicts),
    max_body_size=IMPORT_BYTES_MAX,
)
def import_rights(content: CsvFile, ctx: Recorder) -> BatchView:
    """Record a list of rights: `submitter,provider,valid_from,valid_to,evidence`.

    Lines of no use here are left out and named, and so are those of days that are recorded of the
    same two; lines of the same days refuse the list. The rights wait for a second person together.
    """
    return BatchView.of(use_cases.import_rights(content, ctx=ctx))


@router.post(
    "/{batch}/confirmation",
    responses=responses(
        SubmissionRightNotFound,
        SubmissionRightOverlaps,
        SecondPersonNeeded,
        ReplacementDecided,
        UnlikeSeal,
    ),
)
def confirm_rights(batch: UUID, body: Reason, ctx: Second) -> BatchView:
    """Confirm rights that were recorded together; somebody other than who recorded them."""
    return BatchView.of(use_cases.confirm(batch, body.reason, ctx=ctx))


@router.post(
    "/{batch}/withdrawal", responses=responses(SubmissionRightNotFound, ReplacementDecided)
)
def withdraw_rights(batch: UUID, body: Reason, ctx: Second) -> BatchView:
    """Withdraw rights that were recorded together and wait for confirmation."""
    return BatchView.of(use_cases.withdraw(batch, body.reason, ctx=ctx))


@removing.post(
    "/{right_id}/ending", responses=responses(SubmissionRightNotFound, ReplacementDecided)
)
def end_right(right_id: UUID, body: EndRight, ctx: Recorder) -> RightView:
    """End a right after its last day. It only removes permission, so one person is enough."""
    ended = use_cases.end(right_id, body.last_day, ctx=ctx)
    return RightView.model_validate(ended)
