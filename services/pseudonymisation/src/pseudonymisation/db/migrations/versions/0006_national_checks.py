"""Keep national checks and their replies"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

TEXT = sqlmodel.sql.sqltypes.AutoString
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime


def upgrade() -> None:
    op.create_table(
        "opt_out_check",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data_set", TEXT(), nullable=False),
        sa.Column("periods", sa.JSON(), nullable=False),
        sa.Column("purpose", TEXT(), nullable=False),
        sa.Column("editions", sa.JSON(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("object_key", TEXT(), nullable=False),
        sa.Column("opened_at", INSTANT(), nullable=False),
        sa.Column("opened_by", TEXT(), nullable=False),
        sa.Column("cleared", sa.BigInteger(), nullable=True),
        sa.Column("reply_id", sa.Uuid(), nullable=True),
        sa.Column("reply_digest", TEXT(), nullable=True),
        sa.Column("reply_key", TEXT(), nullable=True),
        sa.Column("replied_at", INSTANT(), nullable=True),
        sa.Column("replied_by", TEXT(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opt_out_check")),
    )
    op.create_index(op.f("ix_opt_out_check_data_set"), "opt_out_check", ["data_set"])


def downgrade() -> None:
    op.drop_index(op.f("ix_opt_out_check_data_set"), table_name="opt_out_check")
    op.drop_table("opt_out_check")
