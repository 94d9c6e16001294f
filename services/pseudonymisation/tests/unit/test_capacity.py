"""Which columns can hold personal data, read off the catalogue, and never too narrowly."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalogue
from catalogue import CatalogueField
from pseudonymisation.engine.capacity import is_looked_through

SUS = catalogue.load().get("SUS_APC")
SPELLINGS = [
    "9990000018", "S704NS", "S70 4NS", "m11aa", "GIR0AA", "19700131", "310170", "1/2/70",
    "31JAN70", "1 feb 1970", "999 000 0018",
]  # fmt: skip


def text(**more: object) -> CatalogueField:
    return CatalogueField.model_validate({"name": "X", "class": "CLIN"} | more)


@pytest.mark.parametrize(
    "out",
    [
        {"codes": ["01", "999000001800"]},
        {"pattern": "^[A-Z][0-9]{5}$"},
        {"pattern": "^[A-Z][0-9]{2}[0-9]?$"},
        {"pattern": "^[0-9]{3}$|^[A-Z]{4}$"},
        {"length_max": 4},
        {"pattern": "^[A-Z0-9]{1,4}$", "length_max": 40},
        {"type": "date"},
    ],
)
def test_a_column_without_room_is_left_out(out):
    assert not is_looked_through(text(**out))


@pytest.mark.parametrize(
    "looked",
    [
        {},
        {"pattern": "^[A-Z0-9]{3,12}$"},
        {"pattern": "^[A-Z][0-9]{2}[0-9A-Z]{0,3}$"},
        {"pattern": "^([0-9]{2}/){2}[0-9]{2}$"},
        {"pattern": r"^\d+$"},
        {"pattern": "^.{5}$"},
        {"pattern": "^[^x]*$"},
        {"pattern": "^(A|[0-9]{6})$"},
        {"pattern": "^[\uff10-\uff19]{10}$"},
        {"type": "integer"},
        {"type": "decimal"},
        {"scan": True, "length_max": 4},
    ],
)
def test_a_column_with_room_for_something_is_looked_through(looked):
    assert is_looked_through(text(**looked))


def test_of_the_published_data_set_short_codes_are_looked_through_too():
    looked_through = {field.name for field in SUS.fields if is_looked_through(field)}

    assert {
        "Der_Diagnosis_All",
        "Commissioner_Code",
        "Der_Primary_Diagnosis_Code",
    } <= looked_through
    assert {"Hospital_Spell_No", "Site_Code_of_Treatment", "Der_Provider_Code"} <= looked_through
    assert not {"Sex", "GP_Practice_Code", "Admission_Date", "Ethnic_Group"} & looked_through


parts = st.sampled_from(
    ["[A-Z]", "[0-9]", "[A-Z0-9]", "[0-9]{2}", "[A-Z]{1,3}", " ?", "[/-]", "[0-9]+",
     "(?:AB|[0-9]{4})", "[a-z]*", "1", "S", "."]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(parts, min_size=1, max_size=8).map("".join), st.sampled_from(SPELLINGS))
def test_no_column_that_a_spelling_fits_into_is_left_out(pattern, spelling):
    if re.search(f"^(?:{pattern})$", spelling):
        assert is_looked_through(text(pattern=f"^(?:{pattern})$", length_max=20))
