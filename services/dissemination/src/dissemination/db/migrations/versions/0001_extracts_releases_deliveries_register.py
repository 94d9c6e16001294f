"""Lay down extracts, releases, deliveries, register"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "aggregate_seen",
        sa.Column("consumer", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("aggregate_id", sa.String(length=200), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "consumer", "topic", "aggregate_id", name=op.f("pk_aggregate_seen")
        ),
    )
    op.create_table(
        "audit_frontier",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("nodes", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_frontier_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_frontier")),
    )
    op.create_table(
        "audit_leaf",
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("hash", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("index", name=op.f("pk_audit_leaf")),
    )
    op.create_table(
        "audit_subject",
        sa.Column("agreement", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agreement", "leaf_index", name=op.f("pk_audit_subject")),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=True),
        sa.Column("event_type", sa.String(length=200), nullable=True),
        sa.Column("message", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("replayed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letter")),
        sa.UniqueConstraint(
            "consumer",
            "topic",
            "partition",
            "position",
            name=op.f("uq_dead_letter_consumer_topic_partition_position"),
        ),
    )
    op.create_table(
        "extract",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("agreement", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("client_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("organisation", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("permit_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("permit", sa.Text(), nullable=False),
        sa.Column("permit_expires_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("failure", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("requested_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("changed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("claimed_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), nullable=True),
        sa.Column("rows_total", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'failed') = (failure IS NOT NULL)", name=op.f("ck_extract_failure_pair")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extract")),
        sa.UniqueConstraint("permit_id", name=op.f("uq_extract_permit_id")),
    )
    with op.batch_alter_table("extract", schema=None) as batch_op:
        batch_op.create_index("ix_extract_agreement", ["agreement", "id"], unique=False)
        batch_op.create_index(
            "ix_extract_due",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("state IN ('requested', 'preparing', 'prepared')"),
            sqlite_where=sa.text("state IN ('requested', 'preparing', 'prepared')"),
        )
        batch_op.create_index("ix_extract_organisation", ["organisation", "id"], unique=False)

    op.create_table(
        "idempotency",
        sa.Column("actor", sa.String(length=300), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=80), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("created_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("received_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("enqueued_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("published_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_pending",
            ["seq"],
            unique=False,
            postgresql_where=sa.text("published_at IS NULL"),
            sqlite_where=sa.text("published_at IS NULL"),
        )

    op.create_table(
        "superseded_edition",
        sa.Column("edition_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("superseded_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("superseded_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("edition_id", name=op.f("pk_superseded_edition")),
    )
    op.create_table(
        "pinned_edition",
        sa.Column("edition_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("extract_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["extract_id"], ["extract.id"], name=op.f("fk_pinned_edition_extract_id_extract")
        ),
        sa.PrimaryKeyConstraint("edition_id", "extract_id", name=op.f("pk_pinned_edition")),
    )
    op.create_table(
        "release",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("extract_id", sa.Uuid(), nullable=False),
        sa.Column("agreement", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("organisation", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("format", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("object_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("attestation", sa.Text(), nullable=False),
        sa.Column("attestation_digest", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("holding_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("agreement_version", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("document_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("leaf_size", sa.BigInteger(), nullable=False),
        sa.Column("leaf_root", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("released_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["extract_id"], ["extract.id"], name=op.f("fk_release_extract_id_extract")
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_release")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_release_decision_id")),
        sa.UniqueConstraint("holding_id", name=op.f("uq_release_holding_id")),
        sa.UniqueConstraint("leaf_index", name=op.f("uq_release_leaf_index")),
    )
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.create_index("ix_release_extract_id", ["extract_id"], unique=False)

    op.create_table(
        "delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("extract_id", sa.Uuid(), nullable=False),
        sa.Column("agreement", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("client_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("organisation", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("range_start", sa.BigInteger(), nullable=False),
        sa.Column("range_end", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("begun_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("ended_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("alive_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "(outcome = 'cut') = (code IS NOT NULL)", name=op.f("ck_delivery_cut_pair")
        ),
        sa.CheckConstraint(
            "(outcome = 'under_way') = (ended_at IS NULL)", name=op.f("ck_delivery_ended_pair")
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["release.file_id"], name=op.f("fk_delivery_file_id_release")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index("ix_delivery_agreement", ["agreement", "id"], unique=False)
        batch_op.create_index(
            "ix_delivery_alive",
            ["alive_at"],
            unique=False,
            postgresql_where=sa.text("outcome = 'under_way'"),
            sqlite_where=sa.text("outcome = 'under_way'"),
        )
        batch_op.create_index("ix_delivery_file_id", ["file_id", "id"], unique=False)
        batch_op.create_index("ix_delivery_organisation", ["organisation", "id"], unique=False)

    op.create_table(
        "register_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("controllers", sa.Text(), nullable=False),
        sa.Column("controller_type", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("project_title", sa.Text(), nullable=False),
        sa.Column("reference", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("agreement_start", sa.Date(), nullable=False),
        sa.Column("agreement_end", sa.Date(), nullable=False),
        sa.Column("data_set", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("classification", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sensitivity", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("legal_basis", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("opt_outs_applied", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("opt_outs_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("commercial_purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("access_method", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sub_licensing", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("released_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("objectives", sa.Text(), nullable=False),
        sa.Column("processing", sa.Text(), nullable=False),
        sa.Column("expected_outputs", sa.Text(), nullable=False),
        sa.Column("expected_benefits", sa.Text(), nullable=False),
        sa.Column("yielded_benefits", sa.Text(), nullable=False),
        sa.Column("advisory_minutes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["release.file_id"], name=op.f("fk_register_line_file_id_release")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_line")),
        sa.UniqueConstraint("file_id", name=op.f("uq_register_line_file_id")),
    )


def downgrade() -> None:
    op.drop_table("register_line")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_organisation")
        batch_op.drop_index("ix_delivery_file_id")
        batch_op.drop_index(
            "ix_delivery_alive",
            postgresql_where=sa.text("outcome = 'under_way'"),
            sqlite_where=sa.text("outcome = 'under_way'"),
        )
        batch_op.drop_index("ix_delivery_agreement")

    op.drop_table("delivery")
    with op.batch_alter_table("release", schema=None) as batch_op:
        batch_op.drop_index("ix_release_extract_id")

    op.drop_table("release")
    op.drop_table("pinned_edition")
    op.drop_table("superseded_edition")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_pending",
            postgresql_where=sa.text("published_at IS NULL"),
            sqlite_where=sa.text("published_at IS NULL"),
        )

    op.drop_table("outbox")
    op.drop_table("inbox")
    op.drop_table("idempotency")
    with op.batch_alter_table("extract", schema=None) as batch_op:
        batch_op.drop_index("ix_extract_organisation")
        batch_op.drop_index(
            "ix_extract_due",
            postgresql_where=sa.text("state IN ('requested', 'preparing', 'prepared')"),
            sqlite_where=sa.text("state IN ('requested', 'preparing', 'prepared')"),
        )
        batch_op.drop_index("ix_extract_agreement")

    op.drop_table("extract")
    op.drop_table("dead_letter")
    op.drop_table("audit_subject")
    op.drop_table("audit_leaf")
    op.drop_table("audit_frontier")
    op.drop_table("aggregate_seen")
