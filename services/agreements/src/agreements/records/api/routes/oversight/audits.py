"""Audits of the service and of recipients, and their public reports (ruling 18)."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import PublicCtx, once_key, part
from agreements.records.api.routes.registers import PUBLIC, SHEETS, RegisterFormat, sheet
from agreements.records.api.schemas.oversight.audits import (
    AuditView,
    CompleteAction,
    PlanAudit,
    PublishedAudits,
    PublishedAuditView,
    ReportAudit,
    ReviewAudit,
)
from agreements.records.api.schemas.shared import Code, told
from agreements.records.domain.errors import (
    AuditActionNotFound,
    AuditActionsOpen,
    AuditDates,
    AuditNotFound,
    AuditScope,
    OrganisationUnknown,
    UnlikeSeal,
)
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.oversight import audits
from agreements.records.use_cases.registers import PublicRegister
from common.errors import AgreementNotFound, TransitionRefused
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/audits", tags=["oversight"])
register = APIRouter(prefix="/v1/registers/audits", tags=["registers"])

Planner = Annotated[Context, permitted(permissions.PLAN_AUDIT)]
Auditor = Annotated[Context, permitted(permissions.REPORT_AUDIT)]
Reader = Annotated[Context, permitted(permissions.READ_AUDITS)]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(AgreementNotFound, AuditScope, OrganisationUnknown),
)
def plan_audit(body: PlanAudit, ctx: Planner, key: IdempotencyKey = None) -> AuditView:
    """Plan an audit and its scope: the yearly one of the service, or one of a recipient."""
    once = once_key(key, "audit", body.model_dump(mode="json"))
    return AuditView.of(audits.plan(body.plan(), once=once, ctx=ctx))


@router.get("")
def list_audits(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.LIST_AUDITS)],
    organisation: Annotated[Code | None, Query(description="Of whom; by default of all.")] = None,
) -> Page[AuditView]:
    """List the audits."""
    found = audits.page(part(page), organisation, ctx=ctx)
    return Page[AuditView].of(found, page, show=told(AuditView.of), key=lambda one: one.one.id)


@router.get("/{audit_id}", responses=responses(AuditNotFound))
def get_audit(audit_id: UUID, ctx: Reader) -> AuditView:
    """Show an audit; an organisation is shown those of itself."""
    return told(AuditView.of)(audits.get(audit_id, ctx=ctx))


@router.post(
    "/{audit_id}/report",
    responses=responses(
        AuditDates, AuditNotFound, AuditScope, OrganisationUnknown, TransitionRefused
    ),
)
def report_audit(audit_id: UUID, body: ReportAudit, ctx: Auditor) -> AuditView:
    """Hand in what was found and what has to be done; once."""
    return AuditView.of(audits.report(audit_id, body.report(), ctx=ctx))


@router.post(
    "/{audit_id}/actions/{number}/completion",
    responses=responses(AuditActionNotFound, AuditDates, AuditNotFound, TransitionRefused),
)
def complete_action(
    audit_id: UUID,
    number: Annotated[int, Path(ge=1, le=200, description="The action's number.")],
    body: CompleteAction,
    ctx: Planner,
) -> AuditView:
    """Record that an action is done. The audit is closed by the follow-up alone."""
    done = audits.complete(audit_id, number, done_on=body.done_on, evidence=body.evidence, ctx=ctx)
    return AuditView.of(done)


@router.post("/{audit_id}/publication", responses=responses(AuditNotFound, TransitionRefused))
def publish_audit(
    audit_id: UUID, ctx: Annotated[Context, permitted(permissions.PUBLISH_AUDIT)]
) -> AuditView:
    """Publish the report; it stays public, with what is done about it."""
    return AuditView.of(audits.publish(audit_id, ctx=ctx))


@router.post(
    "/{audit_id}/follow-up",
    responses=responses(
        AuditActionNotFound, AuditActionsOpen, AuditDates, AuditNotFound, TransitionRefused
    ),
)
def follow_up_audit(audit_id: UUID, body: ReviewAudit, ctx: Auditor) -> AuditView:
    """Look again: close the audit where every action is done, or ask for some anew."""
    reviewed = audits.review(
        audit_id,
        reviewed_on=body.reviewed_on,
        outcome=body.outcome,
        reopened=body.reopened,
        ctx=ctx,
    )
    return AuditView.of(reviewed)


@register.get("", dependencies=[PUBLIC], response_model=PublishedAudits, responses=SHEETS)
def register_of_audits(
    ctx: PublicCtx,
    format: Annotated[  # noqa: A002  the parameter's name on the wire
        RegisterFormat, Query(description="`csv`, `xlsx`: as a spreadsheet, a line an audit.")
    ] = RegisterFormat.JSON,
) -> PublishedAudits | Response:
    """List the public reports of audits, the newest first."""
    if format is not RegisterFormat.JSON:
        return sheet(PublicRegister.AUDITS, format, ctx=ctx)
    return PublishedAudits.of(audits.published(ctx=ctx))


@register.get("/{reference}", dependencies=[PUBLIC], responses=responses(AuditNotFound, UnlikeSeal))
def registered_audit(
    reference: Annotated[
        str,
        Path(
            pattern=r"^AUD-[A-Z0-9]{4,20}$",
            description="The audit's reference.",
            examples=["AUD-A1B2C3D4E5"],
        ),
    ],
    ctx: PublicCtx,
) -> PublishedAuditView:
    """Return the public report of one audit. The link stays."""
    return told(PublishedAuditView.of)(audits.published_one(reference, ctx=ctx))
