"""Rows. SQLModel does not validate them: they hold what the domain already checked.

Preparation's tables are in `preparation_tables.py`, on the same metadata.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, MetaData, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from common.db import tables as common_tables

metadata = MetaData(naming_convention=common_tables.NAMING)


class Row(SQLModel):
    metadata = metadata  # this service's own; SQLModel's default is shared by all


common_tables.install(metadata)


class SubmissionRow(Row, table=True):
    __tablename__ = "submission"
    __table_args__ = (
        Index("ix_submission_claimable", "state", "claimed_until"),
        # Finds a duplicate upload; not unique, as a refused one may be sent again.
        Index("ix_submission_content", "data_set", "period", "provider", "content_digest"),
    )

    id: UUID = Field(primary_key=True)
    version: int
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    period: str
    provider: str = Field(index=True)
    """ODS code of the organisation whose records these are."""
    submitted_by: str
    """ODS code of the organisation that sent them: the provider, or a DSCRO for it."""
    state: str = Field(sa_type=String)
    created_at: datetime
    received_at: datetime | None = None
    decided_at: datetime | None = None
    content_key: str | None = None
    """The upload's object; null before it was received and after it was destroyed."""
    content_bytes: int | None = Field(default=None, sa_type=BigInteger)
    content_digest: str | None = None
    content_line: str | None = Field(default=None, sa_type=String)
    """The header as it came, which the landing reads the columns' order from: names only."""
    quarantine_key: str | None = None
    edition_id: UUID | None = None
    code: str | None = None
    detail: str | None = None
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    claimed_by: str | None = None
    claimed_until: datetime | None = None
    attempts: int = 0


class EditionRow(Row, table=True):
    __tablename__ = "edition"
    __table_args__ = (
        UniqueConstraint("data_set", "period", "provider", "number"),
        Index("ix_edition_current", "data_set", "period", "superseded_by"),
    )

    id: UUID = Field(primary_key=True)
    version: int
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    period: str
    provider: str
    number: int
    """Counts the editions of one data set, period and provider from 1."""
    status: str = Field(sa_type=String)
    submission_id: UUID = Field(index=True)
    superseded_by: UUID | None = None
    """Null: the edition to read."""
    object_key: str
    rows: int = Field(sa_type=BigInteger)
    bytes: int = Field(sa_type=BigInteger)
    practice_map_id: str | None = None
    practice_map_digest: str | None = None
    postcode_map_id: str | None = None
    postcode_map_digest: str | None = None
    landed_at: datetime


class OptOutListRow(Row, table=True):
    __tablename__ = "opt_out_list"

    id: UUID = Field(primary_key=True)
    list_date: date = Field(index=True)
    """The day whose opt-outs the list holds."""
    people: int = Field(sa_type=BigInteger)
    refused: int = Field(sa_type=BigInteger)
    """Lines that are no valid NHS number."""
    digest: str
    object_key: str
    imported_at: datetime
    imported_by: str


class QuarantineRow(Row, table=True):
    """Why a line was set aside. Never its values: those are in the encrypted object."""

    __tablename__ = "quarantine"

    submission_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    """Counts the entries of a submission, in the order of the lines."""
    line: int = Field(sa_type=BigInteger)
    column: str | None = None
    code: str
