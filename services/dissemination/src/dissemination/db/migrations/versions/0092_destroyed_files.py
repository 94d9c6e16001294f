"""Files that are destroyed wherever they were held."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0092"
down_revision: str | None = "0089"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "destroyed_file",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_destroyed_file")),
    )


def downgrade() -> None:
    op.drop_table("destroyed_file")
