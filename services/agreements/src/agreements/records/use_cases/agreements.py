"""Agreements: drafted from what was approved, signed, ended, held, and told of."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from agreements.records.domain.agreement import Agreement, Circumstances, Renewal
from agreements.records.domain.destruction.recorded import RecordedHolding
from agreements.records.domain.errors import NotAParty
from agreements.records.domain.hold import Hold
from agreements.records.domain.parties.organisation import holders
from agreements.records.domain.task import Task
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.terms.differences import TermChange, differences
from agreements.records.domain.terms.search import EVERYTHING, AgreementSearch
from agreements.records.domain.version import AgreementVersion
from agreements.records.use_cases.context import (
    Compared,
    Context,
    World,
    compared_by,
    own,
    require_as_sealed,
    scope,
)
from agreements.records.use_cases.contracts import FactsAbout
from agreements.records.use_cases.lists import codes
from agreements.records.use_cases.ports import Slice, Transaction
from common import unreadable
from common.audit.entries import Entry
from common.clock import legal_day
from common.ids import new_id
from common.security.roles import Role
from statements.vocabulary import LineKey

log: structlog.stdlib.BoundLogger = structlog.get_logger()

IsNew = Callable[[Transaction], bool]
"""Says in the transaction whether the event in hand is heard for the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementWithState:
    """An agreement at an instant: its state, the version shown, what stops it, what is to do."""

    agreement: Agreement
    version: AgreementVersion
    state: AgreementState
    at: datetime
    tasks: tuple[Task, ...]
    controllers_today: tuple[str, ...] = ()
    """Who stands in for the version's controllers by transfer instruments; shown of one alone."""


# What applications says


def await_renewal(
    reference: str, application_id: UUID, submitted_at: datetime, *, is_new: IsNew, ctx: Context
) -> None:
    """Remember that a renewal was handed in: it keeps a lapsed agreement open (ruling 8)."""
    _on_known(
        reference,
        lambda agreement, _at: agreement.await_renewal(
            Renewal(id=new_id(), application_id=application_id, submitted_at=submitted_at)
        ),
        action="renewal-awaited",
        is_new=is_new,
        ctx=ctx,
    )


def drop_renewal(reference: str, application_id: UUID, *, is_new: IsNew, ctx: Context) -> None:
    """Forget a renewal that was declined or withdrawn."""
    _on_known(
        reference,
        lambda agreement, at: agreement.drop_renewal(application_id, at=at),
        action="renewal-dropped",
        is_new=is_new,
        ctx=ctx,
    )


def _on_known(
    reference: str,
    change: Callable[[Agreement, datetime], Agreement],
    *,
    action: str,
    is_new: IsNew,
    ctx: Context,
) -> None:
    with ctx.uow.writing() as tx:
        if not is_new(tx):
            return
        agreement = tx.agreements.find(reference)
        if agreement is None:
            return  # a first application: there is nothing yet that could lapse
        changed = change(agreement, tx.at)
        if changed != agreement:
            entry = ctx.entry(action, f"agreements/{reference}", at=tx.at)
            save(tx, changed, entry, ctx)


# What people do


def terminate(reference: str, *, reason: str, ctx: Context) -> AgreementWithState:
    """End an agreement before its term: the Body, or one of its controllers."""
    with ctx.uow.writing() as tx:
        at = tx.at
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        if ctx.principal.role is Role.CONTROLLER_SIGNATORY:
            _require_controller(tx, agreement, at, ctx)
        ended = end(tx, agreement, reason=reason, at=at, ctx=ctx)
        shown = show(tx, ended, at, ctx)
    log.info("agreement_terminated", reference=reference)
    return shown


def end(
    tx: Transaction, agreement: Agreement, *, reason: str, at: datetime, ctx: Context
) -> Agreement:
    """End an agreement and store it; ending what has ended changes nothing."""
    ended = agreement.terminate(reason=reason, at=at)
    if ended is agreement:
        return agreement
    entry = ctx.entry("agreement-terminated", f"agreements/{agreement.reference}", at=at)
    return save(tx, ended, entry, ctx)


def close(tx: Transaction, agreement: Agreement, *, at: datetime, ctx: Context) -> Agreement:
    """Close an agreement of which all that was released is destroyed, and store it."""
    entry = ctx.entry("agreement-closed", f"agreements/{agreement.reference}", at=at)
    return save(tx, agreement.close(at=at), entry, ctx)


def _require_controller(tx: Transaction, agreement: Agreement, at: datetime, ctx: Context) -> None:
    if not own(tx, ctx) & set(agreement.shown(at).controllers()):
        raise NotAParty(f"{ctx.principal.organisation} is no controller of {agreement.reference}.")


def fulfil_condition(
    reference: str, condition: str, *, evidence: str, ctx: Context
) -> AgreementWithState:
    """Record that a special condition was met."""
    with ctx.uow.writing() as tx:
        at = tx.at
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        fulfilled = agreement.fulfil(condition, evidence=evidence, at=at)
        if fulfilled != agreement:
            entry = ctx.entry(
                "condition-fulfilled", f"agreements/{reference}", at=at, condition=condition
            )
            fulfilled = save(tx, fulfilled, entry, ctx)
        return show(tx, fulfilled, at, ctx)


# Questions


def get(reference: str, *, ctx: Context) -> Compared[AgreementWithState]:
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        shown = unreadable.read(agreement, lambda one: show(tx, one, ctx.clock.now(), ctx))
        return _compared(tx, [shown])[0]


def page(
    part: Slice, search: AgreementSearch = EVERYTHING, *, ctx: Context
) -> Sequence[Compared[AgreementWithState]]:
    """Return a part of those that the caller may know of and searches for.

    An organisation is searched for under each code by which documents may name it today.
    """
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        spelled = replace(
            search,
            controllers=_codes(tx, search.controllers, at, ctx),
            processors=_codes(tx, search.processors, at, ctx),
        )
        found = tx.agreements.page(part, scope=scope(tx, ctx), search=spelled)
        facts = FactsAbout(tx, found, at, ctx)
        shown = unreadable.each(
            found,
            lambda one: _shown(one, at, facts.of(one), tx.agreements.tasks(one)),
            key=lambda a: a.id,
        )
        return _compared(tx, shown)


def _codes(
    tx: Transaction, said: Collection[str] | None, at: datetime, ctx: Context
) -> frozenset[str] | None:
    if said is None:
        return None
    day = legal_day(at)
    spelled = (codes.spellings(tx, code, day, ctx.reference) for code in said)
    return frozenset(said).union(*spelled)


def document(reference: str, number: str | None, *, ctx: Context) -> AgreementVersion:
    """Return a version with its document: the one asked for, or the latest drafted.

    Raises:
        UnlikeSeal: somebody would sign what this service did not draft.

    """
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
    require_as_sealed("What is recorded of the agreement is", agreement, ctx=ctx)
    if number is None:
        return max(agreement.versions, key=lambda v: v.sequence)
    return agreement.numbered(number)


def compare(
    reference: str, former: str, later: str, *, ctx: Context
) -> Compared[tuple[TermChange, ...]]:
    """Say in sentences what a version says otherwise than another one.

    Raises:
        AgreementNotFound: there is none, or it has no such version.

    """
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        said = unreadable.read(
            agreement, lambda one: differences(one.numbered(former), one.numbered(later))
        )
        return compared_by(tx, [said], by=lambda _: [agreement])[0]


def holdings(reference: str, part: Slice, *, ctx: Context) -> Sequence[RecordedHolding]:
    """Return the files that were released under an agreement."""
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        return tx.holdings.of(agreement.reference, part)


# Holds


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPreview:
    """What a hold would stop: flows are the files released under its lines."""

    lines: tuple[int, ...]
    flows: int
    under_way: int
    not_as_sealed: tuple[str, ...]
    """Tables whose rows about it are not those that were sealed: the counts may be wrong."""


def note_ended(extract_id: str, state: str, at: datetime, *, is_new: IsNew, ctx: Context) -> None:
    """Take down that an extract failed or was withdrawn: a hold stops nothing of it any more."""
    with ctx.uow.writing() as tx:
        if is_new(tx):
            tx.holdings.note_ended(extract_id, state=state, at=at)


def preview_hold(reference: str, lines: Sequence[int] | None, *, ctx: Context) -> HoldPreview:
    """Tell beforehand what a hold stops (ruling 3)."""
    at = ctx.clock.now()
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        numbers = lines or [line.number for line in agreement.shown(at).lines]
        held = agreement.held_lines(numbers, at)
        keys = {line.key for line in held}
        files = tx.holdings.of(reference, as_sealed=True)
        under_way = _count(keys, tx.holdings.under_way(reference, at=at))
    [found] = ctx.uow.not_as_sealed([agreement])
    unlike = set(found)
    if unreadable.noted() or not all(file.is_as_sealed for file in files):
        unlike.add("holding")
    return HoldPreview(
        lines=tuple(line.number for line in held),
        flows=_count(keys, [h.key for h in files]),
        under_way=under_way,
        not_as_sealed=tuple(sorted(unlike)),
    )


def _count(keys: set[LineKey], found: Sequence[LineKey]) -> int:
    return sum(key in keys for key in found)


def set_hold(
    reference: str, lines: Sequence[int] | None, *, reason: str, ctx: Context
) -> tuple[Hold, AgreementWithState]:
    """Stop releases of these lines, or of all, at once."""
    with ctx.uow.writing() as tx:
        at = tx.at
        agreement = tx.agreements.get(reference, scope=scope(tx, ctx))
        hold = new_hold(agreement, lines, reason=reason, breach_id=None, at=at, ctx=ctx)
        held = save_hold(tx, agreement, hold, ctx)
        shown = show(tx, held, at, ctx)
    log.info("hold_set", reference=reference, hold_id=str(hold.id))
    return hold, shown


def new_hold(
    agreement: Agreement,
    lines: Sequence[int] | None,
    *,
    reason: str,
    breach_id: UUID | None,
    at: datetime,
    ctx: Context,
) -> Hold:
    """Make a hold of these lines of the shown version; None: of the whole agreement."""
    return Hold(
        id=new_id(),
        breach_id=breach_id,
        whole=lines is None,
        lines=() if lines is None else agreement.held_lines(lines, at),
        reason=reason,
        set_at=at,
        set_by=ctx.principal.subject,
    )


def save_hold(tx: Transaction, agreement: Agreement, hold: Hold, ctx: Context) -> Agreement:
    """Store a hold with its agreement."""
    entry = ctx.entry(
        "hold-set", f"agreements/{agreement.reference}", at=hold.set_at, hold=str(hold.id)
    )
    return save(tx, agreement.hold(hold), entry, ctx)


def approve_lift(hold_id: UUID, *, reason: str, ctx: Context) -> tuple[Hold, AgreementWithState]:
    """Approve that a hold is lifted; two different people must, a reason each."""
    _require_as_sealed(hold_id, ctx)
    with ctx.uow.writing() as tx:
        at = tx.at
        agreement = tx.agreements.of_hold(hold_id, scope=scope(tx, ctx))
        approved = agreement.approve_lift(
            hold_id, lift_id=new_id(), by=ctx.principal.subject, reason=reason, at=at
        )
        if approved != agreement:
            entry = ctx.entry(
                "hold-lift-approved",
                f"agreements/{agreement.reference}",
                at=at,
                hold=str(hold_id),
            )
            approved = save(tx, approved, entry, ctx)
        hold = next(h for h in approved.holds if h.id == hold_id)
        shown = show(tx, approved, at, ctx)
    log.info("hold_lift_approved", hold_id=str(hold_id), lifted=hold.lifted_at is not None)
    return hold, shown


# What the passing of time changes


def announce_changes(*, ctx: Context, batch: int = 200) -> int:
    """Tell others of states that follow from dates or from others' facts; decides nothing."""
    at = ctx.clock.now()
    told = 0
    after: UUID | None = None
    while True:
        with ctx.uow.reading() as tx:
            found = tx.agreements.page(Slice(after=after, rows=batch), scope=None)
            facts = FactsAbout(tx, found, at, ctx)
            due = [
                a.reference for a in found if a.state_at(at, facts.of(a)) is not a.announced_state
            ]
        for reference in due:
            with ctx.uow.writing() as tx:
                agreement = tx.agreements.find(reference)
                if agreement is not None and _state(tx, agreement, tx.at, ctx) is not (
                    agreement.announced_state
                ):
                    entry = ctx.entry("state-announced", f"agreements/{reference}", at=tx.at)
                    save(tx, agreement, entry, ctx)
                    told += 1
        if len(found) < batch:
            return told
        after = found[-1].id


def facts_about(tx: Transaction, agreement: Agreement, at: datetime, ctx: World) -> Circumstances:
    """Gather what an agreement's state rests on that is not its own."""
    return FactsAbout(tx, [agreement], at, ctx).of(agreement)


def _state(tx: Transaction, agreement: Agreement, at: datetime, ctx: Context) -> AgreementState:
    return agreement.state_at(at, facts_about(tx, agreement, at, ctx))


def save(tx: Transaction, agreement: Agreement, entry: Entry, ctx: Context) -> Agreement:
    """Store an agreement with the events of what happened to it."""
    settled = agreement.settle(entry.at, facts_about(tx, agreement, entry.at, ctx))
    return tx.agreements.save(settled, audit=entry)


def show(tx: Transaction, agreement: Agreement, at: datetime, ctx: Context) -> AgreementWithState:
    """Return an agreement as it stands at an instant."""
    tasks = tx.tasks.find(agreement_id=agreement.id)
    shown = _shown(agreement, at, facts_about(tx, agreement, at, ctx), tasks)
    day, instruments = legal_day(at), tx.instruments.all()
    now = {
        holder
        for controller in shown.version.controllers()
        for holder in holders(codes.own(tx, controller, day, ctx.reference), day, instruments)
    }
    return replace(shown, controllers_today=tuple(sorted(now)))


def _shown(
    agreement: Agreement, at: datetime, facts: Circumstances, tasks: Sequence[Task]
) -> AgreementWithState:
    return AgreementWithState(
        agreement=agreement,
        version=agreement.shown(at),
        state=agreement.state_at(at, facts),
        at=at,
        tasks=tuple(task for task in tasks if task.done_at is None),
    )


# What is shown is held against its seal


def _require_as_sealed(hold_id: UUID, ctx: Context) -> None:
    """Demand it of what gives permission: a reason to lift that was slipped in is no person's.

    Raises:
        UnlikeSeal

    """
    with ctx.uow.reading() as tx:
        agreement = tx.agreements.of_hold(hold_id, scope=scope(tx, ctx))
    require_as_sealed("What is recorded of the agreement is", agreement, ctx=ctx)


def _compared(
    tx: Transaction, shown: Sequence[AgreementWithState]
) -> Sequence[Compared[AgreementWithState]]:
    return compared_by(tx, shown, by=lambda one: [one.agreement])
