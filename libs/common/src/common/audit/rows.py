"""Whether rows that are shown are as the audit log tells.

Whoever has the password of a database can alter a row that people are shown. So the leaf of each
change has the digest of the rows that it wrote (`TOLD`), and what is shown is held against the
newest leaf about it (docs/adr/0073). The log itself is held against its tree (`LogReader`).
"""

from bisect import bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import structlog
from pydantic import JsonValue
from sqlalchemy import Table, select
from sqlalchemy.orm import Mapped
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from common.audit.entries import Entry
from common.audit.log import read_frontier
from common.audit.reading import LogReader, Note
from common.db import reading
from common.db.reading import AnySelect
from common.errors import Conflict
from common.ids import canonical, digest
from common.unreadable import UNREADABLE

log: structlog.stdlib.BoundLogger = structlog.get_logger()

TOLD: Final = "told"
"""In the detail of an entry: by record the digest of its rows."""

GONE: Final = digest(b"")
"""The digest of a record of which no row is there any more."""

SHORT: Final = 16
"""Bytes of a digest that a process keeps: nobody finds another row with the same."""

KEYS_AT_ONCE: Final = 1000
"""A statement has at most some ten thousand values."""

FORMER_MAX: Final = 4096
"""Digests from before the newest that a process keeps, for those who read before it was written."""

Row = Mapping[str, Any]


class Identified(Protocol):
    @property
    def id(self) -> UUID: ...


Shown = TypeVar("Shown", bound=Identified)


def told_of(kind: str) -> Callable[[Mapping[str, Any]], str | None]:
    """Return what says of which record of a kind an entry tells, by its resource `kind/key`."""

    def told_before(entry: Mapping[str, Any]) -> str | None:
        name, _, key = str(entry["resource"]).partition("/")
        return key if name == kind else None

    return told_before


class RecordNotAsLogged(Conflict):
    """Somebody wrote into the database past the service."""

    code = "RECORD_NOT_AS_LOGGED"
    title = "The record is not as the audit log tells"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The rows of one record: of each table those whose column has the record's key."""

    name: str
    """Of this kind, in the plural: `extracts`."""
    tables: Mapping[Table, str]
    """The record's own first, which has one row of it."""
    leaving_out: Collection[str] = ()
    """`table.column`: what workers note on the way, and no leaf tells of."""
    told_before: Callable[[Mapping[str, Any]], str | None] = lambda _: None
    """Of an entry from before digests were logged: of which record it tells."""
    read_as: Callable[[Row], Row] = lambda row: row
    """A row with what changes without a leaf put in one form."""

    def named(self, key: object) -> str:
        return f"{self.name}/{key}"


def digests(session: AnySession, kept: Kept, keys: Iterable[object]) -> dict[str, str]:
    """Return the digest of each record as its rows are now, by its name.

    Raises one of UNREADABLE where a value is none of its column's type.
    """
    wanted = list(keys)
    found: dict[str, list[bytes]] = {kept.named(key): [] for key in wanted}
    for table, by in kept.tables.items():
        shown = [c for c in table.columns if f"{table.name}.{c.name}" not in kept.leaving_out]
        for at in range(0, len(wanted), KEYS_AT_ONCE):
            query = select(*shown).where(table.c[by].in_(wanted[at : at + KEYS_AT_ONCE]))
            for row in session.execute(query).mappings():
                said = {n: _plain(v) for n, v in kept.read_as(dict(row)).items() if v is not None}
                found[kept.named(row[by])].append(canonical([table.name, said]))
    return {name: digest(b"\n".join(sorted(rows))) for name, rows in found.items()}


def telling(session: AnySession, entry: Entry, *records: tuple[Kept, object]) -> Entry:
    """Have an entry tell of records as this transaction has written them."""
    session.flush()
    told: dict[str, JsonValue] = {}
    for kept, key in records:
        told.update(digests(session, kept, [key]))
    return replace(entry, detail={**entry.detail, TOLD: told})


@dataclass(frozen=True, slots=True)
class _Leaf:
    """What a leaf says of a record."""

    index: int
    digest: bytes | None
    """The beginning of it; None: the leaf is from before digests were logged."""


class LoggedRows:
    """What a log tells of the records of a service, for as long as the process runs."""

    def __init__(
        self,
        log_name: str,
        kept: Sequence[Kept],
        checkpoints: Path | None = None,
        *,
        note: Note = lambda _: None,
    ) -> None:
        """`checkpoints`: their directory; None: the log is held against itself alone.

        `note` is given each entry as well.
        """
        self._kept = kept
        self._also = note
        self._log = LogReader(
            log_name=log_name, words=[""], note=self._note, checkpoints=checkpoints
        )
        self._newest: dict[str, _Leaf] = {}
        """By the name of a record."""
        self._names: list[str] = []
        """All of them, in order."""
        self._former: OrderedDict[tuple[str, int], _Leaf] = OrderedDict()
        """By record and newer leaf the one before it."""
        self._is_before = True
        """Whether no leaf had digests yet; from then on a leaf that tells of a record has its."""
        self._lock = Lock()

    def catch_up(self, session: Session) -> tuple[bool, int]:
        """Read what was added; return whether the log is whole, and how far it was read."""
        with self._lock:
            return self._log.catch_up(session), self._log.read_to

    def compare(self, session: Session, kept: Kept, keys: Collection[object]) -> None:
        """Hold records against the log, for whoever shows them (`is_as_logged`).

        In a transaction that only reads: what is not committed is not in the log yet.
        """
        if not keys:
            return
        found = _readable(session, kept, keys)
        with self._lock:
            is_whole = self._log.catch_up(session)
            size = read_frontier(session).size
            verdicts = {
                name: self._verdict(name, said, size) if is_whole else False
                for name, said in found.items()
            }
        unlike = sorted(name for name, verdict in verdicts.items() if verdict is False)
        if unlike:
            log.critical("records_not_as_logged", records=unlike, log=is_whole)
        _verdicts.set({**_verdicts.get(), **verdicts})

    def pass_over(self, kept: Kept) -> None:
        """Say that records of a kind were not compared: it is not known how they are."""
        _verdicts.set({**_verdicts.get(), kept.named(""): None})

    def look_for_gone(
        self, session: Session, kept: Kept, *, after: UUID | None, last: UUID | None
    ) -> None:
        """Note records of a part of a list of which the log tells and no row is there (`gone`)."""
        table, by = next(iter(kept.tables.items()))
        key = table.c[by]
        query = select(key)
        if after is not None:
            query = query.where(key > after)
        if last is not None:
            query = query.where(key <= last)
        there = {kept.named(one) for one in session.scalars(query)}
        with self._lock:
            self._log.catch_up(session)
            size = read_frontier(session).size
            first = bisect_right(self._names, kept.named("" if after is None else after))
            end = bisect_right(self._names, kept.named("~" if last is None else last))
            missing = [
                name
                for name in self._names[first:end]
                if name not in there and (leaf := self._leaf(name, size)) and leaf.digest != _GONE
            ]
        if missing:
            log.critical("records_gone", records=missing)
            _verdicts.set({**_verdicts.get(), **dict.fromkeys(missing, False)})
        _gone.set((*_gone.get(), *(UUID(name.rpartition("/")[2]) for name in missing)))

    def page(
        self,
        session: Session,
        kept: Kept,
        query: AnySelect,
        make: Callable[[Any], Shown],
        *,
        key: Mapped[UUID],
        after: UUID | None,
        limit: int | None,
        is_all: bool = True,
    ) -> list[Shown]:
        """Read a page of a list in the order of its ids, held against the log.

        What the page shows is compared, and what is gone from it is looked for.

        Args:
            session: the transaction
            kept: what the list is of
            query: the rows of the list, of all its pages
            make: of a row, what is shown; one that cannot be read hides no other
            key: the column of the ids
            after: the last of the page before
            limit: how many a page may have; a shorter one is the last (None: there is but one)
            is_all: whether the caller may see every record, so that one not there is gone

        """
        query = query.order_by(key).limit(limit)
        if after is not None:
            query = query.where(key > after)
        found = reading.page(session, query, make, key=key)
        ids = [one.id for one in found]
        self.compare(session, kept, ids)
        if is_all:
            last = ids[-1] if len(ids) == limit else None
            self.look_for_gone(session, kept, after=after, last=last)
        return found

    def _verdict(self, name: str, found: str | None, size: int) -> bool | None:
        if name not in self._newest:
            return found == GONE
        leaf = self._leaf(name, size)
        if leaf is None or leaf.digest is None:
            return None
        return found is not None and _short(found) == leaf.digest

    def _leaf(self, name: str, size: int) -> _Leaf | None:
        """Return the newest leaf about a record among the first `size`; None: it is not known."""
        leaf: _Leaf | None = self._newest[name]
        while leaf is not None and leaf.index >= size:
            leaf = self._former.get((name, leaf.index))
        return leaf

    def _note(self, entry: Mapping[str, Any]) -> None:
        self._also(entry)
        index = int(entry["index"])
        told = entry["detail"].get(TOLD) or {}
        for name, said in told.items():
            self._set(name, _Leaf(index, _short(said)))
        self._is_before = self._is_before and not told
        for kept in self._kept if self._is_before else ():
            key = kept.told_before(entry)
            if key is not None and kept.named(key) not in self._newest:
                self._set(kept.named(key), _Leaf(index, None))

    def _set(self, name: str, leaf: _Leaf) -> None:
        before = self._newest.get(name)
        if before is None:
            insort(self._names, name)
        else:
            self._former[name, leaf.index] = before
            if len(self._former) > FORMER_MAX:
                self._former.popitem(last=False)
        self._newest[name] = leaf


def is_as_logged(*names: str) -> bool | None:
    """Say of what is shown whether the records that it is made of are as the log tells.

    None: that is not known of one of them, and of none that it differs. Without names: of all that
    was compared for this answer.
    """
    found = _verdicts.get()
    verdicts = [found.get(name) for name in names] if names else [*found.values()]
    if False in verdicts:
        return False
    return None if None in verdicts or not verdicts else True


def begin_answer() -> None:
    """Forget what was compared for another answer."""
    _verdicts.set(_NONE)
    _gone.set(())


def require_as_logged(name: str) -> None:
    """Refuse what would be handed out by a record that is not as the log tells.

    Raises:
        RecordNotAsLogged

    """
    if is_as_logged(name) is False:
        raise RecordNotAsLogged(
            "The record is not what the audit log says that was written. An operator has to find"
            " out who wrote it; `dsfc audit verify` says what was recorded."
        )


def gone() -> tuple[UUID, ...]:
    """Return which records of a list are not there any more, since this was last asked."""
    found = _gone.get()
    _gone.set(())
    return tuple(sorted(set(found)))


_NONE: Final[Mapping[str, bool | None]] = MappingProxyType({})
_verdicts: ContextVar[Mapping[str, bool | None]] = ContextVar("as_logged", default=_NONE)
_gone: ContextVar[tuple[UUID, ...]] = ContextVar("gone", default=())


def _readable(session: Session, kept: Kept, keys: Collection[object]) -> Mapping[str, str | None]:
    """Return the digests of records; None of one that holds what is none of its columns' types."""
    try:
        return digests(session, kept, keys)
    except UNREADABLE:
        if len(keys) == 1:
            return {kept.named(key): None for key in keys}
    return {n: d for key in keys for n, d in _readable(session, kept, [key]).items()}


def _short(said: str) -> bytes:
    return bytes.fromhex(said.removeprefix("sha256:"))[:SHORT]


_GONE: Final = _short(GONE)


def _plain(value: Any) -> JsonValue:
    """Return a column's value as JSON has it."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes():
            return digest(value)
        case _:
            plain: JsonValue = value
            return plain
