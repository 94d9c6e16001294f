"""Transactions that take turns: on PostgreSQL by a lock of its own, on SQLite by the writer's."""

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

_TAKE = text("SELECT pg_advisory_xact_lock(:lock)")


def take_turns(session: Session | Connection, lock: int) -> bool:
    """Wait until no other transaction holds `lock`, and hold it until this one ends.

    Whoever waited reads from here on what the other one committed.

    Args:
        session: of SQLite there is one writer at a time, which has begun already
        lock: a number of this purpose alone, of 64 bits with a sign

    Returns:
        Whether somebody else may have written while this one waited.

    """
    connection = session if isinstance(session, Connection) else session.connection()
    if connection.dialect.name != "postgresql":
        return False
    connection.execute(_TAKE, {"lock": lock})
    return True
