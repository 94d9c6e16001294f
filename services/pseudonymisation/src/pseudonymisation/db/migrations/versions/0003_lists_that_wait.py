"""Lists of opt-outs may wait for a second person"""

import sqlalchemy as sa
from alembic import op

from common.db.replacement import add_standing, drop_standing

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    add_standing("opt_out_list")
    with op.batch_alter_table("opt_out_list") as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    with op.batch_alter_table("opt_out_list") as batch_op:
        batch_op.alter_column("version", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("opt_out_list") as batch_op:
        batch_op.drop_column("version")
    drop_standing("opt_out_list")
