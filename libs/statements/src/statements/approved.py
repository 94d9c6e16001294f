"""The approved snapshot as an agreement is drafted of it: schema "dsfc-snapshot/1".

Applications writes it whole, and this is as much of it as agreements drafts by; the clauses that
decisions rest on are read by `statements.document`, the texts of the register by
`statements.snapshot`. `tests/architecture/test_statements.py` holds what is written against them.
"""

from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import Invalid
from statements.form import Malformed

Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{3,9}$")]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Purpose = Literal["RS", "IV", "COM", "OTHER"]
Classification = Literal[
    "IDENTIFIABLE",
    "PSEUDO_ANONYMISED",
    "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED",
    "AGGREGATE_SUPPRESSED",
]


class SnapshotPart(BaseModel):
    """A part that we read. What it has besides is kept in the document and judged there.

    The decision denies by a clause that it does not know; drafting need not.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)


class ApprovedController(SnapshotPart):
    ods: Code
    legal_name: Text


class ApprovedProcessor(SnapshotPart):
    ods: Code
    legal_name: Text


class ApprovedPeriods(SnapshotPart):
    first: Annotated[Month, Field(alias="from")]
    last: Annotated[Month, Field(alias="to")]


class ApprovedPopulation(SnapshotPart):
    rule: Literal["own", "union", "list", "national"]
    commissioners: tuple[Code, ...] = ()


class ApprovedEnvironment(SnapshotPart):
    organisation: Code
    kind: Literal["analytics", "ceff", "ash", "rs_supplier", "gp_practice"]


class ApprovedLine(SnapshotPart):
    number: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    purpose: Purpose
    data_set: Text
    catalogue_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    classification: Classification
    periods: ApprovedPeriods
    population: ApprovedPopulation
    recipient_environment: ApprovedEnvironment


class ApprovedCondition(SnapshotPart):
    id: Text
    text: Annotated[str, Field(max_length=20_000)]
    due: date | None = None
    owner: Text


class ApprovedSnapshot(SnapshotPart):
    """As much of "dsfc-snapshot/1" as an agreement is made of."""

    schema_: Annotated[Literal["dsfc-snapshot/1"], Field(alias="schema")]
    application_id: UUID
    reference: Annotated[str, Field(pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$")]
    version: Annotated[str, Field(pattern=r"^v[0-9]{1,6}\.[0-9]{1,6}$")]
    kind: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    title: Text
    start: date
    end: date
    controllers: Annotated[tuple[ApprovedController, ...], Field(min_length=1)]
    processors: tuple[ApprovedProcessor, ...]
    lines: Annotated[tuple[ApprovedLine, ...], Field(min_length=1)]
    special_conditions: tuple[ApprovedCondition, ...]

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read JSON. Raises Malformed with the place of every member that is wrong."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            found = error.errors(include_input=False, include_url=False)
            raise Malformed(".".join(map(str, e["loc"])) for e in found) from None

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if self.end < self.start:
            raise Invalid("it ends before it starts")
        if len({line.number for line in self.lines}) != len(self.lines):
            raise Invalid("two lines have one number")
        keys = {(line.purpose, line.data_set, line.classification) for line in self.lines}
        if len(keys) != len(self.lines):
            raise Invalid("two lines have one purpose, data set and classification")
        if len({c.id for c in self.special_conditions}) != len(self.special_conditions):
            raise Invalid("two special conditions have one id")
        for parties in (self.controllers, self.processors):
            if len({party.ods for party in parties}) != len(parties):
                raise Invalid("a party is named twice")
        return self
