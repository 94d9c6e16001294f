"""Numbers in text, against the examples of domain.md 8.6 and an oracle that goes byte by byte."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudonymisation.adapters.plane import kernel, scan

OWN, OTHER = "9990000018", "9990000026"
SNOMED = ["1240581000000104", "1240751000000100", "1300721000000109", "999000011000001104"]
"""Published identifiers of the UK extensions."""


def places(*texts: str | None) -> list[tuple[int, int, int]]:
    hits = scan.numbers_in(pa.array(texts, pa.string()))
    return list(zip(*(h.tolist() for h in hits), strict=True))


def oracle(text: str) -> list[tuple[int, int]]:
    raw = text.encode()
    found = []
    for start in range(len(raw)):
        match = re.match(rb"[0-9](?:[ -]?[0-9]){9}", raw[start:])
        if match:
            digits = re.sub(rb"[ -]", b"", match[0]).decode()
            if kernel.valid_numbers(pa.array([digits]))[0]:
                found.append((start, start + len(match[0])))
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RAX9990000018-2", [(3, 13)]),
        ("999 000 0018", [(0, 12)]),
        ("999-000-0018", [(0, 12)]),
        ("AB12CD77", []),
        ("X19700131", []),
        (OTHER, [(0, 10)]),
        ("1234567890", []),
        ("J810020199900000182", [(2, 12), (6, 16), (8, 18)]),
        ("999  000 0018", []),
        ("é9990000018", [(2, 12)]),
        ("", []),
    ],
)
def test_numbers_are_found_where_they_stand(text, found):
    assert [(start, end) for _, start, end in places(text)] == found


def test_rows_are_told_apart_and_nulls_passed_over():
    assert places("99900", "00018", None, OWN, "x", f"{OWN} {OTHER}") == [
        (3, 0, 10),
        (5, 0, 10),
        (5, 11, 21),
    ]
    column = pa.array(["x", OWN, "y", OTHER]).slice(1, 2)
    assert scan.numbers_in(column).rows.tolist() == [0]


@given(st.lists(st.text(alphabet="0189 -xé", max_size=30), max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_as_the_oracle_does(texts):
    expected = [
        (row, start, end)
        for row, text in enumerate(texts)
        for start, end in oracle(text)
        if not scan._inside_snomed(text.encode(), start, end)
    ]

    assert places(*texts) == expected


@pytest.mark.parametrize("identifier", SNOMED)
def test_a_snomed_identifier_of_an_extension_is_not_taken_for_a_number(identifier):
    assert scan.is_snomed(identifier.encode())
    assert places(identifier, f"({identifier})") == []


def test_that_excuse_is_needed_and_its_guard_is_the_check_digit():
    numbers = (f"{item}1000000{partition}{check}" for item in range(900, 1_000)
               for partition in (10, 11) for check in range(10))  # fmt: skip
    identifiers = [n for n in numbers if scan.is_snomed(n.encode())]
    with_a_number = [n for n in identifiers if oracle(n)]

    assert len(identifiers) == 200
    assert with_a_number
    assert places(*with_a_number) == []
    assert len(places(*(n + "0" for n in with_a_number))) >= len(with_a_number)


@pytest.mark.parametrize(
    "text",
    ["1240581000000105", "1240581000000124", "1240582000000104", "J8100201999000001822", OWN],
)
def test_what_is_not_quite_a_snomed_identifier_is_not_excused(text):
    assert not scan.is_snomed(re.sub(r"\D", "", text).encode())


def test_a_number_beside_a_snomed_identifier_is_still_found():
    assert places(f"{SNOMED[0]} {OWN}", f"{SNOMED[0]}/{OWN}") != []
