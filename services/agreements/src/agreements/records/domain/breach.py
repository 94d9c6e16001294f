"""Breaches: reported, receipted, judged, closed (domain.md 3.6; ruling 3).

The report asks first whether the activity has stopped. "No", "not known", or a finding of serious,
holds the named lines at once; otherwise a breach handler triages. The receipt excuses nothing, and
the reporter's own duty to the ICO stays the reporter's: no step here fills it in.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.events import BreachClosed, BreachReported
from common.clock import end_of, legal_day
from common.errors import TransitionRefused

RECEIPT_OVERDUE = (
    "No confirmation receipt was issued in one working day: contact DARS directly "
    "(framework contract, section 4.1.8)."
)
SATURDAY = 5


class Stopped(StrEnum):
    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not_known"


class Required(StrEnum):
    """Whether the ICO has to be told, as the reporter says."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not_known"


class Channel(StrEnum):
    """By which way it came; only one that came by ours is receipted by itself."""

    API = "api"
    TELEPHONE = "telephone"
    EMAIL = "email"
    AUDIT = "audit"
    SYSTEM = "system"
    """By no report: the facts themselves show it."""


class Cause(StrEnum):
    """Of what a breach is that nobody had to report."""

    DESTRUCTION_OVERDUE = "destruction_overdue"
    ONWARD_SHARE = "onward_share"
    PLACE_CHANGED = "place_changed"


class Finding(StrEnum):
    NOT_BREACH = "not_breach"
    MINOR = "minor"
    MAJOR = "major"
    SERIOUS = "serious"


class Demand(StrEnum):
    """What a finding demands of those whom it is about."""

    DESTROY = "destroy"
    END_AGREEMENT = "end_agreement"


class BreachState(StrEnum):
    REPORTED = "REPORTED"
    JUDGED = "JUDGED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    id: UUID
    reference: str
    agreement_id: UUID
    agreement: str
    lines: tuple[int, ...] | None
    channel: Channel
    activity_stopped: Stopped
    activity_stopped_at: datetime | None
    description: str
    discovered_at: datetime
    reported_at: datetime
    reporter_organisation: str
    receipt_reference: str | None = None
    receipt_at: datetime | None = None
    receipt_alerted_at: datetime | None = None
    dspt_incident: str | None = None
    ico_required: Required = Required.NOT_KNOWN
    ico_notified_at: datetime | None = None
    finding: Finding | None = None
    finding_at: datetime | None = None
    actions: tuple[Demand, ...] | None = None
    cause: Cause | None = None
    """None: somebody reported it."""
    outcome: str | None = None
    closed_at: datetime | None = None
    version: int = 0

    pending: tuple[BreachReported | BreachClosed, ...] = ()

    @property
    def state(self) -> BreachState:
        if self.closed_at is not None:
            return BreachState.CLOSED
        return BreachState.REPORTED if self.finding is None else BreachState.JUDGED

    def holds_at_once(self) -> bool:
        """Check whether the report itself stops releases (ruling 3)."""
        return self.activity_stopped is not Stopped.YES

    def announce(self) -> Self:
        event = BreachReported(
            breach_id=self.id,
            reference=self.reference,
            agreement=self.agreement,
            lines=self.lines,
            activity_stopped=self.activity_stopped.value,
            state=self.state.value,
            at=self.reported_at,
        )
        return replace(self, pending=(*self.pending, event))

    def issue_receipt(self, *, reference: str, at: datetime) -> Self:
        """Confirm that it arrived. It neither closes nor excuses anything."""
        if self.receipt_at is not None:
            return self
        return replace(self, receipt_reference=reference, receipt_at=at)

    def receipt_is_overdue(self, at: datetime, holidays: Collection[date]) -> bool:
        """Check whether one working day has passed without a receipt."""
        return self.receipt_at is None and at >= receipt_due(self.reported_at, holidays)

    def find(self, finding: Finding, *, actions: Collection[Demand] = (), at: datetime) -> Self:
        """Record how serious it is and what is demanded; anew until it is closed."""
        if self.closed_at is not None:
            raise TransitionRefused(f"{self.reference} is closed.", state=self.state.value)
        wanted = tuple(sorted(set(actions)))
        if self.finding is finding and (self.actions or ()) == wanted:
            return self
        return replace(self, finding=finding, finding_at=at, actions=wanted)

    def close(self, *, outcome: str, at: datetime) -> Self:
        """Close it with a lesson. Holds stay until two people lift them.

        Raises:
            TransitionRefused: nobody has judged it yet.

        """
        if self.closed_at is not None:
            return self
        if self.finding is None:
            raise TransitionRefused(f"{self.reference} has no finding yet.", state=self.state.value)
        closed = replace(self, outcome=outcome, closed_at=at)
        event = BreachClosed(
            breach_id=self.id,
            reference=self.reference,
            agreement=self.agreement,
            finding=self.finding.value,
            state=closed.state.value,
            at=at,
        )
        return replace(closed, pending=(*self.pending, event))


def receipt_due(reported_at: datetime, holidays: Collection[date]) -> datetime:
    """Return the end of the first working day after the report's day."""
    day = legal_day(reported_at) + timedelta(days=1)
    while day.weekday() >= SATURDAY or day in holidays:
        day += timedelta(days=1)
    return end_of(day)
