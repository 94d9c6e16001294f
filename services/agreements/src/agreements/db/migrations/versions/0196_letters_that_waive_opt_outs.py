"""Letters by which opt-outs are not upheld."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0196"
down_revision: str | None = "0195"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "opt_out_waiver",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("reference", text(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("data_sets", sa.JSON(), nullable=False),
        sa.Column("dated", sa.Date(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("document_digest", text(), nullable=False),
        sa.Column("source", text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposed_by", text(), nullable=False),
        sa.Column("proposed_at", instant(), nullable=False),
        sa.Column("decided_by", text(), nullable=True),
        sa.Column("decided_at", instant(), nullable=True),
        sa.Column("reason", text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_opt_out_waiver")),
    )
    for column in ("epoch", "reference"):
        op.create_index(
            op.f(f"ix_opt_out_waiver_{column}"), "opt_out_waiver", [column], unique=False
        )
    op.create_index(
        "uq_opt_out_waiver_current",
        "opt_out_waiver",
        ["reference"],
        unique=True,
        sqlite_where=sa.text("superseded_epoch IS NULL"),
        postgresql_where=sa.text("superseded_epoch IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("opt_out_waiver")
