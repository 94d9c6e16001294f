"""Of which categories a table is, with which totals, and which of it are printed.

A table has an axis for each dimension that is asked for. Where the recipient has other tables of
the same records, it has further axes, by which those were cut or filtered: then what they told is
a sum of its cells, and only the part that is asked for is printed (docs/adr/0057).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final

from catalogue import groups
from disclosure import Dimension, Hierarchy
from statements.tables import (
    FINANCIAL_YEAR,
    GROUPED,
    MONTH,
    PERIOD_LEVELS,
    QUARTER,
    TableDimension,
    source_of,
)

TOTAL: Final = "Total"
WHOSE: Final = "whose records"
"""No column can be named so. Its categories say for the table and each earlier one of other
commissioners, by a 1 or a 0, whether it counts the record."""
PART: Final = "what is counted"
"""No column can be named so: whether a record is one of those that the measure counts."""
COUNTED: Final = "Counted"
OTHERS: Final = "Not counted"
NOT_KNOWN: Final = "Not known"
EVERYTHING: Final = "Everything, also what is not asked for"
ELSEWHERE: Final = "Not asked for"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis: the column of its categories, and what of it the request asks for."""

    column: str
    levels: tuple[str, ...] = ()
    """As asked for, the finest first; none: it is there for the sake of earlier tables alone."""
    is_geography: bool = False
    is_share: bool = False
    """Of an axis that divides records into counted and others: whether all of these are printed."""

    @classmethod
    def of(cls, dimension: TableDimension, *, is_geography: bool) -> "Axis":
        """Periods have months for categories, groups their organisations, whatever is asked for."""
        finest = dimension.column
        column = MONTH if finest in PERIOD_LEVELS else source_of(finest)
        return cls(column=column, levels=dimension.levels, is_geography=is_geography)

    @property
    def is_part(self) -> bool:
        """Say whether it divides records into those that the measure counts and others."""
        return self.levels == (PART,)

    @property
    def coarser(self) -> tuple[str, ...]:
        """Return the columns above the categories."""
        return tuple(level for level in self.levels if level != self.column)


@dataclass(frozen=True, kw_only=True)
class Categories:
    """The categories of an axis with what they lie in, and which are asked for."""

    axis: Axis
    lines: Mapping[str, tuple[str, ...]]
    """By category its coarser ones, the finest first."""
    inside: frozenset[str]
    """Those whose records are asked for."""
    names: Mapping[tuple[str, str], str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Give categories of several levels that are written alike names of their own."""
        told: dict[str, set[str]] = {}
        for leaf, above in self.lines.items():
            for column, label in zip(
                (self.axis.column, *self.axis.coarser), (leaf, *above), strict=True
            ):
                told.setdefault(label, set()).add(column)
        taken = {TOTAL, EVERYTHING, ELSEWHERE}
        names = {
            (column, label): label
            if len(columns) == 1 and label not in taken
            else f"{label} ({column})"
            for label, columns in told.items()
            for column in columns
        }
        object.__setattr__(self, "names", names)

    def name(self, leaf: str) -> str:
        return self.names[self.axis.column, leaf]

    @property
    def has_elsewhere(self) -> bool:
        return any(leaf not in self.inside for leaf in self.lines)

    def _above(self, leaf: str) -> list[str]:
        labels = zip(self.axis.coarser, self.lines[leaf], strict=True)
        return [self.names[column, label] for column, label in labels]

    @cached_property
    def asked(self) -> Dimension:
        """The dimension as it is printed, over the categories that are asked for."""
        leaves = [leaf for leaf in self.lines if leaf in self.inside]
        if self.axis.levels and self.axis.levels[0] != self.axis.column:
            pairs = [pair for leaf in leaves for pair in _steps([*self._above(leaf), TOTAL])]
        else:
            pairs = [
                pair
                for leaf in leaves
                for pair in _steps([self.name(leaf), *self._above(leaf), TOTAL])
            ]
        tree = Hierarchy.from_pairs(pairs)
        return Dimension(self._title, (tree,), self.axis.is_geography)

    @cached_property
    def whole(self) -> Dimension:
        """The dimension over all categories, also those that only earlier tables tell of."""
        pairs: list[tuple[str, str]] = []
        for leaf in self.lines:
            if leaf in self.inside:
                pairs += _steps([self.name(leaf), *self._above(leaf), TOTAL])
            else:
                pairs += _steps([self.name(leaf), ELSEWHERE])
        if self.has_elsewhere:
            pairs += [(TOTAL, EVERYTHING)] if self.inside & self.lines.keys() else []
            pairs += [(ELSEWHERE, EVERYTHING)]
        tree = Hierarchy.from_pairs(pairs)
        is_nation = self.axis.is_geography and not self.has_elsewhere
        return Dimension(self._title, (tree,), is_nation)

    @property
    def _title(self) -> str:
        return self.axis.levels[0] if self.axis.levels else self.axis.column

    @cached_property
    def printed(self) -> tuple[str, ...]:
        """Name the nodes that are printed, in the order in which they are."""
        if self.axis.is_part and not self.axis.is_share:
            return (self.names[PART, COUNTED],)
        return self.asked.nodes if self.axis.levels else (TOTAL,)


def _steps(line: Sequence[str]) -> list[tuple[str, str]]:
    return list(pairwise(line))


def quarter_of(month: str) -> str:
    """Name the quarter of the financial year that a month is in: `2018/19 Q1`."""
    return f"{financial_year_of(month)} Q{(int(month[5:]) - 4) % 12 // 3 + 1}"


def financial_year_of(month: str) -> str:
    """Name the financial year that a month is in: `2018/19`."""
    year = int(month[:4]) - (int(month[5:]) < 4)
    return f"{year}/{(year + 1) % 100:02d}"


PERIODS: Final[Mapping[str, Callable[[str], str]]] = {
    MONTH: str,
    QUARTER: quarter_of,
    FINANCIAL_YEAR: financial_year_of,
}
"""From a month to each level of periods."""


def made_of(level: str, label: str) -> str:
    """Say in which period or group of a level a month or an organisation lies."""
    if level in PERIODS:
        return PERIODS[level](label)
    source, is_group, group = level.partition(GROUPED)
    if not is_group or not source or label == NOT_KNOWN:
        return label
    return groups().group(label, group) or NOT_KNOWN
