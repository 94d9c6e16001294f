"""Records that cannot be read: no row of ours is of such a form, so somebody else wrote it.

A list goes on without them and names them (`Page.unreadable`); who asks for one alone is told so.
"""

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import wraps
from typing import TypeVar
from uuid import UUID

import structlog

from common.errors import Conflict, NotFound, Unprocessable

T = TypeVar("T")
R = TypeVar("R")

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class RecordUnreadable(Conflict):
    """What stands in the database is of a form that this service never writes."""

    code = "RECORD_UNREADABLE"
    title = "The record cannot be read"


UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, Unprocessable, Conflict)
"""What reading a row raises whose values are of another form than ours, or break our rules."""

INCOMPLETE = (*UNREADABLE, NotFound)
"""What showing a record raises where it, or something that it belongs to, was written past us."""

_noted: ContextVar[tuple[UUID, ...]] = ContextVar("unreadable", default=())


def note(record_id: UUID, error: BaseException) -> None:
    """Remember for the page that is being made that this record could not be read."""
    log.critical("record_unreadable", record_id=str(record_id), kind=type(error).__name__)
    _noted.set((*_noted.get(), record_id))


def noted() -> tuple[UUID, ...]:
    """Return what could not be read since this was last asked, once each and in order."""
    found = _noted.get()
    _noted.set(())
    return tuple(sorted(set(found)))


def each(found: Iterable[R], show: Callable[[R], T], *, key: Callable[[R], UUID]) -> list[T]:
    """Show all that can be shown, and note the others."""
    shown: list[T] = []
    for one in found:
        try:
            shown.append(show(one))
        except INCOMPLETE as error:
            note(key(one), error)
    return shown


def read(row: R, make: Callable[[R], T]) -> T:
    """Make a record of its row.

    Raises:
        RecordUnreadable

    """
    try:
        return make(row)
    except RecordUnreadable:
        raise
    except UNREADABLE as error:
        raise unreadable(error) from error


def from_row(make: Callable[[R], T]) -> Callable[[R], T]:
    """Let a function that makes a record of its row say so where it cannot (RecordUnreadable)."""

    @wraps(make)
    def made(row: R) -> T:
        return read(row, make)

    return made


def together(
    found: Sequence[R], show: Callable[[Sequence[R]], Sequence[T]], *, key: Callable[[R], UUID]
) -> list[T]:
    """Show all at once, or where that cannot be each by itself, and note which cannot."""
    try:
        return [*show(found)]
    except INCOMPLETE:
        alone = each(found, lambda one: show([one]), key=key)
    return [record for shown in alone for record in shown]


def unreadable(error: BaseException) -> RecordUnreadable:
    """Say it of a record, without a word of what stands in it."""
    log.critical("record_unreadable", kind=type(error).__name__)
    return RecordUnreadable(
        "What the database holds of it is of a form that this service never writes. An operator"
        " has to find out who wrote it; `dsfc audit verify` says what was recorded."
    )
