"""Directions and provision notices under which data sets are collected (ruling 32).

Recorded ones govern a data set that any of them names. For all others the dated data beside the
landing rules hold, which say that they are assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import DirectionRecorded
from common.lives import EVER, FIRST_DAY, LAST_DAY, DateState, Life, Move, on_day


class DirectionKind(StrEnum):
    DIRECTION = "direction"
    PROVISION_NOTICE = "provision_notice"


class DirectionCommand(StrEnum):
    RECORD = "POST /v1/directions"


_SAID_ANEW = "another last day is recorded"
DIRECTION = Life(
    name="Direction or provision notice, by its days",
    begins=EVER,
    moves={
        DateState.AWAITED: (
            FIRST_DAY,
            Move(to=DateState.AWAITED, why=_SAID_ANEW, command=DirectionCommand.RECORD),
        ),
        DateState.IN_FORCE: (
            LAST_DAY,
            Move(to=DateState.IN_FORCE, why=_SAID_ANEW, command=DirectionCommand.RECORD),
        ),
        DateState.LAPSED: (),
    },
    otherwise={DirectionCommand.RECORD: DirectionRecorded},
)
"""Recorded again under its reference. What was in force, or was not, stays so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """One of them, and when it is in force; its last day counts."""

    id: UUID
    kind: DirectionKind
    reference: str
    title: str
    data_sets: tuple[str, ...]
    valid_from: date
    valid_to: date | None
    source: str
    version: int = 0

    def is_in_force_on(self, day: date) -> bool:
        return self.date_state(day) is DateState.IN_FORCE

    def date_state(self, day: date) -> DateState:
        return on_day(day, self.valid_from, self.valid_to)

    def after(self, known: "Direction", *, today: date) -> Self:
        """Return this as it is said today of what was recorded before.

        What was in force stays so, and what was not does not become so afterwards.

        Raises:
            DirectionRecorded: its first day is another one, it had lapsed, or it would have ended
                before today.

        """
        if self.valid_from != known.valid_from:
            raise DirectionRecorded(
                f"{known.reference} is recorded from {known.valid_from} on. Record another one"
                " under a reference of its own."
            )
        if self.valid_to != known.valid_to:
            DIRECTION.permits(
                known.date_state(today),
                DirectionCommand.RECORD,
                f"{known.reference} ended on {known.valid_to}. Record what goes on from it under a"
                " reference of its own.",
            )
            if self.valid_to is not None and self.valid_to < today:
                raise DirectionRecorded(
                    "It was in force until today: `valid_to` must be today or later."
                )
        return replace(self, id=known.id, version=known.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedUnder:
    """Under what a data set is collected on a day."""

    data_set: str
    day: date
    is_asked_for: bool
    """Whether a rule or a record says that something has to be in force."""
    is_recorded: bool
    """Whether records say it; else the dated data beside the landing rules."""
    titles: tuple[str, ...]
    """Of what is in force."""

    @property
    def is_allowed(self) -> bool:
        return bool(self.titles) or not self.is_asked_for


def recorded(data_set: str, day: date, known: Sequence[Direction]) -> CollectedUnder | None:
    """Judge by the records; None where none of them was ever about the data set."""
    about = [one for one in known if data_set in one.data_sets]
    if not about:
        return None
    return CollectedUnder(
        data_set=data_set,
        day=day,
        is_asked_for=True,
        is_recorded=True,
        titles=tuple(one.title for one in about if one.is_in_force_on(day)),
    )
