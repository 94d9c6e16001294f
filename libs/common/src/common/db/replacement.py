"""The columns of a thing that replaces another, and how its standing becomes them.

A table takes them by inheritance: `class MapRow(StandingColumns, Row, table=True)`. Rows that were
there before the guard are `accepted` by their migration, which calls `add_standing`.
"""

from datetime import datetime
from typing import Any, Final, Protocol

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text
from sqlmodel import Field, SQLModel, UTCDateTime

from common.replacement import Change, ReplacementStatus, State


class StandingColumns(SQLModel):
    state: str = Field(sa_type=String)
    rows_before: int = Field(sa_type=BigInteger)
    rows_after: int = Field(sa_type=BigInteger)
    rows_added: int = Field(sa_type=BigInteger)
    rows_removed: int = Field(sa_type=BigInteger)
    rows_changed: int = Field(sa_type=BigInteger)
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = Field(default=None, sa_type=Text)
    leaving_by: str | None = None
    held_against: str | None = None


class HasStanding(Protocol):
    """A row of such a table."""

    state: str
    rows_before: int
    rows_after: int
    rows_added: int
    rows_removed: int
    rows_changed: int
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    leaving_by: str | None
    held_against: str | None


def values_of(standing: ReplacementStatus) -> dict[str, Any]:
    change = standing.change
    return {
        "state": standing.state.value,
        "rows_before": change.before,
        "rows_after": change.after,
        "rows_added": change.added,
        "rows_removed": change.removed,
        "rows_changed": change.changed,
        "proposed_by": standing.proposed_by,
        "proposed_at": standing.proposed_at,
        "decided_by": standing.decided_by,
        "decided_at": standing.decided_at,
        "reason": standing.reason,
        "leaving_by": standing.leaving_by,
        "held_against": standing.held_against,
    }


def standing_of(row: HasStanding) -> ReplacementStatus:
    return ReplacementStatus(
        state=State(row.state),
        change=Change(
            before=row.rows_before,
            after=row.rows_after,
            added=row.rows_added,
            removed=row.rows_removed,
            changed=row.rows_changed,
        ),
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
        leaving_by=row.leaving_by,
        held_against=row.held_against,
    )


UNGUARDED: Final = "before-the-guard"
"""Who sent what was there before the guard was: nobody can be asked any more."""

LONG_AGO: Final = "2000-01-01 00:00:00"


def add_standing(table: str) -> None:
    """Add the columns, in a migration, to a table that may have rows.

    What was there goes on, as accepted; `proposed_by` says that it passed no guard.
    """
    columns: list[Column[Any]] = [
        Column(name, BigInteger, nullable=False, server_default="0") for name in _COUNTS
    ]
    with op.batch_alter_table(table) as batch:
        columns += [
            Column("state", String, nullable=False, server_default=State.ACCEPTED.value),
            Column("proposed_by", String, nullable=False, server_default=UNGUARDED),
            Column("proposed_at", UTCDateTime, nullable=False, server_default=LONG_AGO),
            Column("decided_by", String, nullable=True),
            Column("decided_at", UTCDateTime, nullable=True),
            Column("reason", Text, nullable=True),
            Column("leaving_by", String, nullable=True),
        ]
        for column in columns:
            batch.add_column(column)
    with op.batch_alter_table(table) as batch:
        for name in ("state", *_COUNTS, "proposed_by", "proposed_at"):
            batch.alter_column(name, server_default=None)


def drop_standing(table: str) -> None:
    """Take away again, in a downgrade, what `add_standing` added."""
    with op.batch_alter_table(table) as batch:
        for name in StandingColumns.model_fields:
            if name != _LATER:
                batch.drop_column(name)


def add_held_against(*tables: str) -> None:
    """Add, in a migration, what previews are held against; what waits has to be sent again."""
    for table in tables:
        with op.batch_alter_table(table) as batch:
            batch.add_column(Column(_LATER, String, nullable=True))


def drop_held_against(*tables: str) -> None:
    for table in tables:
        with op.batch_alter_table(table) as batch:
            batch.drop_column(_LATER)


_LATER: Final = "held_against"
_COUNTS: Final = ("rows_before", "rows_after", "rows_added", "rows_removed", "rows_changed")
