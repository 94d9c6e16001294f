"""Personal data in text become markers: the table of domain.md 8.6, and an oracle."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudonymisation.engine.masking import masked
from services.pseudonymisation.tests import oracle

OWN = oracle.Own("9990000018", "AB1 2CD", "1970-01-31")


def mask(*texts: str | None, own: oracle.Own = OWN) -> list[str | None]:
    rows = len(texts)
    column, _ = masked(
        pa.array(texts, pa.string()),
        pa.array([own.number] * rows, pa.string()),
        pa.array([own.postcode] * rows, pa.string()),
        pa.array([own.birth] * rows, pa.string()),
    )
    found: list[str | None] = column.to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RAX9990000018-2", "RAX_<NHS_No>_-2"),
        ("999 000 0018", "_<NHS_No>_"),
        ("AB12CD77", "_<PC_77"),
        ("X19700131", "X_<DoB_"),
        ("31011970", "_<DoB_"),
        ("9990000026", "_<NHS_No>_"),  # another person's
        ("1234567890", "1234567890"),  # its check digit does not fit
        ("AB1 2CD", "_<PC_"),
        ("ab1 2cd", "_<PC_"),
        ("31/01/1970 and 1970-01-31", "_<DoB_ and _<DoB_"),
        ("99900000189990000026", "_<NHS_No>__<NHS_No>_"),
        ("AB13CD", "AB13CD"),  # somebody else's postcode
        ("19700130", "19700130"),  # somebody else's birthday
        ("", ""),
        (None, None),
    ],
)
def test_the_table_of_the_domain_holds(text, expected):
    assert mask(text) == [expected]


def test_rows_have_their_own_values_and_not_their_neighbours():
    column, has_hit = masked(
        pa.array(["AB12CD", "AB12CD"]),
        pa.array(["9990000018", "9990000026"]),
        pa.array(["AB1 2CD", "ZZ9 9ZZ"]),
        pa.array(["1970-01-31", None]),
    )

    assert column.to_pylist() == ["_<PC_", "AB12CD"]
    assert has_hit.tolist() == [True, False]


def test_a_number_does_not_reach_over_the_end_of_a_row():
    assert mask("99900", "00018", "9990000018"[:9], "8") == ["99900", "00018", "999000001", "8"]


def test_views_and_plain_strings_are_masked_alike():
    text = pa.array(["x9990000018", "plain", None])
    plain = mask("x9990000018", "plain", None)

    views, _ = masked(
        text.cast(pa.string_view()),
        pa.array(["9990000018"] * 3),
        pa.nulls(3, pa.string()),
        pa.nulls(3, pa.string()),
    )

    assert views.cast(pa.string()).to_pylist() == plain


pieces = st.sampled_from(
    [
        *("9990000018", "9990000026", "999 000 0034", "AB12CD", "ab1 2cd", "AB1", "2CD"),
        *("19700131", "31-01-1970", "1970", "0131", "0", "18", " ", "-", "/", "x", "é"),
        "1234567890",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(pieces, max_size=8).map("".join), min_size=1, max_size=6))
def test_whatever_the_text_the_oracle_agrees(texts):
    assert mask(*texts) == [oracle.masked(text, OWN) for text in texts]
