"""Rows as the database has them: no value is read before somebody needs it (docs/adr/0208)."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Dialect,
    Table,
    Text,
    TextClause,
    Uuid,
    cast,
    select,
    text,
    type_coerce,
)
from sqlalchemy.types import NullType
from sqlmodel import Session

from agreements.db.seals.sealed import Sealed, known_by, record, with_parts
from common import unreadable
from common.db.prepared import Prepared
from common.db.tables import table_of

IDS_MAX = 20_000
"""Identifiers that are kept: three hundred bytes each."""


class JsonText(Mapping[str, object]):
    """An object of JSON that is read when somebody looks into it."""

    __slots__ = ("_read", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._read: Mapping[str, object] | None = None

    def _content(self) -> Mapping[str, object]:
        """Raise RecordUnreadable where it is none."""
        if self._read is None:
            self._read = unreadable.read(self._text, _object)
        return self._read

    def __getitem__(self, name: str) -> object:
        return self._content()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content())

    def __len__(self) -> int:
        return len(self._content())

    def __repr__(self) -> str:
        return repr(dict(self._content()))


def _object(text: str) -> Mapping[str, object]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise TypeError("no object of JSON")
    return found


StoredColumns = tuple[Any, ...]
"""A row as the driver gives it."""

AMONG: Mapping[str, str] = {
    "postgresql": "= ANY (CAST(:values AS {type}[]))",
    "sqlite": "IN (SELECT value FROM json_each(:values))",
}
"""One parameter for any number of values: a statement that is the same for all pages."""


def among(table: Table, column: str, dialect: Dialect) -> TextClause:
    """Say that a column has one of `:values`."""
    kind = table.c[column].type.compile(dialect)
    return text(f"{table.name}.{column} {AMONG[dialect.name].format(type=kind)}")


def among_values(dialect: Dialect, values: Iterable[Any]) -> Mapping[str, Any]:
    """Return the parameter for values, or for what stands for them in the database."""
    if dialect.name == "postgresql":
        return {"values": [*map(str, values)]}
    said = [value.hex if isinstance(value, UUID) else value for value in values]
    return {"values": json.dumps(said)}


class Stored:
    """How rows of a table are asked for as they are stored, and what stands in them."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self._table = table
        self._dialect = dialect
        self._positions = {column.name: n for n, column in enumerate(table.c)}
        self._readers = [(column.name, _reader(column, dialect)) for column in table.c]
        self._query = select(*(_as_stored(column, dialect) for column in table.c))
        self._among: dict[str, Prepared] = {}
        self.name = table.name

    def position(self, column: str) -> int:
        return self._positions[column]

    @property
    def columns(self) -> Sequence[ColumnElement[Any]]:
        """Return all columns as they are stored, to ask for rows."""
        return tuple(self._query.selected_columns)

    def column(self, name: str) -> ColumnElement[Any]:
        """Return a column as it is stored, to ask for it alone."""
        return self._query.selected_columns[name]

    def among(self, session: Session, column: str, values: Collection[Any]) -> list[StoredColumns]:
        """Return the rows whose column has one of these values, in no order."""
        if not values:
            return []
        if (prepared := self._among.get(column)) is None:
            query = self._query.where(among(self._table, column, self._dialect))
            prepared = self._among[column] = Prepared(query)
        return prepared.every(session.connection(), among_values(self._dialect, values))

    def every(self, session: Session) -> list[StoredColumns]:
        """Return all rows of the table, in no order."""
        return Prepared(self._query).every(session.connection(), {})

    def read(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return the values of a row by the names of their columns."""
        return {
            name: value if reader is None or value is None else reader(value)
            for (name, reader), value in zip(self._readers, row, strict=True)
        }

    def value(self, column: str, told: Any) -> Any:
        """Return what stands in a column, by how it is stored."""
        _, reader = self._readers[self._positions[column]]
        return told if reader is None or told is None else reader(told)


@cache
def stored(table: Table, dialect: Dialect) -> Stored:
    """Return the same each time: what is worked out of a table is worked out once."""
    return Stored(table, dialect)


def _as_stored(column: Column[Any], dialect: Dialect) -> ColumnElement[Any]:
    # PostgreSQL's driver makes objects of identifiers, which takes as long as all the rest.
    is_made = isinstance(column.type, Uuid) and dialect.name == "postgresql"
    said = cast(column, Text) if isinstance(column.type, JSON) or is_made else column
    return type_coerce(said, NullType()).label(column.name)


def _reader(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(column.type, JSON):
        return json.loads
    if isinstance(column.type, Uuid):
        return _id
    return column.type.dialect_impl(dialect).result_processor(dialect, None)


_id = lru_cache(IDS_MAX)(UUID)
"""Makes the identifier of its text: on a page the same are read several times, in each table."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row of a register as it is stored, with its parts."""

    of: Stored
    row: Sequence[Any]
    parts: Sequence[tuple[Stored, Sequence[Sequence[Any]]]]

    def record(self) -> dict[str, JsonValue]:
        parts = {of.name: [record(of.read(row)) for row in rows] for of, rows in self.parts if rows}
        return with_parts(record(self.of.read(self.row)), parts)

    def as_read(self) -> bytes:
        # The name of the table tells it apart from a row whose values were read.
        return known_by((self.of.name, self.row, [rows for _, rows in self.parts]))


def read_as_stored(
    session: Session, sealed: Sealed, values: Collection[object]
) -> Mapping[object, list[StoredRow]]:
    """Return all rows of these registers, by the value that names each, as they are stored."""
    dialect = session.get_bind().dialect
    own = stored(sealed.table, dialect)
    rows = own.every(session) if sealed.by is None else own.among(session, sealed.by, values)
    at, by = own.position("id"), None if sealed.by is None else own.position(sealed.by)
    ids = {row[at] for row in rows}
    parts = [
        (of, by_column(of, part.column, of.among(session, part.column, ids)))
        for part in sealed.parts
        if (of := stored(table_of(part.row), dialect))
    ]
    found: defaultdict[object, list[StoredRow]] = defaultdict(list)
    for row in rows:
        named = None if by is None else own.value(str(sealed.by), row[by])
        of_it = [(of, by_owner.get(row[at], ())) for of, by_owner in parts]
        found[named].append(StoredRow(own, row, of_it))
    return found


def by_column(
    of: Stored, column: str, rows: Iterable[StoredColumns]
) -> Mapping[Any, list[StoredColumns]]:
    """Return rows by what stands in a column, as it is stored."""
    at, found = of.position(column), defaultdict(list)
    for row in rows:
        found[row[at]].append(row)
    return found
