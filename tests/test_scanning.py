"""The search itself: it has to find what it is to find, or its silence means nothing."""

import sqlite3
from contextlib import closing

import pytest

from tests.scanning import Identifiers

NUMBER = 9990000018
HIDDEN = Identifiers(
    frozenset({str(NUMBER).encode()}), frozenset({b"S70 9QQ"}), frozenset({b"19310719"})
)


@pytest.mark.parametrize(
    "content",
    [
        b"patient 9990000018 came",
        b"RAX99990000018-2",
        b"999 000 0018",
        b"999-000-0018",
        NUMBER.to_bytes(8, "little"),
        b"x" + NUMBER.to_bytes(6, "big") + b"y",
        b"lives at S70 9QQ.",
        b"born 1931-07-19",
        b"born 19310719,",
        b"0123456789abcdef0123456789abcdef 19310719",
        b"0123456789abcdef0123456789abcdefx19310719",
        b"0123456789abcdef0123456789abcdef9990000018",
    ],
)
def test_what_is_there_is_found(content):
    assert HIDDEN.found_in(content)


@pytest.mark.parametrize("content", [b"9990000026", b"S70 9QR", b"1931-07-20", b"119310719", b""])
def test_what_is_not_there_is_not_found(content):
    assert HIDDEN.found_in(content) == set()


@pytest.mark.parametrize(
    "content",
    [
        b"sha256:0123456789abcdef19310719abcdef0123456789abcdef0123456789abcdef01",
        b"0123456789abcdef19310719abcdef01",
        b"0123456789abcdef9990000018abcdef",
        b"01a21d46-7ced-74fb-919c-a19310719b2c",
    ],
)
def test_what_digests_and_ids_look_like_by_chance_is_not_found(content):
    assert HIDDEN.found_in(content) == set()


@pytest.mark.parametrize("value", [NUMBER, str(NUMBER)], ids=["integer", "text"])
def test_it_is_found_in_a_database_and_its_write_ahead_log(tmp_path, value):
    with closing(sqlite3.connect(tmp_path / "service.db")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE person (number)")
        database.execute("INSERT INTO person VALUES (?)", [value])
        database.commit()

        assert list(HIDDEN.found_under(tmp_path)) == ["service.db-wal"]

    assert list(HIDDEN.found_under(tmp_path)) == ["service.db"]


def test_it_is_found_in_the_name_of_a_file(tmp_path):
    (tmp_path / f"{NUMBER}.csv").touch()

    assert HIDDEN.found_under(tmp_path)
