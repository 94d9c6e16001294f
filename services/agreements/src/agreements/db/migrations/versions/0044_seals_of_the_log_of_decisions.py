"""Marks on the log of decisions. `agreements seal` has to be run after it, once."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0044"
down_revision: str | None = "0043"
branch_labels: str | None = None
depends_on: str | None = None

REGISTER = "ix_holding_register"


def upgrade() -> None:
    op.add_column("decision", sa.Column("seal", sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.drop_index(REGISTER, table_name="holding")
    columns = ["environment_id", "data_set", "id", "periods", "row_digest"]
    op.create_index(REGISTER, "holding", columns)


def downgrade() -> None:
    op.drop_index(REGISTER, table_name="holding")
    op.create_index(REGISTER, "holding", ["environment_id", "data_set"])
    op.drop_column("decision", "seal")
