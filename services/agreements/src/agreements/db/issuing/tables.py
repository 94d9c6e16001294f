"""Rows of templates, and of agreements that are drafted many at once."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, String, Text
from sqlmodel import Field

from agreements.db.tables import Versioned, metadata, one_current


class AgreementTemplateRow(Versioned, table=True):
    """A version of a template; its content is an approved snapshot."""

    __tablename__ = "agreement_template"
    __table_args__ = (one_current("uq_agreement_template_current", "name", "number"),)

    name: str = Field(index=True)
    number: int
    agreement: str  # reference
    agreement_version: str
    snapshot_hash: str
    content: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    made_by: str  # subject of the token
    made_at: datetime


class AgreementBatchRow(Versioned, table=True):
    """What one person handed in to be drafted, and what the second said of it."""

    __tablename__ = "agreement_batch"

    kind: str = Field(sa_type=String)  # from_template, in_force
    source: str
    digest: str
    planned: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    state: str = Field(sa_type=String)  # waiting, confirmed, withdrawn
    proposed_by: str  # subject of the token
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = Field(default=None, sa_type=Text)


__all__ = ["AgreementBatchRow", "AgreementTemplateRow", "metadata"]
