"""Rows of a group with what stands beside each in others, as SQL (docs/adr/0160).

What a row belongs to is one row at most, found by that group's key: no row is counted twice. Of
what belongs to a row there may be many; of these is said only whether there is one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import duckdb

from catalogue import DataSet
from catalogue.relations import plain, qualified, split
from pseudonymisation.engine.sealing import is_sealed
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.intake.adapters.landing.layout import GROUP

THERE: Final = "beside__is_there"


@dataclass(frozen=True, slots=True)
class Joined:
    """A group that is joined: by which landed columns with what, and which it is asked for."""

    group: str
    with_: str
    by: tuple[str, ...]
    """Landed columns, quoted, that both have."""
    columns: tuple[str, ...]
    """Quoted, by the names that they are landed with."""


@dataclass(frozen=True, slots=True)
class RowsBeside:
    """What stands beside rows of one group."""

    group: str
    above: tuple[Joined, ...] = ()
    """One row at most of each, the nearest first."""
    below: tuple[Joined, ...] = ()
    """Any number of rows of each: said is whether there is one."""

    def around(self, source: str) -> str:
        """Read `source`, SQL of an edition, with the columns besides."""
        if not self.above and not self.below:
            return source
        named = {self.group: "r"} | {one.group: f"a{n}" for n, one in enumerate(self.above)}
        selected, joins = ["r.*"], []
        for one in self.above:
            its = named[one.group]
            there = {*one.columns, *one.by, *(by for o in self._under(one.group) for by in o.by)}
            listed = ", ".join(sorted(there))
            joins.append(
                f"LEFT JOIN (SELECT {listed} FROM {source} WHERE {_is_of(one.group)}) AS {its}"
                f" ON {_alike(named[one.with_], its, one.by)}"
            )
            selected += [
                f"{its}.{column} AS {identifier(qualified(one.group, column[1:-1]))}"
                for column in one.columns
            ]
        for number, one in enumerate(self.below):
            by = ", ".join(one.by)
            joins.append(
                f"LEFT JOIN (SELECT DISTINCT {by}, TRUE AS {THERE} FROM {source}"
                f" WHERE {_is_of(one.group)} AND {one.by[0]} IS NOT NULL) AS b{number}"
                f" ON {_alike('r', f'b{number}', one.by)}"
            )
            selected.append(f"b{number}.{THERE} AS {identifier(qualified(one.group, ''))}")
        return (
            f"(SELECT {', '.join(selected)}"
            f" FROM (SELECT * FROM {source} WHERE {_is_of(self.group)}) AS r {' '.join(joins)})"
        )

    def and_beside(self, other: "RowsBeside") -> "RowsBeside":
        """Return what either has, beside rows of the same group."""
        named = {one.group: one for one in self.above}
        for one in other.above:
            known = named.setdefault(one.group, one)
            columns = tuple(sorted({*known.columns, *one.columns}))
            named[one.group] = replace(known, columns=columns)
        below = {one.group: one for one in (*self.below, *other.below)}
        return RowsBeside(self.group, tuple(named.values()), tuple(below.values()))

    def repeating(self, connection: duckdb.DuckDBPyConnection, source: str) -> str | None:
        """Name a group of which an edition has two rows with one key: a join would count twice."""
        for one in self.above:
            by = ", ".join(one.by)
            found = connection.sql(
                f"SELECT 1 FROM {source} WHERE {_is_of(one.group)} AND {one.by[0]} IS NOT NULL"
                f" GROUP BY {by} HAVING count(*) > 1 LIMIT 1"
            ).fetchone()
            if found:
                return one.group
        return None

    def _under(self, group: str) -> Sequence[Joined]:
        return [one for one in self.above if one.with_ == group]


def related(whole: DataSet, group: str, columns: Collection[str]) -> RowsBeside:
    """Say what has to stand beside rows of a group, so that they have these columns."""
    relations = whole.relations
    wanted = {name: [c for c in columns if split(c)[0] == name] for name in whole.by_group}
    needed = {name for name, found in wanted.items() if any(map(plain, found))}
    above = relations.above(group)
    for one in reversed(above):
        if one.group in needed:
            needed.add(one.with_)
    there = {name for name, found in wanted.items() if qualified(name, "") in found}
    return RowsBeside(
        group,
        tuple(
            Joined(
                one.group,
                one.with_,
                _words(whole.by_group[one.group], one.by),
                tuple(sorted(identifier(plain(c)) for c in wanted[one.group] if plain(c))),
            )
            for one in above
            if one.group in needed
        ),
        tuple(
            Joined(one.group, group, _words(whole.by_group[group], one.by), ())
            for one in relations.below(group)
            if one.group in there
        ),
    )


def _words(view: DataSet, names: Sequence[str]) -> tuple[str, ...]:
    """Name the landed columns that are equal where a key is."""
    return tuple(
        identifier(word)
        for name in names
        for word in (
            (f"{name}__0", f"{name}__1") if is_sealed(view.by_name[name], view) else (name,)
        )
    )


def _is_of(group: str) -> str:
    return f"{GROUP} = {literal(group)}"


def _alike(one: str, other: str, by: Sequence[str]) -> str:
    return " AND ".join(f"{one}.{column} = {other}.{column}" for column in by)
