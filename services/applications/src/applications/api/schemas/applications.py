"""What crosses the wire. Never a row, never a domain object.

The answers to the Standards are an exception: `applications.domain.sections` are their schemas.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, model_validator

from applications.domain.application import Application
from applications.domain.findings import Finding, Severity
from applications.domain.life import Advice, Decision, Outcome, Query, State
from applications.domain.routing import Triage
from applications.domain.sections import SECTIONS
from applications.domain.sections.forms import (
    NO_CONTROLS,
    DataSetName,
    Filled,
    Kind,
    Section,
    Word,
    Words,
)
from applications.domain.sections.terms import Condition
from applications.domain.standards import Change, Difference, InForce
from applications.use_cases.examination import Examination
from applications.use_cases.ports import HistoryLine, Summary
from common.audit import is_as_logged
from common.errors import Invalid
from common.texts import Scanned
from common.web.logged import IsAsLogged
from common.web.pagination import Page


class Incoming(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


class Outgoing(BaseModel):
    model_config = ConfigDict(from_attributes=True)


# In


class DraftApplication(Incoming):
    title: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            pattern=NO_CONTROLS,
            examples=["Admissions of our population, 2018 to 2021"],
        ),
        Scanned(),
    ]
    kind: Kind = Kind.NEW
    amends: Annotated[
        str | None,
        Field(
            pattern=r"^DARS-NIC-\d{5,6}-[A-Z0-9]{5}$",
            description="The agreement that is amended, renewed or extended; without version.",
        ),
    ] = None
    enquiry: Annotated[
        StrictBool, Field(description="Ask first: a case officer opens the draft, or closes it.")
    ] = False
    data_sets: Annotated[
        list[DataSetName],
        Field(
            max_length=50,
            description="What it will be about, as far as known; some needs are redirected.",
        ),
    ] = []


class Reply(Incoming):
    query: Annotated[str, Field(min_length=1, max_length=9, pattern=r"^[0-9]{1,9}$")]
    answer: Annotated[str, Field(min_length=1, max_length=10_000, pattern=NO_CONTROLS), Scanned()]


class Submission(Incoming):
    answers: Annotated[
        list[Reply], Field(max_length=200, description="To the queries of the last return.")
    ] = []


class Asking(Incoming):
    standard: Annotated[int | None, Field(ge=1, le=20, strict=True)] = None
    text: Annotated[str, Field(min_length=1, max_length=10_000, pattern=NO_CONTROLS), Scanned()]


class Return(Incoming):
    queries: Annotated[list[Asking], Field(min_length=1, max_length=200)]


class TriageFound(Incoming):
    """What the case officer found: something new to it, or a precedent that it follows."""

    novel: StrictBool = False
    contentious: StrictBool = False
    complex: StrictBool = False
    precedent: Word = ""
    reason: Words = ""


class Advising(Incoming):
    outcome: Outcome
    reason: Words = ""
    conditions: Annotated[list[Condition], Field(max_length=50)] = []
    queries: Annotated[list[Asking], Field(max_length=200)] = []

    @model_validator(mode="after")
    def _fits_its_outcome(self) -> Self:
        if (self.outcome is Outcome.RECOMMENDED_WITH_CONDITIONS) != bool(self.conditions):
            raise Invalid("conditions go with the outcome recommended_with_conditions, and only")
        if (self.outcome is Outcome.DEFERRED) != bool(self.queries):
            raise Invalid("queries go with the outcome deferred, and only")
        if self.outcome is Outcome.UNABLE_TO_RECOMMEND and not self.reason:
            raise Invalid("unable_to_recommend needs a reason")
        return self


class AsPublished(Incoming):
    """A line whose tables may be by the disclosure rule alone."""

    line: Annotated[int, Field(strict=True, ge=1, description="Number of the line.")]
    reason: Annotated[Filled, Field(description="Why tables have to equal the publication.")]


class Approval(Incoming):
    reason: Annotated[Words, Field(description="Needed where the advice was against.")] = ""
    conditions: Annotated[
        list[Condition], Field(max_length=50, description="Added to those that were advised.")
    ] = []
    conditions_met: Annotated[
        list[Filled],
        Field(max_length=50, description="Ids of advised conditions that are met already."),
    ] = []
    as_published: Annotated[
        list[AsPublished],
        Field(
            max_length=200,
            description="Lines whose tables may be asked for by the disclosure rule alone, so that"
            " they equal the national publication. All others are protected.",
            examples=[[{"line": 1, "reason": "Has to equal the published indicator."}]],
        ),
    ] = []

    @model_validator(mode="after")
    def _each_line_once(self) -> Self:
        if len({one.line for one in self.as_published}) != len(self.as_published):
            raise Invalid("each line may be named once in as_published")
        return self


class Refusal(Incoming):
    reason: Annotated[str, Field(min_length=1, max_length=10_000, pattern=NO_CONTROLS), Scanned()]


# Out


def _as_logged(application_id: UUID) -> bool | None:
    return is_as_logged(f"applications/{application_id}")


class QueryView(Outgoing):
    id: str
    standard: int | None
    text: str
    answer: str


class AdviceView(Outgoing):
    body: str
    revision: int
    outcome: Outcome
    reason: str
    conditions: list[Condition]
    at: datetime


class DecisionView(Outgoing):
    approved: bool
    reason: str
    at: datetime


class ApplicationView(Outgoing):
    id: UUID
    organisation: Annotated[str, Field(description="ODS code of the applicant.")]
    title: str
    kind: Kind
    amends: str | None
    state: State
    reference: Annotated[str | None, Field(description="Given at the first submission.")]
    label: Annotated[str | None, Field(description="The reference's version.", examples=["v0.0"])]
    full_reference: Annotated[str | None, Field(examples=["DARS-NIC-123456-A1B2C-v0.0"])]
    revision: Annotated[int, Field(description="Counts the submissions.")]
    version: Annotated[int, Field(description="Counts the changes; the `ETag`.")]
    snapshot_hash: str | None
    created_at: datetime
    submitted_at: datetime | None
    standards: Annotated[
        Mapping[int, str], Field(description="Version by Standard that it was begun or judged by.")
    ]
    sections_missing: list[int]
    advisory_body: str | None
    queries: list[QueryView]
    advice: list[AdviceView]
    decision: DecisionView | None
    conditions: Annotated[list[Condition], Field(description="Added by the decision.")]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, application: Application) -> Self:
        full = f"{application.reference}-{application.label}" if application.reference else None
        return cls(
            id=application.id,
            organisation=application.organisation,
            title=application.title,
            kind=application.kind,
            amends=application.amends,
            state=application.state,
            reference=application.reference,
            label=application.label,
            full_reference=full,
            revision=application.revision,
            version=application.version,
            snapshot_hash=application.snapshot_hash,
            created_at=application.created_at,
            submitted_at=application.submitted_at,
            standards=application.standards,
            sections_missing=list(application.answers.missing),
            advisory_body=application.advisory_body,
            queries=[_query(query) for query in application.queries],
            advice=[_advice(advice) for advice in application.advice],
            decision=_decision(application.decision),
            conditions=list(application.conditions),
            is_as_logged=_as_logged(application.id),
        )


def _query(query: Query) -> QueryView:
    return QueryView.model_validate(query)


def _advice(advice: Advice) -> AdviceView:
    return AdviceView.model_validate(advice)


def _decision(decision: Decision | None) -> DecisionView | None:
    return DecisionView.model_validate(decision) if decision else None


class SummaryView(Outgoing):
    id: UUID
    organisation: str
    title: str
    kind: Kind
    state: State
    reference: str | None
    label: str | None
    revision: int
    version: int
    created_at: datetime
    submitted_at: datetime | None
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, summary: Summary) -> Self:
        return cls.model_validate(asdict(summary) | {"is_as_logged": _as_logged(summary.id)})


class SectionView(Outgoing):
    number: int
    title: Annotated[str, Field(description="Of the section; the Standard's title is dated.")]
    standard_version: Annotated[
        str | None, Field(description="That the application keeps; null where none was listed.")
    ]
    answers: Annotated[
        dict[str, JsonValue],
        Field(description="As `PUT …/sections/{number}` takes them, one schema a section."),
    ]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, application: Application, section: Section) -> Self:
        number = section.standard
        return cls(
            number=number,
            title=SECTIONS[number].__name__,
            standard_version=application.standards.get(number),
            answers=section.model_dump(mode="json", by_alias=True),
            is_as_logged=_as_logged(application.id),
        )


class SectionsView(Outgoing):
    items: list[SectionView]
    missing: list[int]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, application: Application) -> Self:
        return cls(
            is_as_logged=_as_logged(application.id),
            items=[
                SectionView.of(application, section)
                for section in application.answers.sections.values()
            ],
            missing=list(application.answers.missing),
        )


class FindingView(Outgoing):
    code: str
    standard: int | None
    pointer: Annotated[str, Field(examples=["/sections/7/lines/0/fields/3/reason"])]
    severity: Severity
    detail: str
    offer: Annotated[str | None, Field(description="What would be accepted instead.")]

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls.model_validate(finding)


class DifferenceView(Outgoing):
    number: int
    title: str
    change: Change
    kept: Annotated[str | None, Field(description="The version the draft was begun under.")]
    in_force: str | None
    since: date | None

    @classmethod
    def of(cls, difference: Difference) -> Self:
        return cls.model_validate(difference)


class NoteView(Outgoing):
    """Something to read before applying; it refuses nothing."""

    code: Annotated[str, Field(description="What it is.", examples=["DATA_QUALITY_STATEMENT"])]
    pointer: Annotated[str, Field(description="Of the line.", examples=["/sections/7/lines/0"])]
    data_set: Annotated[str, Field(description="By its name.", examples=["SUS_APC"])]
    detail: Annotated[str, Field(description="What can be read, and why.")]
    href: Annotated[
        str,
        Field(
            description="Where: a public page, as JSON, CSV or HTML.",
            examples=["https://intake.example/v1/data-quality?data_set=SUS_APC"],
        ),
    ]


class FindingsView(Outgoing):
    """What a submission today would meet."""

    as_at: date
    can_be_submitted: bool
    facts_available: Annotated[
        bool,
        Field(description="Whether contracts, assurance and registrations could be looked up."),
    ]
    findings: list[FindingView]
    notes: Annotated[
        list[NoteView],
        Field(description="To read before applying: the data quality of each data set."),
    ]
    standards_changed: Annotated[
        list[DifferenceView],
        Field(description="Between the Standards of the draft and those it will be judged by."),
    ]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, examination: Examination, application_id: UUID) -> Self:
        return cls(
            as_at=examination.day,
            can_be_submitted=examination.can_be_submitted,
            facts_available=examination.has_facts,
            findings=[FindingView.of(finding) for finding in examination.findings],
            notes=[NoteView.model_validate(note) for note in examination.notes],
            standards_changed=[DifferenceView.of(d) for d in examination.differences],
            is_as_logged=_as_logged(application_id),
        )


class HistoryView(Outgoing):
    id: UUID
    version: Annotated[
        int | None, Field(description="The application's after it; null for what came later.")
    ]
    verb: str
    at: datetime
    subject: Annotated[str, Field(description="Id of the person or client, as in the token.")]
    organisation: str
    role: str
    state_before: State | None
    state_after: State | None
    revision: int
    detail: Mapping[str, str]

    @classmethod
    def of(cls, line: HistoryLine) -> Self:
        step = line.step
        return cls(
            id=line.id,
            version=line.version,
            verb=str(step.verb),
            at=step.at,
            subject=step.by.subject,
            organisation=step.by.organisation,
            role=step.by.role.value,
            state_before=step.before,
            state_after=step.after,
            revision=step.revision,
            detail=step.detail,
        )


class HistoryPage(Page[HistoryView]):
    """Lines of a history, and whether it is as the audit log tells, from its first to its last."""

    is_as_logged: IsAsLogged = None

    def of_application(self, application_id: UUID) -> Self:
        """Say with it whether the whole history is as logged."""
        said = is_as_logged(f"histories/{application_id}", f"applications/{application_id}")
        return self.model_copy(update={"is_as_logged": said})


class StandardView(Outgoing):
    number: int
    section: Annotated[int | None, Field(description="Of an application, that answers it.")]
    title: str
    version: str
    valid_from: date
    valid_to: date | None
    source: Annotated[str, Field(description="Where its title, version and date are from.")]

    @classmethod
    def of(cls, standard: InForce) -> Self:
        return cls(
            number=standard.number,
            section=standard.section,
            title=standard.version.title,
            version=standard.version.version,
            valid_from=standard.version.valid_from,
            valid_to=standard.version.valid_to,
            source=standard.version.source,
        )


class StandardsView(Outgoing):
    as_at: date
    items: list[StandardView]


class JwksView(Outgoing):
    keys: list[dict[str, str]]


def triage(found: TriageFound | None) -> Triage:
    given = found or TriageFound()
    return Triage(
        novel=given.novel,
        contentious=given.contentious,
        complex=given.complex,
        precedent=given.precedent,
        reason=given.reason,
    )


def queries(asked: Sequence[Asking]) -> tuple[Query, ...]:
    """Numbered in their order."""
    return tuple(
        Query(id=str(number), standard=asking.standard, text=asking.text)
        for number, asking in enumerate(asked, start=1)
    )
