"""Rows of what recipients passed on."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import String
from sqlmodel import Field

from agreements.db.tables import Versioned, metadata


class OnwardShareRow(Versioned, table=True):
    """What was passed on to whom, and by which clause; without one, the breach that it is."""

    __tablename__ = "onward_share"

    agreement_id: UUID = Field(index=True)
    version_number: str
    recipient: str
    line: int
    level: str = Field(sa_type=String)
    shared_on: date
    logged_at: datetime
    logged_by: str
    ground: str | None = Field(default=None, sa_type=String)
    breach_id: UUID | None = None


__all__ = ["OnwardShareRow", "metadata"]
