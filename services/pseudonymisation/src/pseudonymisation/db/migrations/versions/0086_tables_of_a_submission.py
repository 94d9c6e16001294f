"""What came of each of several tables."""

import sqlalchemy as sa
from alembic import op

revision: str = "0086"
down_revision: str | None = "people"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("submission", sa.Column("tables", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("submission") as batch:
        batch.drop_column("tables")
