"""Keep by which map an edition's codes of organisations were read"""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.add_column(sa.Column("organisation_map_id", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("organisation_map_digest", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.drop_column("organisation_map_digest")
        batch_op.drop_column("organisation_map_id")
