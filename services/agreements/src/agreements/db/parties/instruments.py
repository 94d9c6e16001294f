"""Transfer instruments: said once, and withdrawn at most once, before their day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlmodel import Session

from agreements.db.epoch import stamp
from agreements.db.parties.tables import TransferWithdrawalRow
from agreements.db.read.facts import current_rows, facts_of, rows_found
from agreements.db.store import cut
from agreements.db.tables import TransferInstrumentRow
from agreements.db.written import add
from agreements.records.domain.errors import TransferNotFound
from agreements.records.domain.parties.organisation import TransferInstrument
from agreements.records.use_cases.ports import Slice
from common import audit as audit_log
from common import unreadable
from common.audit import Entry
from common.db import reading
from common.db.tables import table_of
from common.ids import new_id

INSTRUMENT: Any = table_of(TransferInstrumentRow)


@dataclass(frozen=True, slots=True)
class SqlInstruments:
    session: Session

    def all(self) -> Sequence[TransferInstrument]:
        return [one for one in self._of(self._query()) if one.withdrawn_at is None]

    def get(self, instrument_id: UUID) -> TransferInstrument:
        found = self._of(self._query().where(INSTRUMENT.c.id == instrument_id))
        if not found:
            raise TransferNotFound(f"There is no transfer instrument {instrument_id}.")
        return found[0]

    def page(self, part: Slice) -> Sequence[TransferInstrument]:
        query = cut(self._query(), INSTRUMENT, part)
        return reading.page_by(self.session, query, self._of, key=INSTRUMENT.c.id)

    def _query(self) -> Select[Any]:
        query = current_rows(self.session, TransferInstrumentRow).query()
        return query.order_by(INSTRUMENT.c.id)

    def _of(self, query: Select[Any]) -> list[TransferInstrument]:
        of = current_rows(self.session, TransferInstrumentRow).of
        found = facts_of(TransferInstrument, of, rows_found(self.session, query))
        withdrawn = self._withdrawn() if found else {}
        return [replace(one, **withdrawn.get(one.id, {})) for one in found]

    def _withdrawn(self) -> Mapping[UUID, Mapping[str, Any]]:
        """Return when and why each was withdrawn that was."""
        of = current_rows(self.session, TransferWithdrawalRow)
        rows = (unreadable.read(row, of.of.read) for row in rows_found(self.session, of.query()))
        return {
            row["instrument_id"]: {
                "withdrawn_at": row["recorded_at"],
                "withdrawal_reason": row["reason"],
            }
            for row in rows
        }

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
