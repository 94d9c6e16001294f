"""Staff in DSCRO roles: policies signed, training in date, secondments (ruling 18)."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from agreements.records.api import permissions
from agreements.records.api.dependencies import part
from agreements.records.api.schemas.oversight.staff import (
    ClearanceView,
    EndStaffRecord,
    RecordStaff,
    StaffRecordView,
    Subject,
)
from agreements.records.api.schemas.shared import Code, Day, told
from agreements.records.domain.errors import (
    OrganisationUnknown,
    StaffRecordEnds,
    StaffRecordNotFound,
    StaffRecordOfOneself,
    StaffRecordOverlaps,
    StaffRequirementUnknown,
)
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.oversight import staff
from common.web.context import permitted
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/staff-records", tags=["oversight"])

Recorder = Annotated[Context, permitted(permissions.RECORD_STAFF)]
Reader = Annotated[Context, permitted(permissions.READ_STAFF)]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(
        OrganisationUnknown, StaffRecordOfOneself, StaffRecordOverlaps, StaffRequirementUnknown
    ),
)
def record_staff(body: RecordStaff, ctx: Recorder) -> StaffRecordView:
    """Record a policy signed, a training done, or a secondment, of somebody else than oneself.

    Of the same kind, reference and first day it takes the place of the former.
    """
    return StaffRecordView.model_validate(staff.record(body.fact(), ctx=ctx))


@router.post(
    "/{record_id}/ending",
    responses=responses(StaffRecordEnds, StaffRecordNotFound, StaffRecordOfOneself),
)
def end_staff_record(record_id: UUID, body: EndStaffRecord, ctx: Recorder) -> StaffRecordView:
    """End a record after a day; an earlier end that stands is not put off."""
    return StaffRecordView.model_validate(staff.end(record_id, body.last_day, ctx=ctx))


@router.get("")
def list_staff_records(page: Paging, ctx: Reader) -> Page[StaffRecordView]:
    """List the records; whoever acts in a DSCRO role sees their own."""
    found = staff.page(part(page), ctx=ctx)
    return Page[StaffRecordView].of(
        found, page, show=told(StaffRecordView.model_validate), key=lambda one: one.one.id
    )


@router.get("/{subject}/clearance", responses=responses(StaffRecordNotFound))
def get_clearance(
    subject: Annotated[Subject, Path()],
    organisation: Annotated[
        Code, Query(description="The `ods` of the person's token; other than X26 needs secondment.")
    ],
    ctx: Reader,
    as_at: Annotated[Day | None, Query(description="By default today.")] = None,
) -> ClearanceView:
    """Say whether a person may act in a DSCRO role on a day, what is missing, and until when.

    Whoever issues tokens takes `training_valid_until` from `until`.
    """
    return ClearanceView.of(staff.clearance_of(subject, organisation, as_at, ctx=ctx))
