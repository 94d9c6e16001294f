"""How an aggregate is saved, in one transaction: its row, its events, its audit entry.

One rule for lost updates: a row is overwritten only by whoever read its newest version.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import CursorResult, Update, update
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from common import audit as audit_log
from common.audit import Entry
from common.db import outbox
from common.errors import EditedMeanwhile
from common.messaging.envelope import Event


def put(
    session: Session, table: type[SQLModel], values: Mapping[str, object], *, version: int
) -> None:
    """Insert the first version of a row, or overwrite the version that was read.

    Raises:
        EditedMeanwhile: the row has another version, or is gone.

    """
    if version > 0:
        overwrite(session, table, values, version=version)
        return
    session.add(table(**values))
    session.flush()


def record(session: Session, *, events: Iterable[Event], audit: Entry) -> None:
    """Add what a change caused: events to the outbox, and the audit entry.

    The entry is last: on PostgreSQL it takes the lock that orders the log.
    """
    session.flush()
    for event in events:
        outbox.enqueue(session, event)
    audit_log.append(session, [audit])


def overwrite(
    session: Session, table: type[SQLModel], values: Mapping[str, object], *, version: int
) -> None:
    """Write `values` over the row of their `id`, which is still at the version that was read.

    Raises:
        EditedMeanwhile: the row has another version, or is gone.

    """
    if not changed(
        session,
        update(table)
        .filter_by(id=values["id"], version=version)
        .values(dict(values))
        .execution_options(synchronize_session="evaluate"),
    ):
        raise EditedMeanwhile(
            "The resource was changed since it was read; read it again and repeat the change."
        )


def changed(session: Session, statement: Update) -> int:
    """Execute an UPDATE; return how many rows it changed."""
    result = session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0
