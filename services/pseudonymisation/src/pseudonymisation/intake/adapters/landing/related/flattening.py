"""What is supplied of several tables: each row of a group with what stands beside it, as SQL.

A table is joined by a key that no two of its rows have, so that no row is repeated; it is joined
from the left, so that none is lost (docs/adr/0086).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from catalogue import DataSet
from catalogue.relations import Group, Join, Part, Table, split
from pseudonymisation.engine.sealing import is_sealed, may_be_long
from pseudonymisation.engine.session import identifier, literal
from pseudonymisation.intake.adapters.landing.judged.derivations import (
    LETTERS,
    UPPER_REASON,
    across,
)
from pseudonymisation.intake.adapters.landing.judged.reading import FINDINGS, WITHHELD
from pseudonymisation.intake.adapters.landing.layout import GROUP, kind_of_other
from pseudonymisation.intake.adapters.landing.related.joining import (
    Branch,
    Column,
    JoinedTable,
    Lot,
    source,
)
from pseudonymisation.intake.adapters.landing.related.passing import day_of
from pseudonymisation.intake.adapters.landing.related.relating import Related

PART_BITS: Final = 48
"""Above them a line has the number of its group and part, so that it is a line of the edition."""
PARTS: Final = 256


def flattened(related: Related) -> Iterator["Flattened"]:
    """Give what each group has of each table that came."""
    for number, group in enumerate(related.data_set.groups):
        for place, part in enumerate(group.parts):
            if related.is_there(part.table):
                above = (number * PARTS + place) << PART_BITS
                yield Flattened(related, group, part, above)


class Flattened:
    """Rows of one table, and what stands beside each."""

    def __init__(self, related: Related, group: Group, part: Part, above: int) -> None:
        """`above` is added to each line."""
        self._related = related
        self._view: DataSet = related.data_set.by_group[group.group]
        self._group = group
        self._part = part
        self._above = above
        self._from = dict(group.names(part))
        self._joined = [part.table]
        self._joins = [JoinedTable(part.table, related.rows(part.table))]
        for join in part.joins:
            self._join(join)
        self._place: Callable[[str, str], str] = source(self.branch, {}).place
        self._read: set[Column] = set()

    @property
    def branch(self) -> Branch:
        """The tables and how they are joined."""
        return tuple(self._joins)

    @property
    def columns(self) -> frozenset[Column]:
        """What is read of them."""
        self.rows({})
        return frozenset(self._read)

    def rows(self, shared: Mapping[Branch, str], lot: Lot | None = None) -> str:
        """Select them. `shared` are branches that are written, with how each is read."""
        joined = source(self.branch, shared, lot)
        self._place = joined.place
        driving = self._part.table
        person = self._person() or self._part.table
        columns = {
            "line": f"{self._of(driving, 'line')} + {self._above}::UBIGINT",
            **{n: self._of(person, n) for n in ("person_kind", "person_0", "person_1")},
            **dict(self._landed(person)),
            **{name: self._first(name) for name in _reasons()},
            "period": self._of(driving, "period"),
            "pcd_masked": self._any("pcd_masked"),
            "scan_rule": f"least({', '.join(self._each('scan_rule'))})",
            WITHHELD: self._any(WITHHELD),
            FINDINGS: "NULL::VARCHAR",
            GROUP: f"{literal(self._group.group)}::VARCHAR",
        }
        selected = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in columns.items())
        return f"SELECT {selected} FROM {joined.sql}"

    # --- what stands beside a row -----------------------------------------------------------------

    def _join(self, join: Join) -> None:
        table = self._related.relations.by_name[join.table]
        if not self._related.is_there(table.table) or not self._is_related(table):
            return  # it did not come, or what it would be joined with did not
        to, by = self._on(table)
        if not by:
            return  # no row names one
        rows = self._related.rows(table.table)
        if join.latest is not None:
            rows = self._latest(table, join.latest)
        self._joins.append(JoinedTable(table.table, rows, to, by))
        self._joined.append(table.table)

    def _is_related(self, table: Table) -> bool:
        tables = self._related.relations.by_name
        named = {parent.table for name in self._joined for parent in tables[name].parents}
        return table.table in named or any(p.table in self._joined for p in table.parents)

    def _on(self, table: Table) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Say with which table that is there it is joined, and by which columns.

        As what rows there belong to, where it is that; only else by the table that its own rows
        belong to, which the loader allows where one of them counts.
        """
        tables = self._related.relations.by_name
        above = [
            (tables[name], parent)
            for name in self._joined
            for parent in tables[name].parents
            if parent.table == table.table
        ]
        below = [(table, parent) for parent in table.parents if parent.table in self._joined]
        child, parent = (above or below)[0]
        by = self._related.words(child.table, parent.by)
        key = self._related.words(parent.table, tables[parent.table].key)
        pairs = tuple(zip(by, key, strict=bool(by)))
        if above:
            return child.table, tuple((key, by) for by, key in pairs)
        return parent.table, pairs

    def _latest(self, table: Table, by: str) -> str:
        parent = next(p for p in table.parents if p.table in self._joined)
        words = ", ".join(map(identifier, self._related.words(table.table, parent.by)))
        there = by in self._related.columns[table.table]
        order = f"{identifier(by)} DESC NULLS LAST, line DESC" if there else "line DESC"
        return (
            f"(SELECT * FROM {self._related.rows(table.table)}"
            f" QUALIFY row_number() OVER (PARTITION BY {words} ORDER BY {order}) = 1)"
        )

    def _person(self) -> str | None:
        """Name the table that says whom the rows are about."""
        about = self._related.relations.person_of(self._group, self._part)
        return about.table if about is not None and about.table in self._joined else None

    # --- columns ----------------------------------------------------------------------------------

    def _landed(self, person: str) -> Iterator[tuple[str, str]]:
        """Give what the group has, and what it rests on, of the tables that have it."""
        for field in self._view.fields:
            table = self._from.get(field.name) or self._rests_on(field.name, person)
            names = [field.name]
            if field.name == self._view.person.nhs_number:
                continue  # it is landed as the person
            if field.name == self._view.other.nhs_number:
                yield from self._of_other(field.name)
                continue
            if is_sealed(field, self._view):
                names = [f"{field.name}__0", f"{field.name}__1"]
                names += [f"{field.name}__rest"] if may_be_long(field) else []
            yield from self._there(table, names)
        for made in self._view.derived:
            yield from self._there(self._from.get(made.name), [made.name])
        yield from self._across()

    def _across(self) -> Iterator[tuple[str, str]]:
        """Make what is made of two tables, where both came."""
        tables = self._related.relations.by_name
        for made in self._group.made_of(self._part):
            days = []
            for table, name in map(split, (made.source, made.at)):
                landed = day_of(tables[table].by_name[name])
                if table in self._joined and landed in self._related.columns[table]:
                    days.append(f"{self._of(table, landed)}::DATE")
            if len(days) == len(made.tables):
                yield made.name, across(made.derivation, *days)

    def _of_other(self, name: str) -> Iterator[tuple[str, str]]:
        """Give the words of the second person of a row, by the name of the number."""
        table = self._from[name]
        if table in self._joined:
            yield from (
                (f"{name}__{word}", self._of(table, f"person_{word}")) for word in ("0", "1")
            )
            yield kind_of_other(name), self._of(table, "person_kind")

    def _rests_on(self, name: str, person: str) -> str | None:
        tables = self._related.relations.by_name
        return next((t for t in (person, *self._joined) if name in tables[t].by_name), None)

    def _there(self, table: str | None, names: list[str]) -> Iterator[tuple[str, str]]:
        if table is None or table not in self._joined:
            return
        for name in names:
            if name in self._related.columns[table]:
                yield name, self._of(table, name)

    def _of(self, table: str, name: str) -> str:
        self._read.add((table, name))
        return self._place(table, name)

    def _each(self, name: str) -> list[str]:
        return [self._of(t, name) for t in self._joined if name in self._related.columns[t]]

    def _first(self, name: str) -> str:
        """Take a reason from the first table that gives it."""
        tables, letter = self._related.relations.by_name, name[7:8].upper()
        told = [
            self._of(table, name)
            for table in self._joined
            if letter in tables[table].population and name in self._related.columns[table]
        ]
        return f"coalesce({', '.join(told)})" if told else "NULL::VARCHAR"

    def _any(self, name: str) -> str:
        told = [f"coalesce({one}, false)" for one in self._each(name)]
        return f"({' OR '.join(told)})" if told else "false"


def _reasons() -> tuple[str, ...]:
    return (*(f"reason_{letter.lower()}" for letter in LETTERS), UPPER_REASON)


def whole(parts: Iterable[str]) -> str:
    """Select the rows of all groups, one behind the other."""
    return " UNION ALL BY NAME ".join(parts)
