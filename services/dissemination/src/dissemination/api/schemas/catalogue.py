"""What the catalogue is shown as: every data set, and one of them with all that its file says."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Self

from pydantic import Field

from catalogue import (
    AbsentColumns,
    AbsentDataSet,
    CatalogueField,
    DataSet,
    DerivedField,
    LandingRules,
    PeriodForm,
    absent_columns,
    assumptions,
)
from dissemination.api.schemas.extracts import Outgoing


class AbsentView(Outgoing):
    """A data set that agreements name and of which the catalogue has no file yet."""

    title: Annotated[str, Field(description="As agreements name it.")]
    of: Annotated[str, Field(description="What its records are about.")]
    reason: Annotated[str, Field(description="Why there is no file.")]
    looked_for: Annotated[str, Field(description="Where a list of its fields was looked for.")]
    source: Annotated[str, Field(description="Who names it.")]

    @classmethod
    def told(cls, one: AbsentDataSet) -> Self:
        return cls.model_validate(one.model_dump())


class AbsentColumnsView(Outgoing):
    """Columns that a source names of the data set, and that its file has not."""

    table: Annotated[str, Field(description="Where the source has them.", examples=["MHS001MPI"])]
    columns: Annotated[
        list[str], Field(description="As the source names them.", examples=[["IMDQuart"]])
    ]
    reason: Annotated[str, Field(description="Why the file has them not.")]
    looked_for: Annotated[str, Field(description="Where more was looked for, and when last.")]
    source: Annotated[str, Field(description="Who names them.")]

    @classmethod
    def told(cls, one: AbsentColumns) -> Self:
        return cls.model_validate(one.model_dump(exclude={"data_set"}))


class CatalogueColumn(Outgoing):
    name: str
    class_: Annotated[str, Field(serialization_alias="class")]
    type: str
    treatments: Annotated[list[str], Field(description="Forms in which it may leave.")]


class CatalogueMeasure(Outgoing):
    """Something that tables under an aggregate line count."""

    name: Annotated[
        str,
        Field(
            description="As a request for a table names it; of a data set that is supplied in"
            " groups with the group.",
            examples=["Referrals.people"],
        ),
    ]
    title: Annotated[str, Field(description="As tables are headed.", examples=["People"])]
    grain: Annotated[
        str,
        Field(
            description="What one of it is. Each is counted once, whatever stands beside it.",
            examples=["person whom rows are about, by the first referral"],
        ),
    ]
    cut_by: Annotated[
        list[str],
        Field(
            description="Groups of whose columns tables of it can be cut by: its own, and those to"
            " one row of which each of its rows belongs; none: the data set has no groups.",
            examples=[["Care_Contacts", "Referrals", "Patients"]],
        ),
    ]


class CatalogueEntry(Outgoing):
    data_set: str
    version: str
    digest: str
    title: str
    description: str
    grain: str
    sensitivity: str
    refresh: str
    publication_gate: bool
    disclosure_rule: str
    valid_from: date
    valid_to: date | None
    columns: Annotated[
        list[CatalogueColumn], Field(description="What an agreement's line can name.")
    ]
    measures: Annotated[
        list[CatalogueMeasure], Field(description="What can be counted of it for a table.")
    ]


class CatalogueList(Outgoing):
    items: list[CatalogueEntry]
    not_yet: Annotated[
        list[AbsentView], Field(description="What nobody can ask for yet, each with the reason.")
    ]


class FieldView(Outgoing):
    name: Annotated[str, Field(description="As lines, reports and extracts name the column.")]
    header: Annotated[str, Field(description="As the provider's file names it.")]
    title: str
    type: Annotated[str, Field(description="text, date, datetime, time, integer or decimal.")]
    class_: Annotated[
        str,
        Field(
            serialization_alias="class",
            description="DI direct identifier, LI local identifier, QI quasi-identifier, SEN"
            " sensitive, CLIN clinical, ORG organisation, ADM technical, STAFF code of staff.",
        ),
    ]
    column: Annotated[str, Field(description="Whether the file's header must have it.")]
    mandatory: Annotated[bool, Field(description="Whether a record needs a value.")]
    codes: Annotated[
        list[str] | None, Field(description="Every code that there is; null: no closed list.")
    ]
    labels: Annotated[Mapping[str, str], Field(description="What codes mean.")]
    pattern: Annotated[str | None, Field(description="A regular expression of a whole value.")]
    separator: Annotated[str | None, Field(description="Between several values in one cell.")]
    length_max: Annotated[int, Field(description="In characters.")]
    minimum: Annotated[float | None, Field(description="In the unit that the title names.")]
    maximum: Annotated[float | None, Field(description="In the unit that the title names.")]
    cap: Annotated[int | None, Field(description="A number above it is kept as this.")]
    tells: Annotated[
        str | None, Field(description="Which safe form of a person's birth date or postcode it is.")
    ]
    treatments: Annotated[list[str], Field(description="Forms in which it may leave; none: never.")]
    assumed: Annotated[bool, Field(description="Nobody published that the data set has it.")]
    source: str

    @classmethod
    def of(cls, field: CatalogueField) -> Self:
        return cls(
            name=field.name,
            header=field.label,
            title=field.title,
            type=field.type,
            class_=field.class_,
            column=field.column,
            mandatory=field.mandatory,
            codes=None if field.codes is None else list(field.codes),
            labels=field.labels,
            pattern=field.pattern,
            separator=field.separator,
            length_max=field.length_max,
            minimum=field.minimum,
            maximum=field.maximum,
            cap=field.limit,
            tells=field.tells,
            treatments=list(map(str, field.treatments)),
            assumed=field.assumed,
            source=field.source,
        )


class DerivedView(Outgoing):
    name: str
    title: str
    type: str
    class_: Annotated[str, Field(serialization_alias="class")]
    source: Annotated[str, Field(serialization_alias="from", description="The column it is of.")]
    derivation: str
    at: Annotated[str | None, Field(description="The date at which an age is taken.")]
    bands: Annotated[list[str], Field(description="From the lowest; none: it is no band.")]
    assumed: Annotated[bool, Field(description="It, or what it is made of, was not published.")]

    @classmethod
    def of(cls, made: DerivedField, data_set: DataSet) -> Self:
        return cls(
            name=made.name,
            title=made.title,
            type=made.type,
            class_=made.class_,
            source=made.source,
            derivation=made.derivation,
            at=made.at,
            bands=made.labels() if made.edges else [],
            assumed=data_set.releasable(made.name).assumed,
        )


class SnapshotsView(Outgoing):
    """Months of the year in which something is extracted."""

    first: Annotated[str, Field(description="From which month on, YYYY-MM.")]
    months: Annotated[
        list[int], Field(description="Months of the calendar year: 3 is March, 9 September.")
    ]
    codes: Annotated[
        list[str], Field(description="Of these codes of `snapshots_by` alone; none: of all.")
    ]


class PeriodsView(Outgoing):
    unit: Annotated[str, Field(description="Of a submission: month, week or edition.")]
    months: Annotated[int | None, Field(description="That an edition covers.")]
    first: Annotated[str, Field(description="The first month that there is, YYYY-MM.")]
    last: Annotated[str | None, Field(description="The last month, YYYY-MM; null: it goes on.")]
    field: Annotated[str, Field(description="The date by which a record is of a month.")]
    snapshots: Annotated[
        list[SnapshotsView],
        Field(description="Months that there are: those of any of these; none: every month."),
    ]
    snapshots_by: Annotated[
        str | None, Field(description="The column with whose codes the months differ.")
    ]
    asked_by: Annotated[
        list[PeriodForm],
        Field(
            description="How a request names its periods: `month` (2018-04), `quarter` (2018-Q3,"
            " cumulative from April), `financial_year` (2018/19), `edition` (2016-04/2019-03).",
            examples=[["month", "quarter", "financial_year"]],
        ),
    ]


class InstrumentView(Outgoing):
    kind: Annotated[str, Field(description="direction or provision_notice.")]
    title: str
    valid_from: date
    valid_to: Annotated[date | None, Field(description="Its last day; null: none is set.")]
    source: str
    assumed: bool


class AssumedView(Outgoing):
    """A rule that nobody published, or not all of it."""

    rule: Annotated[str, Field(description="Its name and version.")]
    parts: Annotated[list[str], Field(description="What in it is assumed.")]


class DataSetView(CatalogueEntry):
    """One version of a data set, with all that its file says."""

    versions: Annotated[list[str], Field(description="All that there are, the oldest first.")]
    subjects: Annotated[str, Field(description="Whom records are about: patients, staff, nobody.")]
    coverage: Annotated[
        str, Field(description="`selection`: columns without a source are missing.")
    ]
    not_yet: Annotated[
        list[AbsentColumnsView],
        Field(description="Columns that a source names and nobody can ask for, with the reason."),
    ]
    periods: PeriodsView
    availability: Annotated[
        str | None,
        Field(description="When a period is expected to be published. Publication alone releases."),
    ]
    specification: str
    lag: str
    legal_bases: list[str]
    identified_by: Annotated[
        list[str],
        Field(description="Legal routes by which identity may leave; none: it never does."),
    ]
    publications: Annotated[
        list[str], Field(description="What is published of it, and may answer a question already.")
    ]
    sources: list[str]
    collection: Annotated[
        list[InstrumentView],
        Field(description="Directions and provision notices; one has to be in force for intake."),
    ]
    landing_rules: Annotated[int | None, Field(description="Version by which files are taken in.")]
    fields: Annotated[list[FieldView], Field(description="Columns of the provider's file.")]
    derived: Annotated[list[DerivedView], Field(description="Columns that landing makes of them.")]
    assumed: Annotated[
        list[AssumedView],
        Field(description="Rules besides columns that nobody published; manifests say it too."),
    ]

    @classmethod
    def told(
        cls,
        data_set: DataSet,
        entry: CatalogueEntry,
        *,
        versions: list[str],
        rules: LandingRules | None,
    ) -> Self:
        said: dict[str, Any] = {name: getattr(entry, name) for name in type(entry).model_fields}
        periods = data_set.periods
        return cls(
            **said,
            versions=versions,
            subjects=data_set.subjects,
            coverage=data_set.coverage,
            not_yet=[AbsentColumnsView.told(one) for one in absent_columns(data_set.data_set)],
            periods=PeriodsView(
                unit=periods.unit,
                months=periods.months,
                first=periods.earliest,
                last=periods.latest,
                field=periods.field,
                snapshots=[
                    SnapshotsView(first=s.earliest, months=list(s.months), codes=list(s.codes))
                    for s in periods.snapshots
                ],
                snapshots_by=periods.snapshots_by,
                asked_by=list(periods.forms),
            ),
            availability=str(data_set.availability) if data_set.availability else None,
            specification=data_set.specification,
            lag=data_set.lag,
            legal_bases=list(data_set.legal_bases),
            identified_by=list(data_set.identified_by),
            publications=list(data_set.publications),
            sources=[text for text in (data_set.source, *data_set.sources) if text],
            collection=[
                InstrumentView.model_validate(one) for one in (rules and rules.collection) or ()
            ],
            landing_rules=rules and rules.version,
            fields=[FieldView.of(field) for field in data_set.fields],
            derived=[DerivedView.of(made, data_set) for made in data_set.derived],
            assumed=[
                AssumedView(rule=rule, parts=list(parts))
                for rule, parts in assumptions(data_set, [rules] if rules else []).items()
            ],
        )
