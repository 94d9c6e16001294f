"""A table that is asked for, permitted, and vouched for: counts by categories (docs/adr/0056).

A table is a part of request, permit, attestation and manifest. Where it stands, no record leaves;
where it does not, the statement keeps the bytes that it always had.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.texts import Scanned
from statements.filters import is_empty
from statements.form import CLOSED, OPEN
from statements.parameters import RuleParameters
from statements.vocabulary import Count, Text

DIMENSIONS_MAX, LEVELS_MAX, MEASURES_MAX, LINKED_MAX = 6, 6, 8, 8
DATA_SET = r"^[A-Z][A-Z0-9_]*$"
MEASURE = r"^([A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*\.)?[a-z][a-z0-9_]{0,39}$"
"""Of a data set that is supplied in groups the group stands before it: `Referrals.records`."""
LEVEL = r"^([A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*\.)?[0-9_]*[A-Za-z][A-Za-z0-9_]*$"
LEVEL_MAX = 80
"""Characters: of a group, of a column, and of what its organisations lie in."""
MONTH, QUARTER, FINANCIAL_YEAR = "Period_Month", "Period_Quarter", "Period_Financial_Year"
PERIOD_LEVELS: Final = (MONTH, QUARTER, FINANCIAL_YEAR)
"""The periods of the request as categories: of every data set, and of no line's fields."""
GROUPED: Final = "__"
"""Between a column of organisations and the groups that these lie in: `Provider_Code__region`."""
CATEGORY_ORDER: Final = "category"
"""Rows of a table stand in the order of their categories, never in that of people."""

DataSetName = Annotated[str, Field(pattern=DATA_SET, max_length=64)]
MeasureName = Annotated[str, Field(pattern=MEASURE)]
Column = Annotated[str, Field(pattern=LEVEL, max_length=LEVEL_MAX)]
Profile = Literal["protected", "as_published"]
Disclosure = Literal["protected", "exact", "as_published"]
"""By the rule and with what is added so that nothing hidden follows; as counted, where the line
has a right to small numbers; or by the rule alone, where the line says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDimension:
    """What a table is cut by."""

    __pydantic_config__ = CLOSED

    column: Column
    """The finest categories."""
    within: tuple[Column, ...] = ()
    """Coarser columns that these lie in, the finest first: each has totals of its own."""

    @property
    def levels(self) -> tuple[str, ...]:
        return (self.column, *self.within)


def source_of(level: str) -> str:
    """Name the column whose organisations a level groups; of any other level, itself."""
    return level.partition(GROUPED)[0] or level


def columns_of(dimensions: tuple[TableDimension, ...]) -> tuple[str, ...]:
    """Name the data set's columns that the categories are of, once each, in order."""
    levels = (level for one in dimensions for level in one.levels)
    named = (source_of(level) for level in levels if level not in PERIOD_LEVELS)
    return tuple(dict.fromkeys(named))


def repeated(dimensions: tuple[TableDimension, ...]) -> Iterator[str]:
    """Name levels that stand there more than once."""
    levels = [level for one in dimensions for level in one.levels]
    yield from sorted({level for level in levels if levels.count(level) > 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRequest:
    """The table that is judged, kept and hashed."""

    __pydantic_config__ = CLOSED

    measure: MeasureName
    dimensions: tuple[TableDimension, ...]
    profile: Profile = "protected"
    further_measures: tuple[MeasureName, ...] = ()
    """Counted as well, by the same categories, and printed beside it."""
    linked_data_sets: tuple[DataSetName, ...] = ()
    """With whose tables it is to stand: the strictest rule of all of them holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedTable:
    """What the haven may count, and how it is to be protected: a permit of its own kind."""

    __pydantic_config__ = CLOSED

    measure: MeasureName
    dimensions: Annotated[tuple[TableDimension, ...], Field(min_length=1)]
    disclosure: Disclosure
    parameters: RuleParameters | None = None
    """Of the rule, where they are the agreement's."""
    further_measures: tuple[MeasureName, ...] = ()
    linked_rules: tuple[Text, ...] = ()
    """Rules of the data sets with whose tables it is to stand, besides the line's own."""

    def rule_of(self, own: str) -> str:
        """Name the rule that holds beside the line's own: of several the strictest."""
        return "+".join(dict.fromkeys((own, *self.linked_rules)))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedTable:
    """What the haven counted and how it protected it; the proof itself stays in the haven."""

    __pydantic_config__ = OPEN

    measure: Text
    dimensions: tuple[TableDimension, ...]
    disclosure: Text
    rule: Text
    rule_version: Count
    certificate: Text
    """Digest of the proof that nothing hidden can be worked out; `none` where nothing is hidden."""
    cells: Count
    hidden: Annotated[Mapping[str, Count], Field()] = field(default_factory=dict, hash=False)
    """How many cells are hidden, or not exact, by why."""
    earlier: tuple[Text, ...] = ()
    """Releases that were part of what a reader was taken to know."""
    parameters: RuleParameters | None = None
    recovered: Count = 0
    """Hidden cells that can be worked out of others; only where a table is as published."""
    footnotes: tuple[Annotated[str, Field(max_length=500)], ...] = ()
    grains: tuple[Annotated[str, Field(max_length=200)], ...] = ()
    """Of a group: what one of each measure is. Of a flat data set nothing is written: a record is
    what its catalogue file says."""
    further_measures: tuple[Text, ...] = ()
    """Measures besides; cells and what is hidden are of all, the certificate is over all proofs."""


def measures_of(table: "TableRequest | PermittedTable | AttestedTable") -> tuple[str, ...]:
    """Name what is counted, in the order in which it is printed."""
    return (table.measure, *table.further_measures)


def grains_in_words(table: AttestedTable) -> str:
    """Say of each measure of a group what one of it is; nothing of a flat data set."""
    if len(table.grains) != len(measures_of(table)):
        return ""
    told = zip(measures_of(table), table.grains, strict=True)
    return "; ".join(f"{name}: one is a {grain}" for name, grain in told)


# What a client sends


LevelName = Annotated[
    str,
    Field(pattern=LEVEL, max_length=LEVEL_MAX, examples=["Provider_Code"]),
    Scanned(code=True),
]


class WantedDimension(BaseModel):
    """What a table is cut by: a column, and coarser ones whose totals are wanted besides."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True,
        from_attributes=True,
    )  # fmt: skip

    column: Annotated[
        LevelName,
        Field(
            description="Its values are the finest categories: a column that the line lists as it"
            f" is or derived, or `{MONTH}`, `{QUARTER}` or `{FINANCIAL_YEAR}`. Of a data set in"
            " groups, of the group that is counted or of one to whose rows its rows belong"
            " (`Referrals.Gender`). Required."
        ),
    ]
    within: Annotated[
        tuple[LevelName, ...],
        Field(
            max_length=LEVELS_MAX - 1,
            description="Coarser columns that it lies in, the finest first, as the catalogue nests"
            " them: areas, months in quarters in financial years, organisations in boards and"
            " regions (`Provider_Code__icb`, `Provider_Code__region`), practices in the places of"
            " boards (`GP_Practice_Code__sub_icb`). Of groups only the organisations' column has to"
            " be in the line.",
            exclude_if=is_empty,
        ),
    ] = ()

    @property
    def said(self) -> TableDimension:
        return TableDimension(column=self.column, within=self.within)


def is_protected(profile: str) -> bool:
    """Say that nothing is written: it is what everybody gets who asks for nothing else."""
    return profile == "protected"


WantedProfile = Annotated[
    Profile,
    Field(
        description="`protected`: by the disclosure rule, and nothing that is hidden can be worked"
        " out. `as_published`: by the rule alone, as the national publication has it; only where"
        " the line says why.",
        exclude_if=is_protected,
    ),
]


FurtherMeasures = Annotated[
    tuple[Annotated[str, Field(pattern=MEASURE), Scanned(code=True)], ...],
    Field(
        max_length=MEASURES_MAX - 1,
        description="What is counted besides, by the same categories: printed beside it in the same"
        " file, and each protected against all others.",
        examples=[["people"]],
        exclude_if=is_empty,
    ),
]


LinkedDataSets = Annotated[
    tuple[Annotated[str, Field(pattern=DATA_SET, max_length=64), Scanned(code=True)], ...],
    Field(
        max_length=LINKED_MAX,
        description="Data sets of the same agreement, with whose tables this one is to be shown:"
        " the strictest of all their disclosure rules holds for it. Each is asked for by its own"
        " line.",
        examples=[["SHMI"]],
        exclude_if=is_empty,
    ),
]


class WantedTable(BaseModel):
    """What is counted, and by what."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, from_attributes=True
    )

    measure: Annotated[
        str,
        Field(
            pattern=MEASURE,
            description="What is counted, by the catalogue's name; of a data set that is supplied"
            " in groups with the group (`Referrals.people`).",
            examples=["records"],
        ),
        Scanned(code=True),
    ]
    dimensions: Annotated[
        tuple[WantedDimension, ...],
        Field(min_length=1, max_length=DIMENSIONS_MAX, description="What it is cut by."),
    ]
    profile: WantedProfile = "protected"
    further_measures: FurtherMeasures = ()
    linked_data_sets: LinkedDataSets = ()

    @property
    def said(self) -> TableRequest:
        return TableRequest(
            linked_data_sets=self.linked_data_sets,
            measure=self.measure,
            further_measures=self.further_measures,
            dimensions=tuple(one.said for one in self.dimensions),
            profile=self.profile,
        )


def is_none(value: object) -> bool:
    """Say that nothing is written: what was before there were tables stays as it was."""
    return value is None
