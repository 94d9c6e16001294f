"""A record that comes again is found, whichever edition it is in, and stays once."""

import duckdb
import numpy as np
import pytest

from pseudonymisation.engine import repeats
from pseudonymisation.engine.repeats import RecordKey

FIRST = RecordKey(('"id__0"', '"code"', "reason_s"), keeps_last=False)
LAST = RecordKey(FIRST.columns, keeps_last=True)


@pytest.fixture
def engine():
    with duckdb.connect(":memory:") as connection:
        yield connection


def edition(engine, name: str, *rows: tuple) -> str:
    """Rows are line, id, code, provider."""
    engine.execute(
        f"CREATE TABLE {name} (line UBIGINT, id__0 UBIGINT, code VARCHAR, reason_s VARCHAR)"
    )
    engine.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", rows)
    return name


def repeated(engine, key: RecordKey, *editions: str) -> list[tuple[int, int]]:
    count = repeats.find(engine, key, editions)
    found = sorted(engine.execute(f"SELECT edition, line FROM {repeats.TABLE}").fetchall())
    assert len(found) == count
    return found


def test_of_one_record_in_a_file_the_first_or_the_last_stays(engine):
    one = edition(engine, "one", (2, 7, "A", "RR8"), (3, 8, "A", "RR8"), (4, 7, "A", "RR8"))

    assert repeated(engine, FIRST, one) == [(0, 4)]
    engine.execute(f"DROP TABLE {repeats.TABLE}")
    assert repeated(engine, LAST, one) == [(0, 2)]
    assert repeats.lines(engine).tolist() == [2]
    kept = engine.execute(f"SELECT line FROM one WHERE {repeats.without(0)} ORDER BY 1").fetchall()
    assert kept == [(3,), (4,)]


@pytest.mark.parametrize("at_a_time", [1, 7, 64, 1 << 23])
def test_however_many_are_held_at_a_time_all_are_found(engine, monkeypatch, at_a_time):
    monkeypatch.setattr(repeats, "KEYS_MAX", at_a_time)
    spread = [(n * 0x9E3779B97F4A7C15) % 2**64 for n in range(100)]
    one = edition(engine, "one", *((n, word, "A", "RR8") for n, word in enumerate(spread)))
    two = edition(engine, "two", *((n, word, "A", "RR8") for n, word in enumerate(spread[:30])))

    assert repeated(engine, FIRST, one, two) == [(1, n) for n in range(30)]


def test_keys_that_share_their_number_alone_are_two(engine):
    """Guard: the number tells where to look; it is the upper half of the word."""
    word = 1 << 40
    alike = edition(engine, "alike", (2, word + 1, "A", "RR8"), (3, word + 2, "A", "RR8"))
    twice = edition(engine, "twice", (2, word + 1, "A", "RR8"), (3, word + 3, "A", "RR8"))

    assert repeated(engine, FIRST, alike) == []
    engine.execute(f"DROP TABLE {repeats.TABLE}")
    assert repeated(engine, FIRST, alike, twice) == [(1, 2)]


def test_a_key_in_clear_is_compared_as_well(engine):
    key = RecordKey(('"code"', "reason_s"), keeps_last=False)
    one = edition(engine, "one", (2, 7, "A", "RR8"), (3, 8, "A", "RR8"), (4, 7, "B", "RR8"))

    assert repeated(engine, key, one) == [(0, 3)]


def test_over_editions_it_goes_by_the_order_in_which_they_were_landed(engine):
    april = edition(engine, "april", (9, 7, "A", "RR8"), (10, 8, "A", "RR8"))
    may = edition(engine, "may", (2, 7, "A", "RR8"), (3, 7, "A", "RR8"))

    assert repeated(engine, LAST, april, may) == [(0, 9), (1, 2)]


def test_another_providers_record_of_the_same_key_is_another(engine):
    mine = edition(engine, "mine", (2, 7, "A", "RR8"), (3, 7, None, "RR8"))
    theirs = edition(engine, "theirs", (2, 7, "A", "R0A"), (3, 7, "B", "RR8"))

    assert repeated(engine, FIRST, mine, theirs) == []


def test_records_without_a_key_are_like_no_other_and_no_value_equals_no_value(engine):
    one = edition(engine, "one", *((n, None, "A", "RR8") for n in range(2, 6)))
    two = edition(engine, "two", (2, 7, None, "RR8"), (3, 7, None, "RR8"))

    assert repeated(engine, FIRST, one, two) == [(1, 3)]


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize("content", [b"h\na\nb\nc\nd\n", b"h\na\nb\nc\nd"])
def test_lines_are_picked_by_their_numbers(content, chunk):
    chunks = [content[start : start + chunk] for start in range(0, len(content), chunk)]
    found = [
        (int(number), line.as_py())
        for numbers, lines in repeats.picked(chunks, np.array([2, 4, 5]))
        for number, line in zip(numbers, lines, strict=True)
    ]

    assert found == [(2, b"a"), (4, b"c"), (5, b"d")]
