"""With whose pseudonyms a bridging file pairs its own, in the register."""

import sqlalchemy as sa
from alembic import op

revision: str = "0195"
down_revision: str | None = "0160"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column(
        "register_line", sa.Column("bridged", sa.Text(), server_default="", nullable=False)
    )
    with op.batch_alter_table("register_line") as table:
        table.alter_column("bridged", server_default=None)


def downgrade() -> None:
    op.drop_column("register_line", "bridged")
