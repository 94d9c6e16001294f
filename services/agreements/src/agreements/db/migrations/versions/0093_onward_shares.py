"""What recipients passed on."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0093"
down_revision: str | None = "0092"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text, instant = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime
    op.create_table(
        "onward_share",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", instant(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
        sa.Column("version_number", text(), nullable=False),
        sa.Column("recipient", text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("shared_on", sa.Date(), nullable=False),
        sa.Column("logged_at", instant(), nullable=False),
        sa.Column("logged_by", text(), nullable=False),
        sa.Column("ground", sa.String(), nullable=True),
        sa.Column("breach_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_onward_share")),
    )
    for column in ("agreement_id", "epoch"):
        op.create_index(op.f(f"ix_onward_share_{column}"), "onward_share", [column], unique=False)


def downgrade() -> None:
    op.drop_table("onward_share")
