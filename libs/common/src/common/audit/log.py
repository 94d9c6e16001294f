"""Appending to the log, in the transaction of what it tells of.

Writers take turns: on SQLite by the writer's lock, on PostgreSQL by an advisory lock that
ends with the transaction. So put the audit last in a transaction, and many entries into
one: a batch reads and writes the frontier once.
"""

from collections.abc import Callable, Sequence

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


def append(session: Session | Connection, entries: Sequence[Entry]) -> list[Leaf]:
    """Append entries in the caller's transaction; return where each one stands."""
    leaves: list[Leaf] = []
    write(
        session,
        entries,
        lambda index, hashed, tree: leaves.append(Leaf(index, hashed, tree.copy())),
    )
    return leaves


def write(
    session: Session | Connection,
    entries: Sequence[Entry],
    note: Callable[[int, str, Frontier], None] | None = None,
) -> None:
    """Append them for whoever need not know where they stand: decisions, thousands a second."""
    if not entries:
        return
    connection = session if isinstance(session, Connection) else session.connection()
    take_turns(connection, LOCK)
    frontier = _frontier(connection)
    before = frontier.size
    rows: list[tuple[object, ...]] = []
    for index, entry in enumerate(entries, before):
        data = canonical(entry.as_json(index))
        hashed = leaf_hash(data)
        frontier.append(hashed)
        told = written(hashed)
        rows.append((index, data.decode(), told))
        if note is not None:
            note(index, told, frontier)
    _WRITE.run_in_order(connection, rows)
    _write_frontier(connection, frontier, before)


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
