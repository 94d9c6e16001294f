"""With which agreement's pseudonyms a released file pairs those of its own."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0195"
down_revision: str | None = "0182"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString
    op.add_column("holding", sa.Column("bridged_agreement", text(), nullable=True))
    op.create_index(
        op.f("ix_holding_bridged_agreement"), "holding", ["bridged_agreement"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_holding_bridged_agreement"), table_name="holding")
    op.drop_column("holding", "bridged_agreement")
