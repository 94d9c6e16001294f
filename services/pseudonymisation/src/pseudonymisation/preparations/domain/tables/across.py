"""Groups of one data set: what tables of two of them tell by their difference.

Whoever has a row in a group has one in each group that its rows belong to. So who has two tables of
people by the same categories can subtract: who was referred and never seen (docs/adr/0160). Rows to
which others belong are at most as many as these, and often as many (docs/adr/0204).
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from catalogue import CountOf, DataSet, chosen_by
from catalogue.relations import qualified, split
from disclosure import Rule
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownCells, ShownTable, Whose
from pseudonymisation.preparations.domain.tables.joint import CountedPeople, Joint
from statements.filters import Filters, RowFilter
from statements.tables import MONTH

VALUES_MIN = 3
"""So many numbers have to be possible for one that may be small."""
UNKNOWNS_MAX = 1_000
"""Least parts of all tables that are held together; their proof takes most of a minute."""
ROWS = "rows of"
Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleTold:
    """A table of people of one group, or of its rows, as it was told."""

    group: str
    """By the columns of which they are told apart."""
    of: str
    """What is counted (`counted_of`): the group whose people they are, which is another one where
    it is counted who has rows of it; or which rows."""
    release: str
    whose: Whose
    months: frozenset[str]
    filters: Filters
    """By which its rows were chosen, as the whole knows them."""
    cells: ShownCells

    def chosen(self, whole: DataSet) -> frozenset[RowFilter]:
        """Return the filters that choose rows of the group, by the tables of their columns."""
        return frozenset(
            replace(one.in_order, column=whole.relations.origin(one.column))
            for one in self.filters
            if chosen_by(one.column, self.group, whole.relations.joined)
        )


def counted_of(measure: CountOf | None, group: str, whole: DataSet) -> str | None:
    """Name what a measure counts, as tables of other groups may count it; None: as none does.

    People are named by their group. Records are rows; but those of the table that says who people
    are are people, and those of them to which rows of another group belong the people of that one.
    """
    if measure is None or measure.where is not None:
        return None
    if measure.of != "records":
        return group if measure.of == "people" else None
    if measure.valued is None:
        return _rows_of(group, whole)
    below, column = split(measure.valued)
    return _rows_of(group, whole, below) if below in whole.by_group and not column else None


def _rows_of(group: str, whole: DataSet, below: str = "") -> str:
    """Name the rows of a group, or those of them to which rows of another one belong."""
    said = whole.relations.of_group(group)
    says_who = [part.table for part in said.parts] == [
        table.table for table in [whole.relations.person_of(said, said.parts[0])] if table
    ]
    if says_who:
        return below or group
    tables = [part.table for part in said.parts]  # two groups may have the same rows
    first = next(g for g in whole.groups if [part.table for part in g.parts] == tables)
    return f"{ROWS} {first.group} {below}".rstrip()


def _are_people(of: str) -> bool:
    return not of.startswith(ROWS)


def of_related_groups(
    tables: Iterable[ShownTable], group: str, whole: DataSet
) -> Iterator[ShownTable]:
    """Choose tables of the group, and of those of which one belongs to the other."""
    relations = whole.relations
    above = {one.group for one in relations.above(group)}
    for one in tables:
        other = split(one.measure)[0]
        if other in whole.by_group and (
            other == group or other in above or group in {b.group for b in relations.above(other)}
        ):
            yield one


def require_no_difference(
    now: PeopleTold, before: Sequence[PeopleTold], whole: DataSet, rule: Rule
) -> None:
    """Refuse a table that beside others would tell a small number of people.

    Of people whose rows were chosen by other filters nobody can say how many both have: tables of
    two groups are of the same filters, or of other months.

    Raises:
        NotPrepared: names the releases

    """
    own = now.chosen(whole)
    unlike = [one for one in before if one.chosen(whole) != own]
    if releases := [
        one.release
        for one in unlike
        if one.group != now.group and one.months & now.months and _is_linked(now, one, whole)
    ]:
        raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, ", ".join(dict.fromkeys(releases)))
    before = [one for one in before if one not in unlike]
    told = _told(now, whole)
    above = _above(now.of, whole)
    for other in before if _are_people(now.of) else ():
        if not _are_people(other.of):
            continue  # what rows are more than people is the number of nobody
        found = _told(other, whole)
        if other.of in above:
            wide, narrow = found, told
        elif now.of in _above(other.of, whole):
            wide, narrow = told, found
        else:
            continue  # the same people, or others: there is no difference
        if any(_tells(wide[key], narrow[key], rule) for key in wide.keys() & narrow.keys()):
            releases.append(other.release)
    if not releases:
        releases = _telling_together(now, before, whole, rule)
    if releases:
        raise NotPrepared(FailureCode.TABLE_WOULD_REVEAL, ", ".join(dict.fromkeys(releases)))


def _telling_together(
    now: PeopleTold, before: Sequence[PeopleTold], whole: DataSet, rule: Rule
) -> list[str]:
    """Name the releases that tell a small number together with the table, by sums of cells too.

    All are held together; where they contradict each other, as tables of an edition that was
    replaced since may, each by itself.
    """
    linked = [one for one in before if _is_linked(now, one, whole)]
    counted = {id(one): _counted(one, whole) for one in (now, *linked)}
    linked = _reached(now, linked, counted)
    if not any(_stands_apart(one, now) for one in linked):
        return []  # those of one group are proved together where they are made

    def joint(*tables: PeopleTold) -> Joint:
        return Joint([counted[id(one)] for one in tables], lambda of: _above(of, whole))

    if sum(counted[id(one)].unknowns for one in (now, *linked)) > UNKNOWNS_MAX:
        raise NotPrepared(FailureCode.TABLE_TOO_LARGE)
    together = joint(now, *linked)
    ways = [(together, linked)] if together.is_possible else []
    if not ways:
        for one in linked:
            pair = joint(now, one)
            ways += [(pair, [one])] if pair.is_possible else []
    return [
        one.release
        for joint, tables in ways
        if _narrows(joint, [now, *tables], whole, rule)
        for one in tables
    ]


def _stands_apart(one: PeopleTold, now: PeopleTold) -> bool:
    """Say whether a table is not proved together with the one that is made where that is made."""
    are_people = _are_people(one.of) and _are_people(now.of)
    return one.group != now.group or (are_people and one.of != now.of)


def _reached(
    now: PeopleTold, linked: Sequence[PeopleTold], counted: Mapping[int, CountedPeople]
) -> list[PeopleTold]:
    """Choose tables that count months which the table counts, or which such tables count."""
    reached, rest = [now], list(linked)
    for one in reached:  # which grows
        months = counted[id(one)].month_sets
        reached += (near := [other for other in rest if months & counted[id(other)].month_sets])
        rest = [other for other in rest if other not in near]
    return reached[1:]


def _narrows(joint: Joint, tables: Sequence[PeopleTold], whole: DataSet, rule: Rule) -> bool:
    """Say whether all tables together tell a small number that none of them tells by itself."""
    for terms in joint.differences:
        found = joint.bounds(terms)
        if found is not None and _is_told(*found, rule):
            return True
    alone = [Joint([_counted(one, whole)], lambda _: frozenset()) for one in tables]
    own = ((by_itself, cell) for by_itself in alone for cell in by_itself.cells())
    for (low, high, terms), (by_itself, (_, _, its)) in zip(joint.cells(), own, strict=True):
        if not any(map(rule.hides, range(low, high + 1))):
            continue
        found = joint.bounds(terms)
        if found is not None and _is_told(*found, rule):
            before = by_itself.bounds(its)
            if before is None or not _is_told(*before, rule):
                return True
    return False


def _tells(wide: tuple[int, int], narrow: tuple[int, int], rule: Rule) -> bool:
    return _is_told(max(wide[0] - narrow[1], 0), wide[1] - narrow[0], rule)


def _is_told(low: int, high: int, rule: Rule) -> bool:
    """Say whether a number has too few possible values, one of them small."""
    return high - low + 1 < VALUES_MIN and any(map(rule.hides, range(low, high + 1)))


def _above(of: str, whole: DataSet) -> frozenset[str]:
    """Name all of which there are as many at least, in each category, as of what is counted.

    Whoever has a row of a group has one in each group above, and has rows; of rows to which others
    belong there are at most as many as of these.
    """
    relations = whole.relations
    if _are_people(of):
        above = [one.group for one in relations.above(of)]
        rows = (_rows_of(group, whole) for group in (of, *above))
        having = (
            _rows_of(group, whole, of)
            for group in above
            if of in {one.group for one in relations.below(group)}
        )
        return frozenset((*above, *rows, *having)) - {of}
    group, _, below = of.removeprefix(f"{ROWS} ").partition(" ")
    if not below:
        return frozenset()
    return frozenset((_rows_of(group, whole), _rows_of(below, whole)))


def _is_linked(one: PeopleTold, other: PeopleTold, whole: DataSet) -> bool:
    return one.whose == other.whose and (
        one.of == other.of or one.of in _above(other.of, whole) or other.of in _above(one.of, whole)
    )


def _counted(one: PeopleTold, whole: DataSet) -> CountedPeople:
    """Name the columns of a table as those of others are named."""
    names = _tables_of(one.group, whole)
    columns = [
        axis.column
        if axis.column == MONTH
        else whole.relations.origin(axis.column if split(axis.column)[0] else names[axis.column])
        for axis in one.cells.axes
    ]
    nodes = [
        [None if of is None else frozenset(of) for of in axis.nodes] for axis in one.cells.axes
    ]
    return CountedPeople(
        of=one.of,
        are_people=_are_people(one.of),
        whose=one.whose,
        months=one.months,
        axes=dict(zip(columns, nodes, strict=True)),
        month=MONTH,
        cells=[
            (
                {
                    c: nodes[at][node]
                    for at, (c, node) in enumerate(zip(columns, place, strict=True))
                },
                low,
                high,
            )
            for *place, low, high, _ in one.cells.cells
        ],
    )


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
                named.add((whole.relations.origin(column), frozenset(of)))
        key = (one.whose, months, frozenset(named))
        least, most = found.get(key, (low, high))
        found[key] = max(least, low), min(most, high)
    return found


def _tables_of(group: str, whole: DataSet) -> Mapping[str, str]:
    return {name: qualified(group, name) for name in whole.by_group[group].releasables}
