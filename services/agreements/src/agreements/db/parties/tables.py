"""Rows about the standing of organisations: transfers that were taken back before their day."""

from uuid import UUID

from sqlmodel import Field

from agreements.db.tables import Recorded, metadata

__all__ = ["TransferWithdrawalRow", "metadata"]


class TransferWithdrawalRow(Recorded, table=True):
    """Before its day: the instrument never takes effect, and nothing has passed by it."""

    __tablename__ = "transfer_withdrawal"

    instrument_id: UUID = Field(foreign_key="transfer_instrument.id")
    reason: str
