"""Opt-outs are waived by a letter that is on record, and from its date (ruling 27)."""

from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from agreements.decision.adapters.rules import OptOutRow, load

LETTER = {"reference": "CAG 7-07(a)/2013, letter", "dated": "2020-11-02"}
WAIVED = {
    "purpose": "IV",
    "classification": "IDENTIFIABLE",
    "applied": False,
    "from": "2020-11-02",
    "reason": "waived",
    "source": "a letter",
}


def read(**row):
    return TypeAdapter(OptOutRow).validate_python(row)


@pytest.mark.parametrize("day", [date(2013, 4, 1), date(2020, 9, 30), date(2026, 11, 28)])
def test_in_invoice_validation_they_are_upheld_on_every_day(day):
    """The amendment's own day was not found, and no day is guessed in a file."""
    rule = load().opt_out(day, purpose="IV", data_set="SUS_APC", classification="IDENTIFIABLE")

    assert rule is not None
    assert (rule.applied, rule.letter) == (True, None)


def test_no_row_waives_them_without_a_letter():
    with pytest.raises(ValidationError, match="by a letter"):
        read(**WAIVED)
    with pytest.raises(ValidationError, match="by a letter"):
        read(**{k: v for k, v in WAIVED.items() if k != "classification"})

    assert read(**WAIVED, letter=LETTER).letter is not None


@pytest.mark.parametrize("first", ["2020-11-01", None])
def test_no_row_waives_them_before_the_letters_date(first):
    with pytest.raises(ValidationError, match="from its date"):
        read(**(WAIVED | {"from": first}), letter=LETTER)


def test_of_data_that_identify_nobody_no_letter_is_needed():
    row = read(**(WAIVED | {"classification": "PSEUDO_ANONYMISED"}))

    assert row.letter is None
