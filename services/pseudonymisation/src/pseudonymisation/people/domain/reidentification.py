"""A re-identification: a practice asks whom tokens stand for (domain.md 8.4).

The NHS numbers are found when the answer is fetched and are kept nowhere; what is kept until its
time is over are the tokens, and for good the haven tokens of those who were found.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID

from common.lives import Life
from common.security.principal import Principal
from pseudonymisation.people.domain import errors
from pseudonymisation.people.domain.asked import AskedAboutPeople, AskedState, life
from pseudonymisation.people.domain.events import (
    ReidentificationAnswered,
    ReidentificationAsked,
)
from pseudonymisation.people.domain.rules import ReidentificationRule
from statements.vocabulary import LineKey


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


LIFE = life(
    "Re-identification",
    "/v1/re-identifications/{reidentification_id}",
    begins=frozenset({AskedState.WAITING, AskedState.READY}),
    waits=errors.ReidentificationWaiting,
    over=errors.ReidentificationOver,
    decided=errors.ReidentificationDecided,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reidentification(AskedAboutPeople):
    LIFE: ClassVar[Life[AskedState]] = LIFE
    CONFIRMED_BY: ClassVar[str] = "Another person of the practice"

    practice: str
    client_id: str
    agreement: str
    key: LineKey
    domain: str
    reason_code: str
    people: int
    tokens: tuple[str, ...]
    """Empty once its time is over."""
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
            state=AskedState.WAITING if waits else AskedState.READY,
        )
        told = ReidentificationAsked(needs_second_person=waits, **_told(made, at))
        return replace(made, pending=(told,))

    def confirm(self, *, by: str, reason: str, rule: ReidentificationRule, at: datetime) -> Self:
        """Let the answer be fetched: another person of the practice, saying why.

        Raises:
            ReidentificationOver, ReidentificationDecided, SecondPersonNeeded

        """
        return self.confirmed(by=by, reason=reason, to_fetch=rule.to_fetch, at=at)

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
        return replace(self, state=AskedState.OVER, tokens=())


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
