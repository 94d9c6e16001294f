"""Writes into an SQLite database past its service, column by column, and looks at what is shown.

Whatever changes in an answer has to be told in that answer. Tables and columns are those of the
service's metadata, so that a new one is among them.
"""

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import MetaData, Table

from common.db import tables as shared

Answers = Mapping[str, httpx.Response]
Change = Callable[[Any], Any]

VERDICTS = frozenset({"is_as_logged", "is_as_released", "is_status_as_logged", "is_complete"})
NAMED = frozenset({"unreadable", "gone", "missing"})
IN_CSV = (
    *(("As released", "No"), ("Status as logged", "No")),
    *(("Status", "line_missing"), ("Status", "line_unreadable")),
    ("is_as_logged", "false"),
)
FAR = 100_000


@dataclass(slots=True)
class Found:
    """What came of all changes."""

    untold: set[str] = field(default_factory=set)
    """Changes of columns that an answer shows and does not tell of."""
    shown: set[str] = field(default_factory=set)
    """Columns of which a change shows in an answer."""
    columns: set[str] = field(default_factory=set)
    remained: set[str] = field(default_factory=set)
    """Answers that are others than before, though all was put back."""


def written_past(
    database: Path,
    metadata: MetaData,
    read: Callable[[], Answers],
    *,
    but: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Found:
    """Change each column of each table in all rows, and read all answers; put it back each time.

    `but` are tables that nobody is shown; `only` are the columns that are changed, unless all.
    """
    found, before = Found(), read()
    quiet = {path for path, answer in before.items() if not tells(answer)}
    assert quiet == set(before), sorted(set(before) - quiet)
    for table in metadata.sorted_tables:
        if table.name in shared.metadata.tables or table.name in but:
            continue
        for column in table.columns:
            name = f"{table.name}.{column.name}"
            if only is not None and name not in only:
                continue
            found.columns.add(name)
            for said, change in _changes(column.type.python_type):
                with _Changed(database, table, column.name, change) as count:
                    assert count, f"no row of {table.name}"
                    after = read()
                for path, answer in after.items():
                    if not _differs(answer, before[path]):
                        continue
                    found.shown.add(name)
                    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or not tells(answer):
                        found.untold.add(f"{name} ({said}): {path}: {answer.status_code}")
    after = read()
    found.remained = {path for path, answer in after.items() if _differs(answer, before[path])}
    return found


def _differs(one: httpx.Response, other: httpx.Response) -> bool:
    return (one.status_code, one.content) != (other.status_code, other.content)


def tells(answer: httpx.Response) -> bool:
    """Say whether an answer tells that somebody wrote past the service, or has nothing to show."""
    if answer.is_error:
        return True
    if answer.headers["content-type"].startswith("text/html"):
        return "Not as logged." in answer.text
    if not answer.headers["content-type"].startswith("application/json"):
        rows = csv.DictReader(io.StringIO(answer.text))
        return any(row.get(name) == said for row in rows for name, said in IN_CSV)
    return any(_told(answer.json()))


def _told(value: Any) -> Iterator[bool]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield (name in VERDICTS and one is False) or (
                name in NAMED and isinstance(one, list) and bool(one)
            )
            yield from _told(one)
    elif isinstance(value, list):
        for one in value:
            yield from _told(one)


def altered(database: Path, metadata: MetaData, name: str) -> "_Changed":
    """Have all rows with another value in a column, for as long as it is entered."""
    table, _, column = name.partition(".")
    ((_, change),) = _changes(metadata.tables[table].columns[column].type.python_type)
    return _Changed(database, metadata.tables[table], column, change)


class _Changed:
    """All rows with another value in a column, for as long as it is entered."""

    def __init__(self, database: Path, table: Table, column: str, change: Change) -> None:
        self._database, self._table, self._column = database, table.name, column
        self._change = change
        self._before: list[tuple[int, Any]] = []

    def __enter__(self) -> int:
        with closing(self._connected()) as connection:
            query = f'SELECT rowid, "{self._column}" FROM "{self._table}"'  # noqa: S608  ours
            self._before = connection.execute(query).fetchall()
            after = [(row, self._change(value)) for row, value in self._before]
            self._write(connection, after)
        return len(self._before)

    def __exit__(self, *_: object) -> None:
        with closing(self._connected()) as connection:
            self._write(connection, self._before)

    def _write(self, connection: sqlite3.Connection, rows: list[tuple[int, Any]]) -> None:
        update = f'UPDATE "{self._table}" SET "{self._column}" = ? WHERE rowid = ?'  # noqa: S608
        connection.executemany(update, [(value, row) for row, value in rows])
        connection.commit()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._database, timeout=30)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        return connection


def _changes(kind: type) -> Iterator[tuple[str, Change]]:
    """Yield changes of a column: to another value of its kind, and to one that is none."""
    if kind in {dict, list}:
        yield "another member", lambda text: json.dumps(_another(json.loads(text or "null")))
        return
    if kind is bool:
        yield "the other", lambda value: int(not value)
        return
    if kind is int:
        yield "another number", lambda value: (value or 0) + FAR
        return
    yield "another word", _word


def _word(value: Any) -> Any:
    match value:
        case None:
            return "2001-01-01 00:00:00.000000"
        case bytes():
            return value + b" "
        case str() if value[:1].isdigit() and value[4:5] == "-":
            return f"{int(value[:4]) - 1:04}{value[4:]}"
        case str() if len(value) == 32 and value.isalnum():  # an id
            return value[:-4] + ("0000" if value[-4:] != "0000" else "1111")
        case _:
            return OTHERS.get(value, f"{value}x")


OTHERS = {
    "released": "superseded",
    "superseded": "released",
    "complete": "cut",
    "cut": "complete",
    "ACTIVE": "TERMINATED",
    "accepted": "rejected",
    "rejected": "accepted",
    "in_force": "waiting",
    "final": "flex",
    "parquet": "csv",
    "csv": "parquet",
}
"""Words of which only some are taken: others would be unreadable, which is told by itself."""


def _another(value: Any) -> Any:
    """Return a JSON value with another word or number in each of its members."""
    match value:
        case None:
            return {"x": "x"}
        case dict():
            return {name: _another(one) for name, one in value.items()} or {"x": "x"}
        case list():
            return [*map(_another, value)] or ["x"]
        case bool():
            return not value
        case int() | float():
            return value + 1
        case _:
            return _word(value)
