"""One record that cannot be read is named, and hides none of the others."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import Field, SQLModel, col, select

from common import unreadable
from common.db import reading
from common.db.unit_of_work import UnitOfWork
from common.ids import new_id
from common.unreadable import RecordUnreadable
from common.web.pagination import Page, PageParameters


class ThingRow(SQLModel, table=True):
    __tablename__ = "thing_of_unreadable"

    id: UUID = Field(primary_key=True)
    size: int


def positive(row: ThingRow) -> tuple[UUID, int]:
    if int(row.size) < 0:
        raise ValueError("no thing is that small")
    return row.id, row.size


def paged(found, **parameters) -> Page[int]:
    return Page[int].of(
        found, PageParameters(**parameters), show=lambda one: one[1], key=lambda one: one[0]
    )


@pytest.fixture
def uow(database_url, make_engine):
    engine = make_engine(database_url)
    ThingRow.__table__.create(engine)
    return UnitOfWork(engine, lambda session: session)


@pytest.fixture
def five(uow) -> list[UUID]:
    ids = [new_id() for _ in range(5)]
    with uow.writing() as session:
        session.add_all(ThingRow(id=one, size=n) for n, one in enumerate(ids))
    return ids


def read(uow, *, after: UUID | None = None, limit: int = 50) -> Page[int]:
    query = select(ThingRow).order_by(col(ThingRow.id)).limit(limit + 1)
    if after is not None:
        query = query.where(col(ThingRow.id) > after)
    with uow.reading() as session:
        found = reading.page(session, query, positive, key=col(ThingRow.id))
    return paged(found, after=after, limit=limit)


def spoil(uow, *ids: UUID) -> None:
    with uow.writing() as session:
        for one in ids:
            session.get_one(ThingRow, one).size = -1


def test_without_any_a_page_is_what_was_found(uow, five):
    page = read(uow)

    assert (page.items, page.next, page.unreadable) == ([0, 1, 2, 3, 4], None, [])


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("spoilt", [(0,), (2,), (4,), (0, 1), (1, 3), (3, 4), (0, 1, 2, 3, 4)])
def test_pages_go_on_past_what_cannot_be_read_and_name_each_once(uow, five, spoilt, limit):
    spoil(uow, *(five[n] for n in spoilt))
    items: list[int] = []
    named: list[UUID] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = read(uow, after=after, limit=limit)
        assert len(page.items) + len(page.unreadable) <= limit
        items, named, after, pages = (
            items + page.items,
            named + page.unreadable,
            page.next,
            pages + 1,
        )

    assert items == [n for n in range(5) if n not in spoilt]
    assert named == [five[n] for n in spoilt]


def test_what_cannot_be_shown_is_named_too_and_is_not_named_by_the_next_page(uow, five):
    def show(one: tuple[UUID, int]) -> int:
        return 10 // one[1]  # of none there is none

    found = [(one, n) for n, one in enumerate(five)]
    page = Page[int].of(found, PageParameters(), show=_guarded(show), key=lambda one: one[0])

    assert (page.items, page.unreadable) == ([10, 5, 3, 2], [five[0]])
    assert read(uow).unreadable == []


def _guarded(show):
    def shown(one):
        try:
            return show(one)
        except ZeroDivisionError as error:
            raise ValueError from error

    return shown


def test_who_asks_for_one_is_told_without_a_word_of_what_stands_in_it():
    def make(_row: str) -> str:
        raise KeyError("999 000 0018")

    with pytest.raises(RecordUnreadable) as told:
        unreadable.read("row", make)
    assert "999" not in told.value.detail


def test_a_value_that_is_none_of_its_columns_type_is_told_in_any_transaction(make_engine, tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'typed.db'}")
    ThingRow.__table__.create(engine)
    uow = UnitOfWork(engine, lambda session: session)
    with uow.writing() as session:
        session.execute(text("INSERT INTO thing_of_unreadable VALUES ('no id', 1)"))

    with pytest.raises(RecordUnreadable), uow.reading() as session:
        session.scalars(select(ThingRow)).all()
    with pytest.raises(ValueError, match="ours"), uow.reading():
        raise ValueError("ours")
