"""Breaches: reported, receipted, judged, closed; and the holds that they set (ruling 3)."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.breach import (
    Breach,
    Cause,
    Channel,
    Demand,
    Finding,
    Required,
    Stopped,
)
from agreements.records.domain.contract import Contract
from agreements.records.domain.destruction.ledger import concerns
from agreements.records.domain.errors import BreachDates, ContractOfAnother
from agreements.records.domain.hold import Hold
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.use_cases import contracts as framework
from agreements.records.use_cases.agreements import (
    HoldPreview,
    end,
    facts_about,
    new_hold,
    preview_hold,
    save_hold,
)
from agreements.records.use_cases.context import (
    KNOWS_ALL,
    Compared,
    Context,
    OnceKey,
    compared,
    created_before,
    own,
    remember,
    scope,
)
from agreements.records.use_cases.destruction.ledgers import destruction_of
from agreements.records.use_cases.ports import Slice, Transaction
from common import unreadable
from common.clock import legal_day
from common.ids import new_id, new_reference

log: structlog.stdlib.BoundLogger = structlog.get_logger()

CLOCKS_DIFFER = timedelta(minutes=5)
"""By which a reporter's clock may be ahead of ours: no report is lost to that."""

ROWS = 200
"""Agreements that a preview reads at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachReport:
    """What a reporter tells. Whether the activity has stopped is asked first."""

    agreement: str
    lines: tuple[int, ...] | None
    channel: Channel
    activity_stopped: Stopped
    activity_stopped_at: datetime | None
    description: str
    discovered_at: datetime
    dspt_incident: str | None
    ico_required: Required
    ico_notified_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachWithHolds:
    """A breach, the holds that it set, and whether its receipt is overdue."""

    breach: Breach
    holds: tuple[Hold, ...]
    receipt_overdue: bool
    changes: tuple["RegisterChange", ...]
    rests_on: tuple[Agreement | Contract, ...]
    """By what the changes are told."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterChange:
    """What a public register says now because of a breach."""

    register: str
    entry: str
    status: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPreview:
    """A contract that a finding could end, and the agreements that it would suspend."""

    reference: str
    organisation: str
    agreements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachPreview:
    """What a finding would do, demand by demand, before anybody makes it."""

    agreement: str
    hold: HoldPreview
    files_to_destroy: int
    contracts: tuple[ContractPreview, ...]


def report(told: BreachReport, *, once: OnceKey | None, ctx: Context) -> BreachWithHolds:
    """Report a breach: receipt at once; a hold at once unless the activity has stopped.

    A notice is never refused for want of rights (domain.md 3.6). One from somebody who is no
    party to the agreement is receipted and left to a breach handler, since it must not be a way
    to stop others' data.

    Raises:
        AgreementNotFound, LineNotInAgreement
        BreachDates: what happened is of an instant to come.

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        if (known := created_before(tx, once, ctx)) is not None:
            return _show(tx, tx.breaches.get(UUID(known), scope=None), ctx)
        agreement = tx.agreements.get(told.agreement, scope=None)
        breach = _reported(agreement, told, at, ctx)
        remember(tx, once, str(breach.id), ctx)
        stored = tx.breaches.save(
            breach.announce(),
            audit=ctx.entry(
                "breach-reported",
                f"breaches/{breach.id}",
                at=at,
                agreement=agreement.reference,
                activity_stopped=told.activity_stopped.value,
            ),
        )
        if breach.holds_at_once() and _may_hold(tx, agreement, ctx):
            _hold(tx, agreement, stored, at, ctx)
        shown = _show(tx, stored, ctx)
    log.info("breach_reported", breach_id=str(stored.id), held=bool(shown.holds))
    return shown


def _reported(agreement: Agreement, told: BreachReport, at: datetime, ctx: Context) -> Breach:
    if told.lines is not None:
        agreement.held_lines(told.lines, at)  # raises where a line is not the agreement's
    instants = {
        "discovered_at": told.discovered_at,
        "activity_stopped_at": told.activity_stopped_at,
        "ico_notified_at": told.ico_notified_at,
    }
    ahead = [k for k, v in instants.items() if v is not None and v > at + CLOCKS_DIFFER]
    if ahead:
        raise BreachDates(
            f"Still to come: {', '.join(ahead)}. While an activity has not stopped, say `no`.",
            fields=list(ahead),
        )
    breach = Breach(
        id=new_id(),
        reference=new_reference("BRE"),
        agreement_id=agreement.id,
        agreement=agreement.reference,
        lines=told.lines,
        channel=told.channel,
        activity_stopped=told.activity_stopped,
        activity_stopped_at=told.activity_stopped_at,
        description=told.description,
        discovered_at=told.discovered_at,
        reported_at=at,
        reporter_organisation=ctx.principal.organisation,
        dspt_incident=told.dspt_incident,
        ico_required=told.ico_required,
        ico_notified_at=told.ico_notified_at,
    )
    if told.channel is Channel.API:
        return breach.issue_receipt(reference=_receipt(), at=at)
    return breach


def issue_receipt(breach_id: UUID, *, ctx: Context) -> BreachWithHolds:
    """Send the confirmation of a report that came by another way."""
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.breaches.get(breach_id, scope=scope(tx, ctx))
        receipted = former.issue_receipt(reference=_receipt(), at=at)
        if receipted is not former:
            receipted = _save(tx, receipted, "breach-receipt-issued", at, ctx)
        return _show(tx, receipted, ctx)


def establish(
    breach_id: UUID, *, facts: str, records_affected: int | None, ctx: Context
) -> BreachWithHolds:
    """Record what was found to have happened."""
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.breaches.get(breach_id, scope=scope(tx, ctx))
        known = former.establish(facts=facts, records_affected=records_affected, at=at)
        if known is not former:
            known = _save(tx, known, "breach-facts-established", at, ctx)
        shown = _show(tx, known, ctx)
    log.info("breach_facts_established", breach_id=str(breach_id))
    return shown


def preview(breach_id: UUID, *, ctx: Context) -> Compared[BreachPreview]:
    """Tell beforehand what a finding would stop, destroy and end."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        breach = tx.breaches.get(breach_id, scope=scope(tx, ctx))
        agreement = tx.agreements.by_id(breach.agreement_id)
        held = [x.file for x in destruction_of(tx, agreement, at, ctx).lines if x.file.is_out]
        known = framework.of_controllers(tx, agreement.shown(at).controllers(), at, ctx)
        contracts = [one for one in known.values() if one.is_in_force(at)]
        shown = BreachPreview(
            agreement=agreement.reference,
            hold=preview_hold(agreement.reference, breach.lines, ctx=ctx),
            files_to_destroy=sum(concerns(breach, agreement, file.key) for file in held),
            contracts=tuple(
                ContractPreview(
                    reference=contract.reference,
                    organisation=contract.organisation,
                    agreements=_resting_on(tx, contract.organisation, at, ctx),
                )
                for contract in contracts
            ),
        )
    return compared([shown], by=lambda _: [breach, agreement, *contracts], ctx=ctx)[0]


def _resting_on(tx: Transaction, organisation: str, at: datetime, ctx: Context) -> tuple[str, ...]:
    """Return the agreements in force of which a controller has no standing but by this entity."""
    found: list[str] = []
    after: UUID | None = None
    while part := tx.agreements.page(Slice(after=after, rows=ROWS), scope=None):
        for agreement in part:
            version = agreement.shown(at)
            rests = any(
                organisation in framework.standing_codes(tx, code, legal_day(at), ctx)
                for code in version.controllers()
            )
            state = agreement.state_at(at, facts_about(tx, agreement, at, ctx))
            if rests and version.needs_contract() and state is AgreementState.ACTIVE:
                found.append(agreement.reference)
        after = part[-1].id
    return tuple(found)


def find(
    breach_id: UUID,
    finding: Finding,
    *,
    actions: Collection[Demand] = (),
    contracts: Collection[str] = (),
    ctx: Context,
) -> BreachWithHolds:
    """Record how serious a breach is and what it demands; serious holds its lines at once.

    To destroy makes what it concerns due; to end the agreement or a contract ends it.

    Raises:
        ContractOfAnother: a contract counts for no controller of the agreement.

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.breaches.get(breach_id, scope=scope(tx, ctx))
        judged = former.find(finding, actions=actions, contracts=contracts, at=at)
        ended = _contracts_of(tx, judged, at, ctx)
        if judged is not former:
            judged = _save(tx, judged, "breach-judged", at, ctx)
        if finding is Finding.SERIOUS:
            agreement = tx.agreements.by_id(judged.agreement_id)
            if not _open_holds(agreement, judged, at):
                _hold(tx, agreement, judged, at, ctx)
        if Demand.END_AGREEMENT in (judged.actions or ()):
            agreement = tx.agreements.by_id(judged.agreement_id)
            end(tx, agreement, reason=f"Breach {judged.reference}", at=at, ctx=ctx)
        for contract in ended:
            framework.end(tx, contract, reason=f"Breach {judged.reference}", at=at, ctx=ctx)
        shown = _show(tx, judged, ctx)
    log.info("breach_judged", breach_id=str(breach_id), finding=finding.value)
    return shown


def _contracts_of(
    tx: Transaction, breach: Breach, at: datetime, ctx: Context
) -> tuple[Contract, ...]:
    agreement = tx.agreements.by_id(breach.agreement_id)
    counting = framework.of_controllers(tx, agreement.shown(at).controllers(), at, ctx)
    wanted = breach.contracts or ()
    if unknown := [one for one in wanted if one not in counting]:
        raise ContractOfAnother(
            f"{', '.join(unknown)}: not of a controller of {agreement.reference}. GET"
            f" /v1/breaches/{breach.id}/preview names the contracts that can be ended.",
            contracts=list(unknown),
        )
    return tuple(counting[one] for one in wanted)


def open_by_facts(
    tx: Transaction,
    agreement: Agreement,
    cause: Cause,
    *,
    lines: tuple[int, ...] | None,
    description: str,
    stopped: Stopped = Stopped.NOT_KNOWN,
    ctx: Context,
) -> Breach:
    """Open a breach that nobody reported: facts show it. It holds its lines, as a report does."""
    breach = Breach(
        id=new_id(),
        reference=new_reference("BRE"),
        agreement_id=agreement.id,
        agreement=agreement.reference,
        lines=lines,
        channel=Channel.SYSTEM,
        cause=cause,
        activity_stopped=stopped,
        activity_stopped_at=None,
        description=description,
        discovered_at=tx.at,
        reported_at=tx.at,
        reporter_organisation=ctx.principal.organisation,
    ).issue_receipt(reference=_receipt(), at=tx.at)
    stored = tx.breaches.save(
        breach.announce(),
        audit=ctx.entry(
            "breach-opened",
            f"breaches/{breach.id}",
            at=tx.at,
            agreement=agreement.reference,
            cause=cause.value,
        ),
    )
    if lines != () and stored.holds_at_once():
        _hold(tx, agreement, stored, tx.at, ctx)
    return stored


def close(breach_id: UUID, *, outcome: str, lesson: str, ctx: Context) -> BreachWithHolds:
    """Close a breach; its holds stay until two people lift them."""
    with ctx.uow.writing() as tx:
        at = tx.at
        former = tx.breaches.get(breach_id, scope=scope(tx, ctx))
        closed = former.close(outcome=outcome, lesson=lesson, at=at)
        if closed is not former:
            closed = _save(tx, closed, "breach-closed", at, ctx)
        shown = _show(tx, closed, ctx)
    log.info("breach_closed", breach_id=str(breach_id))
    return shown


def get(breach_id: UUID, *, ctx: Context) -> Compared[BreachWithHolds]:
    with ctx.uow.reading() as tx:
        found = tx.breaches.get(breach_id, scope=scope(tx, ctx))
        shown = unreadable.read(found, lambda breach: _show(tx, breach, ctx))
    return _compared([shown], ctx)[0]


def page(part: Slice, *, ctx: Context) -> Sequence[Compared[BreachWithHolds]]:
    with ctx.uow.reading() as tx:
        found = tx.breaches.page(part, scope=scope(tx, ctx))
        shown = unreadable.each(found, lambda one: _show(tx, one, ctx), key=lambda one: one.id)
    return _compared(shown, ctx)


def _compared(
    shown: Sequence[BreachWithHolds], ctx: Context
) -> Sequence[Compared[BreachWithHolds]]:
    return compared(shown, by=lambda one: [one.breach, *one.holds, *one.rests_on], ctx=ctx)


def alert_overdue_receipts(*, ctx: Context) -> int:
    """Raise an alert once for each report that waits too long for its receipt (B02)."""
    at = ctx.clock.now()
    holidays = ctx.reference.bank_holidays
    with ctx.uow.reading() as tx:
        overdue = [
            b
            for b in tx.breaches.without_receipt()
            if b.receipt_alerted_at is None and b.receipt_is_overdue(at, holidays)
        ]
    for breach in overdue:
        with ctx.uow.writing() as tx:
            current = tx.breaches.get(breach.id, scope=None)
            if current.receipt_alerted_at is None and current.receipt_at is None:
                alerted = replace(current, receipt_alerted_at=tx.at)
                _save(tx, alerted, "breach-receipt-overdue", tx.at, ctx)
                log.error("breach_receipt_overdue", breach_id=str(breach.id))
    return len(overdue)


def _may_hold(tx: Transaction, agreement: Agreement, ctx: Context) -> bool:
    return ctx.principal.role in KNOWS_ALL or agreement.is_party(own(tx, ctx))


def _hold(
    tx: Transaction, agreement: Agreement, breach: Breach, at: datetime, ctx: Context
) -> None:
    hold = new_hold(
        agreement,
        breach.lines,
        reason=f"Breach {breach.reference}",
        breach_id=breach.id,
        at=at,
        ctx=ctx,
    )
    save_hold(tx, agreement, hold, ctx)


def _open_holds(agreement: Agreement, breach: Breach, at: datetime) -> tuple[Hold, ...]:
    return tuple(h for h in agreement.holds if h.breach_id == breach.id and h.is_open(at))


def _save(tx: Transaction, breach: Breach, action: str, at: datetime, ctx: Context) -> Breach:
    return tx.breaches.save(breach, audit=ctx.entry(action, f"breaches/{breach.id}", at=at))


def _show(tx: Transaction, breach: Breach, ctx: Context) -> BreachWithHolds:
    at = ctx.clock.now()
    agreement = tx.agreements.by_id(breach.agreement_id)
    known = (tx.contracts.one(reference=reference) for reference in breach.contracts or ())
    contracts = [contract for contract in known if contract is not None]
    return BreachWithHolds(
        breach=breach,
        holds=tuple(h for h in agreement.holds if h.breach_id == breach.id),
        receipt_overdue=breach.receipt_is_overdue(at, ctx.reference.bank_holidays),
        changes=(
            *_changes(tx, breach, agreement, at, ctx),
            *(
                _change("contracts", one.reference, one.state_at(at), one.terminated_at)
                for one in contracts
                if one.terminated_at is not None
            ),
        ),
        rests_on=(agreement, *contracts),
        at=at,
    )


def _changes(
    tx: Transaction, breach: Breach, agreement: Agreement, at: datetime, ctx: Context
) -> Iterator[RegisterChange]:
    """Say how the agreement's line in the register stands because of it (3.6, step 8)."""
    state = agreement.state_at(at, facts_about(tx, agreement, at, ctx))
    holds = _open_holds(agreement, breach, at)
    if Demand.END_AGREEMENT in (breach.actions or ()) and agreement.terminated_at is not None:
        yield _change("agreements", agreement.reference, state, agreement.terminated_at)
    elif state is AgreementState.SUSPENDED and (holds or breach.contracts):
        since = [h.set_at for h in holds] or [breach.finding_at or at]
        yield _change("agreements", agreement.reference, state, min(since))


def _change(register: str, entry: str, status: StrEnum, since: datetime) -> RegisterChange:
    return RegisterChange(register=register, entry=entry, status=status.value, since=since)


def _receipt() -> str:
    return new_reference("REC")
