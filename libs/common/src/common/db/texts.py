"""Finds personal data in what is stored, table by table: places, never values (docs/adr/0028).

Every text of every table is looked at, JSON with a pointer into it, so that a table which is added
later is looked at too. What came before texts were scanned at the door, by an event, a snapshot or
an import, is found here.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Engine, MetaData, Table, select
from sqlalchemy.types import JSON, LargeBinary, String, TypeDecorator

from common.texts import Place, found_in, shown

ROWS_AT_ONCE: Final = 500
CHARACTERS_MAX: Final = 4_000_000
"""Of one text: what is longer is a file that was taken in (a map); it is named, and not read."""
TEXTS: Final = (String, JSON, LargeBinary)


class Found(NamedTuple):
    """One place in one row."""

    table: str
    row: str
    """The row's key; withheld where it is itself personal data."""
    column: str
    place: Place

    def __str__(self) -> str:
        """Write it as a line of the command."""
        kind, start, end = self.place.kind, self.place.start, self.place.end
        where = f"{self.table} {self.row} {self.column}{self.place.pointer}"
        return f"{where}: {kind.value}, characters {start + 1} to {end}"


class NotRead(NamedTuple):
    """A value that is too long to be looked at here."""

    table: str
    row: str
    column: str
    size: int

    def __str__(self) -> str:
        """Write it as a line of the command."""
        return f"{self.table} {self.row} {self.column}: not looked at, {self.size} bytes"


def report(engine: Engine, metadata: MetaData, say: Callable[[str], None]) -> bool:
    """Say every place, and how many they are; return whether there is none."""
    found = 0
    for line in scan(engine, metadata):
        say(str(line))
        found += isinstance(line, Found)
    say(f"{found} places with personal data.")
    return found == 0


def scan(engine: Engine, metadata: MetaData) -> Iterator[Found | NotRead]:
    """Look at every text of every table."""
    for table in metadata.sorted_tables:
        yield from _of(engine, table)


def _of(engine: Engine, table: Table) -> Iterator[Found | NotRead]:
    columns = [c for c in table.columns if _is_text(c)]
    keys = list(table.primary_key.columns)
    if not columns:
        return
    query = select(*(c.label(f"k{i}") for i, c in enumerate(keys)), *columns)
    with engine.connect() as connection:
        rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
        for row in rows:
            values = tuple(row)
            named = ",".join(shown(str(key)) for key in values[: len(keys)])
            for column, value in zip(columns, values[len(keys) :], strict=True):
                if isinstance(value, str | bytes) and len(value) > CHARACTERS_MAX:
                    yield NotRead(table.name, named, column.name, len(value))
                    continue
                for place in found_in(_content(value)):
                    yield Found(table.name, named, column.name, place)


def _is_text(column: Column[Any]) -> bool:
    kind = column.type
    return isinstance(kind.impl_instance if isinstance(kind, TypeDecorator) else kind, TEXTS)


def _content(value: Any) -> Any:
    """Read text that is JSON as what it says, and bytes as the text that they are."""
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            return None  # sealed, or no text
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
