"""Nothing looks a permit up by its extract."""

from alembic import op

revision: str = "0182"
down_revision: str | None = "0164"
branch_labels: str | None = None
depends_on: str | None = None

NAME = "ix_permit_extract_id"


def upgrade() -> None:
    op.drop_index(NAME, table_name="permit")


def downgrade() -> None:
    op.create_index(NAME, "permit", ["extract_id"])
