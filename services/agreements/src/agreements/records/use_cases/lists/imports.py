"""Lists that replace facts: taken in, waiting for a second person, taken back (ruling 20)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import structlog

from agreements.records.domain.errors import ImportNotFound, OrganisationUnknown
from agreements.records.domain.lists import register
from agreements.records.domain.lists.imports import Import, ImportKind, Line, Plan
from agreements.records.domain.lists.layouts import dspt, ods, publications, relationships
from agreements.records.domain.lists.layouts.reading import FilePosition, LeftOut, refused
from agreements.records.domain.lists.published import is_served_otherwise, served_twice
from agreements.records.domain.lists.register import RelationshipEdition, Row
from agreements.records.domain.parties.organisation import on
from agreements.records.domain.parties.relationship import Relationship, Step
from agreements.records.use_cases.context import (
    Compared,
    Context,
    OnceKey,
    compared,
    created_before,
    remember,
    require_as_sealed,
)
from agreements.records.use_cases.lists.editions import may_be_published
from agreements.records.use_cases.lists.import_kinds import KINDS
from agreements.records.use_cases.organisations import require_known
from agreements.records.use_cases.ports import Slice, Transaction
from agreements.records.use_cases.relationships import raise_tasks
from common.clock import legal_day
from common.grouping import grouped
from common.ids import canonical, digest, new_id
from common.replacement import (
    Change,
    Judgement,
    ReplacementDecided,
    ReplacementKind,
    ReplacementStatus,
    State,
    rules,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LIMITS = rules.load()
NOTHING_LEFT_OUT = LeftOut(lines=0, repeated=0, named=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import changed, or would."""

    id: UUID
    layout: str
    listed: int
    added: int
    changed: int
    unchanged: int
    left_out: LeftOut
    standing: ReplacementStatus


def import_organisations(content: bytes, layout: ods.OdsLayout, *, ctx: Context) -> Imported:
    """Take in a published list: of each code the rows of that list become what it says.

    One that changes much waits for a second person; until then the stricter of both holds.
    """
    read = ods.read(content, layout, icbs_from=ctx.reference.icbs_from)
    sent = _Sent(ImportKind.ORGANISATIONS, layout.value, content, None, read.listed)
    with ctx.uow.writing() as tx:
        return _take(tx, sent, read.left_out, ctx)


def import_dspt(
    content: bytes, layout: dspt.DsptLayout, snapshot_on: date, *, ctx: Context
) -> Imported:
    """Take in the toolkit's list of a day; what the Body reviewed stays reviewed.

    One that changes much waits for a second person; until then the stricter of both holds.
    """
    read = dspt.read(content, layout)
    sent = _Sent(ImportKind.ASSURANCE, layout.value, content, snapshot_on, read.entries)
    with ctx.uow.writing() as tx:
        if snapshot_on > legal_day(tx.at):
            raise refused("The list was exported on a day that is still to come.")
        return _take(tx, sent, read.left_out, ctx)


def import_publications(content: bytes, *, ctx: Context) -> Imported:
    """Import days of publication: of each data set that is named the periods become those listed.

    One that changes much waits for a second person; until then the stricter of both holds.
    """
    read = publications.read(content)
    sent = _Sent(ImportKind.PUBLICATIONS, publications.LAYOUT, content, None, read.listed)
    with ctx.uow.writing() as tx:
        return _take(tx, sent, read.left_out, ctx)


def import_relationships(content: bytes, *, ctx: Context) -> Imported:
    """Import a published edition of the relationships: what it names is active as it says.

    What an edition brought before and this one leaves out has ended. One line that cannot be taken
    refuses the edition, and all such lines are named: that a relationship is missing would end it.

    Raises:
        ImportRefused: also where a line names somebody who is not known or what is still being
            asked for here, or a later edition is in force already.
        ImportContradicts: also where two DSCROs would serve a commissioner at once.

    """
    read = relationships.read(content)
    with ctx.uow.writing() as tx:
        if read.published_on > legal_day(tx.at):
            raise refused("The edition was published on a day that is still to come.")
        _require_newest(tx, read.published_on)
        known = {r.reference: r for r in tx.listed_relationships.find()}
        disputed = read.remainder.contradict("dscro_ods", served_twice(read.listed))
        here = grouped(known.values(), lambda other: other.commissioner)
        listed = [
            row
            for row in read.listed
            if row.line not in disputed
            and _is_of_use(tx, row, known.get(row.reference), here.get(row.commissioner, ()), read)
        ]
        read.remainder.require_none()
        left_out = read.remainder.left_out(taken=len(listed))
        sent = _Sent(
            ImportKind.RELATIONSHIPS,
            relationships.LAYOUT,
            content,
            read.published_on,
            tuple(listed),
        )
        imported = _take(tx, sent, left_out, ctx)
        _raise_tasks(tx, listed, known, ctx)
    return imported


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What came of publishing: an edition, or what would be in it once somebody else says so."""

    edition: RelationshipEdition | None
    rows: Sequence[Row]
    sent: Import | None
    """None: an edition of before the guard, asked for again by its key."""


def publish_relationships(*, once: OnceKey | None, ctx: Context) -> Published:
    """Publish the next edition of the register; former editions stay as they were (L03).

    One that would say much that was not said before waits for a second person. What may not be
    published any more leaves the register at once: by an edition that only leaves it out.
    """
    with ctx.uow.writing() as tx:
        if (known := created_before(tx, once, ctx)) is not None:
            return _published_before(tx, known)
        rows = may_be_published(tx)
        sent = _Sent(
            ImportKind.REGISTER,
            register.LAYOUT,
            canonical([*rows.values()]),
            None,
            tuple(register.named(row) for row in rows.values()),
        )
        taken = _take(tx, sent, NOTHING_LEFT_OUT, ctx)
        remember(tx, once, str(taken.id), ctx)
        return _published(tx, taken.id)


def _published(tx: Transaction, import_id: UUID) -> Published:
    sent = _found(tx, import_id)
    if sent.applied_epoch is None:
        now = may_be_published(tx) if sent.standing.is_waiting else {}
        named = [n.reference for n in sent.named]
        rows = register.plan_register(named, {}, now).rows
        return Published(edition=None, rows=rows, sent=sent)
    edition = tx.editions.at_epoch(sent.applied_epoch)
    return Published(edition=edition, rows=edition.shown() if edition else (), sent=sent)


def _published_before(tx: Transaction, known: str) -> Published:
    """Answer as before; a key of before the guard remembers the edition's number."""
    if not known.isdecimal():
        return _published(tx, UUID(known))
    edition = tx.editions.get(int(known))
    return Published(edition=edition, rows=edition.shown() if edition else (), sent=None)


def _raise_tasks(
    tx: Transaction,
    listed: Sequence[relationships.ListedRelationship],
    known: dict[str, Relationship],
    ctx: Context,
) -> None:
    """Ask for amendments where a processor does not support a commissioner any more (L05)."""
    named = {row.commissioner for row in listed} | {r.commissioner for r in known.values()}
    for commissioner in sorted(named):
        raise_tasks(tx, commissioner, tx.at, ctx)


def _require_newest(tx: Transaction, published_on: date) -> None:
    """Refuse an edition that is older than one whose rows are held true."""
    former = tx.imports.applied(ImportKind.RELATIONSHIPS, relationships.LAYOUT)
    newest = max((one.day for one in former), default=published_on)
    if published_on < newest:
        raise refused(
            f"An edition of {newest} is in force, and this one was published before it.",
            [FilePosition(line=1, column="published_on", detail="before the edition in force")],
        )


def _is_of_use(
    tx: Transaction,
    row: relationships.ListedRelationship,
    former: Relationship | None,
    others: Sequence[Relationship],
    read: relationships.RelationshipList,
) -> bool:
    """Say whether everybody on a line is known, on its first day too; leave it out where not."""
    day = max(row.valid_from, read.published_on)
    if former is not None and former.state is not Step.ACTIVE:
        read.remainder.add(row.line, "lcr_ref", f"it is {former.state} here and not active")
        return False
    if any(is_served_otherwise(row, other) for other in others):
        read.remainder.add(row.line, "dscro_ods", "another DSCRO serves the commissioner then")
        return False
    try:
        require_known(tx, row.involved, day if row.valid_to is None else min(day, row.valid_to))
        require_known(tx, row.involved, row.valid_from)
    except OrganisationUnknown as unknown:
        read.remainder.add(row.line, "", unknown.detail)
        return False
    kind = on(row.valid_from, tx.organisations.find(ods=row.commissioner))
    if row.commissioner_type and kind is not None and row.commissioner_type != kind.kind.value:
        read.remainder.add(row.line, "commissioner_type", "another kind of organisation")
        return False
    return True


# What they share


@dataclass(frozen=True, slots=True)
class _Sent:
    kind: ImportKind
    layout: str
    content: bytes
    snapshot_on: date | None
    listed: tuple[Line, ...]


def _take(tx: Transaction, what: _Sent, left_out: LeftOut, ctx: Context) -> Imported:
    """Judge a list, apply it or let it wait, and keep it either way: what is in force can go."""
    kind = KINDS[what.kind]
    sent = Import(
        id=new_id(),
        kind=what.kind,
        layout=what.layout,
        digest=digest(what.content),
        snapshot_on=what.snapshot_on,
        listed=what.listed,
        standing=ReplacementStatus(
            state=State.WAITING,
            change=Change(before=0, after=0, added=0, removed=0),
            proposed_by=ctx.principal.subject,
            proposed_at=tx.at,
        ),
    )
    plan = kind.planned(tx, sent, ctx)
    judgement = _judged(tx, sent, plan, ctx)
    standing = ReplacementStatus.begun(
        judgement,
        by=ctx.principal.subject,
        at=tx.at,
        held_against=kind.held_against(tx, sent, plan),
    )
    sent = replace(sent, standing=standing, listed=what.listed if standing.is_waiting else ())
    if standing.is_effective:
        kind.apply(tx, sent, plan, "imported", ctx)
        sent = replace(sent, applied_epoch=tx.epoch)
    else:
        kind.while_undecided(tx, sent, plan, ctx)
    is_told = standing.is_effective and bool(plan.changed or plan.gone)
    _keep(tx, sent, left_out, ctx, is_told=is_told)
    return Imported(
        id=sent.id,
        layout=sent.layout,
        listed=len(what.listed),
        added=plan.new,
        changed=len(plan.changed) - plan.new + len(plan.gone),
        unchanged=plan.unchanged,
        left_out=left_out,
        standing=standing,
    )


def _judged(tx: Transaction, sent: Import, plan: Plan[Any], ctx: Context) -> Judgement:
    """Hold it against what is held true, and against all that was since the window began."""
    limit, on_day = ReplacementKind(sent.kind), legal_day(tx.at)
    epochs = _window(tx, sent, days=LIMITS.limit(limit, on=on_day).window_days)
    over_window = (KINDS[sent.kind].planned_against(tx, sent, e, ctx).change for e in epochs)
    return LIMITS.judge(limit, plan.change, on=on_day, over_window=over_window)


def _window(tx: Transaction, sent: Import, *, days: int) -> Sequence[int]:
    """Return the epochs whose facts it is held against, the first of them first.

    Those when the window began, and after each list since; or since two people last looked. Where
    no list had been in force when the window began, the first one counts.
    """
    applied = tx.imports.applied(sent.kind, sent.layout)
    if not applied:
        return ()
    start = tx.epoch_at(tx.at - timedelta(days=days))
    epochs = sorted((one.applied_epoch or 0, one.standing.was_confirmed) for one in applied)
    seen = [epoch for epoch, confirmed in epochs if confirmed and epoch > start]
    first = seen[-1] if seen else max(start, epochs[0][0])
    return tuple(dict.fromkeys([first, *(epoch for epoch, _ in epochs if epoch > first)]))


def _keep(tx: Transaction, sent: Import, left_out: LeftOut, ctx: Context, *, is_told: bool) -> None:
    """Store how it stands. What of the same list waited or was in force gives way to it."""
    former = [*tx.imports.waiting()]
    if sent.standing.is_effective:
        former += tx.imports.applied(sent.kind, sent.layout)
    superseded = [
        one.decided(one.standing.supersede(at=tx.at))
        for one in former
        if (one.kind, one.layout) == (sent.kind, sent.layout)
        and one.standing.state is not State.SUPERSEDED
    ]
    tx.imports.save(
        *superseded,
        sent,
        audit=ctx.entry(
            f"{sent.kind}-import-{sent.standing.state}",
            f"imports/{sent.id}",
            at=tx.at,
            layout=sent.layout,
            digest=sent.digest,
            left_out=str(left_out.lines),
            superseded=" ".join(str(s.id) for s in superseded),
        ),
        is_told=is_told,
    )
    log.info(
        "list_imported",
        import_id=str(sent.id),
        kind=sent.kind.value,
        layout=sent.layout,
        state=sent.standing.state.value,
        left_out=left_out.lines,
    )


def confirm(import_id: UUID, reason: str, *, ctx: Context) -> Import:
    """Let a list into force that waits: somebody else than who sent it.

    Raises:
        ImportNotFound, SecondPersonNeeded, ReplacementDecided
        RelationshipOverlaps: while it waited another DSCRO came to serve a commissioner.
        ReplacementOutdated: what it would change was changed meanwhile.
        UnlikeSeal: what was shown may have been written past the service.

    """
    with ctx.uow.reading() as tx:
        shown = _found(tx, import_id)
    require_as_sealed("The lists that were sent are", shown, ctx=ctx)
    with ctx.uow.writing() as tx:
        waiting = _found(tx, import_id)
        standing = waiting.standing.confirm(by=ctx.principal.subject, reason=reason, at=tx.at)
        kind = KINDS[waiting.kind]
        known = _relationships(tx, waiting)
        plan = kind.planned(tx, waiting, ctx)
        _require_no_overlap(tx, waiting, plan)
        kind.require_shown(tx, waiting, plan)
        kind.apply(tx, waiting, plan, "imported", ctx)
        _raise_tasks(tx, waiting.relationships, known, ctx)
        former = [
            one.decided(one.standing.supersede(at=tx.at))
            for one in tx.imports.applied(waiting.kind, waiting.layout)
            if one.standing.is_effective
        ]
        return _decided(tx, replace(waiting, applied_epoch=tx.epoch), standing, former, ctx)


def withdraw(import_id: UUID, reason: str, *, ctx: Context) -> Import:
    """Take a list back: one that waits, or the newest one of those in force.

    What it wrote goes and what it replaced is true again, but for what somebody changed since.
    Where that changes much, it is `leaving` until a second person says so too.

    Raises:
        ImportNotFound, SecondPersonNeeded, ReplacementDecided
        RelationshipOverlaps: since then another DSCRO came to serve a commissioner.

    """
    by = ctx.principal.subject
    with ctx.uow.writing() as tx:
        found = _found(tx, import_id)
        if found.standing.is_waiting:
            standing = found.standing.take_back(None, by=by, reason=reason, at=tx.at)
            return _decided(tx, found, standing, (), ctx)
        kind = KINDS[found.kind]
        has_given_way = found.standing.state is State.SUPERSEDED
        if has_given_way and found.kind is ImportKind.REGISTER and found.applied_epoch is not None:
            # What it said is shown no more; what is in force stays.
            standing = found.standing.recall(by=by, reason=reason, at=tx.at)
            return _decided(tx, found, standing, (), ctx)
        if has_given_way or found.applied_epoch is None:
            raise ReplacementDecided(
                "A later list took its place, or it came before lists in force were kept; send a"
                " list that says what is right.",
                state=found.standing.state.value,
            )
        plan = kind.planned_undo(tx, found)
        judgement = LIMITS.judge(
            ReplacementKind(found.kind), plan.change, on=legal_day(tx.at), over_window=()
        )
        standing = found.standing.take_back(
            judgement,
            by=by,
            reason=reason,
            at=tx.at,
            against=kind.held_against(tx, found, plan),
        )
        if standing.state is State.TAKEN_BACK:
            known = _relationships(tx, found)
            _require_no_overlap(tx, found, plan)
            kind.apply(tx, found, plan, "taken-back", ctx)
            _raise_tasks(tx, (), known, ctx)
        else:
            kind.while_undecided(tx, found, plan, ctx)
        return _decided(tx, found, standing, (), ctx)


def _relationships(tx: Transaction, sent: Import) -> dict[str, Relationship]:
    """Return those that it may change, before it does."""
    if sent.kind is not ImportKind.RELATIONSHIPS:
        return {}
    return {r.reference: r for r in tx.listed_relationships.find()}


def _require_no_overlap(tx: Transaction, sent: Import, plan: Plan[Any]) -> None:
    """Look again: what was seen when it was sent may be otherwise since (L04)."""
    if sent.kind is not ImportKind.RELATIONSHIPS:
        return
    replaced = {fact.id for fact in (*plan.changed, *plan.gone)}
    others = [r for r in tx.listed_relationships.find() if r.id not in replaced]
    for relationship in plan.changed:
        relationship.require_no_overlap([*others, *plan.changed])


def _found(tx: Transaction, import_id: UUID) -> Import:
    found = tx.imports.one(import_id)
    if found is None:
        raise ImportNotFound(f"There is no import {import_id}.")
    return found


def _decided(
    tx: Transaction,
    found: Import,
    standing: ReplacementStatus,
    former: Sequence[Import],
    ctx: Context,
) -> Import:
    *_, stored = tx.imports.save(
        *former,
        found.decided(standing),
        audit=ctx.entry(
            f"{found.kind}-import-{standing.state}",
            f"imports/{found.id}",
            at=tx.at,
            layout=found.layout,
            digest=found.digest,
        ),
    )
    log.info("import_decided", import_id=str(stored.id), state=standing.state.value)
    return stored


def page(part: Slice, state: State | None, *, ctx: Context) -> Sequence[Compared[Import]]:
    with ctx.uow.reading() as tx:
        found = tx.imports.page(part, state)
    return compared(found, by=lambda one: [one], ctx=ctx)
