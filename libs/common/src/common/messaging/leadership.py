"""One leader: of the processes that share a database, at most one runs a given task.

Two relays would turn events of one aggregate round (docs/adr/0007).
PostgreSQL: an advisory lock of the session, on a connection of its own; a pgbouncer in
transaction mode does not go with it. SQLite: a lock on a file beside the database.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from common.messaging.file_lock import FileLock

Holds = Callable[[], bool]
"""Whether the leadership is still ours."""


@contextmanager
def leadership(engine: Engine, task: str) -> Iterator[Holds | None]:
    """Return the lead, or None where another leads."""
    if engine.dialect.name == "postgresql":
        with _advisory(engine, task) as holds:
            yield holds
        return
    database = engine.url.database
    if database in (None, "", ":memory:"):
        yield lambda: True  # nobody else can have it
        return
    lock = FileLock(Path(f"{database}.{task}.lock"))
    try:
        yield (lambda: True) if lock.acquire() else None
    finally:
        lock.release()


@contextmanager
def _advisory(engine: Engine, task: str) -> Iterator[Holds | None]:
    key = {"key": _key(task)}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        leads = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one()
        if not leads:
            yield None
            return
        try:
            yield lambda: _answers(connection)
        finally:
            if _answers(connection):
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


def _answers(connection: Connection) -> bool:
    """Return the lead; its lock lasts exactly as long as its connection."""
    try:
        connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _key(task: str) -> int:
    """Advisory locks have 64-bit names; `dsfc` keeps ours apart from others'."""
    return int.from_bytes(b"dsfc" + task.encode("ascii")[:4].ljust(4, b"\0"), "big")
