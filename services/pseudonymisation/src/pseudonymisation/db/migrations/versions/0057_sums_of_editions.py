"""What editions add up to, where another data set is held against them"""

import sqlalchemy as sa
from alembic import op

revision: str = "0057"
down_revision: str | None = "0056"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("edition") as batch:
        batch.add_column(sa.Column("sums", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("edition") as batch:
        batch.drop_column("sums")
