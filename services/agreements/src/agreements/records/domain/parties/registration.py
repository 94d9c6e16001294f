"""Dated facts that others attest: ICO registrations, section 251 approvals, publications."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import ExtensionIsPast
from agreements.records.domain.parties.errors import SupportWithdrawn
from common.lives import EVER, FIRST_DAY, LAST_DAY, Answers, DateState, Life, Move, on_day

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
    WITHDRAW_SECTION_251 = "POST /v1/section-251-approvals/{approval_id}/withdrawal"
    CHANGE_SECTION_251 = "POST /v1/section-251-approvals/{approval_id}/conditions"
    RECORD_ICO = "POST /v1/ico-registrations"


_ENDED = "its support is withdrawn: it is over at once"


def _extensible(
    name: str,
    record: RegistrationCommand,
    otherwise: Mapping[str, Answers | Mapping[DateState, Answers]],
    withdraw: RegistrationCommand | None = None,
) -> Life[DateState]:
    """Return the life of what is recorded anew when it goes on; a gap stays one.

    `withdraw`: by which command it is taken away for good; None: it never is.
    """
    gone = () if withdraw is None else (
        Move(to=DateState.WITHDRAWN, why=_ENDED, command=withdraw),
    )  # fmt: skip
    over: dict[DateState, tuple[Move[DateState], ...]] = {}
    if withdraw is not None:
        over = {DateState.WITHDRAWN: ()}

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
                *gone,
            ),
            DateState.IN_FORCE: (
                LAST_DAY,
                said(DateState.IN_FORCE, "it is extended, or cut short, from today on"),
                said(DateState.LAPSED, "its last day is recorded as over, or its first as to come"),
                *gone,
            ),
            DateState.LAPSED: (
                Move(to=DateState.IN_FORCE, why="the first day of its extension begins"),
                said(DateState.IN_FORCE, "it is extended: from the day on which that is recorded"),
                said(DateState.LAPSED, "it is extended from a day that is to come"),
                *gone,
            ),
            **over,
        },
        otherwise=otherwise,
    )


SECTION_251 = _extensible(
    "Support under section 251, by its days",
    RegistrationCommand.RECORD_SECTION_251,
    {
        RegistrationCommand.RECORD_SECTION_251: {DateState.WITHDRAWN: SupportWithdrawn},
        RegistrationCommand.WITHDRAW_SECTION_251: None,
        RegistrationCommand.CHANGE_SECTION_251: {
            **dict.fromkeys(EVER),
            DateState.WITHDRAWN: SupportWithdrawn,
        },
    },
    RegistrationCommand.WITHDRAW_SECTION_251,
)
ICO = _extensible(
    "Registration with the ICO, by its days",
    RegistrationCommand.RECORD_ICO,
    {RegistrationCommand.RECORD_ICO: ExtensionIsPast},
)


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
        return self.recorded_intervals()

    def recorded_intervals(self) -> tuple[Interval, ...]:
        """Return them by its days alone."""
        return (*self.former, Interval(valid_from=self.valid_from, valid_to=self.valid_to))

    def is_in_force_on(self, day: date) -> bool:
        return self.date_state(day) is DateState.IN_FORCE

    def date_state(self, day: date) -> DateState:
        """Return how it stands on a day; between two intervals it has lapsed."""
        if any(interval.holds_on(day) for interval in self.intervals):
            return DateState.IN_FORCE
        first = self.recorded_intervals()[0].valid_from
        return DateState.AWAITED if day < first else DateState.LAPSED

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
    conditions: tuple[str, ...] | None = None
    """In the words of whoever gave it; None: none are recorded."""
    withdrawn_on: date | None = None
    """From this day on it is taken away, whatever its days say."""
    reason: str | None = None
    """Why it was withdrawn, or its conditions changed last."""
    version: int = 0

    @property
    def intervals(self) -> tuple[Interval, ...]:
        known = self.recorded_intervals()
        if self.withdrawn_on is None:
            return known
        last = self.withdrawn_on - DAY
        cut = (replace(one, valid_to=min(one.valid_to, last)) for one in known)
        return tuple(one for one in cut if one.valid_from <= one.valid_to)

    def date_state(self, day: date) -> DateState:
        if self.withdrawn_on is not None and day >= self.withdrawn_on:
            return DateState.WITHDRAWN
        return Extensible.date_state(self, day)

    def covers(self, purpose: str, controllers: Sequence[Collection[str]], day: date) -> bool:
        """Say whether a line of a purpose may rely on it on a day.

        `controllers`: of each the codes that count for it.
        """
        return (
            self.is_in_force_on(day)
            and purpose in self.purposes
            and (
                self.controllers is None
                or all(not {*codes}.isdisjoint(self.controllers) for codes in controllers)
            )
        )

    def after(self, known: "Extensible", *, today: date) -> Self:
        """Return this as it is said today of what was known before.

        Raises:
            ExtensionIsPast
            SupportWithdrawn: it goes on under no reference that was withdrawn.

        """
        assert isinstance(known, Section251Approval)
        SECTION_251.permits(
            known.date_state(today),
            RegistrationCommand.RECORD_SECTION_251,
            f"{known.reference} was withdrawn on {known.withdrawn_on}. Record what was given in its"
            " place under a reference of its own.",
        )
        conditions = known.conditions if self.conditions is None else self.conditions
        said = replace(self, conditions=conditions, reason=known.reason)
        return Extensible.after(said, known, today=today)

    def withdraw(self, reason: str, *, today: date) -> Self:
        """Return it as taken away from today on; again it stays as it was."""
        if not SECTION_251.permits(
            self.date_state(today), RegistrationCommand.WITHDRAW_SECTION_251, ""
        ):
            return self
        return replace(self, withdrawn_on=today, reason=reason)

    def changed(
        self,
        *,
        purposes: tuple[str, ...],
        controllers: tuple[str, ...] | None,
        conditions: tuple[str, ...],
        review_on: date | None,
        reason: str,
        today: date,
    ) -> Self:
        """Return it with other conditions from today on; its days stay.

        Raises:
            SupportWithdrawn

        """
        SECTION_251.permits(
            self.date_state(today),
            RegistrationCommand.CHANGE_SECTION_251,
            f"{self.reference} was withdrawn on {self.withdrawn_on}.",
        )
        said = replace(
            self,
            purposes=purposes,
            controllers=controllers,
            conditions=conditions or None,
            review_on=review_on,
        )
        return self if said == self else replace(said, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    id: UUID
    data_set: str
    period: str
    published_on: date
    version: int = 0
