"""A runner works jobs off, rests where there are none, and cleans up now and then."""

import threading

import pytest

from common.errors import Unavailable
from pseudonymisation.intake.adapters.runner import Runner

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

    def run(self, claim: str, beat) -> None:
        beat()
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
