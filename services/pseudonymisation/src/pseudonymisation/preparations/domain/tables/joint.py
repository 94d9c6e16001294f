"""What tables of people of several groups tell together: all of them as one system of inequalities.

Whoever has a row in a group has one in each group above. So each category of a group has at most as
many people as the same category above it, and a reader who has both tables can hold each cell, and
each sum of cells, against the others: a number that is hidden well in its own table may be told by
another one (docs/adr/0186). Bounds are those of linear programming, which a reader can work out.
"""

import itertools
import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from disclosure.solver import Inequalities, Terms

Named = frozenset[tuple[str, frozenset[str]]]
"""By column the categories that are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPeople:
    """A table of people as it is told, by columns that are named alike in all tables."""

    of: str
    """The group whose people they are, or which rows."""
    are_people: bool
    whose: Hashable
    months: frozenset[str]
    axes: Mapping[str, Sequence[frozenset[str] | None]]
    """By column what each node counts; None: all."""
    month: str
    """The name of the axis of months, where there is one."""
    cells: Sequence[tuple[Mapping[str, frozenset[str] | None], int, int]]
    """What each cell counts, and the least and the most that it can be."""

    @property
    def values(self) -> Mapping[str, Sequence[str]]:
        """Return the categories of each column that has any."""
        every = {
            name: sorted({one for node in nodes if node for one in node})
            for name, nodes in self.axes.items()
        }
        return {name: there for name, there in every.items() if there}

    @property
    def unknowns(self) -> int:
        """Return of how many least parts it is made."""
        return math.prod(map(len, self.values.values()))

    @property
    def month_sets(self) -> set[frozenset[str]]:
        """Return which months it counts together."""
        nodes = self.axes.get(self.month, ())
        return {self.months, *(frozenset(node) for node in nodes if node)}


@dataclass(slots=True)
class _Atoms:
    """The least parts of one table, each a variable of the system."""

    table: CountedPeople
    first: int
    values: Mapping[str, Sequence[str]] = field(init=False)
    places: list[Mapping[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.values = self.table.values
        product = itertools.product(*self.values.values())
        self.places = [dict(zip(self.values, one, strict=True)) for one in product]

    def counted(self, said: Mapping[str, frozenset[str] | None]) -> list[int]:
        """Number the variables that are counted where these columns have these categories."""
        asked = {name: of for name, of in said.items() if of is not None and name in self.values}
        return [
            self.first + at
            for at, place in enumerate(self.places)
            if all(place[name] in of for name, of in asked.items())
        ]

    def people(self, months: frozenset[str], named: Named) -> list[int] | None:
        """Number the variables of months and categories; None where the table has not these."""
        said: dict[str, frozenset[str] | None] = dict(named)
        if months not in self.table.month_sets:
            return None
        if months != self.table.months:
            said[self.table.month] = months
        for name, of in named:
            if name not in self.values or not of <= set(self.values[name]):
                return None
        return self.counted(said)


class Joint:
    """The tables of one reader, and what holds between them."""

    def __init__(
        self, tables: Sequence[CountedPeople], above: Callable[[str], frozenset[str]]
    ) -> None:
        """`above` names of what there are as many at least."""
        self._atoms: list[_Atoms] = []
        for table in tables:
            first = sum(len(one.places) for one in self._atoms)
            self._atoms.append(_Atoms(table, first))
        self._rows: list[tuple[float, float, Terms]] = []
        for atoms in self._atoms:
            for said, low, high in atoms.table.cells:
                self._rows.append((low, high, dict.fromkeys(atoms.counted(said), 1.0)))
        self.differences: list[Terms] = []
        """Of people above less those below, by what both tables tell apart."""
        for one, other in itertools.combinations(self._atoms, 2):
            self._link(one, other, above)
        unknowns = sum(len(one.places) for one in self._atoms)
        self._system = Inequalities(unknowns, self._rows)

    @property
    def is_possible(self) -> bool:
        """Say whether all can be true: tables of editions that differ may contradict each other."""
        return self.bounds({}) is not None

    def cells(self) -> Iterator[tuple[int, int, Terms]]:
        """Give each cell: the least and the most that it is told to be, and what it counts."""
        for atoms in self._atoms:
            for said, low, high in atoms.table.cells:
                yield low, high, dict.fromkeys(atoms.counted(said), 1.0)

    def bounds(self, terms: Terms) -> tuple[int, int] | None:
        """Return the least and the most that a sum can be; None where nothing can be."""
        return self._system.bounds(terms)

    # --- what holds between two tables ------------------------------------------------------------

    def _link(self, one: _Atoms, other: _Atoms, above: Callable[[str], frozenset[str]]) -> None:
        first, second = one.table, other.table
        if first.whose != second.whose:
            return
        if second.of in above(first.of):
            one, other = other, one
        elif first.of != second.of and first.of not in above(second.of):
            return
        are_same = first.of == second.of
        for months in one.table.month_sets & other.table.month_sets:
            for named in _told_apart(one, other):
                wide, narrow = one.people(months, named), other.people(months, named)
                if wide is None or narrow is None:
                    continue
                terms = dict.fromkeys(wide, 1.0) | dict.fromkeys(narrow, -1.0)
                self._rows.append((0.0, 0.0 if are_same else math.inf, terms))
                if not are_same and first.are_people and second.are_people:
                    self.differences.append(terms)


def _told_apart(one: _Atoms, other: _Atoms) -> Iterable[Named]:
    """Give what both can count: each node, each category that they share, and all of these."""
    found: set[Named] = {frozenset()}
    names = [n for n in one.values if n in other.values and n not in _months(one, other)]
    for table in (one.table, other.table):
        for said, _, _ in table.cells:
            asked = {n: of for n, of in said.items() if of is not None}
            if set(asked) <= {*names, table.month}:
                found.add(frozenset((n, of) for n, of in asked.items() if n in names))
    shared = [sorted(set(one.values[n]) & set(other.values[n])) for n in names]
    ways = [[*(frozenset({v}) for v in values), frozenset(values), None] for values in shared]
    for chosen in itertools.product(*ways):
        found.add(frozenset((n, of) for n, of in zip(names, chosen, strict=True) if of))
    return found


def _months(one: _Atoms, other: _Atoms) -> set[str]:
    return {one.table.month, other.table.month}
