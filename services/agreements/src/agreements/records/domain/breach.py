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
from common.lives import Life, Move

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
    END_CONTRACT = "end_contract"


ENDINGS = frozenset({Demand.END_AGREEMENT, Demand.END_CONTRACT})
"""What is done at once and never undone."""


class BreachState(StrEnum):
    REPORTED = "REPORTED"
    JUDGED = "JUDGED"
    CLOSED = "CLOSED"


class BreachCommand(StrEnum):
    ESTABLISH = "POST /v1/breaches/{breach_id}/facts"
    FIND = "POST /v1/breaches/{breach_id}/finding"
    CLOSE = "POST /v1/breaches/{breach_id}/closure"


_ESTABLISHED = "its facts are established"
BREACH = Life(
    name="Breach",
    begins=frozenset({BreachState.REPORTED}),
    moves={
        BreachState.REPORTED: (
            Move(to=BreachState.REPORTED, why=_ESTABLISHED, command=BreachCommand.ESTABLISH),
            Move(to=BreachState.JUDGED, why="a finding", command=BreachCommand.FIND),
        ),
        BreachState.JUDGED: (
            Move(to=BreachState.JUDGED, why=_ESTABLISHED, command=BreachCommand.ESTABLISH),
            Move(to=BreachState.JUDGED, why="another finding", command=BreachCommand.FIND),
            Move(
                to=BreachState.CLOSED,
                why="it has facts and a finding, and a lesson",
                command=BreachCommand.CLOSE,
            ),
        ),
        BreachState.CLOSED: (),
    },
    otherwise={
        BreachCommand.ESTABLISH: TransitionRefused,
        BreachCommand.FIND: TransitionRefused,
        BreachCommand.CLOSE: {BreachState.REPORTED: TransitionRefused, BreachState.CLOSED: None},
    },
)


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
    contracts: tuple[str, ...] | None = None
    """The framework contracts that the finding ends."""
    facts: str | None = None
    facts_at: datetime | None = None
    records_affected: int | None = None
    cause: Cause | None = None
    """None: somebody reported it."""
    outcome: str | None = None
    lesson: str | None = None
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

    def establish(self, *, facts: str, records_affected: int | None, at: datetime) -> Self:
        """Record what was found to have happened; anew until it is closed."""
        self._require_open(BreachCommand.ESTABLISH)
        if (self.facts, self.records_affected) == (facts, records_affected):
            return self
        return replace(self, facts=facts, records_affected=records_affected, facts_at=at)

    def find(
        self,
        finding: Finding,
        *,
        actions: Collection[Demand] = (),
        contracts: Collection[str] = (),
        at: datetime,
    ) -> Self:
        """Record how serious it is and what is demanded; anew until it is closed.

        It may come before the facts, since what is serious cannot wait for them.

        Raises:
            TransitionRefused: it is closed, or what it demanded has been done already.

        """
        self._require_open(BreachCommand.FIND)
        wanted, ended = tuple(sorted(set(actions))), tuple(sorted(set(contracts)))
        if (self.finding, self.actions or (), self.contracts or ()) == (finding, wanted, ended):
            return self
        has_ended = {*(self.actions or ())} & ENDINGS
        if not has_ended <= set(wanted) or not set(self.contracts or ()) <= set(ended):
            raise TransitionRefused(
                f"{self.reference} has ended what it demanded: name it again in `actions` and"
                " `contracts`, since an end is not taken back.",
                state=self.state.value,
            )
        return replace(self, finding=finding, finding_at=at, actions=wanted, contracts=ended)

    def close(self, *, outcome: str, lesson: str, at: datetime) -> Self:
        """Close it with a lesson. Holds stay until two people lift them.

        Raises:
            TransitionRefused: nobody has established its facts or judged it yet.

        """
        lacks = f"{self.reference} has no {{0}} yet: POST {{0}} first."
        if not BREACH.permits(self.state, BreachCommand.CLOSE, lacks.format("finding")):
            return self
        if self.facts is None:
            raise TransitionRefused(lacks.format("facts"), state=self.state.value)
        assert self.finding is not None
        closed = replace(self, outcome=outcome, lesson=lesson, closed_at=at)
        event = BreachClosed(
            breach_id=self.id,
            reference=self.reference,
            agreement=self.agreement,
            finding=self.finding.value,
            state=closed.state.value,
            at=at,
        )
        return replace(closed, pending=(*self.pending, event))

    def _require_open(self, command: BreachCommand) -> None:
        BREACH.permits(self.state, command, f"{self.reference} is closed.")


def receipt_due(reported_at: datetime, holidays: Collection[date]) -> datetime:
    """Return the end of the first working day after the report's day."""
    day = legal_day(reported_at) + timedelta(days=1)
    while day.weekday() >= SATURDAY or day in holidays:
        day += timedelta(days=1)
    return end_of(day)
