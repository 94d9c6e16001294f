"""Lines with too few or too many values are told before the engine, and the first are named."""

import csv
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalogue
from pseudonymisation.intake.adapters.landing.feed import Lines, Numbered
from pseudonymisation.intake.adapters.landing.quarantine import Quarantine, miscounted

SUS = catalogue.load().get("SUS_APC")


def block_of(lines, first=2):
    return Numbered(
        np.arange(first, first + len(lines), dtype=np.int64),
        pa.array([line.encode() + b"\n" for line in lines], pa.binary()),
    )


def codes(lines, columns=3, delimiter=","):
    told = {}
    for code, which in miscounted(block_of(lines), columns, delimiter):
        for place in np.flatnonzero(which).tolist():
            assert place not in told
            told[place] = code
    return told


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("a,b,c", None),
        (",,", None),
        ('"a,x",b,"c"",d"', None),
        ("a,b", "TOO_FEW_VALUES"),
        ("half a line", "TOO_FEW_VALUES"),
        ('"a,b,c"', "TOO_FEW_VALUES"),
        ("a;b;c", "DELIMITER_WRONG"),
        ("a\tb\tc", "DELIMITER_WRONG"),
        ("a;b", "TOO_FEW_VALUES"),
        ("a,b,c,d", "TOO_MANY_VALUES"),
        ("0,a,b,c", "INDEX_COLUMN"),
        ('"1",a,b,c', "INDEX_COLUMN"),
        ("2,a,b,c", "TOO_MANY_VALUES"),
        ("1,a,b,c,d", "TOO_MANY_VALUES"),
        ("-1,a,b,c", "TOO_MANY_VALUES"),
        ("9990000018999000001,a,b,c", "TOO_MANY_VALUES"),
    ],
)
def test_a_line_is_told_by_how_many_values_it_has(line, code):
    """It is line 2 of its file: row 0 or row 1 of it."""
    assert codes([line]) == ({} if code is None else {0: code})


def test_each_line_is_told_by_itself_and_by_its_own_number():
    lines = ["a,b,c", "1,a,b,c", "x", '"q,",b,c', "2,a,b,c", "5,a,b,c", "a|b|c"]

    assert codes(lines) == {
        1: "INDEX_COLUMN",
        2: "TOO_FEW_VALUES",
        4: "TOO_MANY_VALUES",
        5: "INDEX_COLUMN",
        6: "DELIMITER_WRONG",
    }
    assert codes([]) == {}


CELLS = st.lists(st.text(alphabet='ab ,;"', max_size=5), min_size=1, max_size=6)


@given(st.lists(CELLS, min_size=1, max_size=8))
def test_values_are_counted_as_a_reader_of_csv_counts_them(rows):
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in cells) for cells in rows]
    assert [len(cells) for cells in csv.reader(lines)] == [len(cells) for cells in rows]

    told = codes(lines)

    assert set(told) == {place for place, cells in enumerate(rows) if len(cells) != 3}


class Kept:
    """What was written."""

    def __init__(self):
        self.text = b""

    def write(self, data):
        self.text += bytes(data)


@contextmanager
def quarantine(entries_max):
    kept = Kept()
    columns = [field.name for field in SUS.fields]
    made = Quarantine(
        kept, columns, header=",".join(columns), data_set=SUS, entries_max=entries_max
    )
    yield made
    assert kept.text.count(b"\n") == 1 + made.lines


def test_the_first_reasons_are_told_in_whichever_order_lines_come():
    """Threads bring them as they are done, and lines that are no records come before all others."""
    columns = [field.name for field in SUS.fields]
    with quarantine(entries_max=5) as made:
        for start in (90, 60, 30, 0):
            numbers = np.arange(start, start + 30, dtype=np.int64)
            made.whole_lines(numbers[::2], "QUOTE_MISPLACED", pa.array(["x"] * 15))
            made(
                pa.array(numbers[1::2]),
                pa.array(["1:CODE_UNKNOWN 2:TOO_LONG"] * 15),
                pa.array(["y"] * 15),
            )

    assert [(one.line, one.column, one.code) for one in made.entries] == [
        (0, "", "QUOTE_MISPLACED"),
        (1, columns[1], "CODE_UNKNOWN"),
        (1, columns[2], "TOO_LONG"),
        (2, "", "QUOTE_MISPLACED"),
        (3, columns[1], "CODE_UNKNOWN"),
    ]
    assert made.reasons["", "QUOTE_MISPLACED"] == made.reasons[columns[2], "TOO_LONG"] == 60


def test_lines_of_another_number_of_values_go_no_further():
    with quarantine(entries_max=5) as made:
        good = ",".join("x" * len(SUS.fields))
        [block] = Lines(made.whole_lines).blocks(iter([f"h\n{good}\nx,y\n{good}\n".encode()]))

        rest = made.records_of(block)

    assert rest.numbers.tolist() == [2, 4]
    assert [(one.line, one.code) for one in made.entries] == [(3, "TOO_FEW_VALUES")]
