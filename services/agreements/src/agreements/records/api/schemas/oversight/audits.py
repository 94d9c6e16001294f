"""Audits, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from agreements.records.api.schemas.registers import HiddenOnes, HiddenView
from agreements.records.api.schemas.shared import (
    Code,
    Day,
    Incoming,
    Name,
    Outgoing,
    SealedView,
    Words,
    told,
)
from agreements.records.domain.lists.register import Row
from agreements.records.domain.oversight.audits import (
    Audit,
    AuditAction,
    AuditArea,
    AuditFinding,
    AuditKind,
    AuditState,
    Grade,
)
from agreements.records.use_cases.oversight.audits import AuditPlan, AuditReport, PublicAudits
from common import texts
from common.errors import Invalid

ITEMS_MAX = 200
Areas = Annotated[
    list[AuditArea],
    Field(min_length=1, max_length=len(AuditArea), description="What is looked at."),
]


class PlanAudit(Incoming):
    """The scope of an audit: of the service each year, or of a recipient."""

    kind: Annotated[AuditKind, Field(description="Of the service itself, or of a recipient.")]
    organisation: Annotated[Code, Field(description="Who is audited, by its ODS code.")]
    agreement: Annotated[
        str | None,
        Field(
            pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$",
            description="The agreement that is looked at; null: all of the organisation's.",
        ),
    ] = None
    auditor: Annotated[
        Name, Field(description="The firm or body that audits; never a person's name.")
    ]
    areas: Areas
    planned_for: Annotated[Day, Field(description="The day for which it is planned.")]

    def plan(self) -> AuditPlan:
        return AuditPlan(
            kind=self.kind,
            organisation=self.organisation,
            agreement=self.agreement,
            auditor=self.auditor,
            areas=tuple(dict.fromkeys(self.areas)),
            planned_for=self.planned_for,
        )


class ReportedFinding(Incoming):
    number: Annotated[int, Field(ge=1, le=ITEMS_MAX, description="Numbers it in the report.")]
    area: Annotated[AuditArea, Field(description="In which part of the scope.")]
    grade: Annotated[Grade, Field(description="How much it matters.")]
    text: Annotated[Words, Field(description="What was found; no data about people.")]


class WantedAction(Incoming):
    number: Annotated[int, Field(ge=1, le=ITEMS_MAX, description="Numbers it in the report.")]
    finding: Annotated[int, Field(ge=1, le=ITEMS_MAX, description="Which finding it mends.")]
    text: Annotated[Words, Field(description="What has to be done.")]
    owner: Annotated[Code, Field(description="Who has to do it, by its ODS code.")]
    due: Annotated[Day, Field(description="By which day, inclusive.")]


class ReportAudit(Incoming):
    """What an audit found, and what is to be done."""

    performed_on: Annotated[Day, Field(description="The day on which it was done.")]
    summary: Annotated[Words, Field(description="The report in short, as it is published.")]
    findings: Annotated[
        tuple[ReportedFinding, ...],
        Field(max_length=ITEMS_MAX, description="None: nothing was found."),
    ] = ()
    actions: Annotated[
        tuple[WantedAction, ...], Field(max_length=ITEMS_MAX, description="What has to be done.")
    ] = ()

    @model_validator(mode="after")
    def _is_numbered(self) -> Self:
        findings = [one.number for one in self.findings]
        actions = [one.number for one in self.actions]
        if len({*findings}) != len(findings) or len({*actions}) != len(actions):
            raise Invalid("a number is given to two findings, or to two actions")
        if not {one.finding for one in self.actions} <= {*findings}:
            raise Invalid("an action's `finding` is the number of none of the findings")
        return self

    def report(self) -> AuditReport:
        return AuditReport(
            performed_on=self.performed_on,
            summary=self.summary,
            findings=tuple(AuditFinding(**one.model_dump()) for one in self.findings),
            actions=tuple(AuditAction(**one.model_dump()) for one in self.actions),
        )


class CompleteAction(Incoming):
    done_on: Annotated[Day, Field(description="The day on which it was done.")]
    evidence: Annotated[Words, Field(description="By what it shows.")]


class ReviewAudit(Incoming):
    """What was seen when somebody looked again."""

    reviewed_on: Annotated[Day, Field(description="The day of the post-audit review.")]
    outcome: Annotated[Words, Field(description="What was seen, as it is published.")]
    reopened: Annotated[
        tuple[Annotated[int, Field(ge=1, le=ITEMS_MAX)], ...],
        Field(
            max_length=ITEMS_MAX,
            description="Actions that are to be done again. None: every action is done, and the"
            " audit is closed.",
        ),
    ] = ()


class FindingView(Outgoing):
    number: Annotated[int, Field(description="Its number in the report.")]
    area: Annotated[AuditArea, Field(description="In which part of the scope.")]
    grade: Annotated[Grade, Field(description="How much it matters.")]
    text: Annotated[str, Field(description="What was found.")]


class ActionView(Outgoing):
    number: Annotated[int, Field(description="Its number in the report.")]
    finding: Annotated[int, Field(description="Which finding it mends.")]
    text: Annotated[str, Field(description="What has to be done.")]
    owner: Annotated[str, Field(description="Who has to do it.")]
    due: Annotated[date, Field(description="By which day, inclusive.")]
    done_on: Annotated[date | None, Field(description="When it was done; null: it is not.")]


class ActionWithEvidence(ActionView):
    evidence: Annotated[str | None, Field(description="By what it shows.")]


class PublishedAuditView(SealedView):
    """The public report: no person, and nothing that shows how security is kept."""

    reference: Annotated[str, Field(description="Names the audit; the link stays.")]
    kind: Annotated[AuditKind, Field(description="Of the service itself, or of a recipient.")]
    organisation: Annotated[str, Field(description="Who was audited.")]
    agreement: Annotated[str | None, Field(description="The agreement that was looked at.")]
    auditor: Annotated[str, Field(description="The firm or body that audited.")]
    areas: Annotated[list[AuditArea], Field(description="What was looked at.")]
    state: Annotated[AuditState, Field(description="PUBLISHED until it is followed up: CLOSED.")]
    performed_on: Annotated[date | None, Field(description="The day on which it was done.")]
    summary: Annotated[str | None, Field(description="The report in short.")]
    findings: Annotated[list[FindingView], Field(description="What was found.")]
    actions: Annotated[list[ActionView], Field(description="What has to be done, and was.")]
    published_at: Annotated[datetime | None, Field(description="When the report became public.")]
    reviewed_on: Annotated[date | None, Field(description="When somebody looked again.")]
    follow_up: Annotated[str | None, Field(description="What was seen then.")]

    @classmethod
    def of(cls, audit: Audit) -> Self:
        return cls.model_validate(texts.shown_in(cls.model_validate(audit).model_dump()))


class AuditView(PublishedAuditView):
    """All of an audit, for staff and whoever is audited."""

    id: Annotated[UUID, Field(description="Names the audit in commands.")]
    planned_for: Annotated[date, Field(description="The day for which it is planned.")]
    reported_at: Annotated[datetime | None, Field(description="When its report was handed in.")]
    closed_at: Annotated[datetime | None, Field(description="When it was closed.")]
    actions: Annotated[  # type: ignore[assignment]  # the same with its evidence
        list[ActionWithEvidence], Field(description="What has to be done, and was.")
    ]


class PublishedAudits(Outgoing):
    as_of: Annotated[datetime, Field(description="When it was read, in UTC.")]
    items: Annotated[list[PublishedAuditView], Field(description="The newest first.")]
    hidden: HiddenOnes

    @classmethod
    def of(cls, found: PublicAudits) -> Self:
        return cls(
            as_of=found.as_of,
            items=[told(PublishedAuditView.of)(shown) for shown in found.rows],
            hidden=[
                HiddenView(reference=one.one.reference, not_as_sealed=[*one.not_as_sealed])
                for one in found.hidden
            ],
        )


COLUMNS = (
    ("reference", "Audit reference"),
    ("kind", "Of a recipient or of the service"),
    ("organisation", "Audited"),
    ("agreement", "DARS-NIC reference"),
    ("auditor", "Audited by"),
    ("areas", "Scope"),
    ("state", "Status"),
    ("performed_on", "Done on"),
    ("summary", "Summary"),
    ("findings", "Findings"),
    ("actions", "Actions"),
    ("published_at", "Published at"),
    ("reviewed_on", "Followed up on"),
    ("follow_up", "Follow-up"),
)
"""The names of a line in JSON and CSV, and over its columns in XLSX."""
FINDING = "{number}. {area}, {grade}: {text}"
ACTION = "{number}. On finding {finding}, by {owner} until {due}, {done}: {text}"


def cells(row: Row) -> Row:
    """Return a line of the register as a spreadsheet has it: a sentence a finding and an action."""
    findings, actions = _members(row["findings"]), _members(row["actions"])
    return row | {
        "findings": "\n".join(FINDING.format(**one) for one in findings),
        "actions": "\n".join(
            ACTION.format(**one, done=f"done on {day}" if (day := one["done_on"]) else "not done")
            for one in actions
        ),
    }


def _members(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
