"""Tables beside extracts: each kind is listed by itself"""

import sqlalchemy as sa
from alembic import op

revision: str = "0056"
down_revision: str | None = "0050"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column(
        "extract", sa.Column("kind", sa.String(), server_default="extract", nullable=False)
    )
    with op.batch_alter_table("extract") as table:
        table.alter_column("kind", server_default=None)
    op.drop_index("ix_extract_organisation", table_name="extract")
    op.create_index("ix_extract_organisation", "extract", ["organisation", "kind", "id"])


def downgrade() -> None:
    op.drop_index("ix_extract_organisation", table_name="extract")
    op.create_index("ix_extract_organisation", "extract", ["organisation", "id"])
    with op.batch_alter_table("extract") as table:
        table.drop_column("kind")
