"""Policies, training and secondments, as they cross the wire."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from agreements.records.api.schemas.shared import (
    Code,
    Day,
    Incoming,
    Outgoing,
    SealedView,
    told,
)
from agreements.records.domain.oversight.staff import StaffRecord, StaffRecordKind
from agreements.records.use_cases.oversight.staff import Cleared
from common.errors import Invalid
from common.ids import new_id
from common.texts import Scanned

Subject = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="`sub` of the person's token; never a name.",
        examples=["dscro-approver"],
    ),
    Scanned(code=True),
]
Requirement = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z-]{1,59}$",
        description="Which policy or training; of a secondment the DSCRO.",
        examples=["DATA-SECURITY-AWARENESS"],
    ),
    Scanned(code=True),
]


class RecordStaff(Incoming):
    """A policy that somebody signed, a training that they did, or a secondment."""

    subject: Subject
    organisation: Annotated[Code, Field(description="Who employs the person, by its ODS code.")]
    kind: Annotated[StaffRecordKind, Field(description="What it is a record of.")]
    reference: Requirement
    valid_from: Annotated[Day, Field(description="The first day on which it counts.")]
    valid_to: Annotated[
        Day | None, Field(description="The last day; null: no end. Training has one.")
    ] = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise Invalid("valid_to lies before valid_from")
        if self.kind is StaffRecordKind.TRAINING and self.valid_to is None:
            raise Invalid("training is in date until a day: set valid_to")
        return self

    def fact(self) -> StaffRecord:
        return StaffRecord(id=new_id(), **self.model_dump())


class EndStaffRecord(Incoming):
    last_day: Annotated[
        Day, Field(description="The last day on which it counts.", examples=["2018-06-30"])
    ]


class StaffRecordView(SealedView):
    id: Annotated[UUID, Field(description="Names the record.")]
    subject: Annotated[str, Field(description="`sub` of the person's token.")]
    organisation: Annotated[str, Field(description="Who employs the person.")]
    kind: Annotated[StaffRecordKind, Field(description="What it is a record of.")]
    reference: Annotated[str, Field(description="Which policy or training, or the DSCRO.")]
    valid_from: Annotated[date, Field(description="The first day on which it counts.")]
    valid_to: Annotated[date | None, Field(description="The last day; null: no end.")]


class MissingView(Outgoing):
    kind: Annotated[StaffRecordKind, Field(description="What is missing.")]
    reference: Annotated[str | None, Field(description="Which; null: any.")]
    lapsed_on: Annotated[
        date | None, Field(description="The last day of the last one; null: there was none.")
    ]


class ClearanceView(Outgoing):
    """Whether a person may act in a DSCRO role on a day."""

    day: Annotated[date, Field(description="The day asked about.")]
    is_cleared: Annotated[bool, Field(description="Whether nothing is missing.")]
    missing: Annotated[list[MissingView], Field(description="All that is missing.")]
    until: Annotated[
        date | None,
        Field(
            description="The last day on which it stays so; null: no end is known, or it is not."
        ),
    ]
    records: Annotated[list[StaffRecordView], Field(description="What there is of the person.")]

    @classmethod
    def of(cls, found: Cleared) -> Self:
        return cls(
            day=found.clearance.day,
            is_cleared=found.clearance.is_cleared,
            missing=[MissingView.model_validate(one) for one in found.clearance.missing],
            until=found.clearance.until,
            records=[told(StaffRecordView.model_validate)(one) for one in found.records],
        )
