"""Engines: durable on SQLite, bounded on PostgreSQL, and alike in what a transaction is."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from common.db import engine as engines
from common.db.unit_of_work import DatabaseUnavailable, UnitOfWork
from dsfc_testing import disk


def test_sqlite_is_durable_and_checks_its_keys(sqlite_url, make_engine, monkeypatch):
    monkeypatch.setattr(engines, "SQLITE_PRAGMAS", disk.DURABLE)  # tests spare the disk
    with make_engine(sqlite_url).connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }

    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.postgresql
def test_postgresql_lets_nothing_wait_for_ever(postgresql_url, make_engine):
    with make_engine(postgresql_url, statement_timeout_seconds=0.05).connect() as connection:
        settings = {
            name: connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("lock_timeout", "idle_in_transaction_session_timeout", "TimeZone")
        }
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT pg_sleep(5)"))

    assert settings == {
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "20s",
        "TimeZone": "UTC",
    }


def test_a_writer_on_sqlite_takes_its_lock_at_the_beginning(sqlite_url, make_engine):
    engine = make_engine(sqlite_url)
    writing = engines.writing(engine)
    began, finished = threading.Event(), threading.Event()

    def second() -> None:
        began.set()
        with writing.begin():
            finished.set()

    with writing.begin():
        thread = threading.Thread(target=second)
        thread.start()
        assert began.wait(30)
        assert not finished.wait(0.05)
        with engine.connect() as reader:  # readers do not wait for a writer
            assert reader.execute(text("SELECT 1")).scalar_one() == 1

    assert finished.wait(30)
    thread.join()


def test_who_comes_next_gets_the_connection_that_was_used_last(database_url, make_engine):
    """Its pages and statements are at hand; of another one they are read anew (docs/adr/0128)."""
    engine = make_engine(database_url)
    with engine.connect() as first, engine.connect() as second:
        both = {id(one.connection.driver_connection) for one in (first, second)}
    used = set()
    for _ in range(4):
        with engine.connect() as connection:
            used.add(id(connection.connection.driver_connection))

    assert len(both) == 2
    assert len(used) == 1


@pytest.mark.postgresql
def test_a_reader_on_postgresql_cannot_write(postgresql_url, make_engine):
    engine = engines.reading(make_engine(postgresql_url))

    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("CREATE TABLE x (id int)"))


@pytest.mark.parametrize("way", ["begin", "UnitOfWork"])
def test_who_waits_in_vain_for_the_writers_lock_is_told_as_of_any_statement(
    sqlite_url, make_engine, monkeypatch, way
):
    with engines.writing(make_engine(sqlite_url)).begin():
        monkeypatch.setattr(engines, "SQLITE_PRAGMAS", ("busy_timeout = 1",))
        other = make_engine(sqlite_url)
        if way == "begin":
            with pytest.raises(OperationalError, match="locked"), engines.writing(other).begin():
                pytest.fail("it began")
        else:
            uow = UnitOfWork(other, lambda session: session)
            with pytest.raises(DatabaseUnavailable), uow.writing() as session:
                session.execute(text("SELECT 1"))
        with other.connect() as connection:  # it is none the worse for it
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
