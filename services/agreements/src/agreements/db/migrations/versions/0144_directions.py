"""Directions and provision notices under which data sets are collected."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0144"
down_revision: str | None = "0135"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "direction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reference", text(), nullable=False),
        sa.Column("title", text(), nullable=False),
        sa.Column("data_sets", sa.JSON(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("source", text(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_direction")),
    )
    for column in ("epoch", "reference"):
        op.create_index(op.f(f"ix_direction_{column}"), "direction", [column], unique=False)
    op.create_index(
        "uq_direction_current",
        "direction",
        ["reference"],
        unique=True,
        sqlite_where=sa.text("superseded_epoch IS NULL"),
        postgresql_where=sa.text("superseded_epoch IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("direction")
