"""One way to keep every kind of versioned fact.

A fact is a frozen dataclass whose fields are columns of its row. A change supersedes the current
row and adds the next; what we knew before stays to be asked for by its epoch.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from enum import Enum
from typing import Any, Generic, TypeVar

from sqlalchemy import Select
from sqlmodel import Session

from agreements.db.epoch import stamp
from agreements.db.read.facts import CurrentRows, current_rows, facts_of, rows_found
from agreements.db.seals.stored import StoredColumns
from agreements.db.tables import Row as TableRow
from agreements.db.tables import Versioned
from agreements.db.written import add, supersede
from agreements.records.domain.lists.undoing import Undo
from agreements.records.use_cases.ports import Fact, Slice
from common import audit as audit_log
from common.audit import Entry
from common.db import reading
from common.db.tables import table_of

F = TypeVar("F", bound=Fact)
T = TypeVar("T")

BOOKKEEPING = frozenset({"epoch", "superseded_epoch", "recorded_at"})


@dataclass(frozen=True, slots=True)
class SqlFacts(Generic[F]):
    """Facts of one kind; `fact` is their dataclass, `row` their table."""

    session: Session
    row: type[Versioned]
    fact: type[F]

    def find(self, **equal: object) -> list[F]:
        asked = {name: _plain(value) for name, value in equal.items()}
        return self._facts(self._rows.equal(self.session, asked))

    def among(self, column: str, values: Collection[object]) -> list[F]:
        """Return those whose column has one of these values."""
        if not values:
            return []
        return self._facts(self._rows.among(self.session, column, [*map(_plain, values)]))

    def one(self, **equal: object) -> F | None:
        found = self.find(**equal)
        return found[0] if len(found) == 1 else None

    def page(self, part: Slice, **equal: object) -> list[F]:
        query = self._where(self._rows.current(), equal)
        return read_page(self.session, self.fact, self.row, query, part)

    def between(self, column: str, first: date, last: date) -> list[F]:
        """Return those of which a day lies between two, both inclusive."""
        return self._facts(self._rows.between(self.session, column, first, last))

    def known_at(self, epoch: int, **equal: object) -> list[F]:
        """Return what was held true at an epoch."""
        of = self._columns
        gone = of.superseded_epoch
        query = self._rows.query().where(of.epoch <= epoch, gone.is_(None) | (gone > epoch))
        return self._read(self._where(query, equal))

    def undo(self, epoch: int, **equal: object) -> Undo[F]:
        """Return what was written under an epoch, and what it replaced."""
        of = self._columns
        written = self._rows.current().where(of.epoch == epoch)
        replaced = self._rows.query().where(of.superseded_epoch == epoch)
        return Undo(
            written=tuple(self._read(self._where(written, equal))),
            replaced=tuple(self._read(self._where(replaced, equal))),
        )

    def save(self, *facts: F, audit: Entry) -> tuple[F, ...]:
        epoch = stamp(self.session, at=audit.at)
        stored = put(self.session, self.row, facts, epoch=epoch, audit=audit)
        audit_log.append(self.session, [audit])
        return stored

    def retract(self, *facts: F, audit: Entry) -> None:
        epoch = stamp(self.session, at=audit.at)
        for fact in facts:
            supersede(self.session, self.row, fact.id, fact.version, epoch=epoch)
        audit_log.append(self.session, [audit])

    @property
    def _rows(self) -> CurrentRows:
        return current_rows(self.session, self.row)

    @property
    def _columns(self) -> Any:
        return table_of(self.row).c

    def _where(self, query: Select[Any], equal: Mapping[str, object]) -> Select[Any]:
        return query.where(*(self._columns[name] == _plain(equal[name]) for name in equal))

    def _read(self, query: Select[Any]) -> list[F]:
        return self._facts(rows_found(self.session, query.order_by(self._columns.id)))

    def _facts(self, rows: Sequence[StoredColumns]) -> list[F]:
        return facts_of(self.fact, self._rows.of, rows)


def read_page(
    session: Session, fact: type[T], row: type[TableRow], query: Select[Any], part: Slice
) -> list[T]:
    """Return the facts of a part of the rows that a query finds as they are stored."""
    of = current_rows(session, row).of
    table: Any = table_of(row)
    return reading.page_by(
        session,
        cut(query, table, part),
        lambda asked: facts_of(fact, of, rows_found(session, asked)),
        key=table.c.id,
    )


def cut(query: Select[Any], table: Any, part: Slice) -> Select[Any]:
    """Cut a part of a list out of a query of the table's rows."""
    query = query.order_by(table.c.id).limit(part.rows)
    return query if part.after is None else query.where(table.c.id > part.after)


def put(
    session: Session,
    row: type[Versioned],
    facts: Sequence[F],
    *,
    epoch: int,
    audit: Entry,
    **more: object,
) -> tuple[F, ...]:
    """Store the next version of each fact; `more` are columns that the fact does not have.

    Raises:
        EditedMeanwhile: a stored version is not the one that was read.

    """
    for fact in facts:
        if fact.version > 0:
            supersede(session, row, fact.id, fact.version, epoch=epoch)
    stored = tuple(next_version(fact) for fact in facts)
    if stored:
        values = [
            to_columns(fact, row) | {**more, "epoch": epoch, "recorded_at": audit.at}
            for fact in stored
        ]
        add(session, row, values)
    return stored


def next_version(fact: F) -> F:
    following: F = replace(fact, version=fact.version + 1)  # type: ignore[type-var]  # all facts are dataclasses
    return following


def to_columns(fact: object, row: type[Versioned]) -> dict[str, object]:
    """Return the fields that the row has columns for."""
    columns = set(row.__table__.columns.keys())  # type: ignore[attr-defined]  # table=True
    return {
        field.name: _plain(getattr(fact, field.name))
        for field in fields(fact)  # type: ignore[arg-type]  # all facts are dataclasses
        if field.name in columns
    }


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | frozenset):
        return [_in_json(item) for item in value]
    return value


def _in_json(value: object) -> object:
    """Write what stands in a column of JSON, where dates are texts."""
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _in_json(getattr(value, field.name)) for field in fields(value)}
    return _plain(value)
