"""A row is written down in one step as the canonical form has it, whatever is in it."""

import enum
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import JSON, Column, MetaData, String, Table, create_engine, literal, select

from agreements.db.seals.sealed import (
    RowWithParts,
    digest_as_read,
    digest_of_rows,
    record,
    text_of_row,
)
from agreements.db.seals.stored import JsonText, Stored, StoredRow
from common.ids import canonical
from common.unreadable import RecordUnreadable

PARIS = timezone(timedelta(hours=1))
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


class Word(enum.StrEnum):
    """A kind of text that is none itself."""

    ONE = "one"


TEXTS = st.text() | st.sampled_from(["", "\x7f", "\u2028", 'a "quoted" one', "\ud800", *Word])
INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, PARIS]))
VALUES = st.one_of(
    st.none(),
    TEXTS,
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**64),
    st.uuids(),
    INSTANTS,
    st.dates(),
    st.lists(TEXTS, max_size=2),
    st.floats(),
    st.binary(max_size=2),
)


def written(how: Any, columns: dict[str, object]) -> bytes | type[Exception]:
    try:
        return how(columns)
    except (TypeError, ValueError) as error:
        return type(error)


@given(st.dictionaries(st.sampled_from(["id", "at", "claims", "seal"]), VALUES))
@example({"id": UUID(int=1), "at": NOON, "claims": '{"a":"b"}', "seal": None})
@example({"at": NOON.astimezone(PARIS)})
@example({"id": 2**53})
@example({"claims": "\ud800"})
@example({"seal": 0.5})
def test_a_row_is_written_in_one_step_as_its_record_is(columns):
    assert written(text_of_row, columns) == written(lambda c: canonical(record(c)), columns)


@pytest.mark.parametrize("other", [NOON + timedelta(microseconds=1), "2026-11-28T12:00:00+00:00x"])
def test_another_value_is_another_text(other):
    assert text_of_row({"at": NOON}) != text_of_row({"at": other})


@pytest.mark.parametrize("first", [0, 1])
def test_a_text_of_json_is_told_apart_from_json_that_is_that_text(first):
    """Else who wrote the one past the service would have the digest of the other."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        row = connection.execute(select(literal(f'{{"a":{first}}}').label("content"))).one()
    table = Table("told", MetaData(), Column("content", JSON))
    as_stored = StoredRow(Stored(table, engine.dialect), tuple(row), [])
    whole = RowWithParts(row, {})
    both = [as_stored, whole]

    found = [digest_as_read([one]) for one in both[:: 1 if first else -1]]

    assert as_stored.record() == {"content": {"a": first}}
    assert whole.record() == {"content": row.content}
    assert set(found) == {digest_of_rows([one.record()]) for one in both}
    assert len(set(found)) == 2


def test_what_is_stored_says_of_which_table_it_is_and_which_part():
    """The same values elsewhere are other values: they are known by where they stand."""
    dialect = create_engine("sqlite://").dialect
    one, other = (
        Stored(Table(name, MetaData(), Column("a", String)), dialect) for name in ("one", "other")
    )
    rows = [
        StoredRow(one, ("x",), []),
        StoredRow(other, ("x",), []),
        StoredRow(one, ("x",), [(other, [("x",)]), (one, [])]),
        StoredRow(one, ("x",), [(other, []), (one, [("x",)])]),
        StoredRow(one, ("x",), [(other, [("x",), ("x",)]), (one, [])]),
        StoredRow(one, (None,), []),
        StoredRow(one, ("None",), []),
    ]

    assert len({row.as_read() for row in rows}) == len(rows)
    assert rows[5].record() == {}


def test_an_object_of_json_is_read_when_it_is_looked_into_and_said_where_it_is_none():
    read = JsonText('{"b": 1, "a": {"c": null}}')

    assert dict(read) == {"b": 1, "a": {"c": None}}
    assert (read == {"b": 1, "a": {"c": None}}, read == {"b": 2}) == (True, False)
    assert (len(read), "c" in read, read.get("c")) == (2, False, None)
    for text in ("[]", "nothing", "1", '"{}"'):
        with pytest.raises(RecordUnreadable):
            JsonText(text).get("a")
