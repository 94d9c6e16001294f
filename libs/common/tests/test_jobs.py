"""A runner does jobs, rests where there are none, sweeps, and keeps its claim while it works."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from common.errors import ClaimLost, Unavailable
from common.jobs import ClaimTimes, Runner, SignOfLife, holding
from dsfc_testing.clock import FakeClock

WAIT_SECONDS = 30.0


class Jobs:
    """Jobs in a list; what was done is kept."""

    def __init__(self, *waiting: str) -> None:
        self.waiting = list(waiting)
        self.done: list[str] = []
        self.swept = 0
        self.is_away = False
        self.idle = threading.Event()

    def claim(self) -> str | None:
        if self.is_away:
            self.is_away = False
            raise Unavailable("The database does not answer.")
        if not self.waiting:
            self.idle.set()
            return None
        return self.waiting.pop(0)

    def run(self, claim: str) -> None:
        self.done.append(claim)

    def sweep(self) -> None:
        self.swept += 1


@pytest.fixture
def running():
    """Return a function that runs jobs in a thread until the test is over."""
    stop, threads = threading.Event(), []

    def start(jobs: Jobs, **options) -> threading.Event:
        wake = threading.Event()
        options = {"poll_seconds": 60.0, "sweep_seconds": None} | options
        runner = Runner("test", jobs, wake=wake, **options)
        thread = threading.Thread(target=runner.run, args=(stop,))
        thread.start()
        threads.append(thread)
        return wake

    yield start
    stop.set()
    for thread in threads:
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive()


def test_what_is_there_is_worked_off_in_order(running):
    jobs = Jobs("a", "b", "c")
    running(jobs)

    assert jobs.idle.wait(WAIT_SECONDS)
    assert jobs.done == ["a", "b", "c"]
    assert jobs.swept == 0


def test_a_sign_wakes_it_before_it_would_look_by_itself(running):
    jobs = Jobs()
    wake = running(jobs)
    assert jobs.idle.wait(WAIT_SECONDS)

    jobs.idle.clear()
    jobs.waiting.append("late")
    for _ in range(int(WAIT_SECONDS * 10)):
        wake.set()
        if jobs.idle.wait(0.1):
            break
    assert jobs.done == ["late"]


def test_a_database_that_is_away_for_a_moment_does_not_end_it(running):
    jobs = Jobs("a")
    jobs.is_away = True
    running(jobs, poll_seconds=0.05)

    assert jobs.idle.wait(WAIT_SECONDS)
    assert jobs.done == ["a"]


def test_it_sweeps_first_and_not_at_every_round(running):
    jobs = Jobs("a", "b")
    running(jobs, sweep_seconds=3600)

    assert jobs.idle.wait(WAIT_SECONDS)
    assert jobs.swept == 1


class Signs:
    """What was stored of a job under way; `failing` are raised in the place of the first ones."""

    def __init__(self, *failing: Exception) -> None:
        self.failing = list(failing)
        self.stored: list[SignOfLife] = []
        self.tries = 0
        self.changed = threading.Condition()

    def extend(self, sign: SignOfLife) -> None:
        with self.changed:
            self.tries += 1
            self.changed.notify_all()
            if self.failing:
                raise self.failing.pop(0)
            self.stored.append(sign)

    def wait_until(self, is_so) -> None:
        with self.changed:
            assert self.changed.wait_for(is_so, WAIT_SECONDS)


CLOCK = FakeClock(datetime(2018, 6, 1, tzinfo=UTC))
OFTEN = ClaimTimes(duration=timedelta(seconds=60), progress_every=timedelta(seconds=0.01))
SHORT = ClaimTimes(duration=timedelta(seconds=0.04), progress_every=timedelta(seconds=60))


def test_progress_is_stored_when_it_changed_however_often_it_is_reported():
    signs = Signs()
    with holding(signs.extend, OFTEN, clock=CLOCK) as report:
        for rows in range(1, 100_001):
            report(rows, 100_000)
        signs.wait_until(lambda: signs.stored and signs.stored[-1].rows_done == 100_000)

    assert signs.stored[-1] == SignOfLife(CLOCK.now() + OFTEN.duration, 100_000, 100_000)
    assert len(signs.stored) < 1_000


def test_a_claim_is_extended_before_it_ends_also_without_progress():
    signs = Signs()
    with holding(signs.extend, SHORT, clock=CLOCK):
        signs.wait_until(lambda: len(signs.stored) >= 3)

    assert set(signs.stored) == {SignOfLife(CLOCK.now() + SHORT.duration, 0, None)}


def test_what_could_not_be_stored_is_stored_the_next_time():
    signs = Signs(Unavailable("The database does not answer."), ValueError("x"))
    with holding(signs.extend, OFTEN, clock=CLOCK) as report:
        report(7)
        signs.wait_until(lambda: signs.stored)

    assert [sign.rows_done for sign in signs.stored] == [7]


def test_a_lost_claim_gives_no_more_signs_of_life_and_ends_at_the_block():
    signs = Signs(ClaimLost("Another worker took it."))
    with structlog.testing.capture_logs() as logs:  # noqa: SIM117
        with holding(signs.extend, OFTEN, clock=CLOCK) as report:
            report(1)
            signs.wait_until(lambda: signs.tries == 1)
            report(2)
            raise ClaimLost("Another worker took it.")

    assert (signs.tries, signs.stored) == (1, [])
    assert [line["event"] for line in logs] == ["claim_lost"]


def test_any_other_failure_of_the_work_leaves_the_block():
    with pytest.raises(LookupError), holding(Signs().extend, OFTEN, clock=CLOCK):
        raise LookupError
