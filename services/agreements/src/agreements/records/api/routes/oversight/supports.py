"""Supports under section 251: withdrawn, given otherwise, and what would stop by either."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from agreements.records.api import permissions
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.oversight.supports import (
    CONTROLLERS_MAX,
    ChangeConditions,
    SupportPreviewView,
    conditions_of,
)
from agreements.records.api.schemas.registrations import Purposes, Section251View
from agreements.records.api.schemas.shared import Code
from agreements.records.domain.errors import OrganisationUnknown
from agreements.records.domain.parties.errors import SupportNotFound, SupportWithdrawn
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.oversight import supports
from common.web.context import permitted
from common.web.problems import responses
from common.web.replacement import Reason

router = APIRouter(prefix="/v1/section-251-approvals", tags=["registrations"])
removing = APIRouter(
    prefix="/v1/section-251-approvals", tags=["registrations"], route_class=RemovesPermission
)

Recorder = Annotated[Context, permitted(permissions.IMPORT_REFERENCE_DATA)]


@removing.post("/{approval_id}/withdrawal", responses=responses(SupportNotFound))
def withdraw_section_251_approval(approval_id: UUID, body: Reason, ctx: Recorder) -> Section251View:
    """Take a support away: lines that rely on it get nothing from the answer on.

    It is not extended any more: what is given in its place has a reference of its own. What is held
    by it is due for destruction, unless keeping it is approved otherwise.
    """
    return Section251View.of(supports.withdraw(approval_id, body.reason, ctx=ctx))


@router.get("/{approval_id}/withdrawal/preview", responses=responses(SupportNotFound))
def preview_section_251_withdrawal(approval_id: UUID, ctx: Recorder) -> SupportPreviewView:
    """Say which lines of which agreements would stop, and what would be due for destruction."""
    return SupportPreviewView.of(supports.preview_withdrawal(approval_id, ctx=ctx))


@removing.post(
    "/{approval_id}/conditions",
    responses=responses(SupportNotFound, SupportWithdrawn, OrganisationUnknown),
)
def change_section_251_conditions(
    approval_id: UUID, body: ChangeConditions, ctx: Recorder
) -> Section251View:
    """Record that a support is given for other purposes or controllers, or on other conditions.

    Its days stay. A line that it does not cover any more gets nothing from the answer on.
    """
    changed = supports.change(approval_id, body.wanted(), body.reason, ctx=ctx)
    return Section251View.of(changed)


@router.get(
    "/{approval_id}/conditions/preview",
    responses=responses(SupportNotFound, SupportWithdrawn, OrganisationUnknown),
)
def preview_section_251_conditions(
    approval_id: UUID,
    ctx: Recorder,
    purpose: Annotated[Purposes, Query(description="For which purposes it would be given.")],
    controller: Annotated[
        list[Code],
        Query(max_length=CONTROLLERS_MAX, description="For whom alone; none: not limited."),
    ] = [],  # noqa: B006  FastAPI copies it
) -> SupportPreviewView:
    """Say which lines would stop or begin, were the support given so."""
    wanted = conditions_of(purpose, controller)
    return SupportPreviewView.of(supports.preview_change(approval_id, wanted, ctx=ctx))
