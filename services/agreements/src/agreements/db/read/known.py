"""Agreements that were made of the same rows before: read each time, and made once (ADR 225)."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

from agreements.db.read.parts import AgreementParts
from agreements.db.read.rows import (
    OF_HOLD,
    OF_VERSION,
    AgreementRows,
    AgreementTables,
    Rows,
)
from agreements.db.seals.sealed import digest_as_read
from agreements.db.seals.stored import Stored, StoredRow, by_column
from agreements.records.domain.agreement import Agreement
from agreements.records.domain.task import Task
from common.unreadable import UNREADABLE

KNOWN_BYTES_MAX = 32 * 1024 * 1024
"""Of rows that are kept, by their texts: some 1,500 agreements with ten lines each. What was read
out of the JSON of lines is kept beside it, twice as much where somebody looked into all."""
UNREAD = "unread"
"""Stands for the digest of rows that cannot be written down: no seal has it."""


class ReadRegister(NamedTuple):
    """The rows of a register as they were read."""

    table: str
    name: str
    """By which the chain knows it."""
    digest: str | None
    """None: it has no rows."""


@dataclass(frozen=True)
class ReadAgreement:
    """An agreement, and the rows that it was made of."""

    of: AgreementTables
    rows: AgreementRows
    agreement: Agreement

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Return its tasks. Raises RecordUnreadable."""
        return AgreementParts(self.of, self.rows).tasks()

    @cached_property
    def registers(self) -> tuple[ReadRegister, ...]:
        """Return all that it is sealed in."""
        return tuple(self._registers())

    def _registers(self) -> Iterator[ReadRegister]:
        of, rows, one = self.of, self.rows, self.agreement
        yield _register(of.agreement, one.reference, rows.agreement)
        parties = by_column(of.party, OF_VERSION, rows.party)
        lines = by_column(of.line, OF_VERSION, rows.line)
        yield _register(of.version, one.id, rows.version, (of.party, parties), (of.line, lines))
        for table, found in (
            (of.condition, rows.condition),
            (of.renewal, rows.renewal),
            (of.task, rows.task),
        ):
            yield _register(table, one.id, found)
        held = by_column(of.held_line, OF_HOLD, rows.held_line)
        yield _register(of.hold, one.id, rows.hold, (of.held_line, held))
        for table, column, found, owners in (
            (of.signature, OF_VERSION, rows.signature, [v.id for v in one.versions]),
            (of.lift, OF_HOLD, rows.lift, [hold.id for hold in one.holds]),
        ):
            by_id = {
                table.value(column, id_): r for id_, r in by_column(table, column, found).items()
            }
            for owner in owners:
                yield _register(table, owner, by_id.get(owner, ()))


def _register(of: Stored, value: object, rows: Rows, *parts: tuple[Stored, Any]) -> ReadRegister:
    at = of.position("id")
    read = [
        StoredRow(of, row, [(part, by_owner.get(row[at], ())) for part, by_owner in parts])
        for row in rows
    ]
    try:
        digest = digest_as_read(read)
    except UNREADABLE:
        digest = UNREAD
    return ReadRegister(of.name, f"{of.name}/{value}", digest)


@dataclass(slots=True)
class KnownAgreements:
    """What agreements were made of which rows, in this process: the last that were looked at.

    The rows are read from the database each time. Where every value of every row about an agreement
    is the same, current or not, so is what is made of them: it is a pure function remembered.
    """

    _known: OrderedDict[UUID, ReadAgreement] = field(init=False, default_factory=OrderedDict)
    _bytes: int = field(init=False, default=0)
    _lock: Lock = field(init=False, default_factory=Lock)

    def of(self, of: AgreementTables, agreement_id: UUID, rows: AgreementRows) -> ReadAgreement:
        """Return the agreement of these rows.

        Raises:
            RecordUnreadable: or another of `common.unreadable.UNREADABLE`.

        """
        known = self._known.get(agreement_id)
        if known is None or known.rows != rows:
            known = ReadAgreement(of, rows, AgreementParts(of, rows).whole(agreement_id))
        self._keep(agreement_id, known)
        return known

    def _keep(self, agreement_id: UUID, read: ReadAgreement) -> None:
        with self._lock:
            former = self._known.pop(agreement_id, None)
            self._known[agreement_id] = read
            if former is read:
                return
            self._bytes += read.rows.size - (0 if former is None else former.rows.size)
            while self._bytes > KNOWN_BYTES_MAX and len(self._known) > 1:
                _, oldest = self._known.popitem(last=False)
                self._bytes -= oldest.rows.size
