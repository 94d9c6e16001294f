"""Rows of relationships, consents to their publication, and editions of their register."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    JSON,
    Column,
    Index,
    String,
    Text,
)
from sqlmodel import Field

from agreements.db.tables import Recorded, Versioned, metadata, one_current

__all__ = ["RelationshipConsentRow", "RelationshipEditionRow", "RelationshipRow", "metadata"]


class RelationshipRow(Versioned, table=True):
    """Active, for the decision, from `activated_at` and `valid_from` through `valid_to`."""

    __tablename__ = "relationship"
    __table_args__ = (one_current("uq_relationship_current", "reference"),)

    reference: str = Field(index=True)
    change_kind: str = Field(sa_type=String)
    commissioner: str = Field(index=True)
    commissioner_type: str
    area_team: str | None = None
    dscro: str
    csu: str | None = None
    processors: list[str] = Field(sa_column=Column(JSON, nullable=False))
    service: str
    valid_from: date
    valid_to: date | None = None
    service_contract_reference: str | None = None
    contract_signed_on: date | None = None
    state: str = Field(sa_type=String)  # the step reached; ENDING and ENDED follow from dates
    requested_at: datetime
    requested_by_organisation: str
    activated_at: datetime | None = None
    source: str | None = None  # the published list that brought it
    changes: UUID | None = None  # the relationship whose place it takes


class RelationshipConsentRow(Versioned, table=True):
    """To publish, not to operate."""

    __tablename__ = "relationship_consent"
    __table_args__ = (
        one_current("uq_relationship_consent_current", "relationship_id", "organisation"),
    )

    relationship_id: UUID = Field(index=True)
    organisation: str
    given_at: datetime
    withdrawn_at: datetime | None = None


class RelationshipEditionRow(Recorded, table=True):
    """One published spreadsheet of relationships; former editions stay as they were."""

    __tablename__ = "relationship_edition"
    __table_args__ = (Index("uq_relationship_edition_number", "number", unique=True),)

    number: int
    published_at: datetime
    digest: str
    content: str = Field(sa_type=Text)  # canonical JSON: list of rows
