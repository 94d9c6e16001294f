"""What a breach was found to be, which contracts it ended, and what was learnt of it."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0112"
down_revision: str | None = "0116"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("breach") as breach:
        breach.add_column(sa.Column("contracts", sa.JSON(none_as_null=True), nullable=True))
        breach.add_column(sa.Column("facts", sa.Text(), nullable=True))
        breach.add_column(sa.Column("facts_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True))
        breach.add_column(sa.Column("records_affected", sa.Integer(), nullable=True))
        breach.add_column(sa.Column("lesson", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("breach") as breach:
        for name in ("lesson", "records_affected", "facts_at", "facts", "contracts"):
            breach.drop_column(name)
