"""Registers of controlled environments and risk-stratification suppliers."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0117"
down_revision: str | None = "0112"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "listed_environment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("organisation", text(), nullable=False),
        sa.Column("hosted_for", text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("listed_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_listed_environment")),
    )
    for column in ("epoch", "kind"):
        op.create_index(
            op.f(f"ix_listed_environment_{column}"), "listed_environment", [column], unique=False
        )
    op.create_index(
        "uq_listed_environment_current",
        "listed_environment",
        ["kind", "organisation", "hosted_for", "valid_from"],
        unique=True,
        sqlite_where=sa.text("superseded_epoch IS NULL"),
        postgresql_where=sa.text("superseded_epoch IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("listed_environment")
