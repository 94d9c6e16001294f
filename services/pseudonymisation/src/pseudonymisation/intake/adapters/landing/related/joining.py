"""Joins that several groups have in common, so that each is made once.

Nearly all rows of a submission stand beside the same referral, its patient and the patient's
practice. What stands beside a table's rows, whichever rows name them, is one of its *branches*:
where several tables name the same one it is written once, and they are joined with that.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pseudonymisation.engine.session import identifier

SHARED_MIN: Final = 2
"""So many tables name a branch that is written; and so many tables it has."""


@dataclass(frozen=True, slots=True)
class JoinedTable:
    """A table, and how it is joined from the left with one that is there."""

    table: str
    rows: str
    """Its rows, as SQL."""
    to: str = ""
    by: tuple[tuple[str, str], ...] = ()
    """Columns that are the same: its own, and those of the one that it is joined with."""


Branch = tuple[JoinedTable, ...]
"""A table that is joined with nothing, and those that are joined with it and with one another."""
Column = tuple[str, str]
"""A table and the name of a column in it."""


@dataclass(frozen=True, slots=True)
class Lot:
    """A part of the rows: those that name the keys of a written branch of which the hash says so.

    Whatever the branch has, no more than a lot of it is in memory. Each row is in one lot, also
    where it names nothing.
    """

    branch: Branch
    number: int
    lots: int

    def holds(self, columns: Iterable[str]) -> str:
        """Say which keys are its own, as SQL."""
        return f"hash({', '.join(columns)}) % {self.lots} = {self.number}"


@dataclass(frozen=True, slots=True)
class JoinedRows:
    """Rows of one table with what stands beside each."""

    sql: str
    """Behind FROM, with WHERE."""
    place: Callable[[str, str], str]
    """Says where a column of a table is, as SQL."""


def branch_of(table: JoinedTable, joins: Sequence[JoinedTable]) -> Branch:
    """Return a table with those that are joined with it, and so on down."""
    there, found = {table.table}, [replace(table, to="", by=())]
    for one in joins:
        if one.to in there:
            there.add(one.table)
            found.append(one)
    return tuple(found)


def source(branch: Branch, shared: Mapping[Branch, str], lot: Lot | None = None) -> JoinedRows:
    """Join a branch. `shared` are those that are written already, with how each is read.

    `lot`: only those rows.
    """
    first, *joins = branch
    condition = ""
    standing: dict[str, str | None] = {first.table: None}
    """Tables that are joined; of those in a written branch the first one of that."""
    sql = [f"{first.rows} AS {identifier(first.table)}"]

    def place(table: str, name: str) -> str:
        beside = standing[table]
        if beside is None:
            return f"{identifier(table)}.{identifier(name)}"
        return f"{identifier(beside)}.{identifier(_beside(table, name))}"

    for join in joins:
        if join.table in standing:
            continue
        beside = branch_of(join, joins)
        rows = shared.get(beside)
        if rows is None:
            standing[join.table] = None
        else:
            standing |= {one.table: join.table for one in beside}
        if rows is not None and lot is not None and lot.branch == beside:
            keys = [identifier(_beside(join.table, own)) for own, _ in join.by]
            rows = f"(SELECT * FROM {rows} WHERE {lot.holds(keys)})"
            condition = f" WHERE {lot.holds(place(join.to, other) for _, other in join.by)}"
        same = " AND ".join(
            f"{place(join.table, own)} = {place(join.to, other)}" for own, other in join.by
        )
        sql.append(f"LEFT JOIN {rows or join.rows} AS {identifier(join.table)} ON {same}")
    return JoinedRows(" ".join(sql) + condition, place)


def written_in(branch: Branch, shared: Mapping[Branch, str]) -> Iterator[Branch]:
    """Give the written branches with which a branch is joined."""
    first, *joins = branch
    standing = {first.table}
    for join in joins:
        if join.table not in standing:
            beside = branch_of(join, joins)
            standing.add(join.table)
            if beside in shared:
                standing |= {one.table for one in beside}
                yield beside


def branches_in_common(
    statements: Iterable[tuple[Branch, Iterable[Column]]],
) -> Iterator[tuple[Branch, Sequence[Column]]]:
    """Give the branches that are to be written, smaller ones first, each with its columns.

    Of each statement what it joins, and the columns that it reads.
    """
    named: dict[Branch, set[Branch]] = defaultdict(set)
    read: dict[Branch, set[Column]] = defaultdict(set)
    for whole, columns in statements:
        wanted = {*columns, *_joined_by(whole)}
        for one in whole[1:]:
            beside = branch_of(one, whole)
            (above,) = (o for o in whole if o.table == one.to)
            named[beside].add(branch_of(above, whole))
            tables = {o.table for o in beside}
            read[beside] |= {column for column in wanted if column[0] in tables}
    for beside in sorted(named, key=lambda branch: (len(branch), branch[0].table)):
        if min(len(beside), len(named[beside])) >= SHARED_MIN:
            yield beside, sorted(read[beside])


def written(branch: Branch, columns: Iterable[Column], shared: Mapping[Branch, str]) -> str:
    """Select what is to be written of a branch."""
    joined = source(branch, shared)
    selected = ", ".join(
        f"{joined.place(*column)} AS {identifier(_beside(*column))}" for column in columns
    )
    return f"SELECT {selected} FROM {joined.sql}"


def _joined_by(branch: Branch) -> Iterator[Column]:
    for join in branch:
        for own, other in join.by:
            yield join.table, own
            yield join.to, other


def _beside(table: str, name: str) -> str:
    """Name a column of a table that stands in a written branch."""
    return f"{table}.{name}"
