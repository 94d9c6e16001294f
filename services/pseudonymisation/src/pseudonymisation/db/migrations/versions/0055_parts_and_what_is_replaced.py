"""By which protocol files come, which part they replace, and what that is"""

import sqlalchemy as sa
from alembic import op

revision: str = "0055"
down_revision: str | None = "0047b"
branch_labels: str | None = None
depends_on: str | None = None

WHOLE = "whole_period"
PLACE = ("data_set", "provider", "period", "part", "number")


def upgrade() -> None:
    for table in ("submission", "edition"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(
                sa.Column("protocol", sa.String(), nullable=False, server_default=WHOLE)
            )
            batch.add_column(sa.Column("part", sa.String(), nullable=False, server_default=""))
            batch.add_column(sa.Column("left_out_at_source", sa.BigInteger(), nullable=True))
            batch.add_column(sa.Column("replaced", sa.JSON(), nullable=True))
    with op.batch_alter_table("edition") as batch:
        batch.drop_constraint("uq_edition_data_set_provider_period_number", type_="unique")
        batch.create_unique_constraint("uq_edition_data_set_provider_period_part_number", PLACE)
    for table in ("submission", "edition"):
        with op.batch_alter_table(table) as batch:
            for name in ("protocol", "part"):
                batch.alter_column(name, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("edition") as batch:
        batch.drop_constraint("uq_edition_data_set_provider_period_part_number", type_="unique")
        batch.create_unique_constraint(
            "uq_edition_data_set_provider_period_number",
            [name for name in PLACE if name != "part"],
        )
    for table in ("edition", "submission"):
        with op.batch_alter_table(table) as batch:
            for name in ("replaced", "left_out_at_source", "part", "protocol"):
                batch.drop_column(name)
