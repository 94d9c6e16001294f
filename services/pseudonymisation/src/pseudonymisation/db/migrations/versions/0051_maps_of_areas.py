"""Maps by which areas of an edition were told, besides the one of its beginning"""

import sqlalchemy as sa
from alembic import op

revision: str = "0051"
down_revision: str | None = "0047"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.add_column(sa.Column("further_maps", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("areas_untold", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.drop_column("areas_untold")
        batch_op.drop_column("further_maps")
