"""The national check (domain.md 4.3, 0.1; R12): who of those asked about may be used.

It is opened for what is to be prepared, and its request names the people of just these editions.
The reply is taken against that check alone: whoever is not in it is left out, so an empty reply
clears nobody and is right. What is no list, names others than were asked, or comes late is none.

A reply that clears many whom an earlier one of these months did not clear waits for a second
person, and meanwhile only who is cleared by both is used. One is taken back by one person at once,
since nothing takes its place: `upheld` lets no older reply serve where it would have served.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import JsonValue

from common.clock import is_between, legal_day
from common.replacement import (
    Change,
    Judgement,
    ReplacementKind,
    ReplacementLimits,
    ReplacementOutdated,
    ReplacementStatus,
    State,
)
from pseudonymisation.intake.domain.errors import (
    CheckAnswered,
    CheckNotAnswered,
    CheckTooOld,
    ReplyNotAsked,
)
from pseudonymisation.intake.domain.events import SourceKind, SourceTakenBack
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
        return is_between(day, self.first, self.last)


class ReplyState(StrEnum):
    """How a check stands."""

    OPEN = "open"
    """No reply was taken, and nothing is prepared by it."""
    ANSWERED = "answered"
    """Who is in the reply may be used."""
    WAITING = "waiting"
    """The reply clears many anew: for a second person. Only who is in it and in the one in force
    is used meanwhile."""
    TAKEN_BACK = "taken_back"
    """Nobody is used by it, nor by an older reply in its place."""


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
    standing: ReplacementStatus
    """Its change is counted in objectors: who was asked about and not cleared."""
    recalled_at: datetime | None = None
    """When it was taken back after it had been in force."""


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
    pending: tuple[SourceTakenBack, ...] = ()
    """Events not yet stored."""

    @property
    def logged(self) -> dict[str, JsonValue]:
        """What the audit log says of it at each change: all that decides who may be used."""
        reply = self.reply
        return {
            "data_set": self.data_set,
            "periods": list(self.periods),
            "purpose": self.purpose,
            "editions": [str(id_) for id_ in self.editions],
            "opened_at": self.opened_at.astimezone(UTC).isoformat(),
            "people": self.people,
            "cleared": None if reply is None else reply.cleared,
            "reply": None if reply is None else str(reply.id),
            "digest": None if reply is None else reply.digest,
            "state": None if reply is None else self.state.value,
            "recalled": reply is not None and reply.recalled_at is not None,
        }

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

    def has(self, taken: ListContent) -> bool:
        """Return whether this is the reply that it has; one is taken once.

        Raises:
            CheckAnswered: where it has another, or this one was taken back

        """
        if self.reply is None:
            return False
        if self.reply.digest != taken.digest:
            raise CheckAnswered("The check already has another reply. Open a new check.")
        if self.reply.standing.state is State.TAKEN_BACK:
            raise CheckAnswered("This reply was taken back. Open a new check.")
        return True

    def answered(self, reply: Reply, *, not_asked: int) -> Self:
        """Take the reply.

        Raises:
            ReplyNotAsked

        """
        if not_asked:
            raise ReplyNotAsked(
                f"{not_asked} of {reply.cleared} people are not in the request of this check. Send"
                " the reply to the check that it belongs to.",
                not_asked=not_asked,
            )
        return replace(self, reply=reply)

    def confirm_reply(
        self, former: "OptOutCheck | None", *, by: str, reason: str, at: datetime
    ) -> Self:
        """Let a reply that waits into force; `former` is what it would replace by now.

        Raises:
            CheckNotAnswered, SecondPersonNeeded, ReplacementDecided, ReplacementOutdated

        """
        reply = self._replied()
        confirmed = reply.standing.confirm(by=by, reason=reason, at=at)
        if former is not None and not reply.standing.was_shown(str(former.id)):
            raise ReplacementOutdated(
                "Another reply came into force since, and the preview is not held against that"
                " one. Open a new check."
            )
        return replace(self, reply=replace(reply, standing=confirmed))

    def take_reply_back(self, *, by: str, reason: str, at: datetime) -> Self:
        """Take the reply back: whoever it cleared is cleared no more, so one person is enough.

        Raises:
            CheckNotAnswered, ReplacementDecided

        """
        reply = self._replied()
        gone = replace(reply, standing=reply.standing.take_back(None, by=by, reason=reason, at=at))
        if not reply.standing.is_effective:
            return replace(self, reply=gone)
        event = SourceTakenBack(
            kind=SourceKind.OPT_OUT_LIST, source_id=reply.id, replaced_by=None, at=at
        )
        return replace(self, reply=replace(gone, recalled_at=at), pending=(event,))

    def _replied(self) -> Reply:
        if self.reply is None:
            raise CheckNotAnswered("The check has no reply that could be decided.")
        return self.reply

    @property
    def standing(self) -> ReplacementStatus:
        """Return how its reply stands. Raise CheckNotAnswered."""
        return self._replied().standing

    @property
    def state(self) -> ReplyState:
        if self.reply is None:
            return ReplyState.OPEN
        standing = self.reply.standing
        if standing.is_effective:
            return ReplyState.ANSWERED
        return ReplyState.WAITING if standing.is_waiting else ReplyState.TAKEN_BACK

    @property
    def is_in_force(self) -> bool:
        return self.reply is not None and self.reply.standing.is_effective

    def is_about_the_same_as(self, other: "OptOutCheck") -> bool:
        """Return whether both asked about people of one month; who objects does so to any use."""
        return self.data_set == other.data_set and not frozenset(self.periods).isdisjoint(
            other.periods
        )

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


def newest_first(checks: Iterable[OptOutCheck]) -> list[OptOutCheck]:
    """Put those that count before those that would, were they not there."""
    return sorted(checks, key=lambda c: (c.opened_at, c.id), reverse=True)


def upheld(serving: Iterable[OptOutCheck]) -> tuple[OptOutCheck, ...]:
    """Return the checks by which who is cleared by all of them is used, the one in force first.

    `serving` are the checks that asked about all of whom something is prepared. The newest reply
    counts; those that wait beside it make it only stricter. One that was in force and was taken
    back ends the search: no older one takes its place.
    """
    waiting: list[OptOutCheck] = []
    for check in newest_first(serving):
        reply = check.reply
        if reply is None:
            continue
        if reply.standing.is_effective:
            return (check, *waiting)
        if reply.standing.is_waiting:
            waiting.append(check)
        elif reply.recalled_at is not None:
            break
    return ()


def judge_reply(
    change: Change, over_window: Sequence[Change], *, limits: ReplacementLimits, on: date
) -> Judgement:
    """Judge a reply as a list of the objectors that it tells of, by whom it clears anew.

    The limits of a first list are not its own: it was taken against the check that asked, and who
    objects by the first reply was never cleared.
    """
    limit = limits.limit(ReplacementKind.OPT_OUTS, on=on)
    if change.removed and not limit.lets_pass(change):
        return Judgement(change=change, limit=limit, waits=True)
    for in_all in over_window:
        if in_all.removed and not limit.lets_pass_over_window(in_all):
            return Judgement(change=in_all, limit=limit, waits=True)
    return Judgement(change=change, limit=limit, waits=False)
