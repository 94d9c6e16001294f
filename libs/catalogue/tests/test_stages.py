"""Stages are dated data: published dates count, and the rule where there are none."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from catalogue import Calendar, Stages, load, stages

CALENDAR = {
    "data_sets": ["SUS_APC"],
    "counted_from": "month",
    "until": "17:00:00",
    "stages": [
        {"stage": "flex", "months": 1, "day": 20},
        {"stage": "freeze", "months": 2, "day": 20},
    ],
    "afterwards": "after_freeze",
    "source": "here",
}


def published(*dates, month="2019-04"):
    return [{"month": month, "dates": [*dates], "source": "the timetable"}]


def test_every_calendar_is_of_data_sets_that_are_described():
    known = {described.data_set for described in load()}

    assert {name for c in stages().calendars for name in c.data_sets} <= known


def test_published_dates_count_and_the_rule_only_where_there_are_none():
    found = Calendar.model_validate(CALENDAR | {"published": published("2019-05-17", "2019-06-18")})

    assert found.last_days("2019-04") == (date(2019, 5, 17), date(2019, 6, 18))
    assert found.last_days("2019-12") == (date(2020, 1, 20), date(2020, 2, 20))
    assert found.stage_of("2019-04", datetime(2019, 5, 18, tzinfo=UTC)) == "freeze"
    assert found.stage_of("2019-05", datetime(2019, 6, 18, tzinfo=UTC)) == "flex"


@pytest.mark.parametrize(
    "wrong",
    [
        {"published": published("2019-05-17")},
        {"published": published("2019-06-18", "2019-05-17")},
        {"published": published("2019-05-17", "2019-06-18") * 2},
        {"stages": CALENDAR["stages"][::-1]},
        {"stages": []},
    ],
    ids=["one date of two", "freeze before flex", "twice", "stages reversed", "no stage"],
)
def test_a_calendar_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        Calendar.model_validate(CALENDAR | wrong)


def test_a_data_set_has_one_calendar():
    with pytest.raises(ValidationError, match="two calendars of SUS_APC"):
        Stages.model_validate({"rule": "stages/9", "calendars": [CALENDAR, CALENDAR]})


def test_a_month_has_one_calendar_and_another_may_be_of_other_months():
    until, later = CALENDAR | {"to": "2020-03"}, CALENDAR | {"from": "2020-04"}
    found = Stages.model_validate({"rule": "stages/9", "calendars": [until, later]})

    assert found.of("SUS_APC", "2020-03") == found.calendars[0]
    assert found.of("SUS_APC", "2020-04") == found.calendars[1]
    for other in (CALENDAR, CALENDAR | {"from": "2020-03"}, later | {"to": "2020-04"}):
        with pytest.raises(ValidationError, match="two calendars of SUS_APC"):
            Stages.model_validate({"rule": "stages/9", "calendars": [until, later, other]})
    with pytest.raises(ValidationError, match="`to` is before `from`"):
        Calendar.model_validate(CALENDAR | {"from": "2020-04", "to": "2020-03"})


@pytest.mark.parametrize(
    ("month", "day", "stage"),
    [
        ("2020-03", date(2020, 4, 27), "primary"),
        ("2020-03", date(2020, 5, 27), "refresh"),
        ("2020-03", date(2020, 5, 28), "after_windows"),
        ("2020-04", date(2020, 6, 28), "resubmission"),
        ("2023-10", date(2024, 1, 1), "resubmission"),
        ("2023-11", date(2024, 1, 27), "single_window"),
        ("2023-11", date(2024, 1, 28), "after_windows"),
    ],
)
def test_windows_of_mental_health_are_those_of_the_month(month, day, stage):
    calendar = stages().of("MHSDS", month)

    assert calendar.stage_of(month, datetime(day.year, day.month, day.day, tzinfo=UTC)) == stage
