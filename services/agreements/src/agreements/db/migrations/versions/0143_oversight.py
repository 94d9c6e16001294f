"""Staff in DSCRO roles, audits, and warnings before something lapses."""

from collections.abc import Sequence

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0143"
down_revision: str | None = "0140"
branch_labels: str | None = None
depends_on: str | None = None

TEXT, INSTANT = sqlmodel.sql.sqltypes.AutoString, sqlmodel.sql.sqltypes.UTCDateTime


def upgrade() -> None:
    _create(
        "staff_record",
        [
            sa.Column("subject", TEXT(), nullable=False),
            sa.Column("organisation", TEXT(), nullable=False),
            sa.Column("kind", sa.String(), nullable=False),
            sa.Column("reference", TEXT(), nullable=False),
            sa.Column("valid_from", sa.Date(), nullable=False),
            sa.Column("valid_to", sa.Date(), nullable=True),
        ],
        indexed="subject",
        unique=["subject", "kind", "reference", "valid_from"],
    )
    _create(
        "audit",
        [
            sa.Column("reference", TEXT(), nullable=False),
            sa.Column("kind", sa.String(), nullable=False),
            sa.Column("organisation", TEXT(), nullable=False),
            sa.Column("agreement", TEXT(), nullable=True),
            sa.Column("auditor", TEXT(), nullable=False),
            sa.Column("areas", sa.JSON(), nullable=False),
            sa.Column("planned_for", sa.Date(), nullable=False),
            sa.Column("performed_on", sa.Date(), nullable=True),
            sa.Column("summary", sa.Text(), nullable=True),
            sa.Column("findings", sa.JSON(), nullable=False),
            sa.Column("actions", sa.JSON(), nullable=False),
            sa.Column("reported_at", INSTANT(), nullable=True),
            sa.Column("published_at", INSTANT(), nullable=True),
            sa.Column("reviewed_on", sa.Date(), nullable=True),
            sa.Column("follow_up", sa.Text(), nullable=True),
            sa.Column("closed_at", INSTANT(), nullable=True),
        ],
        indexed="reference",
        unique=["reference"],
    )
    _create(
        "lapse_warning",
        [
            sa.Column("kind", sa.String(), nullable=False),
            sa.Column("subject_id", sa.Uuid(), nullable=False),
            sa.Column("reference", TEXT(), nullable=False),
            sa.Column("organisations", sa.JSON(), nullable=False),
            sa.Column("ends_on", sa.Date(), nullable=False),
            sa.Column("days", sa.Integer(), nullable=False),
            sa.Column("warned_at", INSTANT(), nullable=False),
        ],
        indexed="subject_id",
        unique=["kind", "subject_id", "reference", "ends_on", "days"],
    )


def _create(
    table: str, columns: Sequence[sa.Column[object]], *, indexed: str, unique: Sequence[str]
) -> None:
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", INSTANT(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("id", "version", name=op.f(f"pk_{table}")),
    )
    for column in ("epoch", indexed):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    op.create_index(
        f"uq_{table}_current",
        table,
        list(unique),
        unique=True,
        sqlite_where=sa.text("superseded_epoch IS NULL"),
        postgresql_where=sa.text("superseded_epoch IS NULL"),
    )


def downgrade() -> None:
    for table in ("lapse_warning", "audit", "staff_record"):
        op.drop_table(table)
