"""One way to keep every kind of versioned fact.

A fact is a frozen dataclass whose fields are columns of its row. A change supersedes the current
row and adds the next; what we knew before stays to be asked for by its epoch.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, select
from sqlmodel import Session, col

from agreements.db.epoch import stamp
from agreements.db.seals.sealed import columns_of
from agreements.db.tables import Row as TableRow
from agreements.db.tables import Versioned
from agreements.db.written import add, supersede
from agreements.records.domain.lists.undoing import Undo
from agreements.records.use_cases.ports import Fact, Slice
from common import audit as audit_log
from common import unreadable
from common.audit import Entry
from common.db import reading

F = TypeVar("F", bound=Fact)
T = TypeVar("T")
R = TypeVar("R", bound=Versioned)

BOOKKEEPING = frozenset({"epoch", "superseded_epoch", "recorded_at"})


@dataclass(frozen=True, slots=True)
class SqlFacts(Generic[F]):
    """Facts of one kind; `fact` is their dataclass, `row` their table."""

    session: Session
    row: type[Versioned]
    fact: type[F]

    def find(self, **equal: object) -> list[F]:
        return self._read(self._current(equal).order_by(col(self.row.id)))

    def among(self, column: str, values: Collection[object]) -> list[F]:
        """Return those whose column has one of these values."""
        if not values:
            return []
        wanted = getattr(self.row, column).in_(values)
        return self._read(self._current({}).where(wanted).order_by(col(self.row.id)))

    def one(self, **equal: object) -> F | None:
        found = self.find(**equal)
        return found[0] if len(found) == 1 else None

    def page(self, part: Slice, **equal: object) -> list[F]:
        query = self._current(equal).order_by(col(self.row.id)).limit(part.rows)
        if part.after is not None:
            query = query.where(col(self.row.id) > part.after)
        return reading.page(
            self.session, query, lambda row: to_fact(self.fact, row), key=col(self.row.id)
        )

    def between(self, column: str, first: date, last: date) -> list[F]:
        """Return those of which a day lies between two, both inclusive."""
        day = getattr(self.row, column)
        return self._read(
            self._current({}).where(day.between(first, last)).order_by(col(self.row.id))
        )

    def known_at(self, epoch: int, **equal: object) -> list[F]:
        """Return what was held true at an epoch."""
        query = select(self.row).where(col(self.row.epoch) <= epoch)
        gone = col(self.row.superseded_epoch)
        query = query.where(gone.is_(None) | (gone > epoch))
        return self._read(self._where(query, equal).order_by(col(self.row.id)))

    def undo(self, epoch: int, **equal: object) -> Undo[F]:
        """Return what was written under an epoch, and what it replaced."""
        written = self._current(equal).where(col(self.row.epoch) == epoch)
        replaced = select(self.row).where(col(self.row.superseded_epoch) == epoch)
        return Undo(
            written=tuple(self._read(written.order_by(col(self.row.id)))),
            replaced=tuple(self._read(self._where(replaced, equal).order_by(col(self.row.id)))),
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

    def _current(self, equal: Mapping[str, object]) -> Select[Any]:
        return self._where(select(self.row).where(col(self.row.superseded_epoch).is_(None)), equal)

    def _where(self, query: Select[Any], equal: Mapping[str, object]) -> Select[Any]:
        for name, value in equal.items():
            query = query.where(getattr(self.row, name) == _plain(value))
        return query

    def _read(self, query: Select[Any]) -> list[F]:
        return [to_fact(self.fact, row) for row in self.session.execute(query).scalars()]


def part_of(query: Select[R], row: type[R], part: Slice) -> Select[R]:
    """Cut a part of a list out of a query."""
    query = query.order_by(col(row.id)).limit(part.rows)
    return query if part.after is None else query.where(col(row.id) > part.after)


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


def to_fact(fact: type[T], row: TableRow | Row[Any] | Mapping[str, Any], **more: object) -> T:
    """Return the fact of a row or its columns, with `more` fields that are not columns.

    Raises:
        RecordUnreadable

    """
    return unreadable.read(row, lambda one: _fact(fact, one, more))


def _fact(
    fact: type[T], row: TableRow | Row[Any] | Mapping[str, Any], more: Mapping[str, object]
) -> T:
    named = _named(fact)  # type: ignore[arg-type]  # a class is hashable
    values = {name: value for name, value in _columns(row).items() if name in named}
    values.update(more)
    made: T = _adapter(fact).validate_python(values)  # type: ignore[arg-type]  # a class is
    return made


def _columns(row: TableRow | Row[Any] | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(row, TableRow):
        return row.model_dump(warnings=False)  # what does not fit is refused by the fact
    return columns_of(row) if isinstance(row, Row) else row


@cache
def _named(fact: type[object]) -> frozenset[str]:
    return frozenset(field.name for field in fields(fact))  # type: ignore[arg-type]  # as above


@cache
def _adapter(fact: type[object]) -> TypeAdapter[Any]:
    return TypeAdapter(fact)


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
