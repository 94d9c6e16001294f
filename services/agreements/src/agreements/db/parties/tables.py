"""Rows about the standing of organisations: transfers taken back, listed environments, domains."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, Column, String
from sqlmodel import Field

from agreements.db.tables import Recorded, Versioned, metadata, one_current

__all__ = ["DomainTransferRow", "ListedEnvironmentRow", "TransferWithdrawalRow", "metadata"]


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


class DomainTransferRow(Versioned, table=True):
    """Pseudonym domains of an agreement that go on in another environment (docs/adr/0163)."""

    __tablename__ = "domain_transfer"

    agreement_id: UUID = Field(index=True)
    former_environment: UUID
    following_environment: UUID
    valid_from: date
    evidence: str
    controllers: list[str] = Field(sa_column=Column(JSON, nullable=False))
    agreed_by: list[str] = Field(sa_column=Column(JSON, nullable=False))
    proposed_at: datetime
    agreed_at: datetime | None = None
    effective_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawal_reason: str | None = None
