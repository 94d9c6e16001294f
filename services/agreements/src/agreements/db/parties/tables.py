"""Rows about the standing of organisations: transfers taken back, environments that are listed."""

from datetime import date
from uuid import UUID

from sqlalchemy import String
from sqlmodel import Field

from agreements.db.tables import Recorded, Versioned, metadata, one_current

__all__ = ["ListedEnvironmentRow", "TransferWithdrawalRow", "metadata"]


class TransferWithdrawalRow(Recorded, table=True):
    """Before its day: the instrument never takes effect, and nothing has passed by it."""

    __tablename__ = "transfer_withdrawal"

    instrument_id: UUID = Field(foreign_key="transfer_instrument.id")
    reason: str


class ListedEnvironmentRow(Versioned, table=True):
    """Listed in the register of its kind from `valid_from` through `valid_to` (ruling 31)."""

    __tablename__ = "listed_environment"
    __table_args__ = (
        one_current(
            "uq_listed_environment_current", "kind", "organisation", "hosted_for", "valid_from"
        ),
    )

    kind: str = Field(sa_type=String, index=True)  # ceff, rs_supplier
    organisation: str
    hosted_for: str | None = None
    valid_from: date
    valid_to: date | None = None
    listed_on: date
