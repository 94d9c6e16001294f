"""Rows that are shown are held against the audit log (docs/adr/0073)."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, MetaData, String, Table, Uuid, delete, insert, text, update
from sqlmodel import Session, UTCDateTime

from common import audit
from common.audit import rows as rows_module
from common.audit.rows import FORMER_MAX, Kept, LoggedRows, RecordNotAsLogged
from common.db import engine as engines
from common.db.tables import audit_leaf
from common.web.surroundings import Surroundings

AT = datetime(2018, 6, 1, 9, 0, tzinfo=UTC)
THING = Table(
    "thing",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("state", String),
    Column("at", UTCDateTime),
    Column("noted", String),
    Column("later", String),
)
THINGS = Kept(
    name="things",
    tables={THING: "id"},
    leaving_out={"thing.noted"},
    told_before=lambda entry: entry["resource"].partition("/")[2],
)
FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest.fixture(autouse=True)
def _thing(engine):
    THING.create(engine)
    rows_module._verdicts.set({})  # each answer has a context of its own; tests have one


def entry(key) -> audit.Entry:
    return audit.Entry(
        at=AT,
        action="thing-done",
        resource=f"things/{key}",
        subject="s",
        client_id="c",
        organisation="0DF",
        role="csu-system",
    )


@pytest.fixture
def write(engine):
    """Write a thing as a service does; without `told` as it did before leaves had digests."""

    def write(key, state, *, told=True) -> None:
        with Session(engines.writing(engine)) as session, session.begin():
            done = session.execute(update(THING).where(THING.c.id == key).values(state=state))
            if not done.rowcount:
                session.execute(insert(THING).values(id=key, state=state, at=AT, noted="1"))
            said = audit.telling(session, entry(key), (THINGS, key)) if told else entry(key)
            audit.append(session, [said])

    return write


@pytest.fixture
def past(engine):
    """Write past the service."""

    def past(*statements) -> None:
        with engines.writing(engine).begin() as connection:
            for statement in statements:
                connection.execute(statement)

    return past


@pytest.fixture
def rows():
    return LoggedRows("common", [THINGS])


@pytest.fixture
def verdict(engine, rows):
    def verdict(*keys):
        with Session(engines.reading(engine)) as session:
            rows.compare(session, THINGS, keys)
        return audit.is_as_logged(*(THINGS.named(key) for key in keys))

    return verdict


def test_what_a_service_wrote_is_as_logged_whatever_its_workers_note(write, past, verdict):
    write(FIRST, "new")
    write(FIRST, "old")
    past(update(THING).values(noted="2"))

    assert verdict(FIRST) is True
    audit.require_as_logged(THINGS.named(FIRST))


@pytest.mark.parametrize("column", ["state", "at", "later"])
def test_an_altered_column_is_told_also_one_that_was_empty(write, past, verdict, column):
    write(FIRST, "new")
    write(SECOND, "new")
    value = datetime(2018, 6, 2, tzinfo=UTC) if column == "at" else "another"
    past(update(THING).where(THING.c.id == FIRST).values({column: value}))

    assert (verdict(FIRST), verdict(SECOND)) == (False, True)
    assert verdict(FIRST, SECOND) is False
    with pytest.raises(RecordNotAsLogged):
        audit.require_as_logged(THINGS.named(FIRST))


def test_a_row_that_was_put_back_to_what_it_once_was_is_told(write, past, verdict):
    write(FIRST, "new")
    write(FIRST, "old")
    past(update(THING).values(state="new"))

    assert verdict(FIRST) is False


def test_a_row_that_was_slipped_in_is_told(write, past, verdict):
    write(FIRST, "new")
    past(insert(THING).values(id=SECOND, state="new", at=AT))

    assert verdict(SECOND) is False


@pytest.mark.parametrize("database_kind", ["sqlite"])  # PostgreSQL takes no such value
def test_a_value_that_is_none_of_its_column_s_is_told_and_hides_no_other(
    database_kind, write, past, verdict
):
    write(FIRST, "new")
    write(SECOND, "new")
    past(text("UPDATE thing SET at = 'gar{bage' WHERE state = 'new' AND id LIKE '%1'"))

    assert (verdict(FIRST, SECOND), verdict(FIRST), verdict(SECOND)) == (False, False, True)


def test_of_rows_from_before_nothing_is_known_until_the_log_has_digests(write, past, verdict):
    write(FIRST, "new", told=False)
    assert verdict(FIRST) is None
    write(SECOND, "new")
    third = uuid4()
    past(insert(THING).values(id=third, state="new", at=AT))

    assert (verdict(FIRST), verdict(SECOND), verdict(third)) == (None, True, False)
    write(FIRST, "old")
    assert verdict(FIRST) is True


def test_a_leaf_without_a_digest_vouches_for_nothing_once_others_have_one(write, verdict):
    write(FIRST, "new")
    write(SECOND, "new", told=False)

    assert verdict(SECOND) is False


def test_nothing_is_as_logged_where_the_log_is_not_whole(engine, write, past, verdict):
    write(FIRST, "new")
    write(SECOND, "new")
    past(delete(audit_leaf).where(audit_leaf.c.index == 1))

    assert verdict(FIRST) is False


def test_who_reads_an_older_snapshot_is_shown_what_was_true_then(engine, write, rows, verdict):
    """Guard: `LoggedRows._former`: else a newer leaf would be held against the older row."""
    write(FIRST, "new")
    with Session(engines.reading(engine)) as older:
        older.execute(THING.select()).all()  # the snapshot is from now
        write(FIRST, "old")
        assert verdict(FIRST) is True  # and the process has read the newer leaf
        rows.compare(older, THINGS, [FIRST])
        assert audit.is_as_logged(THINGS.named(FIRST)) is True


def test_what_was_told_long_ago_is_not_kept_for_ever(rows):
    for index in range(FORMER_MAX + 10):
        rows._note({"index": index, "detail": {"told": {"things/x": "sha256:" + "00" * 32}}})

    assert len(rows._former) == FORMER_MAX


def test_any_number_of_records_is_compared(engine, verdict, past):
    keys = [UUID(int=number) for number in range(70_000)]
    with Session(engines.writing(engine)) as session, session.begin():
        session.execute(
            insert(THING), [{"id": key, "state": "new", "at": AT} for key in keys[: 2 * 1000 + 1]]
        )
        said = audit.telling(session, entry(FIRST), *((THINGS, key) for key in keys[:3]))
        audit.append(session, [said])
    past(delete(THING).where(THING.c.id.in_(keys[3:2001])))

    assert verdict(*keys) is True


def test_what_was_passed_over_is_not_known_and_hides_nothing(write, past, rows, verdict):
    write(FIRST, "new")
    assert verdict(FIRST) is True
    rows.pass_over(THINGS)
    assert audit.is_as_logged() is None
    past(update(THING).values(state="old"))

    assert verdict(FIRST) is False
    assert audit.is_as_logged() is False


def test_records_that_are_gone_are_named_in_the_part_of_the_list_that_is_shown(
    engine, write, past, rows
):
    keys = sorted(uuid4() for _ in range(5))
    for key in keys:
        write(key, "new")
    past(delete(THING).where(THING.c.id.in_([keys[1], keys[3]])))

    def gone(after, last):
        with Session(engines.reading(engine)) as session:
            rows.look_for_gone(session, THINGS, after=after, last=last)
        return list(audit.gone())

    assert gone(None, None) == [keys[1], keys[3]]
    assert gone(None, keys[2]) == [keys[1]]
    assert gone(keys[1], keys[3]) == [keys[3]]
    assert gone(keys[3], None) == []


def test_what_a_service_removed_itself_is_not_gone(engine, write, rows):
    write(FIRST, "new")
    with Session(engines.writing(engine)) as session, session.begin():
        session.execute(delete(THING))
        audit.append(session, [audit.telling(session, entry(FIRST), (THINGS, FIRST))])
    with Session(engines.reading(engine)) as session:
        rows.look_for_gone(session, THINGS, after=None, last=None)
        rows.compare(session, THINGS, [FIRST])

    assert (audit.gone(), audit.is_as_logged(THINGS.named(FIRST))) == ((), True)


def test_a_column_that_comes_later_empty_changes_nothing(engine, write, verdict):
    before = Table(
        "thing",
        MetaData(),
        *(Column(one.name, one.type, primary_key=one.primary_key) for one in [*THING.columns][:4]),
    )
    earlier = Kept(name="things", tables={before: "id"}, leaving_out={"thing.noted"})
    write(FIRST, "new")
    with Session(engines.writing(engine)) as session, session.begin():
        audit.append(session, [audit.telling(session, entry(FIRST), (earlier, FIRST))])

    assert verdict(FIRST) is True


def test_each_answer_begins_with_nothing_compared():
    """Guards: `begin_answer` in `Surroundings`: a request may begin in the context of another."""
    compared = []

    async def app(scope, receive, send):
        compared.append(audit.is_as_logged())

    rows_module._verdicts.set({"things/1": False})
    scope = {"type": "http", "headers": []}
    asyncio.run(Surroundings(app)(scope, None, None))

    assert (audit.is_as_logged(), compared) == (False, [None])
