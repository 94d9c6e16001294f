"""The landing board, and the expectations that it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

import structlog

from catalogue import UnknownDataSet, substantiations
from common.audit.entries import entry_for
from common.clock import legal_day
from common.ids import new_id
from pseudonymisation.intake.domain.errors import DataSetUnknown
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.right import Basis
from pseudonymisation.intake.use_cases.rights import provider_standing
from pseudonymisation.quality.domain import board
from pseudonymisation.quality.domain.board import BoardKey, BoardLine, BoardState
from pseudonymisation.quality.domain.errors import (
    ExpectationInvalid,
    ExpectationOverlaps,
    WindowInvalid,
)
from pseudonymisation.quality.domain.schedule import Expectation, due_on
from pseudonymisation.quality.domain.substantiation import differences
from pseudonymisation.quality.use_cases.context import QualityContext
from pseudonymisation.quality.use_cases.ports import OfBoard
from pseudonymisation.quality.use_cases.statements import EVERYBODY

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MONTHS: Final = 12
MONTHS_MAX: Final = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFilter:
    """Which lines are wanted."""

    first: str | None = None
    last: str | None = None
    """Months: by default twelve, to the present one."""
    state: BoardState | None = None
    is_late: bool | None = None
    has_shrunk: bool | None = None


def read(
    wanted: OfBoard,
    filtered: BoardFilter,
    *,
    after: BoardKey | None,
    limit: int,
    ctx: QualityContext,
) -> Sequence[BoardLine]:
    """Return the lines of the board, the newest periods first.

    Raises:
        WindowInvalid, PeriodInvalid

    """
    today = legal_day(ctx.clock.now())
    first, last = _window(filtered, today)
    begin = None if after is None else _place(after)
    with ctx.uow.reading() as tx:
        expectations = tx.board.expectations(wanted, ctx.scope, after=None, limit=None)
        editions = tx.board.editions(wanted, ctx.scope, first=first, last=last)
        sent = tx.board.sent(wanted, ctx.scope, first=first, last=last)
    known = {described.data_set for described in ctx.catalogue}
    expected = [
        (one.data_set, one.provider, period)
        for one in expectations
        if one.data_set in known
        for period in one.periods(ctx.catalogue.get(one.data_set), first=first, last=last)
    ]
    found = board.lines(
        expected,
        [one for one in editions if one.data_set in known],
        [one for one in sent if one.data_set in known],
        due=lambda name, period: due_on(period, ctx.catalogue.get(name), ctx.due_rules),
        shrinks=ctx.shrink_rule(today),
        today=today,
    )
    shown = [
        line
        for line in _with_differences(found, wanted, first, last, ctx=ctx)
        if (filtered.state is None or line.state is filtered.state)
        and (filtered.is_late is None or line.is_late is filtered.is_late)
        and (filtered.has_shrunk is None or line.has_shrunk is filtered.has_shrunk)
        and (begin is None or _place(line.key) > begin)
    ]
    return sorted(shown, key=lambda line: _place(line.key))[:limit]


def _with_differences(
    lines: Sequence[BoardLine], wanted: OfBoard, first: str, last: str, *, ctx: QualityContext
) -> Sequence[BoardLine]:
    """Count on each line that another data set is held against what they do not agree on."""
    rules = {
        line: rule
        for line in lines
        if line.edition_id
        and (rule := substantiations().of(line.data_set, line.period.first_day)) is not None
    }
    if not rules:
        return lines
    of_all = replace(wanted, data_set=None)
    with ctx.uow.reading() as tx:
        editions = tx.board.editions(of_all, ctx.scope, first=first, last=last)
    counts = {}
    for line, rule in rules.items():
        landed = {
            name: [
                one
                for edition in editions
                if edition.data_set == name and edition.provider == line.provider
                for one in edition.sums
                if one.month in {*line.period}
            ]
            for name in rule.data_sets
        }
        counts[line] = len(differences(rule, landed))
    return [replace(line, differences=counts.get(line)) for line in lines]


def _place(key: BoardKey) -> tuple[int, str, str, str]:
    """Return by what lines are sorted: the newest period first, then data set and provider."""
    period = Period.parse(key.period)
    return (-period.first_day.toordinal(), key.period, key.data_set, key.provider)


def _window(filtered: BoardFilter, today: date) -> tuple[str, str]:
    """Return the first and the last month that is looked at."""
    this = today.year * 12 + today.month - 1
    last = filtered.last or _month(this)
    year, month = map(int, last.split("-"))
    first = filtered.first or _month(year * 12 + month - MONTHS)
    if not first <= last:
        raise WindowInvalid("`from` is after `to`.", field="from")
    if Period(first, last).months > MONTHS_MAX:
        raise WindowInvalid(
            f"A board shows at most {MONTHS_MAX} months; name a later `from`.", field="from"
        )
    return first, last


def _month(count: int) -> str:
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def expect(
    expectation: Expectation, *, key: str | None, fingerprint: str, ctx: QualityContext
) -> Expectation:
    """Record who should send what from which month on.

    Raises:
        DataSetUnknown, ExpectationInvalid, ExpectationOverlaps
        ProviderUnknown, ProviderNotOpen: nobody of that code could send its first file.
        Unavailable: where codes of organisations cannot be asked for

    """
    principal = ctx.principal
    try:
        described = ctx.catalogue.get(expectation.data_set)
    except UnknownDataSet:
        raise DataSetUnknown("`data_set` is not in the catalogue. Check its name.") from None
    if expectation.last is not None and expectation.last < expectation.first:
        raise ExpectationInvalid("`to` is before `from`.", field="to")
    latest = described.periods.latest
    if latest is not None and expectation.first > latest:
        raise ExpectationInvalid(
            f"{described.data_set} has no periods after {latest}.", field="from"
        )
    wanted = replace(expectation, provider=ctx.codes.own(expectation.provider))
    with ctx.uow.reading() as tx:
        made = tx.idempotency.find(actor=principal.key_owner, key=key, fingerprint=fingerprint)
        if made is not None:
            return tx.board.expectation(UUID(made))
    begin = Period(wanted.first, wanted.first)
    provider_standing(
        wanted.provider, expectation.provider, begin, basis=Basis.OWN, rights=ctx.rights
    )
    with ctx.uow.writing() as tx:
        made = tx.idempotency.find(actor=principal.key_owner, key=key, fingerprint=fingerprint)
        if made is not None:
            return tx.board.expectation(UUID(made))
        of_provider = OfBoard(data_set=wanted.data_set, provider=wanted.provider)
        for other in tx.board.expectations(of_provider, EVERYBODY, after=None, limit=None):
            if other.overlaps(wanted):
                raise ExpectationOverlaps(
                    f"From {other.first} to {other.last or 'an open end'} it is expected already;"
                    " end that expectation first.",
                    expectation=str(other.id),
                )
        stored = tx.board.save(
            wanted,
            audit=entry_for(
                principal,
                at=wanted.recorded_at,
                action="landing-expected",
                resource=f"expectations/{wanted.id}",
                on_behalf_of=wanted.provider,
                detail={"data_set": wanted.data_set, "from": wanted.first, "to": wanted.last},
            ),
        )
        tx.idempotency.remember(
            actor=principal.key_owner,
            key=key,
            fingerprint=fingerprint,
            resource=str(stored.id),
        )
    log.info("landing_expected", data_set=stored.data_set, provider=stored.provider)
    return stored


def begun(
    *,
    data_set: str,
    provider: str,
    first: str,
    last: str | None,
    every: int,
    reason: str,
    ctx: QualityContext,
) -> Expectation:
    """Make an expectation that is not recorded yet."""
    return Expectation(
        id=new_id(),
        data_set=data_set,
        provider=provider,
        first=first,
        last=last,
        every=every,
        recorded_at=ctx.clock.now(),
        recorded_by=ctx.principal.subject,
        reason=reason,
    )


def end(expectation_id: UUID, last: str, *, reason: str, ctx: QualityContext) -> Expectation:
    """Say with which month an expectation ends.

    Raises:
        ExpectationNotFound, ExpectationInvalid, EditedMeanwhile

    """
    with ctx.uow.writing() as tx:
        ended = tx.board.expectation(expectation_id).end(last, reason=reason)
        return tx.board.save(
            ended,
            audit=entry_for(
                ctx.principal,
                at=ctx.clock.now(),
                action="landing-no-longer-expected",
                resource=f"expectations/{expectation_id}",
                on_behalf_of=ended.provider,
                detail={"data_set": ended.data_set, "to": last},
            ),
        )


def expectations(
    wanted: OfBoard, *, after: UUID | None, limit: int, ctx: QualityContext
) -> Sequence[Expectation]:
    with ctx.uow.reading() as tx:
        return tx.board.expectations(wanted, ctx.scope, after=after, limit=limit)
