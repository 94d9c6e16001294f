"""Maps compared with one another: counts, and who loses people."""

import pytest

from agreements.records.domain.lists.maps import compare
from common.replacement import Change


def compared(before, after, piece=1_000):
    def pieces(lines):
        content = "\n".join(["postcode,commissioner,lsoa", *lines, ""]).encode()
        return [content[start : start + piece] for start in range(0, len(content), piece)]

    return compare(pieces(before), pieces(after))


@pytest.mark.parametrize("piece", [1, 7, 1_000])
def test_two_maps_are_compared_line_by_line(piece):
    found = compared(
        ["A1 1AA,02P,E01", "A1 1AB,02P,E01", "A1 1AC,00L,", "A1 1AD,26A,"],
        ["A1 1A0,14L,", "A1 1AA,02P,E01", "A1 1AB,02P,E02", "A1 1AC,14L,"],
        piece,
    )

    assert found.change == Change(before=4, after=4, added=1, removed=1, changed=2)
    assert found.takes_from == {"00L", "26A"}, "another area takes nobody away"


def test_a_first_map_takes_from_nobody():
    found = compare([], [b"practice,commissioner\nA1,02P\n"])

    assert found.change == Change(before=0, after=1, added=1, removed=0)
    assert found.takes_from == frozenset()


def test_no_map_takes_from_all():
    found = compare([b"practice,commissioner\nA1,02P\nA2,00L\n"], [])

    assert found.change == Change(before=2, after=0, added=0, removed=2)
    assert found.takes_from == {"02P", "00L"}
