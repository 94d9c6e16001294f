"""A renewal that was dropped may be handed in again."""

import sqlalchemy as sa
from alembic import op

revision: str = "0113"
down_revision: str | None = "0117"
branch_labels: str | None = None
depends_on: str | None = None

NAME = "uq_renewal_current"
CURRENT = sa.text("superseded_epoch IS NULL")


def _replace(*columns: str) -> None:
    op.drop_index(NAME, table_name="renewal")
    op.create_index(
        NAME,
        "renewal",
        list(columns),
        unique=True,
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )


def upgrade() -> None:
    _replace("agreement_id", "application_id", "submitted_at")


def downgrade() -> None:
    _replace("agreement_id", "application_id")
