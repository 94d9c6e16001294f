"""Assurance, ICO registrations, section 251 approvals, publications, as they cross the wire."""

from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StrictBool, model_validator

from agreements.records.api.schemas.shared import (
    Code,
    Day,
    Incoming,
    Label,
    Name,
    Notices,
    Outgoing,
    SealedView,
    Words,
    told,
)
from agreements.records.domain.lists.layouts.publications import last_day
from agreements.records.domain.parties.assurance import Assurance, AssuranceKind, Judgement, Status
from agreements.records.domain.parties.registration import IcoRegistration, Section251Approval
from agreements.records.use_cases.registrations import Assured
from common.errors import Invalid
from common.ids import new_id
from common.texts import Scanned
from statements.vocabulary import EnvironmentKind


class RecordAssurance(Incoming):
    organisation: Code
    kind: AssuranceKind
    reference: Annotated[
        Label, Field(description="DSPT: the edition, such as 22/23; else the document's reference.")
    ]
    status: Status
    published_on: Day | None = None
    expires_on: Day | None = None
    seen_on: Annotated[Day, Field(description="The day of the list or letter.")]
    reviewed_by_body: StrictBool = False
    plan_accepted: StrictBool = False
    plan_until: Day | None = None
    locations_covered: StrictBool = False

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.published_on is not None:
            if self.expires_on is not None and self.expires_on < self.published_on:
                raise Invalid("expires_on lies before published_on")
            if self.seen_on < self.published_on:
                raise Invalid("seen_on lies before published_on")
        if self.plan_until is not None and not self.plan_accepted:
            raise Invalid("plan_until is of a plan that is accepted; set plan_accepted")
        return self

    def fact(self) -> Assurance:
        return Assurance(id=new_id(), **self.model_dump())


class AssuranceView(SealedView):
    organisation: str
    kind: AssuranceKind
    reference: str
    status: Status
    published_on: date | None
    expires_on: date | None
    seen_on: date
    reviewed_by_body: bool
    plan_accepted: bool
    plan_until: date | None
    locations_covered: bool


class JudgementView(Outgoing):
    accepted: bool
    reason: str
    needs_review: bool
    until: date | None
    evidence: AssuranceView | None

    @classmethod
    def of(cls, judgement: Judgement) -> Self:
        return cls.model_validate(judgement)


class AssuredView(Outgoing):
    items: list[AssuranceView]
    judgement: JudgementView

    @classmethod
    def of(cls, assured: Assured) -> Self:
        return cls(
            items=[told(AssuranceView.model_validate)(a) for a in assured.items],
            judgement=JudgementView.of(assured.judgement),
        )


class RecordIco(Incoming):
    organisation: Code
    number: Annotated[str, Field(pattern=r"^Z[A-Z0-9]{7}$", examples=["Z1234567"])]
    name: Name
    valid_from: Day
    valid_to: Annotated[Day, Field(description="Paid until, inclusive.")]

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_to < self.valid_from:
            raise Invalid("it ends before it starts")
        return self

    def fact(self) -> IcoRegistration:
        return IcoRegistration(id=new_id(), **self.model_dump())


class IntervalView(Outgoing):
    """A stretch of days in which it was in force."""

    valid_from: Annotated[date, Field(description="First day.")]
    valid_to: Annotated[date, Field(description="Last day.")]


class IcoView(SealedView):
    organisation: str
    number: str
    name: str
    valid_from: Annotated[date, Field(description="First day of the present interval.")]
    valid_to: Annotated[date, Field(description="Paid until this day.")]
    former: Annotated[
        list[IntervalView], Field(description="Earlier intervals; between them it was not paid.")
    ]
    notices: Notices = ()


class IcoList(Outgoing):
    items: list[IcoView]


Purposes = Annotated[list[Literal["RS", "IV", "COM", "OTHER"]], Field(min_length=1)]


class RecordSection251(Incoming):
    reference: Annotated[Label, Field(examples=["CAG 7-07(a)/2013"])]
    purposes: Purposes
    controllers: Annotated[
        Annotated[list[Code], Field(min_length=1, max_length=500)] | None,
        Field(description="Null: not limited to named controllers."),
    ] = None
    valid_from: Day
    valid_to: Annotated[Day, Field(description="Inclusive; closes the gate.")]
    review_on: Annotated[Day | None, Field(description="A warning only.")] = None
    conditions: Annotated[
        Annotated[list[Words], Field(max_length=50)] | None,
        Field(
            description="Its conditions in the words of whoever gave it; null: as they were"
            " recorded before."
        ),
    ] = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_to < self.valid_from:
            raise Invalid("it ends before it starts")
        return self

    def fact(self) -> Section251Approval:
        return Section251Approval(
            id=new_id(),
            reference=self.reference,
            purposes=tuple(dict.fromkeys(self.purposes)),
            controllers=None if self.controllers is None else tuple(self.controllers),
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            review_on=self.review_on,
            conditions=None if self.conditions is None else tuple(self.conditions),
        )


class Section251View(SealedView):
    id: UUID
    reference: str
    purposes: list[str]
    controllers: list[str] | None
    valid_from: Annotated[date, Field(description="First day of the latest interval.")]
    valid_to: Annotated[date, Field(description="Last day of the latest interval.")]
    former: Annotated[
        list[IntervalView],
        Field(description="Earlier intervals; between them it was not in force."),
    ]
    review_on: date | None
    conditions: Annotated[
        list[str], Field(description="In the words of whoever gave it; empty: none are recorded.")
    ]
    withdrawn_on: Annotated[
        date | None,
        Field(description="From this day on it is taken away, whatever its days say; null: not."),
    ]
    reason: Annotated[
        str | None,
        Field(description="Why it was withdrawn, or its conditions changed last; null: neither."),
    ]

    @classmethod
    def of(cls, approval: Section251Approval) -> Self:
        said = asdict(approval)
        return cls(**said | {"conditions": said["conditions"] or ()})


class Section251OnDay(Section251View):
    in_force: Annotated[bool, Field(description="Whether it is in force on the day asked about.")]

    @classmethod
    def on(cls, approval: Section251Approval, day: date) -> Self:
        view = Section251View.of(approval)
        return cls(**view.model_dump(), in_force=approval.is_in_force_on(day))


class RegisterKind(StrEnum):
    """Environments of which NHS England keeps a register."""

    CEFF = EnvironmentKind.CEFF.value
    RS_SUPPLIER = EnvironmentKind.RS_SUPPLIER.value


class ImportedRegisterView(Outgoing):
    """What a register changed."""

    kind: Annotated[RegisterKind, Field(description="Which register.")]
    listed_on: Annotated[date, Field(description="Of which day it is.")]
    listed: Annotated[int, Field(description="Entries in it.", examples=[214])]
    added: Annotated[int, Field(description="Entries that were not held true before.")]
    ended: Annotated[int, Field(description="Entries that it names no more.")]
    unchanged: Annotated[int, Field(description="Entries that say what was known.")]


class ListedEnvironmentView(SealedView):
    kind: Annotated[RegisterKind, Field(description="Which register.")]
    organisation: Annotated[str, Field(description="Whose environment it is (ODS).")]
    hosted_for: Annotated[
        str | None,
        Field(description="The commissioner for whom alone it is listed; null: for everybody."),
    ]
    valid_from: Annotated[date, Field(description="First day.")]
    valid_to: Annotated[date | None, Field(description="Last day; null: no end is known.")]
    listed_on: Annotated[date, Field(description="The register that said so last.")]


class RecordPublication(Incoming):
    data_set: Annotated[
        str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,39}$", examples=["CSDS"]), Scanned(code=True)
    ]
    period: Annotated[
        str, Field(pattern=r"^[0-9]{4}-[0-9]{2}(/[0-9]{4}-[0-9]{2})?$", examples=["2019-04"])
    ]
    published_on: Annotated[
        Day, Field(description="From this day on it may leave; after the period's last day.")
    ]

    @model_validator(mode="after")
    def _is_after_its_period(self) -> Self:
        last = last_day(self.period)
        if last is None:
            raise Invalid("period is not a month or a range of months")
        if self.published_on <= last:
            raise Invalid("published_on lies before the period was over")
        return self


class PublicationView(SealedView):
    data_set: str
    period: str
    published_on: date
