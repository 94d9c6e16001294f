"""Lists of people who opted out (domain.md 4.3). Here only that there is one, never who.

What counts is the list of the newest day, then of the newest import, that is in force. While a
list waits for a second person, or the newest one is about to be taken back, whoever is on any of
them is left out: `upheld` says which these are.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from itertools import takewhile
from typing import Self
from uuid import UUID

from pydantic import JsonValue

from common.replacement import Change, Judgement, ReplacementStatus, State
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.events import SourceKind, SourceTakenBack


class ListKind(StrEnum):
    """Who is on a list of people: those who object, or those who may be used."""

    OBJECTORS = "objectors"
    """Who objected, and is left out."""
    CLEARED = "cleared"
    """Who may be used, as the national service answers."""


@dataclass(frozen=True, slots=True)
class ListContent:
    """What came in: how many numbers stood in it, how many people they are, and its digest."""

    numbers: int
    people: int
    digest: str

    def require_count(self, declared: int | None) -> None:
        """Hold it against what its sender said of it.

        Raises:
            ListCountDiffers, ListEmpty, ListDoubled

        """
        if declared is not None and not declared == self.numbers == self.people:
            raise errors.ListCountDiffers(
                f"`declared_count` is {declared}, and the list has {self.people} people in"
                f" {self.numbers} lines. Count again and send the list again.",
                declared=declared,
                people=self.people,
                numbers=self.numbers,
            )
        if not self.people and declared is None:
            raise errors.ListEmpty(
                "The list is empty. If nobody opted out, send it with `declared_count=0`."
            )
        if self.people and self.numbers >= 2 * self.people:
            raise errors.ListDoubled(
                f"The list has {self.people} people in {self.numbers} lines, so it is in the body"
                " more than once. Send it once.",
                people=self.people,
                numbers=self.numbers,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutList:
    id: UUID
    list_date: date
    """The day whose opt-outs it holds. The newest day counts, then the newest import."""
    people: int
    digest: str
    object_key: str
    imported_at: datetime
    imported_by: str
    """The subject that imported it."""
    standing: ReplacementStatus
    version: int = 0
    """Counts the stored changes; the repository refuses to overwrite a newer one."""
    pending: tuple[SourceTakenBack, ...] = ()
    """Events not yet stored."""

    @property
    def logged(self) -> dict[str, JsonValue]:
        """What the audit log says of it at each change: all that decides who is left out."""
        return {
            "list_date": self.list_date.isoformat(),
            "imported_at": self.imported_at.astimezone(UTC).isoformat(),
            "people": self.people,
            "digest": self.digest,
            "state": self.standing.state.value,
        }

    def confirm(self, *, by: str, reason: str, at: datetime) -> Self:
        """Raise SecondPersonNeeded, ReplacementDecided."""
        return replace(self, standing=self.standing.confirm(by=by, reason=reason, at=at))

    def take_back(
        self,
        judgement: Judgement | None,
        *,
        instead: "OptOutList | None",
        by: str,
        reason: str,
        at: datetime,
    ) -> Self:
        """Take it back; `instead` is in force then. What was made with it is void at once.

        Raises:
            SecondPersonNeeded, ReplacementDecided

        """
        standing = self.standing.take_back(
            judgement, by=by, reason=reason, at=at, against=name_of(instead)
        )
        gone = SourceTakenBack(
            kind=SourceKind.OPT_OUT_LIST,
            source_id=self.id,
            replaced_by=None if instead is None else instead.id,
            at=at,
        )
        was_in_force = self.standing.state in {State.ACCEPTED, State.CONFIRMED}
        return replace(self, standing=standing, pending=(gone,) if was_in_force else ())

    def supersede(self, *, at: datetime) -> Self:
        return replace(self, standing=self.standing.supersede(at=at))

    def all_go(self, other: "OptOutList") -> Change:
        """Return what changes where the lists cannot be compared: everybody on this goes."""
        return Change(
            before=self.people, after=other.people, added=other.people, removed=self.people
        )


def name_of(listed: OptOutList | None) -> str:
    """Name what a list is held against."""
    return NO_LIST if listed is None else str(listed.id)


NO_LIST = "none"


def newest_first(lists: Iterable[OptOutList]) -> list[OptOutList]:
    """Put those that count before those that would, were they not there."""
    return sorted(lists, key=lambda o: (o.list_date, o.imported_at, o.id), reverse=True)


def in_force(lists: Iterable[OptOutList]) -> OptOutList | None:
    """Return which list is in force."""
    return next((o for o in newest_first(lists) if o.standing.is_effective), None)


def next_in_force(lists: Iterable[OptOutList], gone: OptOutList) -> OptOutList | None:
    """Return which would be in force without that one."""
    return in_force(o for o in lists if o.id != gone.id)


def upheld(lists: Iterable[OptOutList]) -> tuple[OptOutList, ...]:
    """Return whose people are left out: the first is the list in force; without one, none is.

    All that wait; and where the one in force is about to go, the one that would come after it.
    """
    ordered = newest_first(lists)
    effective = [o for o in ordered if o.standing.is_effective]
    if not effective:
        return ()
    leaving = list(takewhile(lambda o: o.standing.state is State.LEAVING, effective))
    waiting = [o for o in ordered if o.standing.is_waiting]
    return (*effective[: len(leaving) + 1], *waiting)


def is_void(made_with: Collection[UUID], first: OptOutList, lists: Iterable[OptOutList]) -> bool:
    """Return whether a file made with these lists, the first in force then, is void by now.

    It is where that one was taken back, or is about to be, and the one that comes in its place
    was not upheld beside it.
    """
    if first.standing.state not in {State.LEAVING, State.TAKEN_BACK}:
        return False
    instead = in_force(o for o in lists if o.standing.state is not State.LEAVING)
    return instead is None or instead.id not in made_with
