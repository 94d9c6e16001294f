"""Subject access requests."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision: str = "0120"
down_revision: str | None = "0086"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "subject_access",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmed_at", UTCDateTime(), nullable=True),
        sa.Column("confirmation", sa.Text(), nullable=True),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject_access")),
    )
    op.create_index(op.f("ix_subject_access_person"), "subject_access", ["person"])
    op.create_index(op.f("ix_subject_access_ends_at"), "subject_access", ["ends_at"])


def downgrade() -> None:
    op.drop_table("subject_access")
