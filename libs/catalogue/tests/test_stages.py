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
