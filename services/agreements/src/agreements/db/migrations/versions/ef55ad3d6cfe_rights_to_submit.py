"""Rights to submit for another provider."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "ef55ad3d6cfe"
down_revision: str | None = "cf0c2bb69a22"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "submission_right",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("batch", sa.Uuid(), nullable=False),
        sa.Column("submitter", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("provider", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposed_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("proposed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("decided_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("decided_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_submission_right")),
    )
    with op.batch_alter_table("submission_right", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_submission_right_batch"), ["batch"], unique=False)
        batch_op.create_index(batch_op.f("ix_submission_right_epoch"), ["epoch"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_submission_right_submitter"), ["submitter"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("submission_right", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_submission_right_submitter"))
        batch_op.drop_index(batch_op.f("ix_submission_right_epoch"))
        batch_op.drop_index(batch_op.f("ix_submission_right_batch"))

    op.drop_table("submission_right")
