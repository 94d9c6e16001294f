"""Local flows, and their files."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0135"
down_revision: str | None = "0143"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "catalogue_file",
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_catalogue_file")),
    )
    op.create_table(
        "local_flow",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("data_set", text(), nullable=False),
        sa.Column("catalogue_version", text(), nullable=False),
        sa.Column("digest", text(), nullable=False),
        sa.Column("category", text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("dscro", text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("registered_by", text(), nullable=False),
        sa.Column("registered_at", instant(), nullable=False),
        sa.Column("approved_by", text(), nullable=True),
        sa.Column("approved_at", instant(), nullable=True),
        sa.Column("ended_by", text(), nullable=True),
        sa.Column("ended_at", instant(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("used_at", instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_local_flow")),
    )
    for column in ("epoch", "data_set", "digest"):
        op.create_index(op.f(f"ix_local_flow_{column}"), "local_flow", [column], unique=False)


def downgrade() -> None:
    for column in ("digest", "data_set", "epoch"):
        op.drop_index(op.f(f"ix_local_flow_{column}"), "local_flow")
    op.drop_table("local_flow")
    op.drop_table("catalogue_file")
