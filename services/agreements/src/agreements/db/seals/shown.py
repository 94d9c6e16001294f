"""What is shown to people is held against its seal, as it is for a decision (docs/adr/0024)."""

from collections import defaultdict
from collections.abc import Iterable

import structlog
from sqlmodel import Session

from agreements.db.errors import SealBroken
from agreements.db.seals.chain import Book
from agreements.db.seals.sealed import SEALED, UNREADABLE, digest_of_rows, read
from agreements.records.use_cases.ports import SealedRegister

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BY_NAME = {sealed.table.name: sealed for sealed in SEALED.values()}


def unlike_seals(
    session: Session, book: Book, registers: Iterable[SealedRegister]
) -> frozenset[SealedRegister]:
    """Return which of these registers hold other rows than were sealed; all, without a chain."""
    asked = frozenset(registers)
    try:
        book.refresh(session)
    except SealBroken as error:
        log.critical("seal_broken", detail=str(error))
        return asked
    values: defaultdict[str, set[object]] = defaultdict(set)
    for register in asked:
        values[register.table].add(register.value)
    return frozenset(
        SealedRegister(table, value)
        for table, wanted in values.items()
        for value in _unlike(session, book, table, wanted)
    )


def _unlike(session: Session, book: Book, table: str, values: set[object]) -> Iterable[object]:
    sealed = BY_NAME[table]
    try:
        found = read(session, sealed, values)
        unlike = {
            value
            for value in values
            if digest_of_rows(one.record() for one in found.get(value, ()))
            != book.expected(sealed.register(value))
        }
    except UNREADABLE as error:
        log.critical("seal_broken", register=table, exc_info=error)
        return values
    if unlike:
        log.critical("seal_broken", register=table, registers=len(unlike))
    return unlike
