"""The body by which a client asks for a table."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from catalogue import Catalogue
from common.errors import Invalid
from common.texts import Scanned
from statements.filters import FILTERS_MAX, WantedFilter
from statements.months import MONTHS_MAX, MonthRange, RequestedPeriod, months_of
from statements.request import (
    AgreementInForce,
    DataSetOfLine,
    OfOneLine,
    PurposeOfLine,
)
from statements.tables import (
    DIMENSIONS_MAX,
    MEASURE,
    FurtherMeasures,
    LinkedDataSets,
    WantedDimension,
    WantedProfile,
    WantedTable,
    repeated,
)
from statements.vocabulary import Classification, Format

Aggregate = Literal[
    Classification.AGGREGATE_SUPPRESSED, Classification.AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED
]


class WantedTabulation(OfOneLine):
    """A table under one aggregate line of an agreement."""

    agreement: AgreementInForce
    purpose: PurposeOfLine
    data_set: DataSetOfLine
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
            " set has besides. Of a data set that is supplied in groups, of one group:"
            " `Referrals.records`, `Referrals.people`, `Referrals.with_care_activities`; the"
            " catalogue's list of data sets names all of them, with what one of each is.",
            examples=["records", "Referrals.people"],
        ),
        Scanned(code=True),
    ] = "records"
    further_measures: FurtherMeasures = ()
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
    profile: WantedProfile = "protected"
    linked_data_sets: LinkedDataSets = ()

    @field_validator("dimensions")
    @classmethod
    def _each_level_once(cls, value: tuple[WantedDimension, ...]) -> tuple[WantedDimension, ...]:
        if any(repeated(tuple(one.said for one in value))):
            raise Invalid("each column may be named once")
        return value

    @model_validator(mode="after")
    def _each_measure_once(self) -> Self:
        if len({self.measure, *self.further_measures}) != 1 + len(self.further_measures):
            raise Invalid("each measure may be named once")
        return self

    @model_validator(mode="after")
    def _each_data_set_once(self) -> Self:
        if len({self.data_set, *self.linked_data_sets}) != 1 + len(self.linked_data_sets):
            raise Invalid("each data set may be named once")
        return self

    @property
    def table(self) -> WantedTable:
        return WantedTable(
            measure=self.measure,
            further_measures=self.further_measures,
            dimensions=self.dimensions,
            profile=self.profile,
            linked_data_sets=self.linked_data_sets,
        )

    def months_in(self, known: Catalogue) -> tuple[str, ...]:
        """Return the months in order, each once. Raises InvalidPeriods, PeriodNotOffered."""
        return months_of(self.periods, self.data_set, known, self.filters)
