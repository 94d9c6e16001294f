"""Supports under section 251 that are withdrawn, and their conditions."""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0229"
down_revision: str | None = "0214"
branch_labels: str | None = None
depends_on: str | None = None

TABLE = "section_251_approval"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("conditions", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(TABLE, sa.Column("withdrawn_on", sa.Date(), nullable=True))
    op.add_column(TABLE, sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=True))


def downgrade() -> None:
    for column in ("reason", "withdrawn_on", "conditions"):
        op.drop_column(TABLE, column)
