"""How a part of a list is read, so that one row that cannot be read does not hide the others."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import Mapped
from sqlmodel import Session

from common import unreadable

T = TypeVar("T")
AnySelect = Select[*tuple[Any, ...]]


def page(
    session: Session, query: AnySelect, make: Callable[[Any], T], *, key: Mapped[UUID]
) -> list[T]:
    """Read the rows of a query, each with `make`; `key` is the column of their ids.

    Of a row with one entity `make` is given the entity.
    """
    is_entity = len(query.column_descriptions) == 1

    def made(one: AnySelect) -> list[T]:
        rows = session.execute(one)
        return [make(row) for row in (rows.scalars() if is_entity else rows)]

    return page_by(session, query, made, key=key)


def page_by(
    session: Session,
    query: AnySelect,
    read: Callable[[AnySelect], Sequence[T]],
    *,
    key: Mapped[UUID],
) -> list[T]:
    """Read what a query finds; where that cannot be read, each by itself.

    What still cannot is noted (`common.unreadable`).
    """
    try:
        return [*read(query)]
    except unreadable.UNREADABLE:
        ids = session.scalars(query.with_only_columns(key, maintain_column_froms=True)).all()
    alone = unreadable.each(ids, lambda one: read(query.where(key == one)), key=lambda one: one)
    return [record for found in alone for record in found]
