"""Rows of certificates of destruction, of who accepted them, and of what they destroyed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Text
from sqlmodel import Field

from agreements.db.tables import Versioned, metadata, one_current


class DestructionCertificateRow(Versioned, table=True):
    """What an organisation certified, copy by copy."""

    __tablename__ = "destruction_certificate"
    __table_args__ = (one_current("uq_destruction_certificate_current", "reference"),)

    reference: str
    agreement_id: UUID = Field(index=True)
    organisation: str
    name_of_role: str
    witness: str | None = None
    handed_in_at: datetime
    entries: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))


class DestructionAcceptanceRow(Versioned, table=True):
    """One person's word; `covers` is the digest of the files and certificates that it is about."""

    __tablename__ = "destruction_acceptance"

    agreement_id: UUID = Field(index=True)
    accepted_by: str
    accepted_at: datetime
    reason: str = Field(sa_type=Text)
    covers: str


class DestroyedFileRow(Versioned, table=True):
    """A file that is destroyed, under the id of its holding."""

    __tablename__ = "destroyed_file"

    agreement_id: UUID = Field(index=True)
    file_id: str
    destroyed_at: datetime


__all__ = ["DestroyedFileRow", "DestructionAcceptanceRow", "DestructionCertificateRow", "metadata"]
