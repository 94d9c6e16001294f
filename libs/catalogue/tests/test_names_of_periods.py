"""A request names periods as the product has them; what is decided are the months."""

import pytest
from pydantic import ValidationError

import catalogue
from catalogue import PeriodForm, Periods, named_period

MONTHS = {"unit": "month", "from": "2008-04", "field": "DAY"}
EDITIONS = {"unit": "edition", "months": 36, "from": "2008-04", "field": "DAY"}
APRIL_ON = [f"2018-{month:02}" for month in range(4, 13)]


@pytest.mark.parametrize(
    ("name", "form", "months"),
    [
        ("2018-04", PeriodForm.MONTH, ["2018-04"]),
        ("2018-Q1", PeriodForm.QUARTER, ["2018-04", "2018-05", "2018-06"]),
        ("2018-Q4", PeriodForm.QUARTER, [*APRIL_ON, "2019-01", "2019-02", "2019-03"]),
        ("2018/19", PeriodForm.FINANCIAL_YEAR, [*APRIL_ON, "2019-01", "2019-02", "2019-03"]),
        ("2016-04/2019-03", PeriodForm.EDITION, ["2019-03"]),
    ],
)
def test_a_name_stands_for_its_months_and_an_edition_for_its_last(name, form, months):
    named = named_period(name)

    assert named is not None
    assert (named.form, list(named.months())) == (form, months)


def test_a_year_may_end_with_its_century():
    assert named_period("1999/00").months()[-1] == "2000-03"


def test_quarters_are_cumulative_within_their_financial_year():
    quarters = [named_period(f"2023-Q{n}").months() for n in (1, 2, 3, 4)]

    assert [len(months) for months in quarters] == [3, 6, 9, 12]
    assert {months[0] for months in quarters} == {"2023-04"}
    assert quarters[-1] == named_period("2023/24").months()


@pytest.mark.parametrize(
    "name",
    ["2018", "2018-4", "2018-13", "2018-Q0", "2018-Q5", "2018/18", "2018/20", "2018/2019", "18/19",
     "2019-03/2016-04", "2018-04 ", "2018-q1", "٢٠١٨-04", "2018-04/2018-Q4", ""],
)  # fmt: skip
def test_what_is_no_name_is_none(name):
    assert named_period(name) is None


def test_a_product_has_the_forms_that_its_file_says_or_those_of_its_unit():
    by_month = Periods.model_validate(MONTHS)
    snapshots = Periods.model_validate(MONTHS | {"asked_by": ["month"]})
    editions = Periods.model_validate(EDITIONS)

    def has(periods):
        names = ("2018-04", "2018-Q2", "2018/19", "2016-04/2019-03")
        return [periods.has(named_period(name)) for name in names]

    assert has(by_month) == [True, True, True, False]
    assert has(snapshots) == [True, False, False, False]
    assert has(editions) == [True, False, False, True]
    assert not editions.has(named_period("2016-05/2019-03"))


@pytest.mark.parametrize(
    "wrong",
    [
        MONTHS | {"asked_by": ["edition"]},
        MONTHS | {"asked_by": []},
        EDITIONS | {"asked_by": ["quarter"]},
        MONTHS | {"asked_by": ["week"]},
    ],
)
def test_a_file_says_no_form_that_its_unit_does_not_have(wrong):
    with pytest.raises(ValidationError):
        Periods.model_validate(wrong)


def test_every_published_data_set_says_how_it_is_asked_for():
    for data_set in catalogue.load():
        assert data_set.periods.forms, data_set.data_set
        assert all(f"{form} (" in data_set.periods.names() for form in data_set.periods.forms)
