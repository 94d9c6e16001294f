"""Which tables are public."""

import sqlalchemy as sa
from alembic import op

revision: str = "public_tables"
down_revision: str | None = "shown_tables"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("shown_table") as batch:
        batch.add_column(
            sa.Column("is_public", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("shown_table") as batch:
        batch.alter_column("is_public", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("shown_table") as batch:
        batch.drop_column("is_public")
