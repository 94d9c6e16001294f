"""A statement is composed once a kind of database, however many databases there are."""

import pytest
from sqlalchemy import column, select, table
from sqlalchemy.sql.compiler import SQLCompiler

from common.db.prepared import Prepared


@pytest.fixture
def composed(monkeypatch):
    """What was composed, in order."""
    texts, compose = [], SQLCompiler.__init__

    def noted(self, *given, **named):
        compose(self, *given, **named)
        texts.append(self.string)

    monkeypatch.setattr(SQLCompiler, "__init__", noted)
    return texts


def test_what_was_composed_for_one_database_is_not_composed_again_for_another(
    composed, make_engine, tmp_path
):
    for number in range(3):
        engine = make_engine(f"sqlite:///{tmp_path / str(number)}")
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE found (number INTEGER)")
            connection.exec_driver_sql(f"INSERT INTO found VALUES ({number})")
            found = table("found", column("number"))
            for asked in (number, 7):
                rows = connection.execute(select(found).where(found.c.number == asked)).all()
                assert rows == [(asked,)] * (asked == number)

    assert len([text for text in composed if "found" in text]) == 1


def test_nor_what_is_kept_by_dialect(composed, make_engine, tmp_path):
    prepared = Prepared(select(column("number")).select_from(table("kept")))
    engines = [make_engine(f"sqlite:///{tmp_path / str(number)}") for number in range(3)]
    for number, engine in enumerate(engines):
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE kept (number INTEGER)")
            connection.exec_driver_sql(f"INSERT INTO kept VALUES ({number})")
            assert [*prepared.row(connection)] == [number]

    assert len([text for text in composed if "kept" in text]) == 1


def test_a_database_of_another_kind_has_its_own(make_engine, sqlite_url):
    sqlite, other = make_engine(sqlite_url), make_engine("sqlite://")
    postgresql = make_engine("postgresql://nobody@127.0.0.1:1/nothing")

    assert sqlite.dialect == other.dialect != postgresql.dialect
    assert len({sqlite.dialect, other.dialect, postgresql.dialect}) == 2
