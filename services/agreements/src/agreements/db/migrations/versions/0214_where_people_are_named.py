"""In which environments files of a data set name people: asked before another one leaves."""

from alembic import op

revision: str = "0214"
down_revision: str | None = "0197"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_index(
        "ix_holding_people",
        "holding",
        ["data_set", "classification", "environment_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index("ix_holding_people", table_name="holding")
