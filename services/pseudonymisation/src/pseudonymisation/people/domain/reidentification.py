"""A re-identification: a practice asks whom tokens stand for (domain.md 8.4).

The NHS numbers are found when the answer is fetched and are kept nowhere; what is kept until its
time is over are the tokens, and for good the haven tokens of those who were found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from common.replacement import SecondPersonNeeded
from common.security.principal import Principal
from pseudonymisation.people.domain import errors
from pseudonymisation.people.domain.events import (
    ReidentificationAnswered,
    ReidentificationAsked,
)
from pseudonymisation.people.domain.rules import ReidentificationRule
from statements.vocabulary import LineKey


class ReidentificationState(StrEnum):
    WAITING = "waiting"
    """For a second person of the practice."""
    READY = "ready"
    """The answer can be fetched until its time is over."""
    OVER = "over"


TRANSITIONS: Final[Mapping[ReidentificationState, frozenset[ReidentificationState]]] = {
    ReidentificationState.WAITING: frozenset(
        {ReidentificationState.READY, ReidentificationState.OVER}
    ),
    ReidentificationState.READY: frozenset({ReidentificationState.OVER}),
    ReidentificationState.OVER: frozenset(),
}


class Outcome(StrEnum):
    """What a practice is told of one token."""

    NUMBER = "number"
    """Its patient's NHS number."""
    NOT_REGISTERED_WITH_YOU = "not_registered_with_you"
    NOT_KNOWN = "not_known"
    """The token stands for nobody with an NHS number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedBack:
    """What was found of one token."""

    token: str
    outcome: Outcome
    person: str | None
    """The haven token in hexadecimal digits; None: it stands for nobody."""
    number: str | None
    """Only of a patient of the practice. Never stored, never logged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPeople:
    """What is asked for."""

    agreement: str
    key: LineKey
    tokens: tuple[str, ...]
    reason_code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reidentification:
    id: UUID
    practice: str
    client_id: str
    asked_by: str
    """The subject who asked."""
    agreement: str
    key: LineKey
    domain: str
    reason_code: str
    reason: str
    people: int
    tokens: tuple[str, ...]
    """Empty once its time is over."""
    asked_at: datetime
    ends_at: datetime
    """Until when it can be confirmed, and after that fetched."""
    state: ReidentificationState
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    confirmation: str | None = None
    """The second person's reason."""
    answers: int = 0
    """How often the answer was fetched."""
    version: int = 0
    pending: tuple[ReidentificationAsked | ReidentificationAnswered, ...] = ()

    @classmethod
    def asked(
        cls,
        wanted: WantedPeople,
        *,
        id_: UUID,
        by: Principal,
        practice: str,
        domain: str,
        rule: ReidentificationRule,
        at: datetime,
    ) -> Self:
        people = len(wanted.tokens)
        waits = rule.needs_second_person(people)
        made = cls(
            id=id_,
            practice=practice,
            client_id=by.client_id,
            asked_by=by.subject,
            agreement=wanted.agreement,
            key=wanted.key,
            domain=domain,
            reason_code=wanted.reason_code,
            reason=wanted.reason,
            people=people,
            tokens=wanted.tokens,
            asked_at=at,
            ends_at=at + (rule.to_confirm if waits else rule.to_fetch),
            state=ReidentificationState.WAITING if waits else ReidentificationState.READY,
        )
        told = ReidentificationAsked(needs_second_person=waits, **_told(made, at))
        return replace(made, pending=(told,))

    def standing(self, at: datetime) -> ReidentificationState:
        """Return how it stands at an instant, whether or not anybody has cleaned up behind it."""
        return ReidentificationState.OVER if at >= self.ends_at else self.state

    def confirm(self, *, by: str, reason: str, rule: ReidentificationRule, at: datetime) -> Self:
        """Let the answer be fetched: another person of the practice, saying why.

        Raises:
            ReidentificationOver, ReidentificationDecided, SecondPersonNeeded

        """
        self._require_in_time(at)
        if self.state is not ReidentificationState.WAITING:
            raise errors.ReidentificationDecided("It does not wait for anybody.")
        if by.strip().casefold() == self.asked_by.strip().casefold():
            raise SecondPersonNeeded("Whoever asked cannot confirm it; another person must.")
        return replace(
            self,
            state=ReidentificationState.READY,
            confirmed_by=by,
            confirmed_at=at,
            confirmation=reason,
            ends_at=at + rule.to_fetch,
        )

    def require_ready(self, at: datetime) -> None:
        """Raise ReidentificationOver, ReidentificationWaiting."""
        self._require_in_time(at)
        if self.state is ReidentificationState.WAITING:
            raise errors.ReidentificationWaiting(
                "Another person of the practice has to confirm it first."
            )

    def answer(self, found: Sequence[LedBack], *, at: datetime) -> Self:
        """Note that the answer was given; of whom is in the rows beside it.

        Raises:
            ReidentificationOver, ReidentificationWaiting

        """
        self.require_ready(at)
        numbers = sum(one.outcome is Outcome.NUMBER for one in found)
        told = ReidentificationAnswered(numbers=numbers, **_told(self, at))
        return replace(self, answers=self.answers + 1, pending=(*self.pending, told))

    def end(self) -> Self:
        """Let nothing of what was asked remain but that it was."""
        return replace(self, state=ReidentificationState.OVER, tokens=())

    def _require_in_time(self, at: datetime) -> None:
        if self.standing(at) is ReidentificationState.OVER:
            raise errors.ReidentificationOver(
                "Its time is over, and the tokens are gone. Ask again."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldOf:
    """That a practice was told of one person, or was not since they are another's patient."""

    id: UUID
    reidentification_id: UUID
    person: str
    """The haven token, in hexadecimal digits."""
    outcome: Outcome
    told_to: str
    """The subject who fetched the answer."""
    told_at: datetime
    decision_id: str


def _told(one: Reidentification, at: datetime) -> dict[str, Any]:
    """Return what every event says of it."""
    return {
        "at": at,
        "reidentification_id": one.id,
        "practice": one.practice,
        "agreement": one.agreement,
        "people": one.people,
        "reason_code": one.reason_code,
    }
