"""What was shown of tables, and what a failure is about."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision: str = "shown_tables"
down_revision: str | None = "0057"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("preparation") as batch:
        batch.add_column(sa.Column("subject", sa.String(), nullable=True))
    op.create_table(
        "shown_table",
        sa.Column("preparation_id", sa.Uuid(), nullable=False),
        sa.Column("extract_id", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("data_set", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("people", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("editions", sa.JSON(), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["preparation_id"],
            ["preparation.id"],
            name=op.f("fk_shown_table_preparation_id_preparation"),
        ),
        sa.PrimaryKeyConstraint("preparation_id", name=op.f("pk_shown_table")),
        sa.UniqueConstraint(
            "recipient", "data_set", "number", name=op.f("uq_shown_table_recipient_data_set_number")
        ),
    )


def downgrade() -> None:
    op.drop_table("shown_table")
    with op.batch_alter_table("preparation") as batch:
        batch.drop_column("subject")
