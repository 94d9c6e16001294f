"""Internal instructions of the Body, in place of a contract with itself."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0197"
down_revision: str | None = "0196"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "internal_instruction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("reference", text(), nullable=False),
        sa.Column("agreement", text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=False),
        sa.Column("document_digest", text(), nullable=False),
        sa.Column("recorded_by", text(), nullable=False),
        sa.Column("manager_signed_by", text(), nullable=True),
        sa.Column("manager_signed_at", instant(), nullable=True),
        sa.Column("approver_signed_by", text(), nullable=True),
        sa.Column("approver_signed_at", instant(), nullable=True),
        sa.Column("withdrawn_at", instant(), nullable=True),
        sa.Column("withdrawn_by", text(), nullable=True),
        sa.Column("reason", text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_internal_instruction")),
    )
    for column in ("epoch", "reference", "agreement"):
        op.create_index(
            op.f(f"ix_internal_instruction_{column}"),
            "internal_instruction",
            [column],
            unique=False,
        )
    op.create_index(
        "uq_internal_instruction_current",
        "internal_instruction",
        ["reference"],
        unique=True,
        sqlite_where=sa.text("superseded_epoch IS NULL"),
        postgresql_where=sa.text("superseded_epoch IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("internal_instruction")
