"""The relationship whose place another one takes."""

import sqlalchemy as sa
from alembic import op

revision: str = "0164"
down_revision: str | None = "0163"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("relationship", sa.Column("changes", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("relationship", "changes")
