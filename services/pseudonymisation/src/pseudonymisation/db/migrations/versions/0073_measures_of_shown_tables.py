"""A table may have several measures: each is kept by itself."""

from alembic import op

revision: str = "measures_of_shown_tables"
down_revision: str | None = "whose_tables"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    with op.batch_alter_table("shown_table") as batch:
        batch.drop_constraint("pk_shown_table", type_="primary")
        batch.create_primary_key("pk_shown_table", ["preparation_id", "measure"])


def downgrade() -> None:
    with op.batch_alter_table("shown_table") as batch:
        batch.drop_constraint("pk_shown_table", type_="primary")
        batch.create_primary_key("pk_shown_table", ["preparation_id"])
