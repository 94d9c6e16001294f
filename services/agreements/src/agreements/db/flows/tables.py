"""Rows of local flows. The files themselves are in `catalogue_file`, by their digest."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlmodel import Field

from agreements.db.tables import Versioned, metadata


class LocalFlowRow(Versioned, table=True):
    """A layout that two people stand for; its file has this digest."""

    __tablename__ = "local_flow"

    data_set: str = Field(index=True)
    catalogue_version: str
    digest: str = Field(index=True)
    category: str
    title: str = Field(sa_type=Text)
    dscro: str
    evidence: str = Field(sa_type=Text)
    state: str = Field(sa_type=String)  # registered, approved, in_use, refused, withdrawn
    registered_by: str  # subject of the token
    registered_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    reason: str | None = Field(default=None, sa_type=Text)
    used_at: datetime | None = None


__all__ = ["LocalFlowRow", "metadata"]
