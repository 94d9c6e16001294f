"""Whose records a shown table counts is read from its permit; the digest of it was never read."""

import sqlalchemy as sa
from alembic import op

revision: str = "whose_tables"
down_revision: str | None = "public_tables"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("shown_table") as batch:
        batch.drop_column("people")


def downgrade() -> None:
    with op.batch_alter_table("shown_table") as batch:
        batch.add_column(sa.Column("people", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("shown_table") as batch:
        batch.alter_column("people", server_default=None)
