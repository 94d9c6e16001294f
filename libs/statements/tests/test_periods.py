"""An edition is of a month, of several, or of a week, as its data set is sent."""

from dataclasses import replace

import pytest

import catalogue
from libs.statements.tests.test_request_and_permit import golden
from statements.attestation import Attestation
from statements.form import Malformed
from statements.months import MonthRange, months_of

ATTESTED = Attestation.read(golden("attestation"))


def attested(period):
    claims = ATTESTED.claims()
    claims["editions"] = [{**claims["editions"][0], "period": period}]
    return Attestation.read(claims)


@pytest.mark.parametrize(
    ("period", "covered", "besides"),
    [
        ("2018-04", ["2018-04"], ["2018-03", "2018-05"]),
        ("2017-12/2018-02", ["2017-12", "2018-01", "2018-02"], ["2017-11", "2018-03"]),
        ("2018-W19", ["2018-05"], ["2018-04", "2018-06"]),
        ("2018-W18", ["2018-04", "2018-05"], ["2018-03", "2018-06"]),
        ("2018-W01", ["2018-01"], ["2017-12"]),
        ("2020-W53", ["2020-12", "2021-01"], ["2020-11", "2021-02"]),
        ("2018-W53", [], ["2018-12", "2019-01"]),
    ],
)
def test_an_edition_covers_the_months_in_which_its_period_lies(period, covered, besides):
    said = attested(period)
    (edition,) = said.editions

    assert [month for month in covered if edition.covers(month)] == covered
    assert not any(map(edition.covers, besides))
    assert Attestation.read(replace(said).claims()) == said


@pytest.mark.parametrize(
    "period", ["2018-W00", "2018-W54", "2018-W1", "W19", "2018", "2018-04/2018-W19"]
)
def test_what_is_no_period_is_not_read(period):
    with pytest.raises(Malformed):
        attested(period)


KNOWN = catalogue.load()
CHILDREN = [f"2017-{month:02}" for month in range(4, 10)]
EVERYBODY = ["2017-10", "2017-11", "2017-12", "2018-01", "2018-02", "2018-03"]


@pytest.mark.scenario("R20")
@pytest.mark.parametrize(
    "asked",
    [["2017/18"], ["2017-Q4"], MonthRange.model_validate({"from": "2017-04", "to": "2018-03"})],
    ids=["year", "quarter", "range"],
)
def test_a_year_in_which_a_data_set_took_anothers_place_is_had_of_each_under_its_name(asked):
    """CYPHS has children until September 2017, CSDS all ages from October on (domain.md 6.1)."""
    assert list(months_of(asked, "CYPHS", KNOWN)) == CHILDREN
    assert list(months_of(asked, "CSDS", KNOWN)) == EVERYBODY


@pytest.mark.parametrize(
    ("data_set", "asked", "months"),
    [
        ("CSDS", ["2017-Q3"], EVERYBODY[:3]),
        ("CSDS", ["2018-Q1"], ["2018-04", "2018-05", "2018-06"]),
        ("CYPHS", ["2017-Q1"], CHILDREN[:3]),
        # What is named month by month is not left out: the decision refuses it by name.
        ("CSDS", ["2017-09", "2017-10"], ["2017-09", "2017-10"]),
        # Of what it has nothing of, all months are handed on, and refused.
        ("CSDS", ["2016-Q1"], ["2016-04", "2016-05", "2016-06"]),
    ],
)
def test_of_a_quarter_are_the_months_that_the_data_set_has(data_set, asked, months):
    assert list(months_of(asked, data_set, KNOWN)) == months
