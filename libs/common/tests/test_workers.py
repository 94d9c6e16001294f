"""Workers stop when they are told to, and start again when they fail."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from common import workers


class Waits:
    name = "waits"

    def __init__(self) -> None:
        self.started = threading.Event()

    def run(self, stop: threading.Event) -> None:
        self.started.set()
        stop.wait()


class FailsOnce:
    name = "fails-once"

    def __init__(self) -> None:
        self.runs = 0
        self.recovered = threading.Event()

    def run(self, stop: threading.Event) -> None:
        self.runs += 1
        if self.runs == 1:
            raise ConnectionError
        self.recovered.set()
        stop.wait()


def test_all_of_them_run_until_they_are_told_to_stop():
    several = [Waits(), Waits()]
    stop = threading.Event()
    threads = workers.start(several, stop)
    assert all(worker.started.wait(30) for worker in several)

    stop.set()

    assert workers.join(threads, timeout_seconds=30) == []


def test_one_that_fails_is_started_again(monkeypatch):
    monkeypatch.setattr(workers, "PAUSE_SECONDS_MIN", 0.01)
    worker = FailsOnce()
    stop = threading.Event()
    threads = workers.start([worker], stop)

    assert worker.recovered.wait(30)
    stop.set()
    assert workers.join(threads, timeout_seconds=30) == []


def test_one_that_does_not_stop_is_named():
    blocked = threading.Event()

    class Deaf:
        name = "deaf"

        def run(self, stop: threading.Event) -> None:
            blocked.wait()

    stop = threading.Event()
    threads = workers.start([Deaf()], stop)
    stop.set()

    assert workers.join(threads, timeout_seconds=0.1) == ["deaf"]
    blocked.set()
    assert workers.join(threads, timeout_seconds=30) == []


def test_run_all_returns_when_it_is_told_to_stop():
    worker = Waits()
    stop = threading.Event()
    runner = threading.Thread(target=workers.run_all, args=([worker], stop))
    runner.start()
    assert worker.started.wait(30)

    stop.set()
    runner.join(30)

    assert not runner.is_alive()


@pytest.fixture
def signals() -> Iterator[None]:
    former = {number: signal.getsignal(number) for number in workers.ENDING}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_a_second_signal_inside_the_first_does_not_wait_for_it() -> None:
    """Guard: `when_told_to_end`. A terminal's SIGINT and a supervisor's SIGTERM come together."""
    lock, ended, over = threading.Lock(), [], threading.Event()

    def end() -> None:
        with lock:
            ended.append(1)
            for number in workers.ENDING:
                os.kill(os.getpid(), number)
                time.sleep(0.001)  # where Python looks for signals
        over.set()

    workers.when_told_to_end(end)
    os.kill(os.getpid(), signal.SIGINT)
    assert over.wait(30)

    assert ended == [1]
