"""One rule for lost updates: a row is overwritten only by whoever read its newest version."""

from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col

from pseudonymisation.adapters.db.tables import (
    EditionRow,
    OptOutCheckRow,
    OptOutListRow,
    SubmissionRow,
)
from pseudonymisation.domain.errors import EditedMeanwhile

Table = type[SubmissionRow | EditionRow | OptOutListRow | OptOutCheckRow]


def overwrite(session: Session, table: Table, version: int, values: dict[str, Any]) -> None:
    """Write `values` over the row of their id. Raises EditedMeanwhile."""
    statement = (
        update(table)
        .where(col(table.id) == values["id"])
        .where(col(table.version) == version)
        .values(values)
        .execution_options(synchronize_session="evaluate")
    )
    if session.exec(statement).rowcount != 1:
        raise EditedMeanwhile("It was changed meanwhile; read it again.")
