"""How files are written, and where a refused one is wrong"""

import sqlalchemy as sa
from alembic import op

revision: str = "0047"
down_revision: str | None = "0054"
branch_labels: str | None = None
depends_on: str | None = None

TEXTS = ("delimiter", "quoting", "content_form")


def upgrade() -> None:
    for name in TEXTS:
        op.add_column("submission", sa.Column(name, sa.String(), nullable=True))
    op.add_column("submission", sa.Column("refusal", sa.JSON(), nullable=True))


def downgrade() -> None:
    for name in ("refusal", *TEXTS):
        op.drop_column("submission", name)
