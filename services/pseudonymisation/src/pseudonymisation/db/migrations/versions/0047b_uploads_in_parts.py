"""Uploads in parts"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0047b"
down_revision: str | None = "0051"
branch_labels: str | None = None
depends_on: str | None = None

TEXT = sqlmodel.sql.sqltypes.AutoString
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime


def upgrade() -> None:
    op.create_table(
        "partial_upload",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("form", TEXT(), nullable=False),
        sa.Column("begun_at", INSTANT(), nullable=False),
        sa.Column("touched_at", INSTANT(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=True),
        sa.Column("digest", TEXT(), nullable=True),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partial_upload")),
    )
    for column in ("submission_id", "touched_at"):
        name = op.f(f"ix_partial_upload_{column}")
        op.create_index(name, "partial_upload", [column], unique=False)


def downgrade() -> None:
    op.drop_table("partial_upload")
