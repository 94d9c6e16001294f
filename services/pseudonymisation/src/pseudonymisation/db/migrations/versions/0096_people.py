"""Lists of registrations, re-identifications, and of whom somebody was told."""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision: str = "people"
down_revision: str | None = "0092"
branch_labels: str | None = None
depends_on: str | None = None

COUNTS = ("rows_before", "rows_after", "rows_added", "rows_removed", "rows_changed")


def upgrade() -> None:
    op.create_table(
        "registration_list",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("list_date", sa.Date(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("object_key", sa.String(), nullable=True),
        sa.Column("imported_at", UTCDateTime(), nullable=False),
        sa.Column("imported_by", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_at", UTCDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("leaving_by", sa.String(), nullable=True),
        sa.Column("held_against", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_list")),
    )
    op.create_table(
        "re_identification",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("practice", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("agreement", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("data_set", sa.String(), nullable=False),
        sa.Column("classification", sa.String(), nullable=False),
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.JSON(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmed_at", UTCDateTime(), nullable=True),
        sa.Column("confirmation", sa.Text(), nullable=True),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_re_identification")),
    )
    op.create_table(
        "re_identified_person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reidentification_id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("told_to", sa.String(), nullable=False),
        sa.Column("told_at", UTCDateTime(), nullable=False),
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reidentification_id"],
            ["re_identification.id"],
            name=op.f("fk_re_identified_person_reidentification_id_re_identification"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_re_identified_person")),
    )
    for table, column in INDEXES:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


INDEXES = (
    ("re_identification", "practice"),
    ("re_identification", "ends_at"),
    ("re_identified_person", "reidentification_id"),
    ("re_identified_person", "person"),
    ("re_identified_person", "told_to"),
)


def downgrade() -> None:
    op.drop_table("re_identified_person")
    op.drop_table("re_identification")
    op.drop_table("registration_list")
