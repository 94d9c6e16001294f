"""Certificates of destruction, what they destroyed, and what breaches demand of it."""

from typing import Any

import sqlalchemy as sa
import sqlmodel.sql.sqltypes
from alembic import op

revision: str = "0092"
down_revision: str | None = "0044"
branch_labels: str | None = None
depends_on: str | None = None

TABLES = ("destruction_certificate", "destruction_acceptance", "destroyed_file")


def _versioned() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("superseded_epoch", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sqlmodel.sql.sqltypes.UTCDateTime(), nullable=False),
        sa.Column("agreement_id", sa.Uuid(), nullable=False),
    )


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sqlmodel.sql.sqltypes.AutoString(), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sqlmodel.sql.sqltypes.UTCDateTime(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "destruction_certificate",
        *_versioned(),
        _text("reference"),
        _text("organisation"),
        _text("name_of_role"),
        _text("witness", nullable=True),
        _instant("handed_in_at"),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_destruction_certificate")),
    )
    op.create_index(
        "uq_destruction_certificate_current",
        "destruction_certificate",
        ["reference"],
        unique=True,
        sqlite_where=sa.text("superseded_epoch IS NULL"),
        postgresql_where=sa.text("superseded_epoch IS NULL"),
    )
    op.create_table(
        "destruction_acceptance",
        *_versioned(),
        _text("accepted_by"),
        _instant("accepted_at"),
        sa.Column("reason", sa.Text(), nullable=False),
        _text("covers"),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_destruction_acceptance")),
    )
    op.create_table(
        "destroyed_file",
        *_versioned(),
        _text("file_id"),
        _instant("destroyed_at"),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_destroyed_file")),
    )
    for table in TABLES:
        for column in ("agreement_id", "epoch"):
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    op.add_column("agreement", _instant("closed_at", nullable=True))
    op.add_column("breach", sa.Column("actions", sa.JSON(), nullable=True))
    op.add_column("breach", sa.Column("cause", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("breach", "cause")
    op.drop_column("breach", "actions")
    op.drop_column("agreement", "closed_at")
    for table in TABLES:
        op.drop_table(table)
