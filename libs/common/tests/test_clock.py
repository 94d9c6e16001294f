"""The legal clock, the day in London, and the timer of leases."""

from datetime import UTC, date, datetime, timedelta

import pytest

from common import clock
from common.clock import SystemClock
from common.db import clock as database_clocks
from common.db.clock import DatabaseClock
from common.db.unit_of_work import DatabaseUnavailable
from common.testing.clock import FakeClock

START = datetime(2018, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2018, 3, 31, 22, 59, 59, tzinfo=UTC), date(2018, 3, 31)),
        (datetime(2018, 3, 31, 23, 0, tzinfo=UTC), date(2018, 4, 1)),  # summer time
        (datetime(2018, 12, 31, 23, 59, 59, tzinfo=UTC), date(2018, 12, 31)),
        (datetime(2019, 1, 1, 0, 0, tzinfo=UTC), date(2019, 1, 1)),
    ],
)
def test_the_legal_day_is_londons(instant, day):
    assert clock.legal_day(instant) == day


def test_a_day_begins_and_ends_at_londons_midnight():
    assert clock.start_of(date(2018, 4, 1)) == datetime(2018, 3, 31, 23, 0, tzinfo=UTC)
    assert clock.end_of(date(2018, 4, 1)) == datetime(2018, 4, 1, 23, 0, tzinfo=UTC)


def test_the_days_on_which_clocks_change_are_23_and_25_hours_long():
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)

    assert clock.end_of(spring) - clock.start_of(spring) == timedelta(hours=23)
    assert clock.end_of(autumn) - clock.start_of(autumn) == timedelta(hours=25)


def test_the_last_instant_of_a_day_is_still_that_day():
    day = date(2021, 3, 31)
    last = clock.end_of(day) - timedelta(microseconds=1)

    assert clock.legal_day(last) == day
    assert clock.legal_day(clock.end_of(day)) == day + timedelta(days=1)


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        clock.legal_day(datetime(2018, 4, 1))  # noqa: DTZ001 - that is the point


def test_the_lease_timer_goes_forward():
    first = clock.boottime()

    assert clock.boottime() >= first


def test_the_databases_clock_is_aware_and_goes_forward(database_url, make_engine):
    its_clock = DatabaseClock(make_engine(database_url))
    first = its_clock.now()

    assert first.utcoffset() == timedelta(0)
    assert abs(first - SystemClock().now()) < timedelta(seconds=30)
    assert its_clock.now() >= first


@pytest.mark.postgresql
def test_the_machines_wall_clock_plays_no_part(postgresql_url, make_engine, monkeypatch):
    its_clock = DatabaseClock(make_engine(postgresql_url))
    before = its_clock.now()

    monkeypatch.setattr(SystemClock, "now", lambda _: datetime(1999, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(database_clocks, "RESYNC_SECONDS", 0.0)

    assert its_clock.now() > before


@pytest.mark.postgresql
def test_the_database_is_asked_once_a_second(postgresql_url, make_engine, monkeypatch):
    its_clock = DatabaseClock(make_engine(postgresql_url))
    asked = []
    moment = 0.0

    def ask():
        asked.append(1)
        return START + timedelta(seconds=moment - 100), moment

    monkeypatch.setattr(its_clock, "_ask", ask)
    monkeypatch.setattr(database_clocks, "boottime", lambda: moment)

    for moment in (100.0, 100.5, 100.9, 101.1):
        assert its_clock.now() == START + timedelta(seconds=moment - 100)
    assert len(asked) == 2


@pytest.mark.postgresql
def test_an_answer_that_took_longer_does_not_set_the_clock_back(
    postgresql_url, make_engine, monkeypatch
):
    its_clock = DatabaseClock(make_engine(postgresql_url))
    answers = iter([START, START - timedelta(milliseconds=3), START - timedelta(hours=1)])
    monkeypatch.setattr(its_clock, "_ask", lambda: (next(answers), 0.0))
    monkeypatch.setattr(database_clocks, "boottime", lambda: 0.0)
    monkeypatch.setattr(database_clocks, "RESYNC_SECONDS", 0.0)

    assert [its_clock.now() for _ in range(3)] == [START, START, START - timedelta(hours=1)]


def test_a_database_that_is_away_has_no_time(make_engine):
    its_clock = DatabaseClock(make_engine("postgresql://nobody@127.0.0.1:1/none"))

    with pytest.raises(DatabaseUnavailable):
        its_clock.now()


def test_a_fake_clock_stands_still_until_it_is_moved():
    fake = FakeClock(datetime(2018, 6, 1, tzinfo=UTC))

    assert fake.now() == fake.now()
    assert fake.advance(1.5) == datetime(2018, 6, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert fake.advance(timedelta(days=-1)) == datetime(2018, 5, 31, 0, 0, 1, 500_000, tzinfo=UTC)
    assert fake.set(datetime(2020, 1, 1, tzinfo=UTC)) == fake.now()
