"""Keep how far a landing is"""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.add_column(sa.Column("content_records", sa.BigInteger(), nullable=True))
        batch_op.add_column(
            sa.Column("rows_done", sa.BigInteger(), nullable=False, server_default="0")
        )
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.alter_column("rows_done", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.drop_column("rows_done")
        batch_op.drop_column("content_records")
