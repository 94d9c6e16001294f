"""Facts that were made of the same rows before: read each time, and made once (ADR 262)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import date
from functools import cache, lru_cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Dialect, Row, Select, Table, bindparam, select
from sqlmodel import Session

from agreements.db.seals.sealed import columns_of
from agreements.db.seals.stored import Stored, StoredColumns, among, among_values, stored
from agreements.db.tables import Row as TableRow
from common import unreadable
from common.db.prepared import Prepared
from common.db.tables import table_of

T = TypeVar("T")

KNOWN_FACTS_MAX = 10_000
"""Facts that are kept with their rows."""
KNOWN_TEXTS_MAX = 2_000
"""Characters of a row whose fact is kept: a longer one is made each time. So they take some 20 MB,
and 50 at most."""


class CurrentRows:
    """The rows of a table that we hold true, by statements that are composed once."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self.of = stored(table, dialect)
        self._table = table
        self._dialect = dialect
        self._equal: dict[tuple[tuple[str, bool], ...], Prepared] = {}
        self._among: dict[str, Prepared] = {}
        self._between: dict[str, Prepared] = {}

    def equal(self, session: Session, equal: Mapping[str, object]) -> list[StoredColumns]:
        """Return those whose columns have these values, in order of id."""
        asked = tuple((name, value is None) for name, value in sorted(equal.items()))
        if (prepared := self._equal.get(asked)) is None:
            prepared = self._prepared(*(self._is(name, is_none=is_none) for name, is_none in asked))
            self._equal[asked] = prepared
        return prepared.every(session.connection(), equal)

    def among(self, session: Session, column: str, values: Collection[Any]) -> list[StoredColumns]:
        """Return those whose column has one of these values, in order of id."""
        if (prepared := self._among.get(column)) is None:
            prepared = self._prepared(cast(Any, among(self._table, column, self._dialect)))
            self._among[column] = prepared
        return prepared.every(session.connection(), among_values(self._dialect, values))

    def between(
        self, session: Session, column: str, first: date, last: date
    ) -> list[StoredColumns]:
        """Return those of which a day lies between two, both inclusive, in order of id."""
        if (prepared := self._between.get(column)) is None:
            day = self._table.c[column]
            prepared = self._between[column] = self._prepared(
                day.between(bindparam("first", type_=day.type), bindparam("last", type_=day.type))
            )
        return prepared.every(session.connection(), {"first": first, "last": last})

    def query(self) -> Select[Any]:
        """Begin a query of all rows, current or not, as they are stored."""
        return select(*self.of.columns)

    def current(self) -> Select[Any]:
        return self.query().where(self._table.c.superseded_epoch.is_(None))

    def _prepared(self, *which: ColumnElement[bool]) -> Prepared:
        return Prepared(self.current().where(*which).order_by(self._table.c.id))

    def _is(self, name: str, *, is_none: bool) -> ColumnElement[bool]:
        column = self._table.c[name]
        return column.is_(None) if is_none else column == bindparam(name, type_=column.type)


@cache
def _current_rows(table: Table, dialect: Dialect) -> CurrentRows:
    return CurrentRows(table, dialect)


def current_rows(session: Session, row: type[TableRow]) -> CurrentRows:
    return _current_rows(table_of(row), session.get_bind().dialect)


def rows_found(session: Session, query: Select[Any]) -> list[StoredColumns]:
    """Return what a query of rows finds, as they are stored."""
    return [tuple(row) for row in session.connection().execute(query)]


def facts_of(fact: type[T], of: Stored, rows: Sequence[StoredColumns]) -> list[T]:
    """Return the facts of rows as they are stored.

    Raises:
        RecordUnreadable

    """
    return [fact_of(fact, of, row) for row in rows]


def fact_of(fact: type[T], of: Stored, row: StoredColumns) -> T:
    """Return the fact of a row: the same one where every value is the same as last time.

    Raises:
        RecordUnreadable

    """
    is_short = sum(len(value) for value in row if type(value) is str) <= KNOWN_TEXTS_MAX
    made: T = (_known if is_short else _made)(fact, of, row)
    return made


def _made(fact: type[T], of: Stored, row: StoredColumns) -> T:
    return unreadable.read(row, lambda one: _fact(fact, of.read(one), {}))


_known: Any = lru_cache(KNOWN_FACTS_MAX)(_made)


def to_fact(fact: type[T], row: TableRow | Row[Any] | Mapping[str, Any], **more: object) -> T:
    """Return the fact of a row or its columns, with `more` fields that are not columns.

    Raises:
        RecordUnreadable

    """
    return unreadable.read(row, lambda one: _fact(fact, _columns(one), more))


def _fact(fact: type[T], columns: Mapping[str, Any], more: Mapping[str, object]) -> T:
    named = _named(fact)  # type: ignore[arg-type]  # a class is hashable
    values = {name: value for name, value in columns.items() if name in named}
    values.update(more)
    made: T = _adapter(fact).validate_python(values)  # type: ignore[arg-type]  # a class is
    return made


def _columns(row: TableRow | Row[Any] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(row, TableRow):
        return row.model_dump(warnings=False)  # what does not fit is refused by the fact
    return columns_of(row) if isinstance(row, Row) else row


@cache
def _named(fact: type[Any]) -> frozenset[str]:
    return frozenset(field.name for field in fields(fact))


@cache
def _adapter(fact: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(fact)
