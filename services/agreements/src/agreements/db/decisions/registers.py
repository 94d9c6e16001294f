"""Registers of what decisions wrote: all rows of a table about an environment and a data set.

A register is read as it is stored and kept as the text that its digest is over: making values of
ten thousand rows takes twenty times as long as comparing them. What is asked for is looked up in
that text, so that it is what was compared. The text of a
row is `"name",…`.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    String,
    Table,
    Uuid,
    cast,
    func,
    literal,
    select,
    type_coerce,
)
from sqlmodel import Session, UTCDateTime

from agreements.db.decisions.tables import HoldingFateRow, HoldingRow, OptOutTreatmentRow
from common.db.tables import table_of
from common.ids import digest

TREATMENT = table_of(OptOutTreatmentRow)
HOLDING = table_of(HoldingRow)
FATE = table_of(HoldingFateRow)
ROW_DIGEST = "row_digest"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a register says of each row of a table."""

    about: Table
    """Has the environment and the data set."""
    columns: tuple[Column[Any], ...]
    """The name of a row within its register, and what counts of it."""

    @property
    def source(self) -> FromClause:
        told, about = self.columns[0].table, self.about
        return told if told is about else told.join(about, about.c.id == self.columns[0])


REGISTERS: Mapping[str, Kept] = {
    TREATMENT.name: Kept(
        TREATMENT,
        (
            TREATMENT.c.month,
            TREATMENT.c.treatment,
            TREATMENT.c.permit_id,
            TREATMENT.c.reserved_at,
        ),
    ),
    # A holding is long: the digest of it is enough to know which they are, and each is held
    # against its own when it is read.
    HOLDING.name: Kept(HOLDING, (HOLDING.c.id, HOLDING.c.periods, HOLDING.c[ROW_DIGEST])),
    FATE.name: Kept(HOLDING, (FATE.c.holding_id, FATE.c.fate, FATE.c.at)),
}


@dataclass(frozen=True, slots=True, order=True)
class Register:
    table: str
    environment_id: UUID
    data_set: str

    @property
    def name(self) -> str:
        return f"{self.table}/{self.environment_id}/{self.data_set}"


@dataclass(frozen=True, slots=True)
class RegisterRows:
    """The rows of a register, each as its text, in their order: which is that of their names."""

    texts: Sequence[str]
    told: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Each text by the row as it was stored: who reads them again writes only what was added."""

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Sequence[str]]:
        """Yield the values of each row."""
        return (json.loads(f"[{text}]") for text in self.texts)

    def digest(self) -> str | None:
        """Return the digest of a register; None where it has no rows."""
        return digest(f"[[{'],['.join(self.texts)}]]".encode()) if self.texts else None

    def named(self, names: Iterable[object]) -> Mapping[str, Sequence[str]]:
        """Return the values of these rows, by their names, as far as they are there."""
        found = {}
        for name in map(str, names):
            begin = f'"{name}",'
            place = bisect_left(self.texts, begin)
            if place < len(self.texts) and self.texts[place].startswith(begin):
                found[name] = json.loads(f"[{self.texts[place]}]")
        return found

    def having(self, words: Collection[str]) -> Iterator[Sequence[str]]:
        """Yield the values of each row in whose text one of these words is."""
        seen = set()
        for word in words:
            for number, text in enumerate(self.texts):
                if word in text and number not in seen:
                    seen.add(number)
                    yield json.loads(f"[{text}]")

    def without(self, names: Collection[object]) -> "RegisterRows":
        gone = tuple(f'"{name}",' for name in names)
        return RegisterRows([text for text in self.texts if not text.startswith(gone)])


def rows_of(
    session: Session, register: Register, before: RegisterRows | None = None
) -> RegisterRows:
    """Read a register, as one text: ten thousand rows as objects wake the garbage collector.

    `before` is what it had when it was read last.

    Raises:
        ValueError: a row is of no form of ours.

    """
    kept = REGISTERS[register.table]
    dialect = session.get_bind().dialect.name
    text = session.execute(
        select(_all_of(kept, dialect))
        .select_from(kept.source)
        .where(kept.about.c.environment_id == register.environment_id)
        .where(kept.about.c.data_set == register.data_set)
    ).scalar_one()
    if not text:
        return RegisterRows(())
    written = [(n, write) for n, c in enumerate(kept.columns) if (write := _written(c, dialect))]
    stored = text.split(ROW_END)
    known = {} if before is None else before.told
    members = len(kept.columns)
    told = {row: known.get(row) or _row_as_json(row, members, written) for row in stored}
    return RegisterRows(sorted(map(told.__getitem__, stored)), told)


def registers(session: Session) -> Iterator[tuple[Register, RegisterRows]]:
    """Return every register that has rows, with these."""
    for table, kept in REGISTERS.items():
        about = kept.about.c.environment_id, kept.about.c.data_set
        found = session.execute(select(*about).distinct().order_by(*about)).all()
        for environment_id, data_set in found:
            register = Register(table, environment_id, data_set)
            if rows := rows_of(session, register):
                yield register, rows


VALUE_END, ROW_END = "\x1f", "\x1e"
"""No value of ours has them: a row that does has too many values, or too few."""
Write = Callable[[str], str]


def _row_as_json(row: str, members: int, written: Sequence[tuple[int, Write]]) -> str:
    values = row.split(VALUE_END)
    if len(values) != members:
        raise ValueError("a value has what ends values")
    for number, write in written:
        values[number] = write(values[number])
    return orjson.dumps(values)[1:-1].decode()


def _all_of(kept: Kept, dialect: str) -> ColumnElement[str | None]:
    told: ColumnElement[str] = literal("", String)
    for number, column in enumerate(kept.columns):
        value = func.coalesce(_read(column, dialect), "", type_=String)
        told = told.concat(value) if number == 0 else told.concat(VALUE_END).concat(value)
    gather = func.string_agg if dialect == "postgresql" else func.group_concat
    return gather(told, literal(ROW_END, String), type_=String)


def _read(column: Column[Any], dialect: str) -> ColumnElement[str]:
    """Read a value as it is stored, and not as Python has it: that takes longest."""
    if dialect != "postgresql":
        return type_coerce(column, String)
    if isinstance(column.type, UTCDateTime):
        return func.to_char(func.timezone("UTC", column), "YYYY-MM-DD HH24:MI:SS.US", type_=String)
    return cast(column, String)


def _written(column: Column[Any], dialect: str) -> Write | None:
    """Return how what is stored is written: an id with its hyphens, an instant as ISO 8601."""
    if isinstance(column.type, UTCDateTime):
        return _instant
    if isinstance(column.type, Uuid) and dialect != "postgresql":
        return _hyphened
    return None


def _instant(stored: str) -> str:
    return f"{stored.replace(' ', 'T').removesuffix('.000000')}+00:00"


def _hyphened(stored: str) -> str:
    return f"{stored[:8]}-{stored[8:12]}-{stored[12:16]}-{stored[16:20]}-{stored[20:]}"
