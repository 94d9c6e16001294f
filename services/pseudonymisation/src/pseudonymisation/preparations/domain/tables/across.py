"""People of several groups of one data set: what tables of two groups tell by their difference.

Whoever has a row in a group has one in each group that its rows belong to. So who has two tables of
people by the same categories can subtract: who was referred and never seen (docs/adr/0160).
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalogue import CountOf, DataSet
from catalogue.relations import qualified, split
from disclosure import Rule
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownCells, ShownTable, Whose
from statements.tables import MONTH

VALUES_MIN = 3
"""So many numbers have to be possible for one that may be small."""
Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleTold:
    """A table of people of one group, as it was told."""

    group: str
    release: str
    whose: Whose
    months: frozenset[str]
    cells: ShownCells


def is_of_people(measure: CountOf | None, group: str, whole: DataSet) -> bool:
    """Say whether a measure counts those whom rows are about, each once.

    So do the records of the table that says who people are, but for those of several providers.
    """
    if measure is None or measure.of != "records" or measure.valued or measure.where:
        return measure is not None and measure.of == "people"
    said = whole.relations.of_group(group)
    return [part.table for part in said.parts] == [
        table.table for table in [whole.relations.person_of(said, said.parts[0])] if table
    ]


def of_other_groups(
    tables: Iterable[ShownTable], group: str, whole: DataSet
) -> Iterator[ShownTable]:
    """Choose tables of groups of which one belongs to the other: others have no difference."""
    relations = whole.relations
    above = {one.group for one in relations.above(group)}
    for one in tables:
        other = split(one.measure)[0]
        if other in whole.by_group and (
            other in above or group in {b.group for b in relations.above(other)}
        ):
            yield one


def require_no_difference(
    now: PeopleTold, before: Sequence[PeopleTold], whole: DataSet, rule: Rule
) -> None:
    """Refuse a table that beside another would tell a small number of people.

    Raises:
        NotPrepared: names the releases

    """
    told = _told(now, whole)
    above = {one.group for one in whole.relations.above(now.group)}
    releases = []
    for other in before:
        found = _told(other, whole)
        wide, narrow = (found, told) if other.group in above else (told, found)
        if any(_tells(wide[key], narrow[key], rule) for key in wide.keys() & narrow.keys()):
            releases.append(other.release)
    if releases:
        raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, ", ".join(dict.fromkeys(releases)))


def _tells(wide: tuple[int, int], narrow: tuple[int, int], rule: Rule) -> bool:
    """Say whether the difference has too few possible values, one of them small."""
    low, high = max(wide[0] - narrow[1], 0), wide[1] - narrow[0]
    return high - low + 1 < VALUES_MIN and any(map(rule.hides, range(low, high + 1)))


def _told(one: PeopleTold, whole: DataSet) -> Mapping[Key, tuple[int, int]]:
    """Give the least and the most of each cell, by what it counts whichever group is asked."""
    found: dict[Key, tuple[int, int]] = {}
    names = _tables_of(one.group, whole)
    for *nodes, low, high, _ in one.cells.cells:
        months, named = one.months, set()
        for axis, node in zip(one.cells.axes, nodes, strict=True):
            of = axis.nodes[node]
            if of is None:
                continue
            if axis.column == MONTH:
                months = months & frozenset(of)
            else:
                column = axis.column if split(axis.column)[0] else names[axis.column]
                named.add((_same(column, whole), frozenset(of)))
        key = (one.whose, months, frozenset(named))
        least, most = found.get(key, (low, high))
        found[key] = max(least, low), min(most, high)
    return found


def _tables_of(group: str, whole: DataSet) -> Mapping[str, str]:
    return {name: qualified(group, name) for name in whole.by_group[group].releasables}


def _same(column: str, whole: DataSet) -> str:
    """Name a column by the table that it comes from: two groups may have the same one."""
    group, name = split(column)
    said = whole.relations.of_group(group)
    tables = {table for part in said.parts for found, table in said.names(part) if found == name}
    return qualified(min(tables), name) if tables else column
