"""Who is registered with which practice (ruling 29). Here only that there is a list, never who.

The list of the newest day that is in force counts; the one before is destroyed then. While one
waits for a second person, somebody is a practice's patient only where both lists say so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Self
from uuid import UUID

from pydantic import JsonValue

from common.replacement import Change, Limit, Reach, ReplacementStatus, State
from pseudonymisation.people.domain import errors

NO_LIST: Final = "none"
OVER: Final = frozenset({State.TAKEN_BACK, State.SUPERSEDED})


@dataclass(frozen=True, slots=True)
class RegistrationContent:
    """What came in: how many lines, how many people they are, and its digest."""

    lines: int
    people: int
    digest: str

    def require(self, declared: int) -> None:
        """Hold it against what its sender said of it.

        Raises:
            RegistrationsCountDiffers, RegistrationsInvalid

        """
        if self.people != self.lines:
            raise errors.RegistrationsInvalid(
                f"The list has {self.people} people in {self.lines} lines: each person is"
                " registered once. Leave out the registrations that ended."
            )
        if declared != self.people:
            raise errors.RegistrationsCountDiffers(
                f"`declared_count` is {declared}, and the list has {self.people} people. Count"
                " again and send the list again.",
                declared=declared,
                people=self.people,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationList:
    id: UUID
    list_date: date
    """The day whose registrations it holds."""
    people: int
    digest: str
    object_key: str | None
    """None: destroyed, since another took its place or it was taken back."""
    imported_at: datetime
    imported_by: str
    standing: ReplacementStatus
    version: int = 0

    @property
    def logged(self) -> dict[str, JsonValue]:
        return {
            "list_date": self.list_date.isoformat(),
            "imported_at": self.imported_at.astimezone(UTC).isoformat(),
            "people": self.people,
            "digest": self.digest,
            "state": self.standing.state.value,
        }

    @property
    def is_over(self) -> bool:
        return self.standing.state in OVER

    def confirm(self, *, by: str, reason: str, at: datetime) -> Self:
        """Raise SecondPersonNeeded, ReplacementDecided."""
        return replace(self, standing=self.standing.confirm(by=by, reason=reason, at=at))

    def take_back(self, *, by: str, reason: str, at: datetime) -> Self:
        """Take it back at once: that only takes permission away. Raise ReplacementDecided."""
        return replace(self, standing=self.standing.take_back(None, by=by, reason=reason, at=at))

    def supersede(self, *, at: datetime) -> Self:
        return replace(self, standing=self.standing.supersede(at=at))

    def without_content(self) -> Self:
        return replace(self, object_key=None)


def name_of(listed: RegistrationList | None) -> str:
    """Name what a list is held against."""
    return NO_LIST if listed is None else str(listed.id)


def in_force(lists: Iterable[RegistrationList]) -> RegistrationList | None:
    """Return the list of the newest day, then the newest import, that is in force."""
    effective = [one for one in lists if one.standing.is_effective]
    return max(effective, key=lambda o: (o.list_date, o.imported_at, o.id), default=None)


def over_window(
    lists: Iterable[RegistrationList], change: Change, *, limit: Limit, at: datetime
) -> tuple[Change, ...]:
    """Return what one more change makes of all that came into force by one person of late.

    The content of former lists is destroyed, so that their changes are added up: who was moved to
    and fro counts each time. What two people looked at ends what was before it.
    """
    known = tuple(lists)
    seen = [one.standing.since for one in known if one.standing.was_confirmed]
    start = max([at - timedelta(days=limit.window_days), *seen])
    steps = [
        one.standing.change
        for one in sorted(known, key=lambda one: one.imported_at)
        # What waited when it came was never in force by one person's word.
        if one.imported_at >= start and limit.lets_pass(one.standing.change, Reach(rows=0, of=0))
    ]
    if not steps:
        return ()
    first, *others = (*steps, change)
    if first.is_first:  # all whom it names were given, and it is what the others are held against
        first = Change(
            before=first.after, after=first.after, added=0, removed=0, changed=first.after
        )
    added = first.added + sum(one.added for one in others)
    removed = first.removed + sum(one.removed for one in others)
    # Of a list that was taken back the next one says nothing: no more goes than was there.
    removed = min(removed, first.before + added)
    return (
        Change(
            before=first.before,
            after=first.before + added - removed,
            added=added,
            removed=removed,
            changed=first.changed + sum(one.changed for one in others),
        ),
    )


def asked(
    lists: Iterable[RegistrationList], *, today: date, days_max: int
) -> tuple[RegistrationList, ...]:
    """Return the lists of which each has to say so: that in force, and those that wait.

    Raises:
        RegistrationsOutOfDate: none is in force, or it is too old

    """
    known = tuple(lists)
    current = in_force(known)
    if current is None:
        raise errors.RegistrationsOutOfDate(
            "No list of registrations is in force. Ask the DSCRO to take one in."
        )
    if (today - current.list_date).days > days_max:
        raise errors.RegistrationsOutOfDate(
            f"The list of registrations is of {current.list_date}, and may be {days_max} days old."
            " Ask the DSCRO to take in a newer one."
        )
    return (current, *(one for one in known if one.standing.is_waiting))
