"""Matches of NHS numbers with invoices."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision: str = "0121"
down_revision: str | None = "0120"
branch_labels: str | None = None
depends_on: str | None = None

TEXTS = (
    *("organisation", "client_id", "asked_by", "agreement", "purpose", "data_set"),
    *("classification", "invoice", "provider", "month"),
)


def upgrade() -> None:
    op.create_table(
        "invoice_match",
        sa.Column("id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in TEXTS),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("run_of_no", sa.Integer(), nullable=False),
        sa.Column("alerts", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_match")),
    )
    op.create_index(
        "ix_invoice_match_of_day", "invoice_match", ["organisation", "agreement", "asked_at"]
    )
    op.create_table(
        "invoice_matched_person",
        sa.Column("match_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("is_there", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["match_id"],
            ["invoice_match.id"],
            name=op.f("fk_invoice_matched_person_match_id_invoice_match"),
        ),
        sa.PrimaryKeyConstraint("match_id", "position", name=op.f("pk_invoice_matched_person")),
    )
    op.create_index(op.f("ix_invoice_matched_person_person"), "invoice_matched_person", ["person"])


def downgrade() -> None:
    op.drop_table("invoice_matched_person")
    op.drop_table("invoice_match")
