"""Pseudonym domains that go on in another recipient environment."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0163"
down_revision: str | None = "0144"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "domain_transfer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("former_environment", sa.Uuid(), nullable=False),
        sa.Column("following_environment", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("evidence", text(), nullable=False),
        sa.Column("controllers", sa.JSON(), nullable=False),
        sa.Column("agreed_by", sa.JSON(), nullable=False),
        sa.Column("proposed_at", instant(), nullable=False),
        sa.Column("agreed_at", instant(), nullable=True),
        sa.Column("effective_at", instant(), nullable=True),
        sa.Column("withdrawn_at", instant(), nullable=True),
        sa.Column("withdrawal_reason", text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_domain_transfer")),
    )
    for column in ("epoch", "agreement_id"):
        op.create_index(
            op.f(f"ix_domain_transfer_{column}"), "domain_transfer", [column], unique=False
        )


def downgrade() -> None:
    op.drop_table("domain_transfer")
