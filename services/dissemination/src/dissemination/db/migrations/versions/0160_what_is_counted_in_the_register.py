"""What a table of a group counts, in the register."""

import sqlalchemy as sa
from alembic import op

revision: str = "0160"
down_revision: str | None = "0135"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column(
        "register_line", sa.Column("counted", sa.Text(), server_default="", nullable=False)
    )
    with op.batch_alter_table("register_line") as table:
        table.alter_column("counted", server_default=None)


def downgrade() -> None:
    op.drop_column("register_line", "counted")
