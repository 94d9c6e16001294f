"""Filters are written once in one way, only where there are any, and are never widened."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.statements.tests.test_request_and_permit import ASKED, golden
from statements.filters import RowFilter, in_words, narrowed, of
from statements.permit import Permit
from statements.request import WantedExtract

BODY = {
    "agreement": "DARS-NIC-123456-A1B2C",
    "purpose": "COM",
    "data_set": "SUS_APC",
    "classification": "PSEUDO_ANONYMISED",
    "periods": ["2018-04"],
}


def wanted(*filters):
    return WantedExtract.model_validate(BODY | {"filters": list(filters)})


def test_equal_filters_have_one_digest_whichever_way_they_were_written():
    one = wanted({"column": "B", "any_of": ["2", "1", "2"]}, {"column": "A", "at_least": 3})
    other = wanted({"column": "A", "at_least": 3}, {"column": "B", "any_of": ["1", "2"]})
    first, second = (replace(ASKED, filters=of(body.filters)) for body in (one, other))

    assert first.digest == second.digest != ASKED.digest
    assert first.claims()["filters"] == [
        {"column": "A", "at_least": 3},
        {"column": "B", "any_of": ["1", "2"]},
    ]
    assert "filters" not in ASKED.claims()


def test_a_permit_with_filters_is_read_as_it_was_written_and_names_each_column_once():
    filters = (RowFilter(column="Sex", any_of=("1",)), RowFilter(column="Age", at_most=64))
    permit = replace(Permit.read(golden("permit")), filters=filters)

    assert Permit.read(permit.claims()) == permit
    assert list(permit.contradictions()) == []
    assert list(replace(permit, filters=filters * 2).contradictions()) == ["filters"]


@pytest.mark.parametrize(
    "filters",
    [
        [{"column": "Sex", "any_of": ["1"]}, {"column": "Sex", "any_of": ["2"]}],
        [{"column": "Sex", "not_any_of": ["1"]}],
        [{"any_of": ["1"]}],
        [{"column": "Age", "at_least": "18"}],
        [{"column": "Text", "any_of": ["999 000 0018"]}],
        [{"column": "Text", "any_of": ["a\nb"]}],
    ],
)
def test_what_is_no_filter_is_not_taken(filters):
    with pytest.raises(ValidationError):
        wanted(*filters)


VALUES, NUMBERS = ("1", "2", "3"), range(6)
ROWS = [(value, number) for value in VALUES for number in NUMBERS]
BOUNDS = st.none() | st.integers(0, 5)
CODES = st.builds(
    RowFilter,
    column=st.just("code"),
    any_of=st.sets(st.sampled_from(VALUES), min_size=1).map(tuple),
)
RANGES = st.builds(RowFilter, column=st.just("number"), at_least=BOUNDS, at_most=BOUNDS)
SOME = st.tuples(CODES) | st.tuples(RANGES) | st.tuples(CODES, RANGES) | st.just(())


UNHURRIED = settings(deadline=None, suppress_health_check=list(HealthCheck))
"""How long it takes says something of the machine alone."""


def through(filters):
    """The rows that pass each."""
    return {
        (value, number)
        for value, number in ROWS
        if all(
            (not f.any_of or value in f.any_of)
            and (f.at_least is None or number >= f.at_least)
            and (f.at_most is None or number <= f.at_most)
            for f in filters
        )
    }


@UNHURRIED
@given(SOME, SOME)
def test_what_a_line_and_a_request_let_through_together_is_what_both_do(line, asked):
    own = {f.column: f for f in line}
    if any(f.column in own and own[f.column].is_widened_by(f) for f in asked):
        return

    assert through(narrowed(line, asked)) == through(line) & through(asked)


@UNHURRIED
@given(SOME, SOME)
def test_rows_that_a_line_leaves_out_are_never_let_out_by_another_filter(line, had):
    found = {f.column: f for f in had}

    if not any(f.lets_out(found.get(f.column)) for f in line):
        assert through(had) <= through(line)


def test_filters_are_told_in_words():
    filters = (
        RowFilter(column="Age", at_least=18, at_most=64),
        RowFilter(column="P", any_of=("R0A",)),
    )

    assert in_words(filters) == "Age: at least 18, at most 64; P: R0A"
