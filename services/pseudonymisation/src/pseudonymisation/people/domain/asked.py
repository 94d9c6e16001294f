"""What is asked about people: one person asks, another may have to confirm it, and time ends it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final, Self
from uuid import UUID

from common.errors import TransitionRefused
from common.replacement import require_another_person


class AskedState(StrEnum):
    WAITING = "waiting"
    """For a second person."""
    READY = "ready"
    """The answer can be fetched until its time is over."""
    OVER = "over"


TRANSITIONS: Final[Mapping[AskedState, frozenset[AskedState]]] = {
    AskedState.WAITING: frozenset({AskedState.READY, AskedState.OVER}),
    AskedState.READY: frozenset({AskedState.OVER}),
    AskedState.OVER: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAboutPeople:
    """A question about people, and how it stands."""

    WAITS: ClassVar[type[TransitionRefused]]
    IS_OVER: ClassVar[type[TransitionRefused]]
    IS_DECIDED: ClassVar[type[TransitionRefused]]
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
            IS_OVER, IS_DECIDED, SecondPersonNeeded

        """
        self._require_in_time(at)
        if self.state is not AskedState.WAITING:
            raise self.IS_DECIDED("It does not wait for anybody.")
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
        """Raise IS_OVER, WAITS."""
        self._require_in_time(at)
        if self.state is AskedState.WAITING:
            raise self.WAITS(f"{self.CONFIRMED_BY} has to confirm it first.")

    def _require_in_time(self, at: datetime) -> None:
        if self.standing(at) is AskedState.OVER:
            raise self.IS_OVER("Its time is over, and what it asked about is gone. Ask again.")
