"""One rule for lost updates: a row is overwritten only by whoever read its newest version."""

from collections.abc import Mapping

from sqlalchemy import CursorResult, Update, update
from sqlalchemy.orm import Session
from sqlmodel import SQLModel

from common.errors import EditedMeanwhile


def overwrite(
    session: Session, table: type[SQLModel], values: Mapping[str, object], *, version: int
) -> None:
    """Write `values` over the row of their `id`, which is still at the version that was read.

    Raises:
        EditedMeanwhile: the row has another version, or is gone.

    """
    if not changed(
        session,
        update(table)
        .filter_by(id=values["id"], version=version)
        .values(dict(values))
        .execution_options(synchronize_session="evaluate"),
    ):
        raise EditedMeanwhile("It was changed since it was read; read it again.")


def changed(session: Session, statement: Update) -> int:
    """Execute an UPDATE; return how many rows it changed."""
    result = session.execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0
