"""Rows of data quality: counts of each edition and of each of its fields, never a value."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field

from pseudonymisation.db.tables import Row


class EditionQualityRow(Row, table=True):
    """What was counted of an edition at its landing; the edition says whether it is in force."""

    __tablename__ = "edition_quality"
    __table_args__ = (Index("ix_edition_quality_of", "data_set", "period_first", "provider"),)

    edition_id: UUID = Field(primary_key=True, foreign_key="edition.id")
    data_set: str
    provider: str
    period: str
    period_first: str
    period_last: str
    records: int = Field(sa_type=BigInteger)
    landed: int = Field(sa_type=BigInteger)
    set_aside: int = Field(sa_type=BigInteger)
    repeated: int = Field(sa_type=BigInteger)
    withheld: int = Field(sa_type=BigInteger)
    measured_at: datetime


class FieldQualityRow(Row, table=True):
    __tablename__ = "field_quality"

    edition_id: UUID = Field(primary_key=True, foreign_key="edition.id")
    field: str = Field(primary_key=True)
    position: int
    """In the order of the data set."""
    is_submitted: bool
    judged: int = Field(sa_type=BigInteger)
    valid: int = Field(sa_type=BigInteger)
    missing: int = Field(sa_type=BigInteger)
    invalid: int = Field(sa_type=BigInteger)
    defaulted: int = Field(sa_type=BigInteger)
    withheld: int = Field(sa_type=BigInteger)
    duplicate: int | None = Field(default=None, sa_type=BigInteger)


class ExpectationRow(Row, table=True):
    """That a provider should send a data set, from one month on."""

    __tablename__ = "expectation"
    __table_args__ = (Index("ix_expectation_of", "data_set", "provider"),)

    id: UUID = Field(primary_key=True)
    version: int
    data_set: str
    provider: str
    first: str
    last: str | None = None
    every: int
    recorded_at: datetime
    recorded_by: str
    reason: str = Field(sa_type=Text)
