"""Filters in the register: which rows are in a file, where not all of its line."""

import sqlalchemy as sa
from alembic import op

revision: str = "0050"
down_revision: str | None = "0032"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column(
        "register_line", sa.Column("filters", sa.Text(), server_default="", nullable=False)
    )
    with op.batch_alter_table("register_line") as table:
        table.alter_column("filters", server_default=None)


def downgrade() -> None:
    op.drop_column("register_line", "filters")
