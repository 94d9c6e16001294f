"""Of which files of a table it was accepted that they are destroyed."""

import sqlalchemy as sa
from alembic import op

revision: str = "ends_of_shown_tables"
down_revision: str | None = "measures_of_shown_tables"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("shown_table") as batch:
        batch.add_column(sa.Column("destroyed", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("shown_table") as batch:
        batch.alter_column("destroyed", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("shown_table") as batch:
        batch.drop_column("destroyed")
