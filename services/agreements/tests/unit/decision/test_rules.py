"""The dated rules: that the files say what domain.md says, and that days choose among them."""

from datetime import date

import pytest
from pydantic import ValidationError

import catalogue as catalogues
from agreements.decision.adapters import catalogue, rules
from agreements.decision.domain.rules import LeaseRule, expected_on
from agreements.records.domain.terms.categories import Category, category
from services.agreements.tests.reference.evaluator import (
    CAG_FLOWS,
    CEILING,
    CLASSIFICATIONS,
    POWERS,
)

DAY = date(2018, 6, 1)
KINDS = ("analytics", "ceff", "ash", "rs_supplier", "gp_practice")
NAMES = {
    "NHS number": "nhs_number",
    "other direct": "direct",
    "full date of birth": "date_of_birth",
    "full postcode": "postcode",
    "local id": "local",
    "about staff": "staff",
    "pseudonym": "pseudonym",
    "age, sex, ethnicity": "demographic",
    "place of residence": "residence",
    "diagnosis": "clinical",
    "sensitive": "sensitive",
    "organisation": "organisation",
    "administrative": "administrative",
}


@pytest.fixture
def loaded():
    return rules.load()


def test_the_ceilings_are_those_of_the_page(loaded):
    found = {}
    for purpose in ("COM", "RS", "IV", "OTHER", "ELSE"):
        for classification in CLASSIFICATIONS:
            for kind in KINDS:
                row = loaded.ceiling(
                    DAY, purpose=purpose, classification=classification, environment=kind
                )
                if row is not None:
                    found[purpose, classification, kind] = row.categories

    assert found == {key: {NAMES[row] for row in allowed} for key, allowed in CEILING.items()}


def test_the_powers_and_references_are_those_of_the_page(loaded):
    assert {p.code for p in loaded.powers} == set(POWERS)
    assert {
        s.reference: (set(s.purposes), set(s.environments), set(s.of)) for s in loaded.supports
    } == CAG_FLOWS


def test_every_row_says_where_it_is_from(loaded):
    rows = [
        *loaded.ceilings, *loaded.opt_outs, *loaded.list_ages, *loaded.powers, *loaded.supports,
        *loaded.formulas, *loaded.leases, *loaded.orders, *loaded.registers,
    ]  # fmt: skip

    assert all(row.source for row in rows)


def test_a_day_that_no_row_covers_allows_nothing(loaded):
    before = date(2013, 3, 31)

    assert (
        loaded.ceiling(
            before, purpose="COM", classification="PSEUDO_ANONYMISED", environment="analytics"
        )
        is None
    )


def test_two_rows_for_one_day_contradict_each_other_and_say_nothing(loaded):
    row = LeaseRule(first=None, last=None, source="x", seconds=1)
    twice = type(loaded)(**{**fields(loaded), "leases": (row, row)})

    assert twice.lease_seconds(DAY) == 0
    assert twice.longest_lease_seconds() == 1


def test_without_any_row_there_is_no_lease(loaded):
    none = type(loaded)(**{**fields(loaded), "leases": (), "list_ages": (), "orders": ()})

    assert (none.lease_seconds(DAY), none.longest_lease_seconds()) == (0, 0)
    assert none.order_days_max(DAY) == 0
    assert none.list_days_max(DAY) is None


def fields(loaded):
    return {name: getattr(loaded, name) for name in loaded.__slots__}


@pytest.mark.parametrize(
    ("data_set", "month", "expected"),
    [
        ("SHMI", "2019-03", date(2019, 8, 15)),  # the three checks of domain.md 6.1
        ("CSDS", "2019-04", date(2019, 8, 15)),
        ("GPW", "2019-03", date(2019, 5, 12)),
        ("CSDS", "2019-11", date(2020, 3, 15)),
        ("SUS_APC", "2019-03", None),
        ("CSDS", "2019-13", None),
        ("CSDS", "May", None),
    ],
)
def test_when_a_publication_is_expected(loaded, data_set, month, expected):
    assert expected_on(loaded, data_set, month, DAY) == expected


def test_a_misspelt_key_of_a_rule_is_not_passed_over():
    with pytest.raises(ValidationError):
        rules.LeaseRow.model_validate({"seconds": 1, "until": "2019-01-01", "source": "x"})


@pytest.mark.parametrize(
    ("name", "form", "row"),
    [
        ("Sex", "as_is", Category.DEMOGRAPHIC),
        ("Hospital_Spell_No", "pseudonym", Category.PSEUDONYM),
        ("Der_Postcode_LSOA_2011_Code", "derived", Category.RESIDENCE),
        ("Der_Postcode_CCG_Code", "derived", Category.ORGANISATION),
        ("Der_Age_Band", "derived", Category.DEMOGRAPHIC),
        ("Der_Primary_Diagnosis_Code", "as_is", Category.CLINICAL),
        ("Legal_Status_Classification", "as_is", Category.SENSITIVE),
        ("Consultant_Code", "pseudonym", Category.PSEUDONYM),
    ],
)
def test_a_column_of_the_catalogue_stands_in_its_row(name, form, row):
    facts = catalogue.load()[catalogues.load().get("SUS_APC", "1.0").digest]

    assert facts.columns[name].categories[form] is row


def test_what_the_catalogue_never_releases_has_no_form():
    facts = catalogue.load()[catalogues.load().get("SUS_APC", "1.0").digest]

    assert facts.columns["NHS_Number"].categories == {}
    assert facts.columns["Der_Diagnosis_All"].scanned
    assert facts.mapped == {"G": "practice", "H": "postcode"}


@pytest.mark.parametrize(
    ("described", "row"),
    [
        ({"field_class": "DI", "treatment": "as_is", "identifier": "nhs_number"}, "nhs_number"),
        ({"field_class": "DI", "treatment": "month", "identifier": "date_of_birth"},
         "date_of_birth"),
        ({"field_class": "DI", "treatment": "year", "identifier": "date_of_birth"}, "demographic"),
        ({"field_class": "DI", "treatment": "as_is", "identifier": "surname"}, "direct"),
        ({"field_class": "LI", "treatment": "as_is", "identifier": "local"}, "local"),
        ({"field_class": "STAFF", "treatment": "as_is", "identifier": "staff"}, "staff"),
        ({"field_class": "NEW", "treatment": "as_is", "identifier": None}, "direct"),
    ],
)  # fmt: skip
def test_an_identifier_stands_in_the_row_of_its_kind(described, row):
    assert category(derived_from=None, **described).value == row
