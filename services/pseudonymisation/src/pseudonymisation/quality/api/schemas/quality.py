"""What is said of data quality, as it crosses the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.audit import is_as_logged
from common.web.logged import IsAsLogged
from pseudonymisation.intake.domain.measures import FieldMeasure
from pseudonymisation.quality.domain.editions import MeasuredEdition
from pseudonymisation.quality.domain.rates import FieldTotals
from pseudonymisation.quality.domain.reports import FieldReport, PeriodOfField, ProviderReport

MEASURED = ("editions", "qualities", "field-qualities")
"""Of what the audit log tells about what was measured of an edition."""

Share = Annotated[float | None, Field(ge=0, le=1)]


class FieldCounts(BaseModel):
    """How good the values of one field are. Every judged value is of exactly one kind."""

    field: Annotated[str, Field(description="As the catalogue calls it.", examples=["Sex"])]
    submitted: Annotated[bool, Field(description="Whether the file had the column.")]
    judged: Annotated[
        int,
        Field(description="Records: those that were landed, and set aside because of the field."),
    ]
    valid: Annotated[int, Field(description="Records whose value is as the rules say.")]
    missing: Annotated[int, Field(description="Records without a value that should have one.")]
    invalid: Annotated[int, Field(description="Records whose value cannot be, set aside or not.")]
    default: Annotated[
        int, Field(description="Records with a placeholder, a default code or a default postcode.")
    ]
    withheld: Annotated[
        int, Field(description="Records that rightly withhold the identity of their person.")
    ]
    duplicate: Annotated[
        int | None,
        Field(
            description="Records whose key came before in the file; null where the field is no"
            " part of the key."
        ),
    ]
    completeness: Annotated[
        Share,
        Field(
            description="Values that were given, of those that could be: from 0 to 1, four"
            " decimals; null where there are none."
        ),
    ]
    validity: Annotated[
        Share,
        Field(description="Valid values, of those that were given: from 0 to 1; null of none."),
    ]

    @classmethod
    def told(cls, one: FieldMeasure) -> dict[str, Any]:
        totals = FieldTotals.of(one)
        return {
            "field": one.field,
            "submitted": one.is_submitted,
            "judged": one.judged,
            "valid": one.valid,
            "missing": one.missing,
            "invalid": one.invalid,
            "default": one.default,
            "withheld": one.withheld,
            "duplicate": one.duplicate,
            "completeness": totals.completeness.share,
            "validity": totals.validity.share,
        }

    @classmethod
    def of(cls, one: FieldMeasure) -> Self:
        return cls(**cls.told(one))


class PeriodView(BaseModel):
    """A field in a period, in force today."""

    period: Annotated[str, Field(description="Of an edition.", examples=["2018-04"])]
    completeness: Annotated[Share, Field(description="Of the provider, from 0 to 1.")]
    national_completeness: Annotated[Share, Field(description="Of all providers, from 0 to 1.")]

    @classmethod
    def of(cls, one: PeriodOfField) -> Self:
        return cls(
            period=one.period,
            completeness=one.own.completeness.share,
            national_completeness=one.national.completeness.share,
        )


class ReportedField(FieldCounts):
    """A field of the file, held against all providers and the months before."""

    national_completeness: Annotated[
        Share, Field(description="Of all providers in the period, from 0 to 1; null: none landed.")
    ]
    national_validity: Annotated[Share, Field(description="The same of the values given.")]
    by_period: Annotated[
        list[PeriodView], Field(description="Of the newest editions in force, the oldest first.")
    ]

    @classmethod
    def of_report(cls, one: FieldReport) -> Self:
        return cls(
            **cls.told(one.measure),
            national_completeness=one.national.completeness.share,
            national_validity=one.national.validity.share,
            by_period=[PeriodView.of(period) for period in one.periods],
        )


class DifferenceView(BaseModel):
    """A sum on which patient level and aggregate do not agree."""

    model_config = ConfigDict(from_attributes=True)

    provider: Annotated[str, Field(description="Whose records: its code in normal form.")]
    month: Annotated[str, Field(description="Of the records, `YYYY-MM`.", examples=["2018-04"])]
    key: Annotated[
        dict[str, str | None],
        Field(description="Values of the columns that both have; empty: of the whole month."),
    ]
    measure: Annotated[str, Field(description="What is summed, in the unit of the field.")]
    aggregate: Annotated[Decimal, Field(description="The sum of the aggregate.")]
    patient_level: Annotated[Decimal, Field(description="The sum of what is landed of people.")]
    missing: Annotated[
        list[str], Field(description="Data sets of patient level of which nothing is landed.")
    ]


class QualityReport(BaseModel):
    """The data quality report: counts by column and reason; never a value."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    schema_: Annotated[Literal["dsfc-quality-report/1"], Field(alias="schema")]
    data_set: str
    catalogue_version: str
    totals: dict[str, int]
    columns: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    fields: Annotated[
        list[ReportedField],
        Field(description="Each field of the data set, with rates and how they were before."),
    ]
    differences: Annotated[
        list[DifferenceView] | None,
        Field(
            description="Of contract monitoring: sums by which patient level and aggregate differ"
            " by more than the tolerance; null where nothing is held against it."
        ),
    ] = None
    is_as_logged: IsAsLogged

    @classmethod
    def of_report(cls, report: ProviderReport) -> Self:
        return cls.model_validate(
            {
                **report.counts,
                "fields": [ReportedField.of_report(one) for one in report.fields],
                "differences": None
                if report.differences is None
                else [DifferenceView.model_validate(one) for one in report.differences],
                "is_as_logged": is_as_logged(),
            }
        )


class EditionQualityView(BaseModel):
    """What was measured of an edition when it was landed."""

    edition_id: UUID
    submission_id: UUID
    data_set: Annotated[str, Field(description="By its name.", examples=["SUS_APC"])]
    provider: Annotated[str, Field(description="Whose records these are: its code.")]
    period: Annotated[str, Field(description="As the submission said it.", examples=["2018-04"])]
    number: Annotated[int, Field(description="Counts the editions of the period from 1.")]
    standing: Annotated[
        Literal["in_force", "waiting", "superseded", "taken_back"],
        Field(description="`superseded`: a later edition of the period is in force."),
    ]
    superseded_by: Annotated[UUID | None, Field(description="The edition in its place.")]
    landed_at: Annotated[datetime, Field(description="When it was landed, RFC 3339, in UTC.")]
    records: Annotated[int, Field(description="Records that were landed or set aside.")]
    landed: Annotated[int, Field(description="Records that were landed.")]
    set_aside: Annotated[int, Field(description="Records that were set aside.")]
    repeated: Annotated[int, Field(description="Landed records whose key came before.")]
    withheld: Annotated[int, Field(description="Landed records without their identity.")]
    fields: list[FieldCounts]
    is_as_logged: IsAsLogged

    @classmethod
    def of(cls, edition: MeasuredEdition) -> Self:
        return cls(
            edition_id=edition.edition_id,
            submission_id=edition.submission_id,
            data_set=edition.data_set,
            provider=edition.provider,
            period=edition.period,
            number=edition.number,
            standing=edition.standing.value,
            superseded_by=edition.superseded_by,
            landed_at=edition.landed_at,
            records=edition.records,
            landed=edition.landed,
            set_aside=edition.set_aside,
            repeated=edition.repeated,
            withheld=edition.withheld,
            fields=[FieldCounts.of(one) for one in edition.fields],
            is_as_logged=is_as_logged(
                *(f"{kind}/{edition.edition_id}" for kind in MEASURED),
            ),
        )
