"""Transfer instruments: said once, and withdrawn at most once, before their day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, col

from agreements.db.epoch import stamp
from agreements.db.parties.tables import TransferWithdrawalRow
from agreements.db.store import to_fact
from agreements.db.tables import TransferInstrumentRow
from agreements.db.written import add
from agreements.records.domain.errors import TransferNotFound
from agreements.records.domain.parties.organisation import TransferInstrument
from agreements.records.use_cases.ports import Slice
from common import audit as audit_log
from common.audit import Entry
from common.db import reading
from common.ids import new_id


@dataclass(frozen=True, slots=True)
class SqlInstruments:
    session: Session

    def all(self) -> Sequence[TransferInstrument]:
        return [one for one in self._of() if one.withdrawn_at is None]

    def get(self, instrument_id: UUID) -> TransferInstrument:
        found = self._of(col(TransferInstrumentRow.id) == instrument_id)
        if not found:
            raise TransferNotFound(f"There is no transfer instrument {instrument_id}.")
        return found[0]

    def page(self, part: Slice) -> Sequence[TransferInstrument]:
        query = select(TransferInstrumentRow).order_by(col(TransferInstrumentRow.id))
        if part.after is not None:
            query = query.where(col(TransferInstrumentRow.id) > part.after)
        withdrawn = self._withdrawn()
        return reading.page(
            self.session,
            query.limit(part.rows),
            lambda row: _instrument(row, withdrawn.get(row.id)),
            key=col(TransferInstrumentRow.id),
        )

    def _of(self, *which: ColumnElement[bool]) -> list[TransferInstrument]:
        query = select(TransferInstrumentRow).where(*which).order_by(col(TransferInstrumentRow.id))
        withdrawn = self._withdrawn()
        rows = self.session.execute(query).scalars()
        return [_instrument(row, withdrawn.get(row.id)) for row in rows]

    def _withdrawn(self) -> Mapping[UUID, TransferWithdrawalRow]:
        rows = self.session.execute(select(TransferWithdrawalRow)).scalars()
        return {row.instrument_id: row for row in rows}

    def withdraw(
        self, instrument: TransferInstrument, reason: str, *, audit: Entry
    ) -> TransferInstrument:
        add(
            self.session,
            TransferWithdrawalRow,
            [
                {
                    "id": new_id(),
                    "epoch": stamp(self.session, at=audit.at),
                    "recorded_at": audit.at,
                    "instrument_id": instrument.id,
                    "reason": reason,
                }
            ],
        )
        audit_log.append(self.session, [audit])
        return replace(instrument, withdrawn_at=audit.at, withdrawal_reason=reason)

    def add(self, instrument: TransferInstrument, *, audit: Entry) -> None:
        add(
            self.session,
            TransferInstrumentRow,
            [
                {
                    "id": instrument.id,
                    "epoch": stamp(self.session, at=audit.at),
                    "recorded_at": audit.at,
                    "predecessor": instrument.predecessor,
                    "successor": instrument.successor,
                    "valid_from": instrument.valid_from,
                    "evidence": instrument.evidence,
                }
            ],
        )
        audit_log.append(self.session, [audit])


def _instrument(
    row: TransferInstrumentRow, withdrawn: TransferWithdrawalRow | None
) -> TransferInstrument:
    return to_fact(
        TransferInstrument,
        row,
        withdrawn_at=None if withdrawn is None else withdrawn.recorded_at,
        withdrawal_reason=None if withdrawn is None else withdrawn.reason,
    )
