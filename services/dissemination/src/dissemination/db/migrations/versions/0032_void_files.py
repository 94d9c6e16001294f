"""Files that are void: what they were made with was taken back, or another took their place."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0032"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "void_file",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_void_file")),
    )


def downgrade() -> None:
    op.drop_table("void_file")
