"""Standing orders, and for which of them an extract was asked"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0089"
down_revision: str | None = "0063"
branch_labels: str | None = None
depends_on: str | None = None

ACTIVE = sa.text("state = 'active'")


def upgrade() -> None:
    op.create_table(
        "standing_order",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("agreement", sa.String(), nullable=False),
        sa.Column("data_set", sa.String(), nullable=False),
        sa.Column("ordered", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("first", sa.String(), nullable=False),
        sa.Column("last", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("organisation", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("confirmed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("on_behalf_of", sa.String(), nullable=True),
        sa.Column("periods", sa.JSON(), nullable=False),
        sa.Column("ended", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ordered_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("changed_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("due_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("claimed_until", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.Column("woken_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "(state = 'ended') = (ended IS NOT NULL)",
            name=op.f("ck_standing_order_ended_pair"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_order")),
    )
    op.create_index("ix_standing_order_organisation", "standing_order", ["organisation", "id"])
    op.create_index("ix_standing_order_agreement", "standing_order", ["agreement", "id"])
    op.create_index(
        "ix_standing_order_due",
        "standing_order",
        ["due_at"],
        postgresql_where=ACTIVE,
        sqlite_where=ACTIVE,
    )
    op.create_index(
        "ix_standing_order_same",
        "standing_order",
        ["organisation", "digest"],
        unique=True,
        postgresql_where=ACTIVE,
        sqlite_where=ACTIVE,
    )
    op.add_column("extract", sa.Column("standing_order", sa.Uuid(), nullable=True))
    op.create_index("ix_extract_standing_order", "extract", ["standing_order", "id"])


def downgrade() -> None:
    op.drop_index("ix_extract_standing_order", table_name="extract")
    with op.batch_alter_table("extract") as table:
        table.drop_column("standing_order")
    op.drop_table("standing_order")
