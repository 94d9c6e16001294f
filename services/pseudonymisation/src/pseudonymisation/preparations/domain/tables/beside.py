"""Earlier tables of the same recipient, put beside the one that is made (docs/adr/0057).

Two tables of one recipient may give by their difference what neither shows. So the earlier one is
part of what a reader of the new one is taken to know, wherever both rest on the same editions.
Raw counts are made anew of these; of months of which the editions are gone, what was shown bounds
what is left.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from catalogue import DataSet, tabulating
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownTable
from pseudonymisation.preparations.domain.tables.axes import NOT_KNOWN, Axis
from pseudonymisation.preparations.domain.tables.tabulating import Counted, Known
from statements.filters import Filters, RowFilter
from statements.tables import MONTH, PERIOD_LEVELS, PermittedTable

EARLIER_MAX: Final = 200
"""Tables of one recipient and data set that can be held against a new one."""


def passes(one: RowFilter, label: str) -> bool:
    """Say whether rows of a category pass a filter; what is not known passes none."""
    if label == NOT_KNOWN:
        return False
    if one.any_of:
        return label in one.any_of
    try:
        value = int(label)
    except ValueError:
        return False
    return (one.at_least is None or value >= one.at_least) and (
        one.at_most is None or value <= one.at_most
    )


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What earlier tables add to the one that is made: axes, months, and what they told."""

    table: PermittedTable
    filters: Filters
    periods: tuple[str, ...]
    used: tuple[tuple[ShownTable, frozenset[str], bool], ...]
    """Each with the months of it that are counted again, and whether these are all."""
    data_set: DataSet

    @cached_property
    def common(self) -> Filters:
        """Filters that all have: what they leave out nobody was told of."""
        return tuple(f for f in self.filters if all(f in t.filters for t, _, _ in self.used))

    @cached_property
    def all_months(self) -> tuple[str, ...]:
        return tuple(sorted({*self.periods, *(m for _, same, _ in self.used for m in same)}))

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes by which the earlier ones were cut or filtered, and this one is not.

        Raises:
            NotPrepared: by a column that has no categories; it cannot be held against them

        """
        if not self.used:
            return ()
        own = {MONTH if d.column in PERIOD_LEVELS else d.column for d in self.table.dimensions}
        wanted = {a.column for t, _, _ in self.used for a in t.told.axes}
        wanted |= {f.column for t, _, _ in self.used for f in t.filters if f not in self.common}
        wanted |= {f.column for f in self.filters if f not in self.common}
        if any(same != frozenset(self.periods) for _, same, _ in self.used):
            wanted.add(MONTH)
        for column in sorted(wanted - own - {MONTH}):
            if not tabulating().is_dimension(self.data_set, column):
                raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, self.releases)
        return tuple(Axis(column=column) for column in sorted(wanted - own))

    @property
    def releases(self) -> str:
        return ", ".join(t.extract_id for t, _, _ in self.used)

    def is_asked_for(self, column: str, label: str) -> bool:
        """Say whether rows of a category are in the table that is asked for."""
        if column == MONTH:
            return label in self.periods
        if not self.used:
            return True  # nothing else was counted
        return all(
            passes(f, label) for f in self.filters if f.column == column and f not in self.common
        )

    def known(self, counted: Counted) -> Sequence[Known]:
        """Return what the earlier tables told, by the categories that were counted."""
        labels = {one.axis.column: tuple(one.lines) for one in counted.categories}
        return tuple(
            Known(
                release=table.extract_id,
                cells=tuple(self._cells(table, same, labels, is_whole=is_whole)),
            )
            for table, same, is_whole in self.used
        )

    def _cells(
        self,
        table: ShownTable,
        same: frozenset[str],
        labels: Mapping[str, Sequence[str]],
        *,
        is_whole: bool,
    ) -> list[tuple[Mapping[str, frozenset[str]], int, int, bool]]:
        limits: dict[str, frozenset[str]] = {}
        for one in table.filters:
            if one not in self.common and one.column in labels:
                limits[one.column] = frozenset(x for x in labels[one.column] if passes(one, x))
        if MONTH in labels:
            limits[MONTH] = same
        found: list[tuple[Mapping[str, frozenset[str]], int, int, bool]] = []
        for cell in table.told.cells:
            *nodes, low, high, is_hidden = cell
            members = dict(limits)
            for axis, node in zip(table.told.axes, nodes, strict=True):
                of = axis.nodes[node]
                if of is not None:
                    named = frozenset(of)
                    members[axis.column] = members.get(axis.column, named) & named
            # Of a part of the months only the most is known, and of what was hidden nothing.
            found.append((members, low if is_whole else 0, high, bool(is_hidden) and is_whole))
        return found


def chosen(
    table: PermittedTable,
    *,
    filters: Filters,
    periods: tuple[str, ...],
    data_set: DataSet,
    shown: Sequence[ShownTable],
    read: Callable[[str], tuple[str, ...]],
) -> Beside:
    """Choose the earlier tables that count records of the same editions.

    `read` gives the editions that a month is read from now.

    Raises:
        NotPrepared: there are more than can be held against a new one

    """
    used = []
    for one in shown:
        same = frozenset(m for m, ids in one.editions.items() if ids and read(m) == ids)
        if one.measure == table.measure and same & frozenset(periods):
            used.append((one, same, same == one.months))
    if len(used) > EARLIER_MAX:
        raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, "")
    return Beside(
        table=table,
        filters=filters,
        periods=periods,
        used=tuple(used),
        data_set=data_set,
    )
