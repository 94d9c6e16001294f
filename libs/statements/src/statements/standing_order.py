"""The body that places a standing order: a line, when its periods are wanted, and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from common.errors import Invalid
from common.ids import digest_of
from statements.filters import Filters, WantedFilter, of
from statements.form import CLOSED, Form
from statements.months import RequestedMonth
from statements.request import (
    FIELDS_MAX,
    AgreementInForce,
    DataSetOfLine,
    FieldName,
    FiltersOfLine,
    FormatsOfRecords,
    OfOneLine,
    PurposeOfLine,
    WantedExtract,
)
from statements.vocabulary import Classification, Format, LineKey

EXAMPLE: dict[str, JsonValue] = {
    "agreement": "DARS-NIC-123456-A1B2C",
    "purpose": "COM",
    "data_set": "SUS_APC",
    "classification": "PSEUDO_ANONYMISED",
    "formats": ["parquet"],
    "when": "freeze",
    "from": "2018-04",
    "until": "2019-03",
}


class When(StrEnum):
    """When a period is asked for."""

    LANDED = "landed"
    """As soon as there are records of it."""

    FLEX = "flex"
    """After its first inclusion date (reconciliation), by the calendar of the data set."""

    FREEZE = "freeze"
    """After its last inclusion date (post-reconciliation)."""

    PUBLICATION = "publication"
    """Once its publication is recorded, for what is final at publication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedRequest:
    """What a standing order asks for, for each month anew."""

    __pydantic_config__ = CLOSED

    agreement: str
    purpose: str
    data_set: str
    classification: str
    when: When
    fields: tuple[str, ...] | None
    """None: all that the line has on the day."""
    formats: tuple[str, ...]
    filters: Filters

    @property
    def line(self) -> LineKey:
        return LineKey(self.purpose, self.data_set, self.classification)

    @staticmethod
    def read(claims: Mapping[str, Any]) -> "RepeatedRequest":
        """Read what `claims` wrote.

        Raises:
            Malformed: it does not have this form.

        """
        return FORM.of(claims)

    def claims(self) -> dict[str, JsonValue]:
        return FORM.claims(self)

    @property
    def digest(self) -> str:
        """Return the same for two that ask for the same, in whichever order they name it."""
        fields = None if self.fields is None else tuple(sorted(self.fields))
        return digest_of(replace(self, fields=fields, formats=tuple(sorted(self.formats))).claims())

    def of(self, month: str) -> WantedExtract:
        """Return the request for one month."""
        return WantedExtract.model_validate(
            {
                "agreement": self.agreement,
                "purpose": self.purpose,
                "data_set": self.data_set,
                "classification": self.classification,
                "periods": [month],
                "fields": None if self.fields is None else list(self.fields),
                "formats": list(self.formats),
                "filters": [WantedFilter.model_validate(one) for one in self.filters],
            }
        )


FORM = Form(RepeatedRequest)


class WantedStandingOrder(OfOneLine):
    """One line of an agreement, or part of it: each period when its time has come."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    agreement: AgreementInForce
    purpose: PurposeOfLine
    data_set: DataSetOfLine
    classification: Annotated[Classification, Field(description="Classification of the line.")]
    when: Annotated[
        When,
        Field(
            description="`landed`: as soon as there are records of the month; `flex`: after its"
            " first inclusion date, where it has two; `freeze`: after its last"
            " one; `publication`: once its publication is recorded."
        ),
    ]
    first: Annotated[RequestedMonth, Field(alias="from", description="First month.")]
    last: Annotated[
        RequestedMonth | None,
        Field(
            alias="until",
            description="Last month, inclusive; null: as long as the agreement has the line.",
        ),
    ] = None
    fields: Annotated[
        list[FieldName] | None,
        Field(
            min_length=1,
            max_length=FIELDS_MAX,
            description="As the catalogue names them; null: all that the line has on the day.",
        ),
    ] = None
    formats: FormatsOfRecords = Field(default=[Format.PARQUET])
    filters: FiltersOfLine = ()

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise Invalid("`until` is before `from`")
        return self

    @property
    def said(self) -> RepeatedRequest:
        """Return what is kept of it and carried out."""
        return RepeatedRequest(
            agreement=self.agreement,
            purpose=self.purpose.value,
            data_set=self.data_set,
            classification=self.classification.value,
            when=self.when,
            fields=None if self.fields is None else tuple(self.fields),
            formats=tuple(one.value for one in self.formats),
            filters=of(self.filters),
        )
