"""Audits: the yearly one of the service, and those of recipients (ruling 18; domain.md 3.6).

Planned with a scope, reported with findings and actions, published, and followed up: it is closed
when every action is done and somebody has looked again. Grades are assumed: no source has a scale.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import (
    AuditActionNotFound,
    AuditActionsOpen,
    AuditDates,
    AuditScope,
)
from common.clock import legal_day
from common.errors import TransitionRefused
from common.lives import Life, Move


class AuditKind(StrEnum):
    SERVICE = "service"
    """The yearly independent audit of the service itself."""
    RECIPIENT = "recipient"


class AuditArea(StrEnum):
    """What is looked at."""

    INFORMATION_TRANSFER = "information_transfer"
    ACCESS_CONTROL = "access_control"
    DATA_USE_AND_BENEFITS = "data_use_and_benefits"
    RISK_MANAGEMENT = "risk_management"
    OPERATIONAL_MANAGEMENT = "operational_management"
    DATA_DESTRUCTION = "data_destruction"


class Grade(StrEnum):
    MAJOR = "major"
    MINOR = "minor"
    OBSERVATION = "observation"


class AuditState(StrEnum):
    PLANNED = "PLANNED"
    REPORTED = "REPORTED"
    PUBLISHED = "PUBLISHED"
    CLOSED = "CLOSED"


class AuditCommand(StrEnum):
    REPORT = "POST /v1/audits/{audit_id}/report"
    COMPLETE_ACTION = "POST /v1/audits/{audit_id}/actions/{number}/completion"
    PUBLISH = "POST /v1/audits/{audit_id}/publication"
    FOLLOW_UP = "POST /v1/audits/{audit_id}/follow-up"


_DONE = "an action is done"
AUDIT = Life(
    name="Audit",
    begins=frozenset({AuditState.PLANNED}),
    moves={
        AuditState.PLANNED: (
            Move(
                to=AuditState.REPORTED,
                why="its findings are handed in",
                command=AuditCommand.REPORT,
            ),
        ),
        AuditState.REPORTED: (
            Move(to=AuditState.REPORTED, why=_DONE, command=AuditCommand.COMPLETE_ACTION),
            Move(
                to=AuditState.PUBLISHED, why="its report is published", command=AuditCommand.PUBLISH
            ),
        ),
        AuditState.PUBLISHED: (
            Move(to=AuditState.PUBLISHED, why=_DONE, command=AuditCommand.COMPLETE_ACTION),
            Move(
                to=AuditState.PUBLISHED,
                why="actions are asked for again",
                command=AuditCommand.FOLLOW_UP,
            ),
            Move(to=AuditState.CLOSED, why="every action is done", command=AuditCommand.FOLLOW_UP),
        ),
        AuditState.CLOSED: (),
    },
    otherwise={
        AuditCommand.REPORT: (TransitionRefused, None),
        AuditCommand.COMPLETE_ACTION: TransitionRefused,
        AuditCommand.PUBLISH: {
            AuditState.PLANNED: TransitionRefused,
            AuditState.PUBLISHED: None,
            AuditState.CLOSED: None,
        },
        AuditCommand.FOLLOW_UP: {
            AuditState.PLANNED: TransitionRefused,
            AuditState.REPORTED: TransitionRefused,
            AuditState.CLOSED: (TransitionRefused, None),
        },
    },
)
"""What was said already is answered again where it is said in the same words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    number: int
    area: AuditArea
    grade: Grade
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAction:
    """What an organisation has to do about a finding, and by when."""

    number: int
    finding: int
    text: str
    owner: str
    due: date
    done_on: date | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    id: UUID
    reference: str
    kind: AuditKind
    organisation: str
    """Who is audited."""
    agreement: str | None
    """Its reference, where one agreement is looked at."""
    auditor: str
    """The firm or body that audits; never a person."""
    areas: tuple[AuditArea, ...]
    planned_for: date
    performed_on: date | None = None
    summary: str | None = None
    findings: tuple[AuditFinding, ...] = ()
    actions: tuple[AuditAction, ...] = ()
    reported_at: datetime | None = None
    published_at: datetime | None = None
    reviewed_on: date | None = None
    follow_up: str | None = None
    closed_at: datetime | None = None
    version: int = 0

    @property
    def state(self) -> AuditState:
        if self.closed_at is not None:
            return AuditState.CLOSED
        if self.published_at is not None:
            return AuditState.PUBLISHED
        return AuditState.PLANNED if self.reported_at is None else AuditState.REPORTED

    def actions_open(self) -> tuple[AuditAction, ...]:
        return tuple(action for action in self.actions if action.done_on is None)

    def report(
        self,
        *,
        performed_on: date,
        summary: str,
        findings: Iterable[AuditFinding],
        actions: Iterable[AuditAction],
        at: datetime,
        today: date,
    ) -> Self:
        """Hand in what was found; the same again changes nothing.

        Raises:
            AuditDates: it was done in the future, or an action is due before it was done.
            AuditScope: a finding is in no area of the scope.

        """
        found, wanted = tuple(findings), tuple(actions)
        said = (performed_on, summary, found, tuple(_as_wanted(a) for a in wanted))
        known = (self.performed_on, self.summary, self.findings)
        if said == (*known, tuple(_as_wanted(a) for a in self.actions)):
            return self
        self._permits(AuditCommand.REPORT, "reported")
        if performed_on > today:
            raise AuditDates("`performed_on` is still to come.")
        if beside := [one.number for one in found if one.area not in self.areas]:
            raise AuditScope(
                f"The scope of {self.reference} is {', '.join(self.areas)}. Findings in none of it:"
                f" {', '.join(map(str, beside))}. Plan another audit with their `areas`.",
                findings=[*beside],
            )
        if any(action.due < performed_on for action in wanted):
            raise AuditDates("An action's `due` lies before `performed_on`.")
        return replace(
            self,
            performed_on=performed_on,
            summary=summary,
            findings=found,
            actions=wanted,
            reported_at=at,
        )

    def complete(self, number: int, *, done_on: date, evidence: str, today: date) -> Self:
        """Record that an action is done.

        Raises:
            AuditActionNotFound
            AuditDates: it was done in the future, or before the audit.

        """
        self._permits(AuditCommand.COMPLETE_ACTION, "given completed actions")
        action = next((a for a in self.actions if a.number == number), None)
        if action is None:
            raise AuditActionNotFound(f"{self.reference} has no action {number}.")
        if action.done_on is not None:
            if (action.done_on, action.evidence) == (done_on, evidence):
                return self
            raise TransitionRefused(
                self._cannot(f"given another completion of action {number}"),
                state=self.state.value,
            )
        if done_on > today or (self.performed_on is not None and done_on < self.performed_on):
            raise AuditDates("`done_on` must lie between `performed_on` and today.")
        done = replace(action, done_on=done_on, evidence=evidence)
        return replace(self, actions=tuple(done if a is action else a for a in self.actions))

    def publish(self, *, at: datetime) -> Self:
        """Publish the report; it stays published."""
        if not self._permits(AuditCommand.PUBLISH, "published: hand in its report first"):
            return self
        return replace(self, published_at=at)

    def review(
        self, *, reviewed_on: date, outcome: str, reopened: Collection[int], at: datetime
    ) -> Self:
        """Look again: close it, or ask for some actions anew.

        Raises:
            AuditActionsOpen: it names every action that is not done.
            AuditActionNotFound
            AuditDates

        """
        said = (reviewed_on, outcome)
        is_closed = self.closed_at is not None
        if is_closed and not reopened and said == (self.reviewed_on, self.follow_up):
            return self
        self._permits(
            AuditCommand.FOLLOW_UP,
            "reviewed again" if is_closed else "followed up: publish its report first",
        )
        if self.performed_on is not None and reviewed_on < self.performed_on:
            raise AuditDates("`reviewed_on` lies before `performed_on`.")
        if reviewed_on > legal_day(at):
            raise AuditDates("`reviewed_on` is still to come.")
        if unknown := set(reopened) - {a.number for a in self.actions}:
            raise AuditActionNotFound(
                f"{self.reference} has no action {', '.join(map(str, sorted(unknown)))}."
            )
        reviewed = replace(self, reviewed_on=reviewed_on, follow_up=outcome)
        if reopened:
            again = (
                replace(a, done_on=None, evidence=None) if a.number in reopened else a
                for a in self.actions
            )
            return replace(reviewed, actions=tuple(again))
        if left := [a.number for a in self.actions_open()]:
            raise AuditActionsOpen(
                f"{self.reference} has actions that are not done:"
                f" {', '.join(map(str, left))}. POST actions/{{number}}/completion first, or name"
                " them in `reopened`.",
                actions=list(left),
            )
        return replace(reviewed, closed_at=at)

    def _permits(self, command: AuditCommand, what: str) -> bool:
        return AUDIT.permits(self.state, command, self._cannot(what))

    def _cannot(self, what: str) -> str:
        return f"{self.reference} is {self.state} and cannot be {what}."


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredAction:
    """What has to be done, as the public may read it: how it showed is not published."""

    number: int
    finding: int
    text: str
    owner: str
    due: date
    done_on: date | None

    @classmethod
    def of(cls, action: AuditAction) -> Self:
        return cls(
            number=action.number,
            finding=action.finding,
            text=action.text,
            owner=action.owner,
            due=action.due,
            done_on=action.done_on,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredAudit:
    """A public report: no person, and nothing that shows how security is kept."""

    reference: str
    kind: AuditKind
    organisation: str
    agreement: str | None
    auditor: str
    areas: tuple[AuditArea, ...]
    state: AuditState
    performed_on: date | None
    summary: str | None
    findings: tuple[AuditFinding, ...]
    actions: tuple[RegisteredAction, ...]
    published_at: datetime | None
    reviewed_on: date | None
    follow_up: str | None

    @classmethod
    def of(cls, audit: Audit) -> Self:
        return cls(
            reference=audit.reference,
            kind=audit.kind,
            organisation=audit.organisation,
            agreement=audit.agreement,
            auditor=audit.auditor,
            areas=audit.areas,
            state=audit.state,
            performed_on=audit.performed_on,
            summary=audit.summary,
            findings=audit.findings,
            actions=tuple(map(RegisteredAction.of, audit.actions)),
            published_at=audit.published_at,
            reviewed_on=audit.reviewed_on,
            follow_up=audit.follow_up,
        )


def _as_wanted(action: AuditAction) -> AuditAction:
    return replace(action, done_on=None, evidence=None)
