"""Statements handed to the driver do what SQLAlchemy's own execution does."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    bindparam,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlmodel import UTCDateTime

from common.db.prepared import Prepared
from common.db.unit_of_work import DatabaseUnavailable, MigrationsPending, translated
from common.ids import new_id
from common.unreadable import RecordUnreadable

THING = Table(
    "thing",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("at", UTCDateTime),
    Column("said", String),
    Column("many", Integer, nullable=False, default=1),
    Column("packed", LargeBinary),
)
INSERT = Prepared(insert(THING), THING.c.keys())
READ = Prepared(select(*THING.c).where(THING.c.id == bindparam("thing")))
COUNTED = Prepared(
    update(THING)
    .where(THING.c.id == bindparam("thing"))
    .values(many=THING.c.many + bindparam("times"), at=bindparam("moment"))
)
AT = datetime(2026, 4, 1, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture
def connection(database_url, make_engine):
    engine = make_engine(database_url)
    THING.metadata.create_all(engine)
    with engine.connect() as connection, connection.begin():
        yield connection


def thing(**values: object) -> dict[str, object]:
    return {"id": new_id(), "at": AT, "said": "å'; --", "many": 2, "packed": b"\x00"} | values


def test_rows_are_written_and_read_as_sqlalchemy_does_it(connection):
    summer = AT.astimezone(timezone(timedelta(hours=1)))
    rows = [thing(), thing(at=None, said=None), thing(at=summer), thing(many=-1, packed=None)]

    INSERT.run(connection, rows)

    found = {row.id: tuple(row) for row in connection.execute(select(*THING.c))}
    assert found == {row["id"]: tuple(row.values()) for row in rows}
    for row in rows:
        assert tuple(READ.row(connection, {"thing": row["id"]})) == found[row["id"]]


def test_rows_may_stand_in_an_order_of_ones_own(connection):
    order = ("said", "packed", "at", "id", "many")
    rows = [thing(), thing(at=None, said=None), thing(many=7)]

    Prepared(insert(THING), order).run_in_order(connection, [[r[n] for n in order] for r in rows])

    found = {row.id: dict(row._mapping) for row in connection.execute(select(*THING.c))}
    assert found == {row["id"]: row for row in rows}


def test_what_is_not_there_is_none(connection):
    assert READ.row(connection, {"thing": UUID(int=1)}) is None


def test_each_row_is_changed_by_its_own_values(connection):
    first, second = thing(), thing()
    INSERT.run(connection, [first, second])
    later = AT + timedelta(days=1)

    changed = COUNTED.run(
        connection,
        [
            {"thing": first["id"], "times": 1, "moment": later},
            {"thing": second["id"], "times": 5, "moment": AT},
        ],
    )

    assert changed == 2
    assert READ.row(connection, {"thing": first["id"]})[1:4] == [later, first["said"], 3]
    assert READ.row(connection, {"thing": second["id"]})[1:4] == [AT, second["said"], 7]


def test_a_parameter_that_is_left_out_is_an_error_and_not_null(connection):
    row = thing()
    del row["said"]

    with pytest.raises(KeyError):
        INSERT.run(connection, [row])


def test_what_the_driver_raises_is_what_sqlalchemy_raises(connection):
    row = thing(said="not for a log")
    INSERT.run(connection, [row])

    with pytest.raises(IntegrityError) as refused:
        INSERT.run(connection, [row])

    assert refused.value.orig is refused.value.__cause__
    assert "not for a log" not in str(refused.value).partition("[SQL")[2]
    assert refused.value.params is None


def test_a_table_that_is_not_there_awaits_a_migration(connection):
    with pytest.raises(MigrationsPending), translated():
        Prepared(text("SELECT id FROM not_there")).row(connection)


def test_a_database_that_is_in_use_is_unavailable(sqlite_url, make_engine):
    engine = make_engine(sqlite_url)
    THING.metadata.create_all(engine)
    other = sqlite3.connect(engine.url.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        with pytest.raises(DatabaseUnavailable), translated():
            INSERT.run(connection, [thing()])
    other.close()


@pytest.mark.postgresql
def test_a_connection_that_is_gone_is_not_used_again(postgresql_url, make_engine):
    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with make_engine(postgresql_url).begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})

        with pytest.raises(DatabaseUnavailable), translated():
            Prepared(text("SELECT 1")).row(connection)

        assert connection.invalidated


def test_a_value_that_is_none_of_its_columns_type_is_unreadable(sqlite_url, make_engine):
    engine = make_engine(sqlite_url)
    THING.metadata.create_all(engine)
    row = thing()
    with engine.begin() as connection:
        INSERT.run(connection, [row])
        connection.execute(text("UPDATE thing SET at = 'some day'"))

        with pytest.raises(RecordUnreadable) as told:
            READ.row(connection, {"thing": row["id"]})

    assert "some day" not in str(told.value)
