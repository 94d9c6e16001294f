"""The national check (domain.md 4.3, 0.1; R12): who of those asked about may be used.

It is opened for what is to be prepared, and its request names the people of just these editions.
The reply is taken against that check alone: whoever is not in it is left out, so an empty reply
clears nobody and is right. What is no list, names others than were asked, or comes late is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Self
from uuid import UUID

from common.clock import legal_day
from pseudonymisation.intake.domain.errors import CheckAnswered, CheckTooOld, ReplyNotAsked
from pseudonymisation.intake.domain.opt_out import ListContent


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAge:
    """How many legal days a check may be old, from its opening on; dated data."""

    first: date | None
    last: date | None
    days_max: int

    @classmethod
    def none(cls, _day: date) -> Self:
        """Without a rule, no check is good for longer than its own day."""
        return cls(first=None, last=None, days_max=0)

    def holds_on(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Who may be used. Its people lie sealed, like those of the request."""

    id: UUID
    """Of the list of those who may be used; its key's name."""
    cleared: int
    digest: str
    object_key: str
    received_at: datetime
    received_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutCheck:
    id: UUID
    data_set: str
    periods: tuple[str, ...]
    purpose: str
    editions: tuple[UUID, ...]
    """Whose people are asked about."""
    people: int
    object_key: str
    """Of the request."""
    opened_at: datetime
    opened_by: str
    reply: Reply | None = None
    version: int = 0

    @property
    def opened_on(self) -> date:
        """The day whose opt-outs a reply tells, at the earliest."""
        return legal_day(self.opened_at)

    def is_fresh(self, age: CheckAge, *, day: date) -> bool:
        return 0 <= (day - self.opened_on).days <= age.days_max

    def require_open(self, age: CheckAge, *, day: date) -> None:
        """Raise CheckTooOld."""
        if not self.is_fresh(age, day=day):
            raise CheckTooOld(
                f"A check may be used for {age.days_max} days after it was opened. Open a new check"
                " and ask the national service again."
            )

    def answered(
        self,
        taken: ListContent,
        *,
        reply_id: UUID,
        not_asked: int,
        object_key: str,
        by: str,
        at: datetime,
    ) -> Self:
        """Take the reply, once. The same reply again changes nothing.

        Raises:
            ReplyNotAsked, CheckAnswered

        """
        if self.reply is not None:
            if self.reply.digest == taken.digest:
                return self
            raise CheckAnswered("The check already has another reply. Open a new check.")
        if not_asked:
            raise ReplyNotAsked(
                f"{not_asked} of {taken.people} people are not in the request of this check. Send"
                " the reply to the check that it belongs to.",
                not_asked=not_asked,
            )
        reply = Reply(
            id=reply_id,
            cleared=taken.people,
            digest=taken.digest,
            object_key=object_key,
            received_at=at,
            received_by=by,
        )
        return replace(self, reply=reply)

    def serves(
        self, *, data_set: str, purpose: str, periods: Sequence[str], editions: Sequence[UUID]
    ) -> bool:
        """Return whether it was answered, and asked about all of whom something is prepared."""
        return (
            self.reply is not None
            and (self.data_set, self.purpose) == (data_set, purpose)
            and frozenset(periods) <= frozenset(self.periods)
            and frozenset(editions) <= frozenset(self.editions)
        )
