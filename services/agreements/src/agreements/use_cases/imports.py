"""Lists of organisations and of the toolkit: taken in, or waiting for a second person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import structlog

from agreements.domain import imports as domain
from agreements.domain.assurance import Assurance, AssuranceKind
from agreements.domain.errors import ImportNotFound
from agreements.domain.imports import Import, ImportKind, Plan
from agreements.domain.layouts import dspt, ods
from agreements.domain.layouts.reading import LeftOut
from agreements.domain.organisation import Organisation
from agreements.use_cases.context import Context
from agreements.use_cases.ports import Slice, Transaction
from common.clock import legal_day
from common.ids import digest, new_id
from common.replacement import Kind, ReplacementDecided, Standing, State, rules

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LIMITS = rules.load()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import changed, or would."""

    id: UUID | None
    """Of what waits."""
    layout: str
    listed: int
    added: int
    changed: int
    unchanged: int
    left_out: LeftOut
    standing: Standing


def import_organisations(content: bytes, layout: ods.Layout, *, ctx: Context) -> Imported:
    """Take in a published list: of each code the rows of that list become what it says.

    One that changes much waits for a second person; until then the stricter of both holds.
    """
    read = ods.read(content, layout, icbs_from=ctx.reference.icbs_from)
    with ctx.uow.writing() as tx:
        plan = domain.plan_organisations(read.listed, layout.value, tx.organisations.find(), new_id)
        sent = _sent(
            ImportKind.ORGANISATIONS, layout.value, content, None, read.listed, plan, tx, ctx
        )
        if sent.standing.is_effective:
            _apply_organisations(tx, sent, plan, ctx)
        _keep(tx, sent, read.left_out, ctx)
    return _shown(sent, plan, read.left_out, len(read.listed))


def import_dspt(
    content: bytes, layout: dspt.Layout, snapshot_on: date, *, ctx: Context
) -> Imported:
    """Take in the toolkit's list of a day; what the Body reviewed stays reviewed.

    One that changes much waits for a second person; until then the stricter of both holds.
    """
    read = dspt.read(content, layout)
    with ctx.uow.writing() as tx:
        known = tx.assurance.find(kind=AssuranceKind.DSPT)
        plan = domain.plan_assurance(read.entries, snapshot_on, known, new_id)
        sent = _sent(
            ImportKind.ASSURANCE, layout.value, content, snapshot_on, read.entries, plan, tx, ctx
        )
        if sent.standing.is_effective:
            _apply_assurance(tx, sent, plan, ctx)
        _keep(tx, sent, read.left_out, ctx)
    return _shown(sent, plan, read.left_out, len(read.entries))


def _sent(
    kind: ImportKind,
    layout: str,
    content: bytes,
    snapshot_on: date | None,
    listed: tuple[ods.Listed, ...] | tuple[dspt.Entry, ...],
    plan: Plan[Organisation] | Plan[Assurance],
    tx: Transaction,
    ctx: Context,
) -> Import:
    judgement = LIMITS.judge(Kind(kind), plan.change, on=legal_day(tx.at))
    standing = Standing.begun(judgement, by=ctx.principal.subject, at=tx.at)
    return Import(
        id=new_id(),
        kind=kind,
        layout=layout,
        digest=digest(content),
        snapshot_on=snapshot_on,
        listed=listed if standing.is_waiting else (),
        standing=standing,
    )


def _keep(tx: Transaction, sent: Import, left_out: LeftOut, ctx: Context) -> None:
    """Store what waits; one of the same list that still waited gives way to this one.

    What is in force at once has its facts and their audit leaf already.
    """
    superseded = [
        waiting.decided(waiting.standing.supersede(at=tx.at))
        for waiting in tx.imports.waiting()
        if (waiting.kind, waiting.layout) == (sent.kind, sent.layout)
    ]
    stored = [*superseded, *([sent] if sent.standing.is_waiting else [])]
    if stored:
        tx.imports.save(
            *stored,
            audit=ctx.entry(
                f"{sent.kind}-import-{sent.standing.state}",
                f"imports/{sent.id}",
                at=tx.at,
                layout=sent.layout,
                digest=sent.digest,
                left_out=str(left_out.lines),
                superseded=" ".join(str(s.id) for s in superseded),
            ),
        )
    log.info(
        "list_imported",
        import_id=str(sent.id),
        kind=sent.kind.value,
        layout=sent.layout,
        state=sent.standing.state.value,
        left_out=left_out.lines,
    )


def _shown(
    sent: Import,
    plan: Plan[Organisation] | Plan[Assurance],
    left_out: LeftOut,
    listed: int,
) -> Imported:
    added = plan.new
    return Imported(
        id=sent.id if sent.standing.is_waiting else None,
        layout=sent.layout,
        listed=listed,
        added=added,
        changed=len(plan.changed) - added + len(plan.gone),
        unchanged=plan.unchanged,
        left_out=left_out,
        standing=sent.standing,
    )


def _apply_organisations(
    tx: Transaction, sent: Import, plan: Plan[Organisation], ctx: Context
) -> None:
    entry = ctx.entry(
        "organisations-imported",
        "organisations",
        at=tx.at,
        layout=sent.layout,
        digest=sent.digest,
    )
    if plan.gone:
        tx.organisations.retract(*plan.gone, audit=entry)
    if plan.changed:
        tx.organisations.save(*plan.changed, audit=entry)


def _apply_assurance(tx: Transaction, sent: Import, plan: Plan[Assurance], ctx: Context) -> None:
    if plan.changed:
        tx.assurance.save(
            *plan.changed,
            audit=ctx.entry(
                "assurance-imported",
                "assurance",
                at=tx.at,
                layout=sent.layout,
                snapshot_on=str(sent.snapshot_on),
                digest=sent.digest,
            ),
        )


def confirm(import_id: UUID, reason: str, *, ctx: Context) -> Import:
    """Let a list into force that waits: somebody else than who sent it.

    Raises:
        ImportNotFound, SecondPersonNeeded, ReplacementDecided

    """
    with ctx.uow.writing() as tx:
        waiting = _found(tx, import_id)
        standing = waiting.standing.confirm(by=ctx.principal.subject, reason=reason, at=tx.at)
        if waiting.kind is ImportKind.ORGANISATIONS:
            known = tx.organisations.find()
            _apply_organisations(
                tx,
                waiting,
                domain.plan_organisations(waiting.organisations, waiting.layout, known, new_id),
                ctx,
            )
        elif waiting.snapshot_on is not None:
            evidence = tx.assurance.find(kind=AssuranceKind.DSPT)
            _apply_assurance(
                tx,
                waiting,
                domain.plan_assurance(waiting.entries, waiting.snapshot_on, evidence, new_id),
                ctx,
            )
        return _decided(tx, waiting, standing, ctx)


def withdraw(import_id: UUID, reason: str, *, ctx: Context) -> Import:
    """Take a list back that waits. What is in force is mended by a list that says what is right.

    Raises:
        ImportNotFound, ReplacementDecided

    """
    with ctx.uow.writing() as tx:
        waiting = _found(tx, import_id)
        if not waiting.standing.is_waiting:
            state = waiting.standing.state
            raise ReplacementDecided(
                f"It is {state}; what is in force is mended by a list that says what is right.",
                state=state.value,
            )
        standing = waiting.standing.take_back(
            None, by=ctx.principal.subject, reason=reason, at=tx.at
        )
        return _decided(tx, waiting, standing, ctx)


def _found(tx: Transaction, import_id: UUID) -> Import:
    found = tx.imports.one(import_id)
    if found is None:
        raise ImportNotFound(f"There is no import {import_id}.")
    return found


def _decided(tx: Transaction, waiting: Import, standing: Standing, ctx: Context) -> Import:
    [stored] = tx.imports.save(
        waiting.decided(standing),
        audit=ctx.entry(
            f"{waiting.kind}-import-{standing.state}",
            f"imports/{waiting.id}",
            at=tx.at,
            layout=waiting.layout,
            digest=waiting.digest,
        ),
    )
    log.info("import_decided", import_id=str(stored.id), state=standing.state.value)
    return stored


def page(part: Slice, state: State | None, *, ctx: Context) -> Sequence[Import]:
    with ctx.uow.reading() as tx:
        return tx.imports.page(part, state)
