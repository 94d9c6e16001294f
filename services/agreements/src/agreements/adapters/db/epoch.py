"""The fact epoch: one counter that every change of a fact increments (design.md section 5).

Its row is locked until the transaction ends, so that changes of facts follow one another, and an
epoch, once seen, names a state of all facts that no later commit can alter.
"""

from datetime import datetime

from sqlalchemy import insert, text
from sqlmodel import Session

from agreements.adapters.db.tables import FactChangeRow

NEXT = text(
    "INSERT INTO fact_epoch (id, epoch) VALUES (1, 1)"
    " ON CONFLICT (id) DO UPDATE SET epoch = fact_epoch.epoch + 1 RETURNING epoch"
)
CURRENT = text("SELECT coalesce(max(epoch), 0) FROM fact_epoch")
KEY = "agreements.fact_epoch"


def stamp(session: Session, *, at: datetime) -> int:
    """Lock the counter and increment it once in this transaction; later calls repeat the answer.

    Called before anything is read on which the change rests: what is then read is the newest.
    """
    transaction = session.get_transaction() or session.begin()
    held = session.info.get(KEY)
    if held is not None and held[0] is transaction:
        return int(held[1])
    epoch = int(session.connection().execute(NEXT).scalar_one())
    session.connection().execute(
        insert(FactChangeRow).values(epoch=epoch, recorded_at=at)  # what known_at resolves by
    )
    session.info[KEY] = (transaction, epoch)
    return epoch


def current(session: Session) -> int:
    """Return the newest epoch that this transaction's snapshot shows; 0 before the first fact."""
    return int(session.connection().execute(CURRENT).scalar_one())
