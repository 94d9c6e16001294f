"""One transaction: a session, and what a service builds on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session

from common.db import engine as engines
from common.errors import Unavailable

T = TypeVar("T")


class DatabaseUnavailable(Unavailable):
    """The database is away, or so busy that waiting longer would be worse."""

    code = "DATABASE_UNAVAILABLE"
    title = "The database does not answer"


@contextmanager
def translated() -> Iterator[None]:
    """Turn what a database says when it is away into what a caller can act on.

    The statement and the engine's words stay in the cause, for the log to strip.
    """
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise DatabaseUnavailable("The database does not answer; try again.") from error


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
        """Write all of it or nothing."""
        with (
            translated(),
            Session(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield self._build(session)
