"""When all that was made in a domain was destroyed, and then its key."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0092"
down_revision: str | None = "ends_of_shown_tables"
branch_labels: str | None = None
depends_on: str | None = None

COLUMNS = ("settled_at", "destroyed_at")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column(
            "pseudonym_domain",
            sa.Column(name, sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        )


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("pseudonym_domain", name)
