"""The tables that every service has, on their own metadata.

`install(metadata)` copies them into a service's metadata, so that its migrations create
them; queries here use these Table objects whatever the service.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlmodel import SQLModel, UTCDateTime

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
"""Constraints have names that migrations can drop by."""

metadata = MetaData(naming_convention=NAMING)

# SQLite numbers rows by itself only where the type is exactly INTEGER.
_Sequence = BigInteger().with_variant(Integer(), "sqlite")

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _Sequence, primary_key=True, autoincrement=True),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("topic", String(200), nullable=False),
    Column("event", Text, nullable=False),
    Column("enqueued_at", UTCDateTime, nullable=False),
    Column("published_at", UTCDateTime, nullable=True),
    Index(
        "ix_outbox_pending",
        "seq",
        postgresql_where=text("published_at IS NULL"),
        sqlite_where=text("published_at IS NULL"),
    ),
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", String(200), primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("received_at", UTCDateTime, nullable=False),
)

aggregate_seen = Table(
    "aggregate_seen",
    metadata,
    Column("consumer", String(200), primary_key=True),
    Column("topic", String(200), primary_key=True),
    Column("aggregate_id", String(200), primary_key=True),
    Column("version", BigInteger, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", String(300), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("fingerprint", String(80), nullable=False),
    Column("resource", Text, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
)

audit_leaf = Table(
    "audit_leaf",
    metadata,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", Text, nullable=False),
    Column("hash", String(71), nullable=False),
)

audit_frontier = Table(
    "audit_frontier",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("nodes", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)
"""The roots of the complete subtrees, largest first, 32 bytes each: all that appending needs."""

catalogue_file = Table(
    "catalogue_file",
    metadata,
    Column("digest", String(71), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("kept_at", UTCDateTime, nullable=False),
)
"""Files of local flows by the digest of their bytes, which is looked at whenever one is read."""

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("consumer", String(200), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("event_id", String(200), nullable=True),
    Column("event_type", String(200), nullable=True),
    Column("message", JSON, nullable=False),
    Column("reason", String(500), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failed_at", UTCDateTime, nullable=False),
    Column("replayed_at", UTCDateTime, nullable=True),
    UniqueConstraint("consumer", "topic", "partition", "position"),
)


def install(into: MetaData) -> None:
    """Copy the tables into a service's own metadata."""
    for table in metadata.sorted_tables:
        table.to_metadata(into)


def table_of(row: type[SQLModel]) -> Table:
    """Return the table of a class of rows."""
    table: Table = row.__table__  # type: ignore[attr-defined]  # table=True
    return table
