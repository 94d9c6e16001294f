"""A subject access request: in which releases rows of one person were ("was I in it?").

For the Body's information governance, two people. The NHS number becomes a haven token as it
comes in; of whom it was asked stays known by that token alone, to whoever has the haven's key.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self
from uuid import UUID

from common.lives import Life
from common.security.principal import Principal
from pseudonymisation.people.domain import errors
from pseudonymisation.people.domain.asked import AskedAboutPeople, AskedState, life
from pseudonymisation.people.domain.rules import SubjectAccessRule
from statements.permit import Permit

LIFE = life(
    "Subject access request",
    "/v1/subject-access-requests/{request_id}",
    begins=frozenset({AskedState.WAITING}),
    waits=errors.SubjectAccessWaiting,
    over=errors.SubjectAccessOver,
    decided=errors.SubjectAccessDecided,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectAccess(AskedAboutPeople):
    LIFE: ClassVar[Life[AskedState]] = LIFE
    CONFIRMED_BY: ClassVar[str] = "Another person of information governance"

    person: str
    """The haven token, in hexadecimal digits."""

    @classmethod
    def asked(
        cls,
        person: str,
        reason: str,
        *,
        id_: UUID,
        by: Principal,
        rule: SubjectAccessRule,
        at: datetime,
    ) -> Self:
        return cls(
            id=id_,
            person=person,
            asked_by=by.subject,
            reason=reason,
            asked_at=at,
            ends_at=at + rule.to_confirm,
            state=AskedState.WAITING,
        )

    def confirm(self, *, by: str, reason: str, rule: SubjectAccessRule, at: datetime) -> Self:
        """Raise SubjectAccessOver, SubjectAccessDecided, SecondPersonNeeded."""
        return self.confirmed(by=by, reason=reason, to_fetch=rule.to_fetch, at=at)

    def answer(self, *, at: datetime) -> Self:
        """Note that the answer was given. Raise SubjectAccessOver, SubjectAccessWaiting."""
        self.require_ready(at)
        return replace(self, answers=self.answers + 1)


class Searched(StrEnum):
    """What came of looking for a person in one prepared extract."""

    IN_IT = "in_it"
    NOT_IN_IT = "not_in_it"
    CANNOT_BE_TOLD = "cannot_be_told"
    """The key of its tokens, or all of its files, are destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedExtract:
    """Records that were once prepared, and where they lie."""

    preparation_id: UUID
    permit: Permit
    files: tuple[tuple[UUID, str, str], ...]
    """Id, format and key in the release store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A file that left, as agreements holds it."""

    file_id: UUID
    holder: str
    """The organisation that answers for it."""
    released_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundIn:
    """A released extract, and whether the person's rows are in it."""

    extract: PreparedExtract
    searched: Searched
    releases: tuple[Release, ...]
