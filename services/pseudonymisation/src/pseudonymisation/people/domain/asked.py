"""What is asked about people: one person asks, another may have to confirm it, and time ends it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Self
from uuid import UUID

from common.errors import TransitionRefused
from common.lives import Life, Move
from common.replacement import require_another_person


class AskedState(StrEnum):
    WAITING = "waiting"
    """For a second person."""
    READY = "ready"
    """The answer can be fetched until its time is over."""
    OVER = "over"


def life(
    name: str,
    path: str,
    *,
    begins: frozenset[AskedState],
    waits: type[TransitionRefused],
    over: type[TransitionRefused],
    decided: type[TransitionRefused],
) -> Life[AskedState]:
    """Return the life of what is asked at these routes."""
    confirm, answer = f"POST {path}/confirmation", f"POST {path}/answer"
    return Life(
        name=name,
        begins=begins,
        moves={
            AskedState.WAITING: (
                Move(to=AskedState.READY, why="a second person confirms it", command=confirm),
                Move(to=AskedState.OVER, why="nobody confirms it in time"),
            ),
            AskedState.READY: (
                Move(to=AskedState.READY, why="its answer is fetched", command=answer),
                Move(to=AskedState.OVER, why="its time is over"),
            ),
            AskedState.OVER: (),
        },
        otherwise={
            confirm: {AskedState.READY: decided, AskedState.OVER: over},
            answer: {AskedState.WAITING: waits, AskedState.OVER: over},
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAboutPeople:
    """A question about people, and how it stands."""

    LIFE: ClassVar[Life[AskedState]]
    CONFIRMED_BY: ClassVar[str]
    """Whose word it waits for."""

    id: UUID
    asked_by: str
    """The subject who asked."""
    reason: str
    asked_at: datetime
    ends_at: datetime
    """Until when it can be confirmed, and after that fetched."""
    state: AskedState
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    confirmation: str | None = None
    """The second person's reason."""
    answers: int = 0
    """How often the answer was fetched."""
    version: int = 0

    def standing(self, at: datetime) -> AskedState:
        """Return how it stands at an instant, whether or not anybody has cleaned up behind it."""
        return AskedState.OVER if at >= self.ends_at else self.state

    def confirmed(self, *, by: str, reason: str, to_fetch: timedelta, at: datetime) -> Self:
        """Let the answer be fetched: another person than who asked, saying why.

        Raises:
            AppError: the one that its life names.
            SecondPersonNeeded

        """
        self._permits("confirmation", at, "It does not wait for anybody.")
        require_another_person(
            self.asked_by, by, "Whoever asked cannot confirm it; another person must."
        )
        return replace(
            self,
            state=AskedState.READY,
            confirmed_by=by,
            confirmed_at=at,
            confirmation=reason,
            ends_at=at + to_fetch,
        )

    def require_ready(self, at: datetime) -> None:
        """Raise the error that its life names."""
        self._permits("answer", at, f"{self.CONFIRMED_BY} has to confirm it first.")

    def _permits(self, step: str, at: datetime, detail: str) -> None:
        [command] = [one for one in self.LIFE.commands if one.endswith(f"/{step}")]
        state = self.standing(at)
        gone = "Its time is over, and what it asked about is gone. Ask again."
        self.LIFE.permits(state, command, gone if state is AskedState.OVER else detail)
