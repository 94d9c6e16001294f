"""Engines for the two ways to run (design.md section 9).

SQLite: one file, write-ahead log, every commit on the disk before it is answered.
PostgreSQL: no statement, lock or idle transaction without an end.
Of both, the connection that was used last is used next: what it has read is at hand.
"""

import sqlite3
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from common.db.prepared import raise_as_sqlalchemy
from common.settings import ServiceSettings

SQLITE_PRAGMAS = (
    "busy_timeout = 10000",  # first: changing the journal's mode may have to wait
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "trusted_schema = OFF",
)
POOL_TIMEOUT_SECONDS = 5
RECYCLE_SECONDS = 1800


def create(
    url: str,
    *,
    pool_size: int = 10,
    statement_timeout_seconds: float = 30,
    lock_timeout_seconds: float = 5,
    idle_transaction_timeout_seconds: float = 20,
) -> Engine:
    """Make an engine. Statements' parameters never appear in errors or logs."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, pool_size)
    options = {
        "statement_timeout": statement_timeout_seconds,
        "lock_timeout": lock_timeout_seconds,
        "idle_in_transaction_session_timeout": idle_transaction_timeout_seconds,
    }
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_use_lifo=True,
        pool_pre_ping=True,
        pool_recycle=RECYCLE_SECONDS,
        connect_args={
            "connect_timeout": POOL_TIMEOUT_SECONDS,
            "options": " ".join(
                [f"-c {name}={int(seconds * 1000)}" for name, seconds in options.items()]
                + ["-c timezone=UTC"]
            ),
        },
    )


def from_settings(settings: ServiceSettings) -> Engine:
    """Make the engine that a service's settings describe."""
    return create(
        settings.database_url,
        pool_size=settings.database_pool_size,
        statement_timeout_seconds=settings.statement_timeout_seconds,
        lock_timeout_seconds=settings.lock_timeout_seconds,
        idle_transaction_timeout_seconds=settings.idle_transaction_timeout_seconds,
    )


def writing(engine: Engine) -> Engine:
    """Return the same pool for transactions that write.

    On SQLite they take the writer's lock when they begin: one that read first and wrote
    later could find its snapshot stale and fail where waiting would have done.
    """
    return engine.execution_options(writes=True)


def reading(engine: Engine) -> Engine:
    """Return the same pool for transactions that read: one snapshot, and no writing."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine.execution_options(writes=False)


def _sqlite(url: URL, pool_size: int) -> Engine:
    in_memory = url.database in (None, "", ":memory:")
    pool: dict[str, Any] = (
        {}
        if in_memory
        else {
            "pool_size": pool_size,
            "max_overflow": pool_size,
            "pool_timeout": POOL_TIMEOUT_SECONDS,
            "pool_use_lifo": True,
        }
    )
    engine = create_engine(url, hide_parameters=True, **pool)

    @event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        if not isinstance(connection, sqlite3.Connection):
            raise TypeError("the SQLite engine needs the standard library's driver")
        connection.isolation_level = None  # transactions begin where we say, below
        for pragma in SQLITE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        begun = "BEGIN IMMEDIATE" if writes else "BEGIN"
        try:
            connection.connection.cursor().execute(begun)
        except sqlite3.Error as error:
            raise_as_sqlalchemy(connection, error)

    return engine
