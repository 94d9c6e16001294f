"""Idempotency keys belong to client, subject and organisation."""

from alembic import op

from common.db import key_owners

revision: str = "0036"
down_revision: str | None = "0032"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    key_owners.rename(op.get_bind())


def downgrade() -> None:
    """Owners stay as they are: which of them had another name is not known."""
