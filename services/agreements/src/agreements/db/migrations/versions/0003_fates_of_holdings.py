"""Keep what became of a released file first: fetched, or void"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0003"
down_revision: str | None = "788ed9bfa1ea"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "holding_fate",
        sa.Column("holding_id", sa.Uuid(), nullable=False),
        sa.Column("fate", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["holding_id"], ["holding.id"], name=op.f("fk_holding_fate_holding_id_holding")
        ),
        sa.PrimaryKeyConstraint("holding_id", name=op.f("pk_holding_fate")),
    )


def downgrade() -> None:
    op.drop_table("holding_fate")
