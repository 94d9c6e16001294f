"""When the request of a national check was fetched, and what came that was no reply of it"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision: str = "0170"
down_revision: str | None = "0135"
branch_labels: str | None = None
depends_on: str | None = None

TEXTS = ("asked_by", "refused_code")
INSTANTS = ("asked_at", "refused_at")


def upgrade() -> None:
    with op.batch_alter_table("opt_out_check") as batch:
        for name in TEXTS:
            batch.add_column(sa.Column(name, sa.String(), nullable=True))
        for name in INSTANTS:
            batch.add_column(sa.Column(name, UTCDateTime(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("opt_out_check") as batch:
        for name in (*TEXTS, *INSTANTS):
            batch.drop_column(name)
