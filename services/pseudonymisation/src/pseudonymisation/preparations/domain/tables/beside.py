"""Earlier tables of the same recipient, put beside the one that is made (docs/adr/0057).

Two tables of one recipient may give by their difference what neither shows. So the earlier one is
part of what a reader of the new one is taken to know, wherever both rest on the same editions.
Raw counts are made anew of these; of months of which the editions are gone, what was shown bounds
what is left.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from catalogue import DataSet, tabulating
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownTable, Whose
from pseudonymisation.preparations.domain.tables.axes import NOT_KNOWN, WHOSE, Axis
from pseudonymisation.preparations.domain.tables.parts import (
    Selected,
    is_made,
    never,
    never_of_two,
)
from pseudonymisation.preparations.domain.tables.tabulating import Counted, Known
from statements.filters import Filters, RowFilter
from statements.tables import MONTH, PERIOD_LEVELS, PermittedTable, source_of

EARLIER_MAX: Final = 200
"""Tables of one recipient and data set that can be held against a new one."""

_Cell = tuple[Hashable, ...]
INF: Final = 1 << 40


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
    whose: Whose
    used: tuple[tuple[ShownTable, frozenset[str], bool], ...]
    """Each with the months of it that are counted again, and whether these are all."""
    data_set: DataSet
    part_column: str | None = None
    """By which the measure divides records: it is an axis of this table."""
    shown: Sequence[ShownTable] = ()
    """All that the recipient has, also of what cannot be counted again."""
    firsts: Mapping[str, Selected] = field(default_factory=dict)
    """By made column the records of which each person's first is meant."""

    @cached_property
    def common(self) -> Filters:
        """Filters that all have: what they leave out nobody was told of."""
        return tuple(f for f in self.filters if all(f in t.filters for t, _, _ in self.used))

    @cached_property
    def all_months(self) -> tuple[str, ...]:
        return tuple(sorted({*self.periods, *(m for _, same, _ in self.used for m in same)}))

    @cached_property
    def others(self) -> tuple[Whose, ...]:
        """Whose records the earlier ones count, where it is not whose this one does."""
        return tuple(dict.fromkeys(t.whose for t, _, _ in self.used if t.whose != self.whose))

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The axes by which the earlier ones were cut or filtered, and this one is not.

        Raises:
            NotPrepared: by a column that has no categories; it cannot be held against them

        """
        if not self.used:
            return ()
        own = {
            MONTH if d.column in PERIOD_LEVELS else source_of(d.column)
            for d in self.table.dimensions
        }
        own |= set() if self.part_column is None else {self.part_column}
        wanted = {a.column for t, _, _ in self.used for a in t.told.axes}
        wanted |= {f.column for t, _, _ in self.used for f in t.filters if f not in self.common}
        wanted |= {f.column for f in self.filters if f not in self.common}
        if any(same != frozenset(self.periods) for _, same, _ in self.used):
            wanted.add(MONTH)
        if self.others:
            wanted.add(WHOSE)
        for column in sorted(wanted - own - {MONTH, WHOSE}):
            if not is_made(column) and not tabulating().is_dimension(self.data_set, column):
                raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, self.releases)
        return tuple(Axis(column=column) for column in sorted(wanted - own))

    def never(self, labels: Mapping[str, Sequence[str]]) -> Iterator[Mapping[str, frozenset[str]]]:
        """Name combinations of these categories that no record can have."""
        populations = (self.whose, *self.others)
        yield from never(self.firsts, labels, populations, passes=passes, month=MONTH, whose=WHOSE)
        if self.data_set.names_two:
            yield from never_of_two(self.firsts, labels)

    @property
    def releases(self) -> str:
        return ", ".join(dict.fromkeys(t.extract_id for t, _, _ in self.used))

    def is_asked_for(self, column: str, label: str) -> bool:
        """Say whether rows of a category are in the table that is asked for."""
        if column == MONTH:
            return label in self.periods
        if column == WHOSE:
            return label.startswith("1")
        if not self.used:
            return True  # nothing else was counted
        return all(
            passes(f, label) for f in self.filters if f.column == column and f not in self.common
        )

    def nobody(self, column: str) -> str:
        """Name a category that is asked for, where there is nobody of any."""
        if column == WHOSE:
            return "1" + "0" * len(self.others)
        for one in self.filters:
            if one.column == column and one not in self.common:
                bound = one.at_most if one.at_least is None else one.at_least
                return one.any_of[0] if one.any_of else str(bound)
        return NOT_KNOWN

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
        months_of = _months_at(table)
        for one in table.filters:
            if one not in self.common and one.column in labels:
                limits[one.column] = frozenset(x for x in labels[one.column] if passes(one, x))
        if MONTH in labels:
            limits[MONTH] = same
        if WHOSE in labels:
            at = (self.whose, *self.others).index(table.whose)
            limits[WHOSE] = frozenset(label for label in labels[WHOSE] if label[at] == "1")
        found: list[tuple[Mapping[str, frozenset[str]], int, int, bool]] = []
        for cell in table.told.cells:
            *nodes, low, high, is_hidden = cell
            members = dict(limits)
            for axis, node in zip(table.told.axes, nodes, strict=True):
                of = axis.nodes[node]
                if of is not None:
                    named = frozenset(of)
                    members[axis.column] = members.get(axis.column, named) & named
            gone = months_of(nodes) - same
            if is_whole or not gone:
                found.append((members, low, high, bool(is_hidden)))
            else:
                # Of a part of the months: less what was told of the others, if it was.
                least, most = self._told_of(table, nodes, gone)
                found.append((members, max(0, low - most), max(0, high - least), False))
        return found

    def _told_of(
        self, table: ShownTable, nodes: Sequence[int], gone: frozenset[str]
    ) -> tuple[int, int]:
        """Say between which numbers a cell's count of months is that cannot be counted again."""
        known = self._gone
        cell = _cell_at(table, nodes)
        months = [known.get((*cell, *_read(table, one)), (0, INF)) for one in _each(gone)]
        together = known.get((*cell, *_read(table, gone)), (0, INF))
        return (
            max(together[0], sum(low for low, _ in months)),
            min(together[1], sum(high for _, high in months)),
        )

    @cached_property
    def _gone(self) -> Mapping[_Cell, tuple[int, int]]:
        """What was told of each cell, by its categories, months, and the editions of these."""
        found: dict[_Cell, tuple[int, int]] = {}
        for table in self.shown:
            months_of = _months_at(table)
            for *nodes, low, high, _ in table.told.cells:
                key = (*_cell_at(table, nodes), *_read(table, months_of(nodes)))
                least, most = found.get(key, (0, INF))
                found[key] = max(least, low), min(most, high)
        return found


def _months_at(table: ShownTable) -> Callable[[Sequence[int]], frozenset[str]]:
    """Give of a cell's nodes the months that it counts."""
    at = next((i for i, axis in enumerate(table.told.axes) if axis.column == MONTH), None)

    def of(nodes: Sequence[int]) -> frozenset[str]:
        named = None if at is None else table.told.axes[at].nodes[nodes[at]]
        return table.months if named is None else frozenset(named) & table.months

    return of


def _cell_at(table: ShownTable, nodes: Sequence[int]) -> _Cell:
    """Say what a cell counts, but for its months."""
    named = frozenset(
        (axis.column, axis.nodes[node])
        for axis, node in zip(table.told.axes, nodes, strict=True)
        if axis.column != MONTH and axis.nodes[node] is not None
    )
    return table.measure, table.whose, frozenset(table.filters), named


def _read(table: ShownTable, months: frozenset[str]) -> _Cell:
    return (frozenset((month, table.editions.get(month, ())) for month in months),)


def _each(months: frozenset[str]) -> Sequence[frozenset[str]]:
    return [frozenset((month,)) for month in sorted(months)]


def is_whole(one: ShownTable, read: Callable[[str], tuple[str, ...]]) -> bool:
    """Say whether all months of a table are read from the editions that it was made of."""
    return all(ids and read(month) == ids for month, ids in one.editions.items())


def chosen(
    table: PermittedTable,
    *,
    filters: Filters,
    periods: tuple[str, ...],
    whose: Whose,
    data_set: DataSet,
    shown: Sequence[ShownTable],
    read: Callable[[str], tuple[str, ...]],
    part_column: str | None = None,
    firsts: Mapping[str, Selected],
) -> Beside:
    """Choose the earlier tables that count records of the same editions, and those beside them.

    A year less eleven months is a month, and two commissioners less one the other: what has no
    month or commissioner of the new table is chosen where a chain of others leads to it. `read`
    gives the editions that a month is read from now.

    Raises:
        NotPrepared: there are more than can be held against a new one

    """
    left = {}
    for at, one in enumerate(shown):
        same = frozenset(m for m, ids in one.editions.items() if ids and read(m) == ids)
        is_alike = one.whose.opt_outs_applied == whose.opt_outs_applied
        is_of_people = any(f.column in firsts for f in one.filters)
        # Of people, what is left of some months is not a part of the number of all.
        if one.measure == table.measure and is_alike and (same == one.months or not is_of_people):
            left[at] = (one, same, same == one.months)
    places: set[int] = set()
    reached = [(frozenset(periods), whose)]
    while reached:
        months, people = reached.pop()
        found = {
            at for at, (one, same, _) in left.items() if same & months and one.whose.meets(people)
        }
        reached += [(left[at][1], left[at][0].whose) for at in found - places]
        places |= found
    used = [left[at] for at in sorted(places)]
    if len(used) > EARLIER_MAX:
        raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, "")
    return Beside(
        table=table,
        filters=filters,
        periods=periods,
        whose=whose,
        used=tuple(used),
        data_set=data_set,
        part_column=part_column,
        shown=shown,
        firsts=firsts,
    )
