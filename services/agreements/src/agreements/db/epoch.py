"""The fact epoch: one counter that every change of a fact increments (design.md section 5).

Its row is locked until the transaction ends, so that changes of facts follow one another, and an
epoch, once seen, names a state of all facts that no later commit can alter.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, insert, text
from sqlmodel import Session

from agreements.db import written
from agreements.db.tables import FactChangeRow
from common.db.prepared import Prepared

NEXT = text(
    "INSERT INTO fact_epoch (id, epoch)"
    " SELECT 1, coalesce(max(epoch), 0) + 1 FROM fact_change WHERE true"
    " ON CONFLICT (id) DO UPDATE SET epoch = CASE"
    " WHEN fact_epoch.epoch >= excluded.epoch THEN fact_epoch.epoch + 1 ELSE excluded.epoch END"
    " RETURNING epoch"
)
"""One more than ever before: a counter that somebody set back must not stop a hold."""

CURRENT = Prepared(text("SELECT coalesce(max(epoch), 0) FROM fact_epoch"))
LOCKED = text("UPDATE fact_epoch SET epoch = epoch")


def stamp(session: Session, *, at: datetime | Callable[[], datetime]) -> int:
    """Lock the counter and increment it once in this transaction; later calls repeat the answer.

    Called before anything is read on which the change rests: what is then read is the newest. `at`
    is asked for under the lock, so that instants have the order of epochs.
    """
    if session.get_transaction() is None:
        session.begin()
    held = written.stamped(session)
    if held is not None:
        return held.epoch
    epoch = int(session.connection().execute(NEXT).scalar_one())
    moment = at if isinstance(at, datetime) else at()
    session.connection().execute(
        insert(FactChangeRow).values(epoch=epoch, recorded_at=moment)  # what known_at resolves by
    )
    written.keep_stamp(session, epoch, at=moment)
    return epoch


def instant(session: Session) -> datetime:
    """Return the instant of this transaction's change, taken under the lock of the counter.

    Raises:
        LookupError: the transaction has not taken the lock.

    """
    held = written.stamped(session)
    if held is None:
        raise LookupError("this transaction changes no facts")
    return held.at


def await_others(session: Session) -> None:
    """Return when no transaction that holds the counter is under way any more."""
    session.connection().execute(LOCKED)


def current(session: Session) -> int:
    """Return the newest epoch that this transaction's snapshot shows; 0 before the first fact."""
    return seen_by(session.connection())


def seen_by(connection: Connection) -> int:
    """Return the same of a connection's transaction."""
    row = CURRENT.row(connection)
    return 0 if row is None else int(row[0])
