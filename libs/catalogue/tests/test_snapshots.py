"""GP Workforce is not extracted every month, nor each staff group in the same (domain.md 6.1)."""

from datetime import date
from importlib.resources import files

import pytest
from pydantic import ValidationError

import catalogue
from catalogue import InvalidDataSet, Periods

GPW = catalogue.load().for_period("GPW", "2019-03")
OTHERS = ("NURSES", "DPC", "ADMIN")
MONTHS = [f"{year}-{month:02}" for year in range(2015, 2022) for month in range(1, 13)]
HALF_YEARLY = ["2015-09", "2016-03", "2016-09", "2017-03"]
LATER = [m for m in MONTHS if "2017-09" <= m <= "2021-05" and m[5:] in {"03", "06", "09", "12"}]


@pytest.mark.parametrize(
    ("code", "months"),
    [
        ("GP", [*HALF_YEARLY[:3], "2016-12", "2017-03", "2017-06", *LATER]),
        *((code, [*HALF_YEARLY, *LATER]) for code in OTHERS),
    ],
)
def test_each_staff_group_has_the_months_in_which_it_was_extracted(code, months):
    periods = GPW.periods

    found = [m for m in MONTHS if periods.within(m) and periods.exists(m, (code,))]

    assert found == months


def test_a_month_is_there_where_any_of_the_groups_is():
    periods = GPW.periods

    assert [periods.exists(m) for m in ("2016-03", "2016-06", "2016-12", "2017-06")] == [
        True,
        False,
        True,
        True,
    ]
    assert periods.exists("2016-12", ("NURSES", "GP"))
    assert periods.has_any("2016-10", "2016-12")
    assert not periods.has_any("2016-10", "2016-12", ("NURSES",))
    assert periods.nearest("2016-12", ("NURSES",)) == ("2016-09", "2017-03")
    assert periods.nearest("2021-04") == ("2021-03",)


def test_from_2021_06_on_there_is_every_month():
    later = catalogue.load().for_period("GPW", "2021-07").periods

    assert all(later.exists(m, ("NURSES",)) for m in ("2021-06", "2021-07", "2022-02"))


def test_a_file_of_a_month_is_read_with_the_groups_that_the_month_has():
    def groups(first, last):
        return GPW.within(first, last).by_name["STAFF_GROUP"].codes

    assert groups(date(2016, 12, 1), date(2016, 12, 31)) == ("GP",)
    assert groups(date(2017, 3, 1), date(2017, 3, 31)) == ("GP", *OTHERS)
    assert groups(date(2016, 12, 1), date(2017, 3, 31)) == ("GP", *OTHERS)
    assert GPW.within(date(2016, 12, 1), date(2016, 12, 31)).digest == GPW.digest


SAID = {"unit": "month", "from": "2015-09", "field": "DAY"}
HALF = {"from": "2015-09", "months": [3, 9]}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"snapshots": [HALF | {"codes": ["GP"]}]}, "names the column"),
        ({"snapshots": [HALF], "snapshots_by": "STAFF"}, "names the column"),
        ({"snapshots": [HALF], "unit": "week"}, "sent by the month"),
        ({"snapshots": [HALF | {"months": [13]}]}, "less than or equal to 12"),
        ({"snapshots": [HALF | {"months": []}]}, "at least 1 item"),
    ],
)
def test_snapshots_that_say_nothing_sensible_are_refused(more, says):
    with pytest.raises(ValidationError, match=says):
        Periods.model_validate(SAID | more)


@pytest.mark.parametrize(
    ("column", "code", "says"),
    [
        ("STAFF_ROLE", "GP", "not a column with codes"),
        ("STAFF_GRUOP", "GP", "not a column with codes"),
        ("STAFF_GROUP", "GPS", "codes that STAFF_GROUP has not: GPS"),
    ],
)
def test_what_snapshots_differ_by_is_a_column_with_these_codes(column, code, says):
    text = files("catalogue").joinpath("data_sets/GPW-1.2.yaml").read_text("utf-8")
    wrong = text.replace("snapshots_by: STAFF_GROUP", f"snapshots_by: {column}")
    wrong = wrong.replace("codes: [GP]", f"codes: [{code}]")
    assert wrong != text

    with pytest.raises(InvalidDataSet) as refused:
        catalogue.read(wrong, name="GPW-1.2.yaml")

    assert any(says in str(problem) for problem in refused.value.problems)
