"""What runs beside the API: relays, consumers, checkpoints, jobs. One thread each."""

import signal
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PAUSE_SECONDS_MIN = 0.5
PAUSE_SECONDS_MAX = 30.0
ENDING = (signal.SIGTERM, signal.SIGINT)


class Worker(Protocol):
    """Something that goes on until it is told to stop."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then return soon; wait with `stop.wait(seconds)`."""


def start(workers: Sequence[Worker], stop: threading.Event) -> list[threading.Thread]:
    """Start a thread a worker. A worker that fails is started again, ever more slowly."""
    threads = [
        threading.Thread(target=_keep_running, args=(worker, stop), name=worker.name, daemon=True)
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    return threads


def join(threads: Sequence[threading.Thread], *, timeout_seconds: float) -> list[str]:
    """Wait for all of them together; return the names of those still running."""
    pause = threading.Event()
    remaining = timeout_seconds
    step = 0.05
    while remaining > 0 and any(thread.is_alive() for thread in threads):
        pause.wait(step)
        remaining -= step
    return [thread.name for thread in threads if thread.is_alive()]


def when_told_to_end(end: Callable[[], None]) -> None:
    """Call `end` at the first SIGTERM or SIGINT of this process, and take no notice of others.

    A second one comes at once, from a terminal and from whoever started us: it would be handled
    inside the first, which may hold the very lock that `end` needs.
    """

    def first(*_: object) -> None:
        for number in ENDING:
            signal.signal(number, _no_more)
        end()

    for number in ENDING:
        signal.signal(number, first)


def _no_more(*_: object) -> None:
    """Take a signal that was said before."""


def run_all(workers: Sequence[Worker], stop: threading.Event | None = None) -> None:
    """Run them until `stop` is set; in the main thread SIGTERM and SIGINT set it too."""
    stop = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        when_told_to_end(stop.set)
    threads = start(workers, stop)
    stop.wait()
    for thread in threads:
        thread.join()


def _keep_running(worker: Worker, stop: threading.Event) -> None:
    structlog.contextvars.bind_contextvars(worker=worker.name)
    pause_seconds = PAUSE_SECONDS_MIN
    while not stop.is_set():
        try:
            worker.run(stop)
        except Exception:
            # A database that went away must not end the relay for good.
            log.exception("worker_failed", pause_seconds=pause_seconds)
            stop.wait(pause_seconds)
            pause_seconds = min(pause_seconds * 2, PAUSE_SECONDS_MAX)
        else:
            return
