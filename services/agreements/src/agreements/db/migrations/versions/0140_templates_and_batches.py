"""Templates of agreements, and agreements that are drafted many at once."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0140"
down_revision: str | None = "0113"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "agreement_template",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("name", text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("agreement", text(), nullable=False),
        sa.Column("agreement_version", text(), nullable=False),
        sa.Column("snapshot_hash", text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_by", text(), nullable=False),
        sa.Column("made_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_agreement_template")),
    )
    for column in ("epoch", "name"):
        op.create_index(
            op.f(f"ix_agreement_template_{column}"), "agreement_template", [column], unique=False
        )
    op.create_index(
        "uq_agreement_template_current",
        "agreement_template",
        ["name", "number"],
        unique=True,
        sqlite_where=sa.text("superseded_epoch IS NULL"),
        postgresql_where=sa.text("superseded_epoch IS NULL"),
    )
    op.create_table(
        "agreement_batch",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", text(), nullable=False),
        sa.Column("digest", text(), nullable=False),
        sa.Column("planned", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposed_by", text(), nullable=False),
        sa.Column("proposed_at", instant(), nullable=False),
        sa.Column("decided_by", text(), nullable=True),
        sa.Column("decided_at", instant(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_agreement_batch")),
    )
    op.create_index(op.f("ix_agreement_batch_epoch"), "agreement_batch", ["epoch"], unique=False)


def downgrade() -> None:
    op.drop_table("agreement_batch")
    op.drop_table("agreement_template")
