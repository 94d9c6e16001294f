"""How the reply to a national check stands"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision: str = "0054"
down_revision: str | None = "0049b"
branch_labels: str | None = None
depends_on: str | None = None

COUNTS = ("objectors_before", "objectors_after", "objectors_added", "objectors_removed")
TEXTS = ("decided_by", "held_against")
INSTANTS = ("decided_at", "recalled_at")


def upgrade() -> None:
    with op.batch_alter_table("opt_out_check") as batch:
        batch.add_column(sa.Column("reply_state", sa.Text(), nullable=True))
        for name in COUNTS:
            batch.add_column(sa.Column(name, sa.BigInteger(), nullable=True))
        for name in TEXTS:
            batch.add_column(sa.Column(name, sa.String(), nullable=True))
        for name in INSTANTS:
            batch.add_column(sa.Column(name, UTCDateTime(), nullable=True))
        batch.add_column(sa.Column("reason", sa.Text(), nullable=True))
    # What was taken before is in force as it was.
    op.execute("UPDATE opt_out_check SET reply_state = 'accepted' WHERE reply_id IS NOT NULL")


def downgrade() -> None:
    with op.batch_alter_table("opt_out_check") as batch:
        for name in ("reply_state", *COUNTS, *TEXTS, *INSTANTS, "reason"):
            batch.drop_column(name)
