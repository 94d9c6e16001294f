"""A transaction: all of it or nothing, one snapshot to read, 503 when the database is away."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from common.db.unit_of_work import DatabaseUnavailable, MigrationsPending, UnitOfWork
from common.errors import Unavailable


@pytest.fixture
def uow(database_url, make_engine):
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE thing (id int PRIMARY KEY)"))
    return UnitOfWork(engine, lambda session: session)


def things(uow) -> list[int]:
    with uow.reading() as session:
        return list(session.execute(text("SELECT id FROM thing ORDER BY id")).scalars())


def test_what_was_written_is_there_afterwards(uow):
    with uow.writing() as session:
        session.execute(text("INSERT INTO thing VALUES (1)"))

    assert things(uow) == [1]


def test_nothing_is_there_when_the_block_raises(uow):
    def fail_halfway() -> None:
        with uow.writing() as session:
            session.execute(text("INSERT INTO thing VALUES (1)"))
            raise LookupError

    with pytest.raises(LookupError):
        fail_halfway()

    assert things(uow) == []


def test_a_reader_sees_one_state_from_beginning_to_end(uow):
    with uow.reading() as reader:
        before = reader.execute(text("SELECT count(*) FROM thing")).scalar_one()
        with uow.writing() as session:
            session.execute(text("INSERT INTO thing VALUES (1)"))
        after = reader.execute(text("SELECT count(*) FROM thing")).scalar_one()

    assert (before, after) == (0, 0)
    assert things(uow) == [1]


@pytest.mark.parametrize("way", ["reading", "writing"])
def test_a_database_that_is_away_is_unavailable(make_engine, way):
    uow = UnitOfWork(make_engine("postgresql://nobody@127.0.0.1:1/none"), lambda session: session)

    with pytest.raises(DatabaseUnavailable) as away, getattr(uow, way)() as session:
        session.execute(text("SELECT 1"))

    assert isinstance(away.value, Unavailable)
    assert away.value.code == "DATABASE_UNAVAILABLE"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM not_there",
        "SELECT not_there FROM thing",
        "INSERT INTO not_there VALUES (1)",
        "INSERT INTO thing (not_there) VALUES (1)",
    ],
)
def test_a_table_or_column_that_is_not_there_awaits_a_migration(uow, statement):
    with pytest.raises(MigrationsPending) as pending, uow.writing() as session:
        session.execute(text(statement))

    assert isinstance(pending.value, Unavailable)
    assert pending.value.code == "MIGRATIONS_PENDING"


@pytest.mark.postgresql
def test_a_mistake_of_ours_is_not_laid_on_the_database(postgresql_url, make_engine):
    uow = UnitOfWork(make_engine(postgresql_url), lambda session: session)

    with pytest.raises(ProgrammingError), uow.reading() as session:
        session.execute(text("SELECT no_such_function()"))


def test_errors_of_the_domain_pass_through_as_they_are(uow):
    class Own(Exception): ...

    with pytest.raises(Own), uow.reading():
        raise Own
