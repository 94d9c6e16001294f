"""Transfer instruments that are taken back before their day."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0116"
down_revision: str | None = "0093"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "transfer_withdrawal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("instrument_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instrument_id"],
            ["transfer_instrument.id"],
            name=op.f("fk_transfer_withdrawal_instrument_id_transfer_instrument"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_withdrawal")),
    )
    op.create_index(
        op.f("ix_transfer_withdrawal_epoch"), "transfer_withdrawal", ["epoch"], unique=False
    )


def downgrade() -> None:
    op.drop_table("transfer_withdrawal")
