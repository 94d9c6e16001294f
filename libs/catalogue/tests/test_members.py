"""Lists of organisations are dated data; files are read by those that were members then."""

from datetime import date

import pytest
from pydantic import ValidationError

import catalogue
from catalogue import CatalogueField, Members, members

SHMI = catalogue.load().get("SHMI")
LIST = {
    "members": "some",
    "version": 1,
    "valid_from": "2010-04-01",
    "title": "Some",
    "source": "here",
    "organisations": [
        {"code": "RD3", "name": "Poole Hospital", "to": "2020-09-30"},
        {"code": "R0D", "name": "University Hospitals Dorset", "from": "2020-10-01"},
    ],
}


def read(*years):
    """The trusts by which an edition from April of one year to March of another is read."""
    first, last = years
    within = SHMI.within(date(first, 4, 1), date(last, 3, 31))
    return within, within.by_name["PROCODE3"]


def test_an_edition_has_the_trusts_that_were_there_in_any_of_its_months():
    some = Members.model_validate(LIST)

    def there(first, last):
        return list(some.codes(date.fromisoformat(first), date.fromisoformat(last)))

    assert there("2017-04-01", "2020-03-31") == ["RD3"]
    assert there("2018-04-01", "2021-03-31") == ["R0D", "RD3"]
    assert there("2020-09-30", "2020-09-30") == ["RD3"]
    assert there("2020-10-01", "2023-09-30") == ["R0D"]


def test_shmi_is_about_acute_trusts_that_are_no_specialist_ones():
    _, trust = read(2016, 2019)

    assert trust.members is None
    assert trust.pattern is None
    assert {"RR8", "RD3", "RDZ"} <= set(trust.codes)
    specialist = {"RBV", "RP6", "RPY", "RBS", "REP", "RGM", "RL1", "RAN", "RET", "RBQ"}
    elsewhere = {"RX4", "RXA", "RY6", "RRU", "NT2", "R0D"}
    assert not (specialist | elsewhere) & set(trust.codes)


def test_reading_by_a_list_changes_neither_digest_nor_other_columns():
    within, _ = read(2016, 2019)

    assert within.digest == SHMI.digest
    assert [f.name for f in within.fields] == [f.name for f in SHMI.fields]
    assert within.by_name["EPIKEY"] == SHMI.by_name["EPIKEY"]
    other = catalogue.load().get("SUS_APC")
    assert other.within(date(2018, 4, 1), date(2018, 4, 30)) is other


def test_what_was_published_of_shmi_and_the_workforce_is_as_it_was():
    known = catalogue.load()

    assert known.get("SHMI", "1.0").by_name["PROCODE3"].members is None
    for version, later in (("1.0", "1.1"), ("2.0", "2.1")):
        before, after = (known.get("GPW", v) for v in (version, later))
        assert (before.periods.forms, after.periods.forms) == (
            ("month", "quarter", "financial_year"),
            ("month",),
        )
        assert not before.by_name["ESTIMATED_FLAG"].mandatory
        assert after.by_name["ESTIMATED_FLAG"].mandatory


def test_a_list_that_is_not_there_or_has_somebody_twice_is_none():
    assert members("nobody") is None
    twice = {"code": "RD3", "name": "Poole", "from": "2020-01-01"}
    with pytest.raises(ValidationError, match="RD3 is a member twice"):
        Members.model_validate(LIST | {"organisations": [*LIST["organisations"], twice]})
    with pytest.raises(ValidationError, match="`to` is before `from`"):
        Members.model_validate(LIST | {"organisations": [twice | {"to": "2019-01-01"}]})


@pytest.mark.parametrize(
    "changes",
    [
        {"members": "nobody"},
        {"class": "ADM"},
        {"codes": ["RR8"]},
        {"type": "integer"},
    ],
)
def test_only_an_organisation_is_one_of_a_list_that_there_is(changes):
    field = {"name": "TRUST", "class": "ORG", "members": "acute_trusts", "treatments": ["as_is"]}

    assert CatalogueField.model_validate(field).members == "acute_trusts"
    with pytest.raises(ValidationError):
        CatalogueField.model_validate(field | changes)
