"""Rows. SQLModel does not validate them: they hold what the domain already checked."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, MetaData, String, Text, text
from sqlmodel import Field, SQLModel

from common.db import tables as shared

metadata = MetaData(naming_convention=shared.NAMING)
shared.install(metadata)

# The part of the table that the driver and the sweeper look at stays small.
_UNFINISHED = text("state IN ('requested', 'preparing', 'prepared')")
_ACTIVE = text("state = 'active'")
_UNDER_WAY = text("outcome = 'under_way'")


class Row(SQLModel):
    metadata: ClassVar[MetaData] = metadata  # this service's own; SQLModel's is shared by all


class ExtractRow(Row, table=True):
    __tablename__ = "extract"
    __table_args__ = (
        CheckConstraint("(state = 'failed') = (failure IS NOT NULL)", name="failure_pair"),
        Index("ix_extract_organisation", "organisation", "kind", "id"),
        Index("ix_extract_agreement", "agreement", "id"),
        Index("ix_extract_standing_order", "standing_order", "id"),
        Index("ix_extract_due", "due_at", postgresql_where=_UNFINISHED, sqlite_where=_UNFINISHED),
    )

    id: UUID = Field(primary_key=True)
    state: str = Field(sa_type=String)
    version: int
    agreement: str
    request: dict[str, Any] = Field(sa_type=JSON)
    kind: str
    """Whether records are asked for or a table: each is listed by itself."""
    subject: str
    client_id: str
    organisation: str
    role: str
    permit_id: str = Field(unique=True)
    permit: str = Field(sa_type=Text)
    permit_expires_at: datetime
    decision_id: UUID
    epoch: int = Field(sa_type=BigInteger)
    files: list[dict[str, Any]] = Field(sa_type=JSON)
    failure: dict[str, Any] | None = Field(sa_type=JSON(none_as_null=True))
    withdrawal: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    """Why it was withdrawn after its release."""

    replaced: list[dict[str, Any]] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    """Which editions in it were replaced since, by which, and when."""

    standing_order: UUID | None = None
    requested_at: datetime
    changed_at: datetime
    due_at: datetime
    """When a worker is to look at it, by the timer and not by the legal clock."""

    claimed_until: datetime | None = None
    """Until when a worker has it to itself."""

    attempts: int = 0
    rows_done: int | None = Field(default=None, sa_type=BigInteger)
    rows_total: int | None = Field(default=None, sa_type=BigInteger)


class StandingOrderRow(Row, table=True):
    __tablename__ = "standing_order"
    __table_args__ = (
        CheckConstraint("(state = 'ended') = (ended IS NOT NULL)", name="ended_pair"),
        Index("ix_standing_order_organisation", "organisation", "id"),
        Index("ix_standing_order_agreement", "agreement", "id"),
        Index("ix_standing_order_due", "due_at", postgresql_where=_ACTIVE, sqlite_where=_ACTIVE),
        Index(
            "ix_standing_order_same",
            "organisation",
            "digest",
            unique=True,
            postgresql_where=_ACTIVE,
            sqlite_where=_ACTIVE,
        ),
    )

    id: UUID = Field(primary_key=True)
    state: str
    version: int
    agreement: str
    data_set: str
    ordered: dict[str, Any] = Field(sa_type=JSON)
    digest: str
    """Of what is ordered: no two of an organisation are active for the same."""

    first: str
    last: str | None
    subject: str
    client_id: str
    organisation: str
    role: str
    decision_id: UUID
    confirmed_at: datetime
    on_behalf_of: str | None
    periods: list[dict[str, Any]] = Field(sa_type=JSON)
    """What became of each, in order of the months."""

    ended: dict[str, Any] | None = Field(default=None, sa_type=JSON(none_as_null=True))
    ordered_at: datetime
    changed_at: datetime
    due_at: datetime
    """When a worker is to look at it, by the timer and not by the legal clock."""

    claimed_until: datetime | None = None
    woken_at: datetime | None = None
    """When something happened because of which a refusal may be a yes, by the legal clock."""


class ReleaseRow(Row, table=True):
    """One released file. Never changed."""

    __tablename__ = "release"
    __table_args__ = (Index("ix_release_extract_id", "extract_id"),)

    file_id: UUID = Field(primary_key=True)
    extract_id: UUID = Field(foreign_key="extract.id")
    agreement: str
    organisation: str
    format: str
    object_key: str
    bytes: int = Field(sa_type=BigInteger)
    digest: str
    rows: int = Field(sa_type=BigInteger)
    attestation: str = Field(sa_type=Text)
    attestation_digest: str
    decision_id: UUID = Field(unique=True)
    holding_id: str = Field(unique=True)
    agreement_version: str
    document_hash: str
    leaf_index: int = Field(sa_type=BigInteger, unique=True)
    leaf_size: int = Field(sa_type=BigInteger)
    leaf_root: str
    manifest: str = Field(sa_type=Text)
    released_at: datetime


class PinnedEditionRow(Row, table=True):
    """Which editions a released extract read."""

    __tablename__ = "pinned_edition"

    edition_id: str = Field(primary_key=True)
    extract_id: UUID = Field(primary_key=True, foreign_key="extract.id")


class SupersededEditionRow(Row, table=True):
    __tablename__ = "superseded_edition"

    edition_id: str = Field(primary_key=True)
    superseded_by: str
    superseded_at: datetime


class VoidFileRow(Row, table=True):
    """A file that agreements said is void, released here already or not yet."""

    __tablename__ = "void_file"

    file_id: UUID = Field(primary_key=True)
    since: datetime


class DestroyedFileRow(Row, table=True):
    """A file that agreements said is destroyed wherever it was held."""

    __tablename__ = "destroyed_file"

    file_id: UUID = Field(primary_key=True)
    since: datetime


class AgreementStandingRow(Row, table=True):
    """How an agreement stands, as its newest event told it."""

    __tablename__ = "agreement_standing"

    agreement: str = Field(primary_key=True)
    state: str
    since: datetime
    held: list[dict[str, Any]] = Field(sa_type=JSON)


class RegisterLineRow(Row, table=True):
    """One public line a released file (domain.md 9.1), frozen at its release."""

    __tablename__ = "register_line"

    id: UUID = Field(primary_key=True)
    file_id: UUID = Field(foreign_key="release.file_id", unique=True)
    controllers: str = Field(sa_type=Text)
    controller_type: str
    project_title: str = Field(sa_type=Text)
    reference: str
    agreement_start: date
    agreement_end: date
    data_set: str
    classification: str
    sensitivity: str
    legal_basis: str
    opt_outs_applied: str
    opt_outs_reason: str
    commercial_purpose: str
    access_method: str
    sub_licensing: str
    released_at: datetime
    objectives: str = Field(sa_type=Text)
    processing: str = Field(sa_type=Text)
    expected_outputs: str = Field(sa_type=Text)
    expected_benefits: str = Field(sa_type=Text)
    yielded_benefits: str = Field(sa_type=Text)
    advisory_minutes: str = Field(sa_type=Text)
    filters: str = Field(default="", sa_type=Text)
    assumed: str = Field(default="", sa_type=Text)
    changes: str = Field(default="", sa_type=Text)
    counted: str = Field(default="", sa_type=Text)
    bridged: str = Field(default="", sa_type=Text)


class DeliveryRow(Row, table=True):
    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("(outcome = 'under_way') = (ended_at IS NULL)", name="ended_pair"),
        CheckConstraint("(outcome = 'cut') = (code IS NOT NULL)", name="cut_pair"),
        Index("ix_delivery_organisation", "organisation", "id"),
        Index("ix_delivery_agreement", "agreement", "id"),
        Index("ix_delivery_file_id", "file_id", "id"),
        Index(
            "ix_delivery_alive", "alive_at", postgresql_where=_UNDER_WAY, sqlite_where=_UNDER_WAY
        ),
    )

    id: UUID = Field(primary_key=True)
    file_id: UUID = Field(foreign_key="release.file_id")
    extract_id: UUID
    agreement: str
    decision_id: UUID
    subject: str
    client_id: str
    organisation: str
    role: str
    range_start: int = Field(sa_type=BigInteger)
    range_end: int = Field(sa_type=BigInteger)
    bytes: int = Field(sa_type=BigInteger)
    outcome: str
    code: str | None
    begun_at: datetime
    ended_at: datetime | None
    version: int
    alive_at: datetime
    """When its stream last said that it runs, by the timer."""


class AuditSubjectRow(Row, table=True):
    """Where the audit log speaks of an agreement (U02): a way to find leaves, no more."""

    __tablename__ = "audit_subject"

    agreement: str = Field(primary_key=True)
    leaf_index: int = Field(primary_key=True, sa_type=BigInteger)
