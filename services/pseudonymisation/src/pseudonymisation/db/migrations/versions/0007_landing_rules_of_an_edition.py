"""Keep by which landing rules an edition was made"""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.add_column(sa.Column("landing_rules_version", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("landing_rules_digest", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("edition", schema=None) as batch_op:
        batch_op.drop_column("landing_rules_digest")
        batch_op.drop_column("landing_rules_version")
