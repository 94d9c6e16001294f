"""Rows of preparations and of the domains in which they mint tokens.

No key is here: a domain's row names its key in the key store. SQLModel does not validate rows;
they hold what the domain already checked.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, String, Text, UniqueConstraint
from sqlmodel import Field

from pseudonymisation.db.tables import Row


class PseudonymDomainRow(Row, table=True):
    __tablename__ = "pseudonym_domain"

    id: str = Field(primary_key=True)
    """The digest of its facts."""
    version: int
    agreement: str = Field(index=True)
    """Without its version; whose end closes the domain."""
    facts: dict[str, Any] = Field(sa_type=JSON)
    state: str = Field(sa_type=String)
    created_at: datetime
    closed_at: datetime | None = None
    settled_at: datetime | None = None
    destroyed_at: datetime | None = None
    environment: str | None = None
    """Which recipient environment has it; empty: the one of its facts, where it began."""
    times: int = 0
    """How often it went on in another one."""


class PreparationRow(Row, table=True):
    __tablename__ = "preparation"
    __table_args__ = (Index("ix_preparation_claimable", "state", "claimed_until"),)

    id: UUID = Field(primary_key=True)
    """The permit's: one permit is one preparation."""
    version: int
    extract_id: UUID = Field(index=True)
    permit_digest: str
    request_digest: str
    caller: str
    permit: dict[str, Any] = Field(sa_type=JSON)
    """Its claims, as they were verified."""
    editions: list[dict[str, Any]] = Field(sa_type=JSON)
    """Pinned when the permit was accepted."""
    domain_id: str = Field(foreign_key="pseudonym_domain.id")
    state: str = Field(sa_type=String)
    attempt: UUID | None = None
    """Who works on it, and at last who won: objects of others are nobody's."""
    attempts: int
    claimed_until: datetime | None = None
    rows_done: int = Field(sa_type=BigInteger)
    rows_total: int | None = Field(default=None, sa_type=BigInteger)
    code: str | None = None
    subject: str | None = None
    """What the code is about: a column, or releases of the same recipient."""
    created_at: datetime
    finished_at: datetime | None = None


class ShownTableRow(Row, table=True):
    """What one measure of a table told: never a raw or a hidden count (docs/adr/0057)."""

    __tablename__ = "shown_table"
    __table_args__ = (UniqueConstraint("recipient", "data_set", "number"),)

    preparation_id: UUID = Field(primary_key=True, foreign_key="preparation.id")
    extract_id: str
    recipient: str
    """The environment that it was made for."""
    is_public: bool = False
    """Whether it equals a publication: then everybody knows it."""
    data_set: str
    number: int
    """Which of the recipient's tables of the data set: two at once cannot have the same."""
    measure: str = Field(primary_key=True)
    editions: dict[str, Any] = Field(sa_type=JSON)
    filters: list[dict[str, Any]] = Field(sa_type=JSON)
    told: dict[str, Any] = Field(sa_type=JSON)
    at: datetime
    destroyed: list[str] = Field(default_factory=list, sa_type=JSON)
    """Files of it of which it was accepted that they are destroyed wherever they were held."""


class PreparedFileRow(Row, table=True):
    """One file in the release store. An object that no row names cannot be fetched."""

    __tablename__ = "prepared_file"

    id: UUID = Field(primary_key=True)
    preparation_id: UUID = Field(foreign_key="preparation.id", index=True)
    position: int
    format: str
    object_key: str = Field(unique=True)
    bytes: int = Field(sa_type=BigInteger)
    digest: str
    rows: int = Field(sa_type=BigInteger)
    attestation: str = Field(sa_type=Text)
