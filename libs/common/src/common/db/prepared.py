"""Statements that run thousands of times a second: composed once, then handed to the driver.

For a statement about one row SQLAlchemy takes several times what the database does: it looks the
statement up, gathers its parameters one by one, and makes a result. Here its public parts are
asked once a dialect: the text, and how values are written and read. The connection and its
transaction stay SQLAlchemy's, and what the driver raises is raised as SQLAlchemy raises it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Insert, Select, TextClause, Update
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from common.unreadable import UNREADABLE, unreadable

Statement = Select[Any] | Insert | Update | TextClause
Values = Mapping[str, Any]
Convert = Callable[[Any], Any]


class Prepared:
    """A statement; every parameter is given by its name, an insert's by that of its column."""

    def __init__(self, statement: Statement, columns: Sequence[str] = ()) -> None:
        """Take the columns of an insert, in any order: all that have no value otherwise."""
        self._statement = statement
        self._columns = columns
        self._composed: WeakKeyDictionary[Dialect, _Composed] = WeakKeyDictionary()

    def run(self, connection: Connection, rows: Sequence[Values]) -> int:
        """Run it for each of these; return how many rows it changed, as far as that is known."""
        composed = self._for(connection.dialect)
        return self._run(connection, composed, composed.written(rows))

    def run_in_order(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> int:
        """Do the same for rows whose values stand in the order of the columns."""
        composed = self._for(connection.dialect)
        return self._run(connection, composed, composed.written(rows, by=composed.in_order))

    def _run(self, connection: Connection, composed: "_Composed", given: Sequence[Any]) -> int:
        cursor = _cursor(connection)
        try:
            cursor.executemany(composed.text, given)
            changed = cursor.rowcount
        except connection.dialect.loaded_dbapi.Error as error:
            raise_as_sqlalchemy(connection, error)
        finally:
            cursor.close()
        return changed

    def row(self, connection: Connection, values: Values | None = None) -> Sequence[Any] | None:
        """Return the one row that it finds, if any.

        Raises:
            RecordUnreadable: a value in it is none of its column's type.

        """
        composed = self._for(connection.dialect)
        given = composed.written([values or {}])[0]
        cursor = _cursor(connection)
        try:
            cursor.execute(composed.text, given)
            found = cursor.fetchone()
            told = cursor.description
        except connection.dialect.loaded_dbapi.Error as error:
            raise_as_sqlalchemy(connection, error)
        finally:
            cursor.close()
        return None if found is None else composed.read(found, told or ())

    def every(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """Return all rows that it finds, as the driver gives them; no value is read."""
        composed = self._for(connection.dialect)
        cursor = _cursor(connection)
        try:
            cursor.execute(composed.text, composed.written([{**composed.constants, **values}])[0])
            return list(cursor.fetchall())
        except connection.dialect.loaded_dbapi.Error as error:
            raise_as_sqlalchemy(connection, error)
        finally:
            cursor.close()

    def _for(self, dialect: Dialect) -> "_Composed":
        found = self._composed.get(dialect)
        if found is None:
            found = _Composed.of(self._statement, self._columns, dialect)
            self._composed[dialect] = found
        return found


@dataclass(slots=True)
class _Composed:
    """A statement in the words of one database and its driver."""

    text: str
    names: tuple[str, ...]
    values_of: Callable[[Any], tuple[Any, ...]]
    in_order: Callable[[Any], tuple[Any, ...]]
    """The same of values that stand in the order of the columns."""
    is_positional: bool
    constants: Values
    """Values that stand in the statement itself, by the names of their parameters."""
    _write: tuple[tuple[int, Convert], ...]
    """Parameters that the driver does not take as they are."""
    _types: tuple[Any, ...]
    _dialect: Dialect
    _read: tuple[tuple[int, Convert], ...] | None = None
    """Values that the driver does not give as they are; known with the first row."""

    @classmethod
    def of(cls, statement: Statement, columns: Sequence[str], dialect: Dialect) -> "_Composed":
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) or None)
        names = tuple(compiled.positiontup or compiled.binds)
        converts = [
            compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            for name in names
        ]
        found = statement.selected_columns if isinstance(statement, Select) else ()
        return cls(
            text=str(compiled),
            names=names,
            values_of=_values_of(names),
            in_order=_values_of([columns.index(name) for name in names] if columns else ()),
            is_positional=compiled.positional,
            constants={
                name: bind.value
                for name, bind in compiled.binds.items()
                if not bind.required and bind.value is not None
            },
            _write=tuple((n, convert) for n, convert in enumerate(converts) if convert),
            _types=tuple(column.type.dialect_impl(dialect) for column in found),
            _dialect=dialect,
        )

    def written(
        self, rows: Sequence[Any], by: Callable[[Any], tuple[Any, ...]] | None = None
    ) -> list[Any]:
        """Write the parameters as the driver takes them."""
        names = self.names
        given = [list(values) for values in map(by or self.values_of, rows)]
        for number, convert in self._write:
            # Rows of one transaction have their instants in common.
            last = written = None
            for values in given:
                value = values[number]
                if value is not last:
                    last, written = value, convert(value)
                values[number] = written
        if self.is_positional:
            return given
        return [dict(zip(names, values, strict=True)) for values in given]

    def read(self, row: Sequence[Any], told: Sequence[Any]) -> Sequence[Any]:
        if self._read is None:
            converts = [
                kind.result_processor(self._dialect, column[1])
                for kind, column in zip(self._types, told, strict=False)  # a text has no types
            ]
            self._read = tuple((n, convert) for n, convert in enumerate(converts) if convert)
        values = list(row)
        try:
            for number, convert in self._read:
                values[number] = convert(values[number])
        except UNREADABLE as error:
            raise unreadable(error) from error
        return values


def _values_of(names: Sequence[str] | Sequence[int]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple(row[name] for name in names)


def _cursor(connection: Connection) -> DBAPICursor:
    return connection.connection.cursor()


def raise_as_sqlalchemy(connection: Connection, error: Any) -> NoReturn:
    """Raise what SQLAlchemy would have raised; a connection that is gone is not used again."""
    dialect = connection.dialect
    kind = dialect.loaded_dbapi.Error
    is_gone = dialect.is_disconnect(error, connection.connection, None)
    if is_gone:
        connection.invalidate(error)
    raise DBAPIError.instance(
        None,
        None,
        error,
        kind,
        hide_parameters=True,
        connection_invalidated=is_gone,
        dialect=dialect,
    ) from error
