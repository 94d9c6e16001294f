"""Seals of what decisions wrote. `agreements seal` has to be run after it, once."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0034"
down_revision: str | None = "0033"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "decision_seal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_decision_seal")),
    )
    op.create_index(op.f("ix_decision_seal_epoch"), "decision_seal", ["epoch"])
    op.add_column("permit", sa.Column("seal", sa.Text(), nullable=True))
    op.add_column(
        "holding", sa.Column("row_digest", sqlmodel.sql.sqltypes.AutoString(), nullable=True)
    )
    op.create_index("ix_holding_register", "holding", ["environment_id", "data_set"])


def downgrade() -> None:
    op.drop_index("ix_holding_register", table_name="holding")
    op.drop_column("holding", "row_digest")
    op.drop_column("permit", "seal")
    op.drop_index(op.f("ix_decision_seal_epoch"), table_name="decision_seal")
    op.drop_table("decision_seal")
