"""Audits: planned, reported, published, followed up (ruling 18)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

import structlog

from agreements.records.domain.errors import AuditNotFound, AuditScope
from agreements.records.domain.oversight.audits import (
    Audit,
    AuditAction,
    AuditArea,
    AuditFinding,
    AuditKind,
)
from agreements.records.use_cases.context import (
    KNOWS_ALL,
    Compared,
    Context,
    OnceKey,
    World,
    compared,
    created_before,
    own,
    remember,
    require_as_sealed,
)
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.organisations import require_known
from agreements.records.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.ids import new_id, new_reference
from common.security.principal import BODY
from common.security.roles import Role

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPlan:
    """What is to be looked at, at whom, and by whom."""

    kind: AuditKind
    organisation: str
    agreement: str | None
    auditor: str
    areas: tuple[AuditArea, ...]
    planned_for: date


def plan(asked: AuditPlan, *, once: OnceKey | None, ctx: Context) -> Audit:
    """Plan an audit.

    Raises:
        AuditScope: one of the service is of the Body and of no agreement; one of a recipient is
            of somebody else, a party to the agreement that is named.
        OrganisationUnknown, AgreementNotFound

    """
    with ctx.uow.writing() as tx:
        if (known := created_before(tx, once, ctx)) is not None:
            return _get(tx, UUID(known))
        day = max(asked.planned_for, legal_day(tx.at))
        organisation = codes.own(tx, asked.organisation, day, ctx.reference)
        require_known(tx, [organisation], day)
        _require_scope(tx, asked, organisation)
        audit = Audit(
            id=new_id(),
            reference=new_reference("AUD"),
            kind=asked.kind,
            organisation=organisation,
            agreement=asked.agreement,
            auditor=asked.auditor,
            areas=asked.areas,
            planned_for=asked.planned_for,
        )
        remember(tx, once, str(audit.id), ctx)
        stored = _save(tx, audit, "audit-planned", ctx)
    log.info("audit_planned", audit_id=str(stored.id), kind=stored.kind.value)
    return stored


def _require_scope(tx: Transaction, asked: AuditPlan, organisation: str) -> None:
    if asked.kind is AuditKind.SERVICE:
        if organisation != BODY or asked.agreement is not None:
            raise AuditScope(
                f"An audit of the service is of {BODY}: set `organisation` to it, and leave"
                " `agreement` out."
            )
        return
    if asked.agreement is None:
        return
    if not tx.agreements.get(asked.agreement, scope=None).is_party([organisation]):
        raise AuditScope(
            f"{organisation} is no party to {asked.agreement}: name one of its parties in"
            " `organisation`, or leave `agreement` out."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    performed_on: date
    summary: str
    findings: tuple[AuditFinding, ...]
    actions: tuple[AuditAction, ...]


def report(audit_id: UUID, said: AuditReport, *, ctx: Context) -> Audit:
    """Hand in what an audit found.

    Raises:
        OrganisationUnknown: who has to act is in no list on the day on which it was done.
        AuditNotFound, AuditDates, AuditScope, TransitionRefused

    """

    def change(tx: Transaction, audit: Audit) -> Audit:
        day = said.performed_on
        owners = {o: codes.own(tx, o, day, ctx.reference) for o in {a.owner for a in said.actions}}
        require_known(tx, sorted(owners.values()), day)
        return audit.report(
            performed_on=day,
            summary=said.summary,
            findings=said.findings,
            actions=[replace(action, owner=owners[action.owner]) for action in said.actions],
            at=tx.at,
            today=legal_day(tx.at),
        )

    return _change(audit_id, change, "audit-reported", ctx)


def complete(audit_id: UUID, number: int, *, done_on: date, evidence: str, ctx: Context) -> Audit:
    """Record that an action is done."""
    return _change(
        audit_id,
        lambda tx, audit: audit.complete(
            number, done_on=done_on, evidence=evidence, today=legal_day(tx.at)
        ),
        "audit-action-completed",
        ctx,
    )


def publish(audit_id: UUID, *, ctx: Context) -> Audit:
    """Publish the report of an audit."""
    return _change(audit_id, lambda tx, audit: audit.publish(at=tx.at), "audit-published", ctx)


def review(
    audit_id: UUID, *, reviewed_on: date, outcome: str, reopened: Sequence[int], ctx: Context
) -> Audit:
    """Look again at what was to be done: close the audit, or ask for actions anew."""
    return _change(
        audit_id,
        lambda tx, audit: audit.review(
            reviewed_on=reviewed_on, outcome=outcome, reopened=frozenset(reopened), at=tx.at
        ),
        "audit-followed-up",
        ctx,
    )


def _change(
    audit_id: UUID, change: Callable[[Transaction, Audit], Audit], action: str, ctx: Context
) -> Audit:
    with ctx.uow.writing() as tx:
        former = _get(tx, audit_id)
        changed = change(tx, former)
        if changed is not former:
            changed = _save(tx, changed, action, ctx)
    log.info("audit_changed", audit_id=str(audit_id), state=changed.state.value)
    return changed


def _get(tx: Transaction, audit_id: UUID) -> Audit:
    found = tx.audits.one(id=audit_id)
    if found is None:
        raise AuditNotFound(f"There is no audit {audit_id}.")
    return found


def _save(tx: Transaction, audit: Audit, action: str, ctx: Context) -> Audit:
    entry = ctx.entry(action, f"audits/{audit.id}", at=tx.at, state=audit.state.value)
    [stored] = tx.audits.save(audit, audit=entry)
    return stored


def get(audit_id: UUID, *, ctx: Context) -> Compared[Audit]:
    """Return an audit; to others than the Body's staff, one of their own organisation."""
    with ctx.uow.reading() as tx:
        found = _get(tx, audit_id)
        if not _may_know(tx, found, ctx):
            raise AuditNotFound(f"There is no audit {audit_id}.")
    return compared([found], by=lambda one: [one], ctx=ctx)[0]


def _may_know(tx: Transaction, audit: Audit, ctx: Context) -> bool:
    role = ctx.principal.role
    if role in KNOWS_ALL or role is Role.INFORMATION_GOVERNANCE:
        return True
    return audit.organisation in own(tx, ctx)


def page(part: Slice, organisation: str | None, *, ctx: Context) -> Sequence[Compared[Audit]]:
    """Return a part of all audits, or of those of one organisation."""
    equal = {} if organisation is None else {"organisation": organisation}
    with ctx.uow.reading() as tx:
        found = tx.audits.page(part, **equal)
    return compared(found, by=lambda one: [one], ctx=ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAudits:
    """Every public report, the newest first, and which audits it is not known of."""

    as_of: datetime
    rows: Sequence[Compared[Audit]]
    hidden: Sequence[Compared[Audit]]
    """Not public by what is recorded, which is not what was sealed."""


def published(*, ctx: World) -> PublicAudits:
    """Return the audits whose reports are public."""
    with ctx.uow.reading() as tx:
        found = tx.audits.find()
    every = compared(found, by=lambda one: [one], ctx=ctx)
    public = [shown for shown in every if shown.one.published_at is not None]
    public.sort(key=lambda shown: (shown.one.published_at, shown.one.id), reverse=True)
    return PublicAudits(
        as_of=ctx.clock.now(),
        rows=public,
        hidden=[s for s in every if s.one.published_at is None and s.not_as_sealed],
    )


def published_one(reference: str, *, ctx: World) -> Compared[Audit]:
    """Return a public report by its reference.

    Raises:
        AuditNotFound: there is none that is public.
        UnlikeSeal: what is recorded of it says that it is not, and is not what was sealed.

    """
    with ctx.uow.reading() as tx:
        found = tx.audits.one(reference=reference)
    if found is None or found.published_at is None:
        if found is not None:
            require_as_sealed("What is recorded of the audit is", found, ctx=ctx)
        raise AuditNotFound(f"No report {reference} is public.")
    return compared([found], by=lambda one: [one], ctx=ctx)[0]
