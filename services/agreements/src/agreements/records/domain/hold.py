"""Holds: what stops releases of named lines until two people lift it (ruling 3).

One person sets a hold, for a reason; it names lines by (purpose, data set, classification), so
that no later version of the agreement escapes it by another numbering, or it holds the whole.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import HoldLifted, LiftNeedsAnotherPerson
from common.lives import Life, Move
from common.replacement import is_one_of
from statements.vocabulary import LineKey

PEOPLE_TO_LIFT = 2


class HoldState(StrEnum):
    OPEN = "OPEN"
    LIFTED = "LIFTED"


class HoldCommand(StrEnum):
    LIFT = "POST /v1/holds/{hold_id}/lift-approvals"


HOLD = Life(
    name="Hold",
    begins=frozenset({HoldState.OPEN}),
    moves={
        HoldState.OPEN: (
            Move(to=HoldState.OPEN, why="one person wants it lifted", command=HoldCommand.LIFT),
            Move(to=HoldState.LIFTED, why="a second person does", command=HoldCommand.LIFT),
        ),
        HoldState.LIFTED: (),
    },
    otherwise={HoldCommand.LIFT: HoldLifted},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLine:
    key: LineKey
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    id: UUID
    approved_by: str
    approved_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    id: UUID
    breach_id: UUID | None
    whole: bool
    lines: tuple[HeldLine, ...]
    reason: str
    set_at: datetime
    set_by: str
    lifts: tuple[Lift, ...] = ()
    lifted_at: datetime | None = None
    version: int = 0

    @property
    def state(self) -> HoldState:
        return HoldState.OPEN if self.lifted_at is None else HoldState.LIFTED

    def is_open(self, at: datetime) -> bool:
        return self.set_at <= at and (self.lifted_at is None or at < self.lifted_at)

    def held_for(self, at: datetime) -> timedelta:
        """Return how long it has held by `at`, or held before it was lifted."""
        return max(min(at, self.lifted_at or at) - self.set_at, timedelta(0))

    def holds(self, key: LineKey) -> bool:
        return self.whole or any(line.key == key for line in self.lines)

    def approve_lift(self, *, lift_id: UUID, by: str, reason: str, at: datetime) -> Self:
        """Add one person's reason; the second person's lifts the hold.

        Raises:
            LiftNeedsAnotherPerson: the same person asks twice.
            HoldLifted: two people have said so.

        """
        HOLD.permits(
            self.state,
            HoldCommand.LIFT,
            "Two people have lifted it. Read the agreement for how it stands.",
        )
        if is_one_of(by, (lift.approved_by for lift in self.lifts)):
            raise LiftNeedsAnotherPerson("You have approved this already; another person must.")
        lifts = (*self.lifts, Lift(id=lift_id, approved_by=by, approved_at=at, reason=reason))
        lifted_at = at if len(lifts) >= PEOPLE_TO_LIFT else None
        return replace(self, lifts=lifts, lifted_at=lifted_at)
