"""Who should send which data set from which month on"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0049b"
down_revision: str | None = "0049"
branch_labels: str | None = None
depends_on: str | None = None

TEXT = sqlmodel.sql.sqltypes.AutoString
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime


def upgrade() -> None:
    op.create_table(
        "expectation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data_set", TEXT(), nullable=False),
        sa.Column("provider", TEXT(), nullable=False),
        sa.Column("first", TEXT(), nullable=False),
        sa.Column("last", TEXT(), nullable=True),
        sa.Column("every", sa.Integer(), nullable=False),
        sa.Column("recorded_at", INSTANT(), nullable=False),
        sa.Column("recorded_by", TEXT(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expectation")),
    )
    op.create_index("ix_expectation_of", "expectation", ["data_set", "provider"])


def downgrade() -> None:
    op.drop_index("ix_expectation_of", table_name="expectation")
    op.drop_table("expectation")
