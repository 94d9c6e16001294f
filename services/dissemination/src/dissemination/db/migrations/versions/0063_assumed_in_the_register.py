"""What is assumed of a file, in the register."""

import sqlalchemy as sa
from alembic import op

revision: str = "0063"
down_revision: str | None = "0056"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column(
        "register_line", sa.Column("assumed", sa.Text(), server_default="", nullable=False)
    )
    with op.batch_alter_table("register_line") as table:
        table.alter_column("assumed", server_default=None)


def downgrade() -> None:
    op.drop_column("register_line", "assumed")
