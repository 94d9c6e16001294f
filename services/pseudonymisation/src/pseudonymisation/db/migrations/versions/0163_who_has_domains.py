"""Which recipient environment has a pseudonym domain, and how often it went on."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0163"
down_revision: str | None = "0170"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    text = sqlmodel.sql.sqltypes.AutoString
    with op.batch_alter_table("pseudonym_domain") as batch:
        batch.add_column(sa.Column("environment", text(), nullable=True))
        batch.add_column(sa.Column("times", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("pseudonym_domain") as batch:
        batch.alter_column("times", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("pseudonym_domain") as batch:
        batch.drop_column("times")
        batch.drop_column("environment")
