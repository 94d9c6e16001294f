"""Of an extract that is superseded: which editions in it were replaced, and by which"""

import sqlalchemy as sa
from alembic import op

revision: str = "0090"
down_revision: str | None = "0092"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("extract", sa.Column("replaced", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("extract") as table:
        table.drop_column("replaced")
