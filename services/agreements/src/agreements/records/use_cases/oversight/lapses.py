"""What lapses when, the warnings before it does, and that it did."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from agreements.records.domain.oversight.lapses import (
    Lapse,
    LapseKind,
    LapseWarning,
    due,
    rule_of_warnings,
)
from agreements.records.use_cases.context import (
    KNOWS_ALL,
    Compared,
    Context,
    compared,
    compared_by,
    own,
)
from agreements.records.use_cases.oversight.ending import Window, ending
from agreements.records.use_cases.ports import Scope, Slice, Transaction
from common.clock import legal_day
from common.ids import new_id
from common.security.roles import Role

log: structlog.stdlib.BoundLogger = structlog.get_logger()

AT_ONCE = 200
"""Warnings that are given in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedCalendar:
    """What ends between two days, each held against the seals of the facts that say so."""

    lapses: tuple[Compared[Lapse], ...]
    incomplete: tuple[LapseKind, ...]


def between(
    first: date, last: date, kinds: Collection[LapseKind], *, ctx: Context
) -> ComparedCalendar:
    """Return what ends between two days of what the caller may know of."""
    with ctx.uow.reading() as tx:
        known = _scope(tx, ctx)
        found = ending(tx, Window(first=first, last=last), ctx, kinds)
        concerning = (one for one in found.lapses if _concerns(known, one.organisations))
        shown = compared_by(tx, concerning, by=lambda one: one.facts)
    return ComparedCalendar(lapses=tuple(shown), incomplete=found.incomplete)


def warnings(
    part: Slice, ends_from: date | None, *, ctx: Context
) -> Sequence[Compared[LapseWarning]]:
    """Return the warnings that were given of what the caller may know of."""
    with ctx.uow.reading() as tx:
        known = _scope(tx, ctx)
        found = part.of(
            one
            for one in tx.lapse_warnings.find()
            if _concerns(known, one.organisations)
            and (ends_from is None or ends_from <= one.ends_on)
        )
    return compared(found, by=lambda one: [one], ctx=ctx)


def _scope(tx: Transaction, ctx: Context) -> Scope:
    role = ctx.principal.role
    return None if role in KNOWS_ALL or role is Role.INFORMATION_GOVERNANCE else own(tx, ctx)


def _concerns(known: Scope, organisations: Collection[str]) -> bool:
    return known is None or not known.isdisjoint(organisations)


def warn(*, ctx: Context) -> int:
    """Give the warnings that are due today, and say what is over, once each; return how many."""
    given = 0
    while some := _warn(ctx):
        given += some
    return given


def _warn(ctx: Context) -> int:
    with ctx.uow.reading() as tx:
        if not _due(tx, legal_day(ctx.clock.now()), ctx):
            return 0
    with ctx.uow.writing() as tx:
        wanted = _due(tx, legal_day(tx.at), ctx)[:AT_ONCE]
        if not wanted:
            return 0
        tx.lapse_warnings.save(
            *(
                LapseWarning(
                    id=new_id(),
                    kind=lapse.kind,
                    subject_id=lapse.subject_id,
                    reference=lapse.reference,
                    organisations=lapse.organisations,
                    ends_on=lapse.ends_on,
                    days=days,
                    warned_at=tx.at,
                )
                for lapse, days in wanted
            ),
            audit=ctx.entry("lapses-warned", "lapse-warnings", at=tx.at, warnings=str(len(wanted))),
        )
    log.info("lapses_warned", warnings=len(wanted))
    return len(wanted)


def _due(tx: Transaction, today: date, ctx: Context) -> list[tuple[Lapse, int]]:
    rule = rule_of_warnings(ctx.reference.warnings, today)
    if rule is None:
        return []
    first, last = rule.window(today)
    given = tx.lapse_warnings.between("ends_on", first, last)
    ends = ending(tx, Window(first=first, last=last), ctx).lapses
    return list(due(ends, given, today=today, days=rule.days))
