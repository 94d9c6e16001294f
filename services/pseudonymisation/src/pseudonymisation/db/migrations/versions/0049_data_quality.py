"""Counts of data quality of each edition and of each of its fields"""

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0049"
down_revision: str | None = "0043"
branch_labels: str | None = None
depends_on: str | None = None

TEXT = sqlmodel.sql.sqltypes.AutoString
INSTANT = sqlmodel.sql.sqltypes.UTCDateTime


def upgrade() -> None:
    op.create_table(
        "edition_quality",
        sa.Column("edition_id", sa.Uuid(), nullable=False),
        *(
            sa.Column(name, TEXT(), nullable=False)
            for name in ("data_set", "provider", "period", "period_first", "period_last")
        ),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("records", "landed", "set_aside", "repeated", "withheld")
        ),
        sa.Column("measured_at", INSTANT(), nullable=False),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name=op.f("fk_edition_quality_edition_id_edition")
        ),
        sa.PrimaryKeyConstraint("edition_id", name=op.f("pk_edition_quality")),
    )
    op.create_index(
        "ix_edition_quality_of", "edition_quality", ["data_set", "period_first", "provider"]
    )
    op.create_table(
        "field_quality",
        sa.Column("edition_id", sa.Uuid(), nullable=False),
        sa.Column("field", TEXT(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_submitted", sa.Boolean(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("judged", "valid", "missing", "invalid", "defaulted", "withheld")
        ),
        sa.Column("duplicate", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["edition_id"], ["edition.id"], name=op.f("fk_field_quality_edition_id_edition")
        ),
        sa.PrimaryKeyConstraint("edition_id", "field", name=op.f("pk_field_quality")),
    )


def downgrade() -> None:
    op.drop_table("field_quality")
    op.drop_index("ix_edition_quality_of", table_name="edition_quality")
    op.drop_table("edition_quality")
