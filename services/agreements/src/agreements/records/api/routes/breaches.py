"""Breaches: reported, receipted, judged, closed."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from agreements.records.api import permissions
from agreements.records.api.dependencies import once_key, part
from agreements.records.api.removal import RemovesPermission
from agreements.records.api.schemas.breaches import (
    BreachPreviewView,
    BreachView,
    CloseBreach,
    EstablishFacts,
    JudgeBreach,
    ReportBreach,
)
from agreements.records.api.schemas.shared import told
from agreements.records.domain.errors import BreachDates, BreachNotFound, ContractOfAnother
from agreements.records.use_cases import breaches as use_cases
from agreements.records.use_cases.context import Context
from common.errors import AgreementNotFound, LineNotInAgreement, TransitionRefused
from common.web.context import permitted
from common.web.idempotency import IdempotencyKey
from common.web.pagination import Page, Paging
from common.web.problems import responses

router = APIRouter(prefix="/v1/breaches", tags=["breaches"])
removing = APIRouter(prefix="/v1/breaches", tags=["breaches"], route_class=RemovesPermission)

Handler = Annotated[Context, permitted(permissions.HANDLE_BREACH)]


@removing.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses=responses(AgreementNotFound, LineNotInAgreement, BreachDates),
)
def report_breach(
    body: ReportBreach,
    response: Response,
    ctx: Annotated[Context, permitted(permissions.REPORT_BREACH)],
    key: IdempotencyKey = None,
) -> BreachView:
    """Report a breach. Say first whether the activity has stopped; the answer is the receipt.

    `no` and `not_known` hold the named lines before the answer comes.
    """
    shown = use_cases.report(body.told(), once=once_key(key, "breach", body), ctx=ctx)
    response.headers["Location"] = f"/v1/breaches/{shown.breach.id}"
    return BreachView.of(shown)


@router.get("")
def list_breaches(
    page: Paging,
    ctx: Annotated[Context, permitted(permissions.READ_BREACHES)],
) -> Page[BreachView]:
    """List one's own reports and those about one's own agreements; for staff, all."""
    found = use_cases.page(part(page), ctx=ctx)
    return Page[BreachView].of(found, page, show=told(BreachView.of), key=lambda b: b.one.breach.id)


@router.get("/{breach_id}", responses=responses(BreachNotFound))
def get_breach(
    breach_id: UUID,
    ctx: Annotated[Context, permitted(permissions.READ_BREACHES)],
) -> BreachView:
    """Show a breach, its receipt and its holds."""
    return told(BreachView.of)(use_cases.get(breach_id, ctx=ctx))


@router.post("/{breach_id}/receipt", responses=responses(BreachNotFound))
def issue_receipt(breach_id: UUID, ctx: Handler) -> BreachView:
    """Confirm a report that came by telephone, by e-mail or from an audit."""
    return BreachView.of(use_cases.issue_receipt(breach_id, ctx=ctx))


@router.get("/{breach_id}/preview", responses=responses(BreachNotFound))
def preview_finding(
    breach_id: UUID, ctx: Annotated[Context, permitted(permissions.PREVIEW_HOLD)]
) -> BreachPreviewView:
    """Show what a finding would hold, destroy and end, before it is made."""
    return told(BreachPreviewView.of)(use_cases.preview(breach_id, ctx=ctx))


@router.post("/{breach_id}/facts", responses=responses(BreachNotFound, TransitionRefused))
def establish_facts(breach_id: UUID, body: EstablishFacts, ctx: Handler) -> BreachView:
    """Record what was found to have happened; a finding may come before, a closure may not."""
    shown = use_cases.establish(
        breach_id, facts=body.facts, records_affected=body.records_affected, ctx=ctx
    )
    return BreachView.of(shown)


@removing.post(
    "/{breach_id}/finding",
    responses=responses(BreachNotFound, ContractOfAnother, TransitionRefused),
)
def judge_breach(breach_id: UUID, body: JudgeBreach, ctx: Handler) -> BreachView:
    """Record the severity of a breach and what it demands. `serious` holds its lines at once."""
    judged = use_cases.find(
        breach_id, body.finding, actions=body.actions, contracts=body.contracts, ctx=ctx
    )
    return BreachView.of(judged)


@router.post("/{breach_id}/closure", responses=responses(BreachNotFound, TransitionRefused))
def close_breach(breach_id: UUID, body: CloseBreach, ctx: Handler) -> BreachView:
    """Close a breach with its lesson. Holds stay until two people lift them."""
    shown = use_cases.close(breach_id, outcome=body.outcome, lesson=body.lesson, ctx=ctx)
    return BreachView.of(shown)
