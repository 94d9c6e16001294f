"""What one transaction of decisions reads of the rows that are sealed: only what is as it was."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Row, select
from sqlmodel import Session

from agreements.db.decisions.registers import HOLDING, Register, RegisterRows
from agreements.db.decisions.rows import permit_of
from agreements.db.decisions.seals import (
    CHAIN,
    PERMIT,
    Ledger,
    Tampered,
    digest_of_row,
    is_genuine,
)
from agreements.db.seals.chain import Sealer, newest
from agreements.db.seals.sealed import columns_of
from agreements.decision.domain.permits import GivenPermit
from common.unreadable import UNREADABLE

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(slots=True)
class SealedRows:
    session: Session
    ledger: Ledger
    _read: dict[Register, RegisterRows] = field(default_factory=dict)
    """Registers as this transaction read them, and found them sealed."""
    _broken: set[str] = field(default_factory=set)

    def broken(self) -> tuple[str, ...]:
        """Return, once, which registers were found not to be what was sealed."""
        found = tuple(sorted(self._broken))
        self._broken.clear()
        return found

    def forget(self) -> None:
        """Read again whatever is asked for from here on."""
        self._read.clear()
        self.ledger.look_again()

    def of(self, table: str, environment_id: UUID, data_set: str) -> RegisterRows | None:
        """Return a register as it was sealed; None, and it is noted, where it is another."""
        register = Register(table, environment_id, data_set)
        if register not in self._read:
            try:
                self._read[register] = self.ledger.rows(self.session, register)
            except Tampered as found:
                self._broken.add(found.register)
                return None
        return self._read[register]

    def holdings(self, which: ColumnElement[bool]) -> Sequence[Row[Any]]:
        """Return those of these rows that are as they were sealed."""
        try:
            rows = self.session.execute(
                select(*HOLDING.c).where(which).order_by(HOLDING.c.id)
            ).all()
            listed: dict[str, str] = {}
            for place in {(row.environment_id, row.data_set) for row in rows}:
                register = self.of(HOLDING.name, *place)
                if register is None:
                    rows = [r for r in rows if (r.environment_id, r.data_set) != place]
                else:
                    ids = [r.id for r in rows if (r.environment_id, r.data_set) == place]
                    listed.update((id_, one[2]) for id_, one in register.named(ids).items())
            sealed = [r for r in rows if listed.get(str(r.id)) == digest_of_row(columns_of(r))]
        except UNREADABLE as error:
            return self._unreadable(HOLDING.name, error)
        if len(sealed) < len(rows):
            self.differs(HOLDING.name)
        return sealed

    def permit(self, permit_id: UUID) -> GivenPermit | None:
        """Return what this service gave; what its environment holds must be as it was sealed."""
        query = select(*PERMIT.c).where(PERMIT.c.id == permit_id)
        try:
            row = self.session.execute(query).one_or_none()
            if row is None:
                return None
            if is_genuine(self.ledger.book.sealer, row):
                self.of(HOLDING.name, row.environment_id, row.data_set)
                return permit_of(row)
        except UNREADABLE as error:
            self._unreadable(PERMIT.name, error)
        self.differs(PERMIT.name)
        return None

    def differs(self, table: str) -> None:
        """Note that a row is not what was sealed."""
        log.critical("seal_broken", register=table)
        self._broken.add(table)

    def _unreadable(self, table: str, error: Exception) -> Sequence[Row[Any]]:
        log.critical("seal_broken", register=table, exc_info=error)
        self._broken.add(table)
        return ()


def as_sealed(sealer: Sealer) -> Callable[[Session, Collection[UUID]], Collection[UUID]]:
    """Return what says of which holdings the rows are as they were sealed, for who shows them.

    What was found sealed before is kept: reading a chain and a register of ten thousand files
    anew takes longer than all else of a page.
    """
    kept, lock = Ledger.of(sealer), Lock()

    def found(session: Session, ids: Collection[UUID]) -> Collection[UUID]:
        if not ids:
            return ()
        which = HOLDING.c.id.in_(ids)
        with lock:
            if newest(session, CHAIN) >= kept.book.number:
                kept.begin()
                return [row.id for row in SealedRows(session, kept).holdings(which)]
        # The snapshot is older than what another thread has read, or the chain was cut.
        return [row.id for row in SealedRows(session, Ledger.of(sealer)).holdings(which)]

    return found
