"""Appending to the log, in the transaction of what it tells of.

Writers take turns: on SQLite by the writer's lock, on PostgreSQL by an advisory lock that
ends with the transaction. So put the audit last in a transaction, and many entries into
one: a batch reads and writes the frontier once.
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.orm import Session

from common.audit.entries import Entry, Leaf
from common.audit.tree import Frontier, leaf_hash, written
from common.db.tables import audit_frontier, audit_leaf
from common.ids import canonical

LOCK = 4_702_111_234_474_983_745
_ROW = 1
_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(:lock)")
_READ = select(audit_frontier.c.size, audit_frontier.c.nodes).where(audit_frontier.c.id == _ROW)
_BEGIN = insert(audit_frontier)
_GO_ON = (
    update(audit_frontier)
    .where(audit_frontier.c.id == _ROW, audit_frontier.c.size == bindparam("before"))
    .values(size=bindparam("after"), nodes=bindparam("packed"))
)
_WRITE = insert(audit_leaf)
# Made once: composing a statement costs more than running it.


class AppendedMeanwhile(RuntimeError):
    """Somebody else appended although we hold the lock: the log was written past it."""


def append(session: Session, entries: Sequence[Entry]) -> list[Leaf]:
    """Append entries in the caller's transaction; return where each one stands."""
    if not entries:
        return []
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(_TAKE_TURNS, {"lock": LOCK})
    frontier = read_frontier(session)
    before = frontier.size
    leaves: list[Leaf] = []
    rows: list[dict[str, object]] = []
    for entry in entries:
        index = frontier.size
        data = canonical(entry.as_json(index))
        hashed = leaf_hash(data)
        frontier.append(hashed)
        leaves.append(leaf := Leaf(index, written(hashed), frontier.copy()))
        rows.append({"index": index, "entry": data.decode(), "hash": leaf.hash})
    session.connection().execute(_WRITE, rows)
    _write_frontier(session, frontier, before)
    return leaves


def read_frontier(session: Session) -> Frontier:
    """Return the frontier as it is stored; an empty one where nothing was ever written."""
    row = session.connection().execute(_READ).one_or_none()
    return Frontier() if row is None else Frontier.unpacked(row.size, bytes(row.nodes))


def _write_frontier(session: Session, frontier: Frontier, before: int) -> None:
    size, packed = frontier.size, frontier.packed()
    if before == 0:
        session.connection().execute(_BEGIN, {"id": _ROW, "size": size, "nodes": packed})
        return
    changed = session.connection().execute(
        _GO_ON, {"before": before, "after": size, "packed": packed}
    )
    if changed.rowcount != 1:
        raise AppendedMeanwhile
