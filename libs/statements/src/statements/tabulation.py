"""The body by which a client asks for a table."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from catalogue import Catalogue
from common.errors import Invalid
from common.texts import Scanned
from statements.filters import FILTERS_MAX, WantedFilter
from statements.filters import repeated as columns_repeated
from statements.request import (
    MONTHS_MAX,
    AgreementReference,
    MonthRange,
    RequestedPeriod,
    Sent,
    months_of,
)
from statements.tables import DIMENSIONS_MAX, MEASURE, WantedDimension, WantedTable, repeated
from statements.vocabulary import Classification, Format, Purpose

Aggregate = Literal[
    Classification.AGGREGATE_SUPPRESSED, Classification.AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED
]


class WantedTabulation(Sent):
    """A table under one aggregate line of an agreement."""

    agreement: Annotated[
        AgreementReference,
        Field(description="The agreement, without its version: the one in force is meant."),
    ]
    purpose: Annotated[Purpose, Field(description="Purpose of the agreement's line.")]
    data_set: Annotated[
        str,
        Field(
            pattern=r"^[A-Z][A-Z0-9_]{1,31}$",
            description="Data set of the line, by its catalogue name.",
            examples=["SUS_APC"],
        ),
        Scanned(code=True),
    ]
    classification: Annotated[
        Aggregate,
        Field(
            description="Classification of the line. Where small numbers are not suppressed, the"
            " counts are exact and are for this recipient alone."
        ),
    ]
    periods: Annotated[
        Annotated[list[RequestedPeriod], Field(min_length=1, max_length=MONTHS_MAX)] | MonthRange,
        Field(
            description="Periods by their names, or a range of months; at most"
            f" {MONTHS_MAX} months in all."
        ),
    ]
    measure: Annotated[
        str,
        Field(
            pattern=MEASURE,
            description="What is counted, by the catalogue's name: `records`, or one that the data"
            " set has besides.",
            examples=["records"],
        ),
        Scanned(code=True),
    ] = "records"
    dimensions: Annotated[
        tuple[WantedDimension, ...],
        Field(
            min_length=1,
            max_length=DIMENSIONS_MAX,
            description="What it is cut by. The total over all is part of it.",
            examples=[[{"column": "Provider_Code"}, {"column": "Der_Age_Band"}]],
        ),
    ]
    formats: Annotated[
        tuple[Format, ...],
        Field(min_length=1, max_length=len(Format), description="File formats; one file for each."),
    ] = (Format.CSV,)
    filters: Annotated[
        tuple[WantedFilter, ...],
        Field(
            max_length=FILTERS_MAX,
            description="Which rows are counted; none: all of the line.",
            examples=[[{"column": "Provider_Code", "any_of": ["RR8"]}]],
        ),
    ] = ()

    @field_validator("filters")
    @classmethod
    def _each_column_once(cls, value: tuple[WantedFilter, ...]) -> tuple[WantedFilter, ...]:
        if any(columns_repeated(value)):
            raise Invalid("each column may have one filter")
        return value

    @field_validator("dimensions")
    @classmethod
    def _each_level_once(cls, value: tuple[WantedDimension, ...]) -> tuple[WantedDimension, ...]:
        if any(repeated(tuple(one.said for one in value))):
            raise Invalid("each column may be named once")
        return value

    @field_validator("formats")
    @classmethod
    def _each_once(cls, value: tuple[Format, ...]) -> tuple[Format, ...]:
        if len(set(value)) != len(value):
            raise Invalid("each may be named once")
        return value

    @property
    def table(self) -> WantedTable:
        return WantedTable(measure=self.measure, dimensions=self.dimensions)

    def months_in(self, known: Catalogue) -> tuple[str, ...]:
        """Return the months in order, each once. Raises InvalidPeriods, PeriodNotOffered."""
        return months_of(self.periods, self.data_set, known)
