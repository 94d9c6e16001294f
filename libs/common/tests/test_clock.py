"""The legal clock, the day in London, and the timer of leases."""

import threading
from datetime import UTC, date, datetime, timedelta
from time import sleep

import pytest

from common import clock
from common.clock import SystemClock, now_at_once
from common.db import clock as database_clocks
from common.db.clock import ClockUncertain, DatabaseClock
from common.db.unit_of_work import DatabaseUnavailable
from dsfc_testing import proxy
from dsfc_testing.clock import FakeClock

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


@pytest.mark.postgresql
def test_an_answer_that_was_long_on_its_way_is_asked_for_again(
    postgresql_url, make_engine, monkeypatch
):
    late = iter([0.6, 0.6, 0.6])
    monkeypatch.setattr(database_clocks, "ASKED_TIMES_MAX", 100)  # the machine may be busy
    with proxy.before(postgresql_url) as between:
        its_clock = DatabaseClock(make_engine(between.url))
        its_clock.now()
        its_clock._asked = None
        between.question = lambda _piece: sleep(next(late, 0.0))

        now = its_clock.now()

        assert now - SystemClock().now() < timedelta(seconds=database_clocks.ROUND_TRIP_SECONDS_MAX)
    assert next(late, None) is None


@pytest.mark.postgresql
def test_a_clock_whose_every_answer_is_late_is_refused(postgresql_url, make_engine, monkeypatch):
    monkeypatch.setattr(database_clocks, "ROUND_TRIP_SECONDS_MAX", 0.05)
    with proxy.before(postgresql_url) as between:
        its_clock = DatabaseClock(make_engine(between.url))
        between.question = lambda _piece: sleep(0.1)

        with pytest.raises(ClockUncertain):
            its_clock.now()


@pytest.mark.postgresql
def test_a_process_that_stood_still_between_question_and_answer_asks_again(
    postgresql_url, make_engine, monkeypatch
):
    its_clock = DatabaseClock(make_engine(postgresql_url))
    timer = iter([0.0, 3.0, 3.0, 3.001, 3.002, 3.003])  # stopped for three seconds at the first
    monkeypatch.setattr(database_clocks, "boottime", lambda: next(timer))

    _, moment = its_clock._ask()

    assert moment == 3.0


@pytest.mark.postgresql
def test_an_instant_inside_a_transaction_is_the_databases_however_far_ahead_ours_runs(
    postgresql_url, make_engine, monkeypatch
):
    engine = make_engine(postgresql_url)
    its_clock = DatabaseClock(engine)
    ahead = SystemClock().now() + timedelta(seconds=1.6)
    monkeypatch.setattr(its_clock, "_ask", lambda: (ahead, clock.boottime()))

    with engine.begin() as connection:
        within = database_clocks.within(its_clock, connection)

    assert its_clock.now() >= ahead
    assert within <= SystemClock().now()


@pytest.mark.postgresql
def test_an_event_loop_is_not_held_by_a_question_for_the_time(
    postgresql_url, make_engine, monkeypatch
):
    its_clock = DatabaseClock(make_engine(postgresql_url))
    assert clock.now_at_once(its_clock) is None  # it was never asked

    asked = its_clock.now()
    assert clock.now_at_once(its_clock) >= asked

    asking, answered = threading.Event(), threading.Event()

    def frozen():
        asking.set()
        answered.wait(20)
        return asked, clock.boottime()

    monkeypatch.setattr(database_clocks, "RESYNC_SECONDS", 0.0)
    monkeypatch.setattr(its_clock, "_ask", frozen)
    asker = threading.Thread(target=its_clock.now)
    asker.start()
    try:
        assert asking.wait(20)
        assert clock.now_at_once(its_clock) is None  # somebody asks, and may ask for long
    finally:
        answered.set()
        asker.join()


def test_a_clock_that_never_waits_answers_an_event_loop(clock):
    assert now_at_once(clock) == clock.now()


def test_a_fake_clock_stands_still_until_it_is_moved():
    fake = FakeClock(datetime(2018, 6, 1, tzinfo=UTC))

    assert fake.now() == fake.now()
    assert fake.advance(1.5) == datetime(2018, 6, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert fake.advance(timedelta(days=-1)) == datetime(2018, 5, 31, 0, 0, 1, 500_000, tzinfo=UTC)
    assert fake.set(datetime(2020, 1, 1, tzinfo=UTC)) == fake.now()
