"""The passing over of whole columns misses nothing of what the exact rule finds in single texts."""

from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.personal_data import Own, find_in_record
from common.personal_data.could import COULD
from pseudonymisation.engine import scan

SNOMED = ["1240581000000104", "1240751000000100", "1300721000000109", "999000011000001104"]
"""Published identifiers of the UK extensions."""
PEOPLE = [
    ("9990000018", "AB1 2CD", "1970-01-31"),
    ("9990000026", "S70 4NS", "2004-02-05"),
    (None, "EC1A 1BB", None),
    ("9990000034", None, "1915-12-11"),
]


def own(person: tuple[str | None, str | None, str | None]) -> Own:
    number, postcode, birth = person
    return Own(number, postcode, date.fromisoformat(birth) if birth else None)


def suspected(texts, people) -> list[bool]:
    owns = scan.OwnValues(*(pa.array(values, pa.string()) for values in zip(*people, strict=True)))
    found: list[bool] = scan.suspects([pa.array(texts, pa.string())], owns)[0].tolist()
    return found


pieces = st.sampled_from(
    [
        *("9990000018", "999 000 0026", "AB12CD", "ab1 2cd", "s70", "4ns", "S70 4NS", "EC1A1BB"),
        *(
            "1970",
            "70",
            "31",
            "01",
            "1",
            "2004",
            "04",
            "5",
            "05",
            "2",
            "02",
            "12",
            "11",
            "15",
            "Jan",
        ),
        *(
            "JANUARY",
            "feb",
            "Dec",
            "st",
            "th",
            " of ",
            " ",
            "-",
            "/",
            ".",
            "  ",
            "x",
            "é",
            "1\u200b",
        ),
        *(
            "7",
            "0",
            "\uff11",
            "\u0669",
            "4123456789",
            "00",
            "_<PC_",
            "_<DoB_",
            "\u00a0",
            "31011970",
        ),
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(pieces, max_size=9).map("".join), st.sampled_from(PEOPLE)),
        min_size=1,
        max_size=8,
    )
)
def test_what_the_exact_rule_finds_is_in_a_cell_that_is_looked_at(rows):
    texts, people = zip(*rows, strict=True)
    looked_at = suspected(texts, people)

    for text, person, is_suspect in zip(texts, people, looked_at, strict=True):
        if find_in_record(text, own(person)):
            assert is_suspect, (text, person)


words = st.sampled_from(
    [
        *("9990000018", "9990000026", "AB12CD", "ab12cd", "4NS", "EC1A1BB", "3101", "4123456789"),
        *("19", "70", "31", "01", "1", "2004", "05", "02", "12", "Jan", "JANUARY", "feb", "x", "0"),
        *("SP0000", "7Z9", "990", "00018", "123"),
    ]
)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(words, max_size=5).map("".join), st.sampled_from(PEOPLE)),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_of_letters_and_digits_no_less_is_found_in_step_than_one_after_the_other(rows, is_padded):
    texts, people = zip(*rows, strict=True)
    if is_padded:
        longest = max(map(len, texts))
        texts = tuple(text.ljust(longest, "x") for text in texts)
    beside = ["é", *texts]  # which is no letter of ASCII: the same cells are looked at by bytes

    in_step = suspected(texts, people)
    by_bytes = suspected(beside, [PEOPLE[0], *people])[1:]

    for text, person, quick, slow in zip(texts, people, in_step, by_bytes, strict=True):
        if find_in_record(text, own(person)):
            assert quick, (text, person)
        assert slow or not quick, (text, person)


SPELLINGS = [
    *("31Jan1970", "31jan70", "31stJanuary1970", "January311970", "1970Jan31", "jan1970"),
    *("31011970", "19700131", "310170", "700131", "01311970", "311970", "197031", "31701"),
    *("9990000018", "09990000018", "AB12CD", "ab12cd", "2CD", "9434765919", "94347659190"),
]
OF_OTHERS = ["522004", "5feb2004", "2004feb5", "200425", "5022004", "5204"]
"""A day and month of one digit each, beside the whole year."""


@pytest.mark.parametrize("before", ["", "X", "SP", "7", "00", "B1"])
@pytest.mark.parametrize("behind", ["", "X", "3", "11", "Z9"])
def test_each_spelling_of_letters_and_digits_is_found_in_step_wherever_it_stands(before, behind):
    of_whom = [*((one, PEOPLE[0]) for one in SPELLINGS), *((one, PEOPLE[1]) for one in OF_OTHERS)]
    texts = [f"{before}{spelling}{behind}" for spelling, _ in of_whom]
    people = [person for _, person in of_whom]

    in_step = suspected(texts, people)

    found = [bool(find_in_record(text, own(one))) for text, one in zip(texts, people, strict=True)]
    assert any(found)
    assert not [t for t, quick, exact in zip(texts, in_step, found, strict=True) if exact > quick]


@settings(max_examples=400, deadline=None)
@given(st.lists(pieces, max_size=9).map("".join), st.sampled_from(PEOPLE))
def test_what_the_exact_rule_finds_is_let_through_by_the_engines_pattern(text, person):
    import re

    if find_in_record(text, own(person)):
        assert re.search(COULD, text), text
        assert scan.may_be_suspects(pa.array([text])).all(), text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=6))
def test_any_text_at_all_is_passed_over_without_a_fault(texts):
    looked_at = suspected(texts, [PEOPLE[0]] * len(texts)) if texts else []
    assert len(looked_at) == len(texts)


def test_columns_and_rows_are_told_apart_and_nulls_passed_over():
    people = [PEOPLE[0], PEOPLE[1], PEOPLE[2]]
    owns = scan.OwnValues(*(pa.array(values, pa.string()) for values in zip(*people, strict=True)))
    columns = [
        pa.array(["99900", "AB1 2CD", None]),
        pa.array(["00018", "S704NS", "EC1A1BB"]),
        pa.array(["x", "x", "AB12CD", "y"]).slice(1, 3),
    ]

    assert scan.suspects(columns, owns).tolist() == [
        [False, False, False],
        [False, True, True],
        [False, False, False],
    ]


@pytest.mark.parametrize("identifier", SNOMED)
def test_a_snomed_identifier_of_an_extension_is_not_taken_for_a_number(identifier):
    assert find_in_record(identifier) == find_in_record(f"({identifier})") == ()


def test_a_number_inside_what_is_not_quite_such_an_identifier_is_found():
    assert find_in_record("999000011000001105") or find_in_record("9990000110") == ()
    assert find_in_record("J810020199900000182", Own()) != ()
