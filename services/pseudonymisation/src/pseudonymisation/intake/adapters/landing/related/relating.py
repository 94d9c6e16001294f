"""Which rows of landed tables are good beside those of others, as SQL of the engine.

A key that is there twice is nobody's: nobody can say which row counts. A row whose parent is not
among the good rows of its table is lost with it, and with it the rows that belong to that one:
tables are looked through behind those that they belong to. Compared is what was landed: sealed
words are equal where values are.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from catalogue import DataSet
from catalogue.relations import Parent, Relations, Table
from pseudonymisation.engine.sealing import is_sealed
from pseudonymisation.engine.session import identifier, sealed_parquet

REPEATED = "KEY_REPEATED"
ORPHAN = "PARENT_NOT_LANDED"


@dataclass(frozen=True, slots=True)
class Lost:
    """Rows of a table that are good by themselves and not beside others, each by its line."""

    column: str
    code: str
    lines: npt.NDArray[np.int64]
    """In their order."""


class Related:
    """The landed tables of one submission inside a session of the engine."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        data_set: DataSet,
        landed: Mapping[str, Path],
        key_name: str,
    ) -> None:
        """`landed` are the files of the tables that came."""
        self.data_set = data_set
        self.relations: Relations = data_set.relations
        self._connection = connection
        self._landed = landed
        self._key_name = key_name
        self._lost: set[str] = set()
        self.columns: Mapping[str, frozenset[str]] = {
            name: frozenset(
                str(column)
                for column, *_ in connection.sql(
                    f"DESCRIBE SELECT * FROM {self._file(name)}"
                ).fetchall()
            )
            for name in landed
        }

    def is_there(self, table: str) -> bool:
        return table in self._landed

    def rows(self, table: str) -> str:
        """Read the rows of a table that are good beside the others, as SQL."""
        if table not in self._lost:
            return self._file(table)
        return (
            f"(SELECT * FROM {self._file(table)} AS r ANTI JOIN {self._table_of_lost(table)} AS l"
            " ON r.line = l.line)"
        )

    def lost_rows(self, table: str) -> str:
        """Read the rows of a table that are not good beside the others, as SQL."""
        return (
            f"(SELECT * FROM {self._file(table)} AS r SEMI JOIN {self._table_of_lost(table)} AS l"
            " ON r.line = l.line)"
        )

    def words(self, table: str, names: Sequence[str]) -> tuple[str, ...]:
        """Name the landed columns of these; none where the file had one not at all."""
        view, found = self.data_set.by_table[table], []
        for name in names:
            sealed = is_sealed(view.by_name[name], view)
            found += [f"{name}__0", f"{name}__1"] if sealed else [name]
        if not self.columns[table].issuperset(found):
            return ()
        return tuple(found)

    def lose(self) -> Iterator[tuple[str, Sequence[Lost]]]:
        """Find the rows of each table that are not good beside the others, and leave them out."""
        for table in self.relations.in_order():
            if self.is_there(table.table):
                yield table.table, self._lose(table)

    def _lose(self, table: Table) -> Sequence[Lost]:
        name, found = table.table, list[Lost]()
        self._connection.execute(
            f"CREATE TABLE {self._table_of_lost(name)} (line UBIGINT, place UTINYINT)"
        )
        reasons: list[tuple[str, str, str | None]] = []
        if table.key:
            reasons.append((table.key[0], REPEATED, self._repeated(table)))
        reasons += [(p.by[0], ORPHAN, self._orphans(table, p)) for p in table.parents]
        for place, (column, code, lines) in enumerate(reasons):
            if lines is None:
                continue
            self._connection.execute(
                f"INSERT INTO {self._table_of_lost(name)} SELECT line, {place}::UTINYINT FROM"
                f" ({lines}) WHERE line NOT IN (SELECT line FROM {self._table_of_lost(name)})"
            )
            told = self._connection.execute(
                f"SELECT line FROM {self._table_of_lost(name)} WHERE place = {place} ORDER BY line"
            ).fetchnumpy()
            if len(told["line"]):
                found.append(Lost(column, code, np.asarray(told["line"]).astype(np.int64)))
        if found:
            self._lost.add(name)
        return found

    def _repeated(self, table: Table) -> str:
        key = ", ".join(map(identifier, self.words(table.table, table.key)))
        file = self._file(table.table)
        return (
            f"SELECT line FROM {file} WHERE ({key}) IN"
            f" (SELECT ({key}) FROM {file} GROUP BY {key} HAVING count(*) > 1)"
        )

    def _orphans(self, table: Table, parent: Parent) -> str | None:
        """Select the lines whose parent is not there; none where no row names one."""
        by = self.words(table.table, parent.by)
        if not by:
            return None
        named = " AND ".join(f"r.{identifier(column)} IS NOT NULL" for column in by)
        file = self._file(table.table)
        if not self.is_there(parent.table):
            return f"SELECT line FROM {file} AS r WHERE {named}"
        other = self.relations.by_name[parent.table]
        key = self.words(parent.table, other.key)
        same = " AND ".join(
            f"r.{identifier(a)} = p.{identifier(b)}" for a, b in zip(by, key, strict=True)
        )
        return (
            f"SELECT r.line FROM {file} AS r ANTI JOIN {self.rows(parent.table)} AS p ON {same}"
            f" WHERE {named}"
        )

    def _file(self, table: str) -> str:
        return sealed_parquet(self._landed[table], self._key_name)

    @staticmethod
    def _table_of_lost(table: str) -> str:
        return identifier(f"lost__{table}")
