"""Dated facts that others attest: ICO registrations, section 251 approvals, publications."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import ExtensionIsPast
from common.lives import EVER, FIRST_DAY, LAST_DAY, DateState, Life, Move, on_day

ICO_NUMBER = re.compile(r"Z[A-Z0-9]{7}")
"""The shape of Standard 6's machine check (domain.md 2.4)."""


DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A stretch of days in which something was in force; both ends inclusive."""

    valid_from: date
    valid_to: date

    def holds_on(self, day: date) -> bool:
        return on_day(day, self.valid_from, self.valid_to) is DateState.IN_FORCE


class RegistrationCommand(StrEnum):
    RECORD_SECTION_251 = "POST /v1/section-251-approvals"
    RECORD_ICO = "POST /v1/ico-registrations"


def _extensible(name: str, record: RegistrationCommand) -> Life[DateState]:
    """Return the life of what is recorded anew when it goes on; a gap stays one."""

    def said(to: DateState, why: str) -> Move[DateState]:
        return Move(to=to, why=why, command=record)

    return Life(
        name=name,
        begins=EVER,
        moves={
            DateState.AWAITED: (
                FIRST_DAY,
                said(DateState.AWAITED, "it is recorded with other days that are to come"),
                said(DateState.IN_FORCE, "it is recorded with a first day that has come"),
            ),
            DateState.IN_FORCE: (
                LAST_DAY,
                said(DateState.IN_FORCE, "it is extended, or cut short, from today on"),
                said(DateState.LAPSED, "its last day is recorded as over, or its first as to come"),
            ),
            DateState.LAPSED: (
                Move(to=DateState.IN_FORCE, why="the first day of its extension begins"),
                said(DateState.IN_FORCE, "it is extended: from the day on which that is recorded"),
                said(DateState.LAPSED, "it is extended from a day that is to come"),
            ),
        },
        otherwise={record: ExtensionIsPast},
    )


SECTION_251 = _extensible(
    "Support under section 251, by its days", RegistrationCommand.RECORD_SECTION_251
)
ICO = _extensible("Registration with the ICO, by its days", RegistrationCommand.RECORD_ICO)


def extended(known: Sequence[Interval], said: Interval, *, today: date) -> tuple[Interval, ...]:
    """Return the intervals after `said` was said today of what had been in force in `known`.

    What was in force stays so, and what was not does not become so afterwards: what had lapsed
    and is extended later was not in force in between. What takes days away counts at once.
    Only the very first day may be said again as an earlier one, as it could have been at first:
    decisions are of the day on which they are asked for, and their facts are kept by epoch.

    Raises:
        ExtensionIsPast: it had lapsed, and the extension would be over before it was said.

    """
    *earlier, last = known
    if said.valid_to < last.valid_to:
        cut = [i for i in known if i.valid_from <= said.valid_to]
        if not cut:
            return (said,)
        *earlier, last = cut
        last = replace(last, valid_to=min(last.valid_to, said.valid_to))
    elif last.valid_to < today and said.valid_to > last.valid_to:
        return (*known, _resumed(last, said, today))
    if said.valid_from > last.valid_to:
        return (*earlier, last, said)
    if said.valid_from > today:
        # It begins later than was said before: what is past stays, from today on it waits.
        past = [*earlier, replace(last, valid_to=today - DAY)]
        cut = [replace(i, valid_to=min(i.valid_to, said.valid_from - DAY)) for i in past]
        return (*(i for i in cut if i.valid_from <= i.valid_to), said)
    first = min(last.valid_from, said.valid_from)
    if earlier:
        first = min(last.valid_from, max(said.valid_from, today, earlier[-1].valid_to + DAY))
    return (*earlier, Interval(valid_from=first, valid_to=said.valid_to))


def _resumed(lapsed: Interval, said: Interval, today: date) -> Interval:
    """Begin again where it is said, or today where it is said that it had never ended."""
    is_gap_named = said.valid_from > lapsed.valid_to + DAY
    first = said.valid_from if is_gap_named else today
    if said.valid_to < first:
        raise ExtensionIsPast(
            f"It ended on {lapsed.valid_to}. An extension counts from the day on which it is"
            f" recorded, and this one ends on {said.valid_to}."
        )
    return Interval(valid_from=first, valid_to=said.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensible:
    """Something in force from `valid_from` to `valid_to`, and before that in former intervals."""

    valid_from: date
    valid_to: date
    former: tuple[Interval, ...] = ()
    """In order, before the present one; between them it was not in force."""

    @property
    def intervals(self) -> tuple[Interval, ...]:
        return (*self.former, Interval(valid_from=self.valid_from, valid_to=self.valid_to))

    def is_in_force_on(self, day: date) -> bool:
        return self.date_state(day) is DateState.IN_FORCE

    def date_state(self, day: date) -> DateState:
        """Return how it stands on a day; between two intervals it has lapsed."""
        if any(interval.holds_on(day) for interval in self.intervals):
            return DateState.IN_FORCE
        return DateState.AWAITED if day < self.intervals[0].valid_from else DateState.LAPSED

    def after(self, known: "Extensible", *, today: date) -> Self:
        """Return this as it is said today of what was known before.

        Raises:
            ExtensionIsPast

        """
        said = Interval(valid_from=self.valid_from, valid_to=self.valid_to)
        if said == known.intervals[-1]:
            return replace(self, former=known.former)
        *former, last = extended(known.intervals, said, today=today)
        return replace(
            self, former=tuple(former), valid_from=last.valid_from, valid_to=last.valid_to
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IcoRegistration(Extensible):
    """`valid_to`: paid until, inclusive."""

    id: UUID
    organisation: str
    number: str
    name: str
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Section251Approval(Extensible):
    """Its end closes the gate for the lines that rely on it; its review date warns (ruling 5)."""

    id: UUID
    reference: str
    purposes: tuple[str, ...]
    controllers: tuple[str, ...] | None
    review_on: date | None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    id: UUID
    data_set: str
    period: str
    published_on: date
    version: int = 0
