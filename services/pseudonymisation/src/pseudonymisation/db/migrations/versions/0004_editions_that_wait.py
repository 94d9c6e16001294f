"""An edition may wait for a second person"""

import sqlalchemy as sa
from alembic import op

from common.db.replacement import add_standing, drop_standing

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    add_standing("edition")
    op.execute("UPDATE edition SET state = 'superseded' WHERE superseded_by IS NOT NULL")
    with op.batch_alter_table("submission") as batch_op:
        batch_op.add_column(sa.Column("received_by", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("submission") as batch_op:
        batch_op.drop_column("received_by")
    drop_standing("edition")
