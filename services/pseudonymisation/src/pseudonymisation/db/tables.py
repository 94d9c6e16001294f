"""Rows. SQLModel does not validate them: they hold what the domain already checked.

Preparation's tables are in `preparation_tables.py`, on the same metadata.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ColumnElement, Index, MetaData, Text, UniqueConstraint
from sqlmodel import Field, SQLModel, col

from common.db import tables as common_tables
from common.db.replacement import StandingColumns
from common.replacement import EFFECTIVE

metadata = MetaData(naming_convention=common_tables.NAMING)


class Row(SQLModel):
    metadata = metadata  # this service's own; SQLModel's default is shared by all


common_tables.install(metadata)


class SubmissionRow(Row, table=True):
    __tablename__ = "submission"
    __table_args__ = (
        Index("ix_submission_claimable", "state", "claimed_until"),
        # Finds a duplicate upload; not unique, as a refused one may be sent again.
        Index("ix_submission_content", "data_set", "provider", "content_digest"),
    )

    id: UUID = Field(primary_key=True)
    version: int
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    period_first: str
    period_last: str
    provider: str = Field(index=True)
    submitted_by: str = Field(index=True)
    basis: str | None = None
    delimiter: str | None = None
    quoting: str | None = None
    protocol: str = "whole_period"
    part: str = ""
    """`sender/recipient/group` of a file in bulk; empty: of the whole period."""
    left_out_at_source: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime
    state: str
    content_key: str | None = None
    """The upload's object; null before it was received and after it was destroyed."""
    content_bytes: int | None = Field(default=None, sa_type=BigInteger)
    content_digest: str | None = None
    content_header: str | None = Field(default=None, sa_type=Text)
    content_records: int | None = Field(default=None, sa_type=BigInteger)
    content_form: str | None = None
    """`csv`, `csv.gz` or `parquet`; null: CSV, before others were taken."""
    tables: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    """What came of each of several tables, by its name; null: the data set is one."""
    received_at: datetime | None = None
    received_by: str | None = None
    decided_at: datetime | None = Field(default=None, index=True)
    edition_id: UUID | None = None
    attempt: UUID | None = None
    attempts: int
    claimed_until: datetime | None = None
    code: str | None = None
    detail: str | None = Field(default=None, sa_type=Text)
    refusal: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    report: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    quarantine_key: str | None = None
    replaced: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    rows_done: int = Field(sa_type=BigInteger)


class PartialUploadRow(Row, table=True):
    """An upload that is sent in parts. They lie in sealed objects; here is which, in order."""

    __tablename__ = "partial_upload"

    id: UUID = Field(primary_key=True)
    version: int
    submission_id: UUID = Field(index=True)
    form: str
    begun_at: datetime
    touched_at: datetime = Field(index=True)
    length: int | None = Field(default=None, sa_type=BigInteger)
    digest: str | None = None
    offset: int = Field(sa_type=BigInteger)
    parts: list[list[Any]] = Field(sa_type=JSON)
    is_complete: bool


class EditionRow(StandingColumns, Row, table=True):
    __tablename__ = "edition"
    __table_args__ = (
        UniqueConstraint("data_set", "provider", "period", "part", "number"),
        Index("ix_edition_current", "data_set", "superseded_by", "period_first"),
    )

    id: UUID = Field(primary_key=True)
    version: int
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    period: str
    """`2017-03` or `2016-07/2017-03`."""
    period_first: str
    period_last: str
    provider: str
    part: str = ""
    """`sender/recipient/group` of what was sent in bulk; empty: the whole period."""
    number: int
    """Counts the editions of one data set, provider, period and part from 1."""
    protocol: str = "whole_period"
    left_out_at_source: int | None = Field(default=None, sa_type=BigInteger)
    replaced: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    status: str
    submission_id: UUID = Field(index=True)
    superseded_by: UUID | None = None
    """Null: the edition to read, where it is in force."""
    object_key: str
    columns: list[str] | None = Field(default=None, sa_type=JSON)
    sums: list[dict[str, Any]] | None = Field(default=None, sa_type=JSON)
    """What it adds up to by provider, month and key; null: nothing is held against it."""
    deleted_key: str | None = None
    """The object of what net changes took back; null: nothing was."""
    rows: int = Field(sa_type=BigInteger)
    bytes: int = Field(sa_type=BigInteger)
    practice_map_id: str | None = None
    practice_map_digest: str | None = None
    postcode_map_id: str | None = None
    postcode_map_digest: str | None = None
    further_maps: list[dict[str, str]] | None = Field(default=None, sa_type=JSON)
    """Kind, id and digest of maps besides; null: none."""
    areas_untold: list[str] | None = Field(default=None, sa_type=JSON)
    """What its maps did not tell of postcodes; null: all that its data set derives."""
    organisation_map_id: str | None = None
    organisation_map_digest: str | None = None
    landing_rules_version: int | None = None
    landing_rules_digest: str | None = None
    rows_repeated: int | None = Field(default=None, sa_type=BigInteger)
    """Of `rows`: records that come again; null: landed before they were counted here."""
    unsafe_at: datetime | None = None
    landed_at: datetime


def is_in_force() -> ColumnElement[bool]:
    """Say in a query that an edition is the one to read of its period."""
    effective = col(EditionRow.state).in_([state.value for state in EFFECTIVE])
    return col(EditionRow.superseded_by).is_(None) & effective


class OptOutListRow(StandingColumns, Row, table=True):
    __tablename__ = "opt_out_list"

    id: UUID = Field(primary_key=True)
    list_date: date = Field(index=True)
    """The day whose opt-outs the list holds."""
    people: int = Field(sa_type=BigInteger)
    digest: str
    object_key: str
    imported_at: datetime
    imported_by: str
    version: int


class OptOutCheckRow(Row, table=True):
    """A national check; whom it asks about and who may be used lie in sealed objects."""

    __tablename__ = "opt_out_check"

    id: UUID = Field(primary_key=True)
    version: int
    data_set: str = Field(index=True)
    periods: list[str] = Field(sa_type=JSON)
    purpose: str
    editions: list[str] = Field(sa_type=JSON)
    people: int = Field(sa_type=BigInteger)
    object_key: str
    opened_at: datetime
    opened_by: str
    asked_at: datetime | None = None
    """When its request was fetched the last time."""
    asked_by: str | None = None
    refused_code: str | None = None
    """Of the last of what came and was no reply of it."""
    refused_at: datetime | None = None
    cleared: int | None = Field(default=None, sa_type=BigInteger)
    """Null: not answered."""
    reply_id: UUID | None = None
    reply_digest: str | None = None
    reply_key: str | None = None
    replied_at: datetime | None = None
    replied_by: str | None = None
    reply_state: str | None = Field(default=None, sa_type=Text)
    """How the reply stands; null: not answered."""
    objectors_before: int | None = Field(default=None, sa_type=BigInteger)
    objectors_after: int | None = Field(default=None, sa_type=BigInteger)
    objectors_added: int | None = Field(default=None, sa_type=BigInteger)
    objectors_removed: int | None = Field(default=None, sa_type=BigInteger)
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = Field(default=None, sa_type=Text)
    held_against: str | None = None
    recalled_at: datetime | None = None
    """When the reply was taken back after it had been in force."""


class QuarantineRow(Row, table=True):
    """Why a line was set aside. Never its values: those are in the encrypted object."""

    __tablename__ = "quarantine"

    submission_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_type=BigInteger)
    """Counts the entries of a submission, in the order of the lines."""
    line: int = Field(sa_type=BigInteger)
    column: str
    """Empty where the reason is about the line as a whole."""
    code: str
