"""One transaction: a session, and what a service builds on it."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from common import unreadable
from common.db import engine as engines
from common.errors import Unavailable

T = TypeVar("T")

UNDEFINED = frozenset({"42P01", "42703"})
"""PostgreSQL's states for a table and for a column that is not there."""

RESULTS = ("sqlalchemy.engine.result", "sqlalchemy.engine.cursor", "sqlalchemy.orm.loading")
"""Where SQLAlchemy makes values of what a database gives."""

UNDEFINED_IN_SQLITE = ("no such table", "no such column", "has no column named")


class DatabaseUnavailable(Unavailable):
    """The database is away, or so busy that waiting longer would be worse."""

    code = "DATABASE_UNAVAILABLE"
    title = "The database is temporarily unavailable"


class MigrationsPending(DatabaseUnavailable):
    """The database has not the tables that this version works with: `migrate` has not run."""

    code = "MIGRATIONS_PENDING"
    title = "Database migrations are pending"


@dataclass(slots=True)
class Watched:
    """What became of the writing transactions that began while somebody watched."""

    began: bool = False
    """At least one did: something may have been changed, whatever was raised afterwards."""

    unknown: bool = False
    """A commit was on its way and was never confirmed: it may yet take effect."""

    latest: datetime | None = None
    """The latest instant that any of them wrote down as that of its changes."""


_watched: ContextVar[Watched | None] = ContextVar("watched", default=None)


@contextmanager
def watching() -> Iterator[Watched]:
    """Note what becomes of transactions in this context, also in threads that it is handed to."""
    watched = Watched()
    token = _watched.set(watched)
    try:
        yield watched
    finally:
        _watched.reset(token)


def note_instant(at: datetime) -> None:
    """Tell whoever watches when the changes of a transaction are to hold from."""
    watched = _watched.get()
    if watched is not None:
        watched.latest = at if watched.latest is None else max(watched.latest, at)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what a database says when it cannot serve into what a caller can act on.

    The statement and the engine's words stay in the cause, for the log to strip. A value in a row
    that is none of its column's type is told as such (`common.unreadable`).
    """
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout, ProgrammingError) as error:
        if isinstance(error, DBAPIError) and _is_undefined(error):
            raise MigrationsPending(
                "The database awaits a migration; retry after it has run."
            ) from error
        if isinstance(error, ProgrammingError):
            raise  # a bug, and not the database's
        raise DatabaseUnavailable(
            "The database is temporarily unavailable; retry later."
        ) from error
    except (ValueError, TypeError) as error:
        if _is_of_a_column(error):
            raise unreadable.unreadable(error) from error
        raise


def _is_of_a_column(error: BaseException) -> bool:
    """Say whether it came while the rows of a result were made: nothing of ours is called there."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_globals.get("__name__", "").startswith(RESULTS) for frame in frames)


def _is_undefined(error: DBAPIError) -> bool:
    """Say whether a table or a column is missing."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in UNDEFINED
    return any(words in str(error.orig) for words in UNDEFINED_IN_SQLITE)


class UnitOfWork(Generic[T]):
    """`with uow.writing() as tx:` commits at the end, and rolls back when it is left by an error.

    `build` makes a service's repositories from the session.
    """

    def __init__(self, engine: Engine, build: Callable[[Session], T]) -> None:
        self.engine = engine
        self._reading = engines.reading(engine)
        self._writing = engines.writing(engine)
        self._build = build

    @contextmanager
    def reading(self) -> Iterator[T]:
        """Read in one snapshot; nothing is committed."""
        with translated(), Session(self._reading, expire_on_commit=False) as session:
            yield self._build(session)

    @contextmanager
    def writing(self) -> Iterator[T]:
        """Write all of it or nothing.

        Whoever watches (`watching`) learns that it began, and where its commit was not confirmed.
        """
        watched = _watched.get() or Watched()
        watched.began = True
        is_committing = False
        try:
            with (
                translated(),
                Session(self._writing, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield self._build(session)
                is_committing = True
        except BaseException:
            watched.unknown = watched.unknown or is_committing
            raise
