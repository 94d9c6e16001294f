"""Rows. SQLModel does not validate them: they hold what the domain already checked."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, Column, Index, LargeBinary, MetaData, String, text
from sqlmodel import Field, SQLModel

from common.db import tables as common_tables

metadata = MetaData(naming_convention=common_tables.NAMING)
common_tables.install(metadata)

NEW = text("kind = 'new' AND reference IS NOT NULL")


class Row(SQLModel):
    metadata = metadata  # this service's own; SQLModel's default is shared by all


class ApplicationRow(Row, table=True):
    __tablename__ = "application"
    __table_args__ = (
        CheckConstraint("(reference IS NULL) = (revision = 0)", name="referenced_once_submitted"),
        # A reference is given once; what amends the agreement carries it again.
        Index(
            "uq_application_reference_new",
            "reference",
            unique=True,
            sqlite_where=NEW,
            postgresql_where=NEW,
        ),
    )

    id: UUID = Field(primary_key=True)
    version: int
    organisation: str = Field(index=True)
    title: str
    kind: str = Field(sa_type=String)
    amends: str | None = None
    state: str = Field(sa_type=String, index=True)
    reference: str | None = Field(default=None, index=True)
    label: str | None = None
    revision: int
    snapshot_hash: str | None = None
    created_at: datetime
    submitted_at: datetime | None = None
    sections: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """Answers by number of the Standard."""
    record: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """What nobody searches by: Standards kept, people, queries, advice, decision."""


class StepRow(Row, table=True):
    """The history: written once, never changed."""

    __tablename__ = "application_step"

    id: UUID = Field(primary_key=True)
    application_id: UUID = Field(foreign_key="application.id", index=True)
    version: int | None = None
    verb: str
    at: datetime
    subject: str
    organisation: str
    role: str
    state_before: str | None = None
    state_after: str | None = None
    revision: int
    detail: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class SnapshotRow(Row, table=True):
    """What was handed in or approved: immutable, named by its hash."""

    __tablename__ = "snapshot"

    hash: str = Field(primary_key=True)
    application_id: UUID = Field(foreign_key="application.id", index=True)
    revision: int
    frozen_at: datetime
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
