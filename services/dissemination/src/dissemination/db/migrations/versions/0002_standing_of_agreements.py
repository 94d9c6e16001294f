"""Keep how agreements stand, and why extracts were withdrawn after their release"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "agreement_standing",
        sa.Column("agreement", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("since", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("held", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("agreement", name=op.f("pk_agreement_standing")),
    )
    with op.batch_alter_table("extract", schema=None) as batch_op:
        batch_op.add_column(sa.Column("withdrawal", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("extract", schema=None) as batch_op:
        batch_op.drop_column("withdrawal")
    op.drop_table("agreement_standing")
