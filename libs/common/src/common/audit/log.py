"""Appending to the log, in the transaction of what it tells of.

Writers take turns: on SQLite by the writer's lock, on PostgreSQL by an advisory lock that
ends with the transaction. So put the audit last in a transaction, and many entries into
one: a batch reads and writes the frontier once.
"""

from collections.abc import Sequence
from typing import overload

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.orm import Session

from common.audit.entries import Entry, Leaf
from common.audit.tree import Frontier, leaf_hash, written
from common.db.prepared import Prepared
from common.db.tables import audit_frontier, audit_leaf
from common.db.turns import take_turns
from common.ids import canonical

LOCK = 4_702_111_234_474_983_745
_ROW = 1
_READ = Prepared(
    select(audit_frontier.c.size, audit_frontier.c.nodes).where(
        audit_frontier.c.id == bindparam("row")
    )
)
_BEGIN = Prepared(insert(audit_frontier), ("id", "size", "nodes"))
_GO_ON = Prepared(
    update(audit_frontier)
    .where(audit_frontier.c.id == bindparam("row"), audit_frontier.c.size == bindparam("before"))
    .values(size=bindparam("after"), nodes=bindparam("packed"))
)
_WRITE = Prepared(insert(audit_leaf), ("index", "entry", "hash"))


class AppendedMeanwhile(RuntimeError):
    """Somebody else appended although we hold the lock: the log was written past it."""


class Leaves(Sequence[Leaf]):
    """Where entries stand; worked out for those few who ask, for decisions are thousands."""

    __slots__ = ("_before", "_hashes")

    def __init__(self, before: Frontier, hashes: Sequence[bytes]) -> None:
        self._before = before
        self._hashes = hashes

    def __len__(self) -> int:
        return len(self._hashes)

    @overload
    def __getitem__(self, at: int) -> Leaf: ...

    @overload
    def __getitem__(self, at: slice) -> list[Leaf]: ...

    def __getitem__(self, at: int | slice) -> Leaf | list[Leaf]:
        if isinstance(at, slice):
            return [self[one] for one in range(len(self))[at]]
        last, tree = range(len(self))[at], self._before.copy()
        for hashed in self._hashes[: last + 1]:
            tree.append(hashed)
        return Leaf(tree.size - 1, written(self._hashes[last]), tree)


def append(session: Session | Connection, entries: Sequence[Entry]) -> Leaves:
    """Append entries in the caller's transaction; return where each one stands."""
    if not entries:
        return Leaves(Frontier(), ())
    connection = session if isinstance(session, Connection) else session.connection()
    take_turns(connection, LOCK)
    frontier = _frontier(connection)
    before = frontier.copy()
    hashes: list[bytes] = []
    rows: list[tuple[object, ...]] = []
    for index, entry in enumerate(entries, before.size):
        data = canonical(entry.as_json(index))
        hashed = leaf_hash(data)
        frontier.append(hashed)
        hashes.append(hashed)
        rows.append((index, data.decode(), written(hashed)))
    _WRITE.run_in_order(connection, rows)
    _write_frontier(connection, frontier, before.size)
    return Leaves(before, hashes)


def read_frontier(session: Session) -> Frontier:
    """Return the frontier as it is stored; an empty one where nothing was ever written."""
    return _frontier(session.connection())


def _frontier(connection: Connection) -> Frontier:
    row = _READ.row(connection, {"row": _ROW})
    return Frontier() if row is None else Frontier.unpacked(row[0], bytes(row[1]))


def _write_frontier(connection: Connection, frontier: Frontier, before: int) -> None:
    size, packed = frontier.size, frontier.packed()
    if before == 0:
        _BEGIN.run(connection, [{"id": _ROW, "size": size, "nodes": packed}])
        return
    went_on = {"row": _ROW, "before": before, "after": size, "packed": packed}
    if _GO_ON.run(connection, [went_on]) != 1:
        raise AppendedMeanwhile
