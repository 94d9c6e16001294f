"""A worker that takes jobs one after another, and now and then cleans up behind all of them.

Jobs are claimed in the database, so that any number of runners, in any number of processes,
work side by side, and a job whose runner was killed is taken over.
"""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import structlog

from common.clock import boottime
from common.errors import Unavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Claim = TypeVar("Claim")


class Jobs(Protocol[Claim]):
    """Something to do, again and again."""

    def claim(self) -> Claim | None:
        """Take the next job; None where there is none."""

    def run(self, claim: Claim, beat: Callable[[], None]) -> None:
        """Do it; call `beat` now and then as a sign of life."""

    def sweep(self) -> None:
        """Clean up behind jobs that are over."""


class Runner(Generic[Claim]):
    """One thread of work on one kind of job."""

    def __init__(
        self,
        name: str,
        jobs: Jobs[Claim],
        *,
        wake: threading.Event,
        poll_seconds: float,
        sweep_seconds: float | None = None,
    ) -> None:
        """`wake` is set when there may be something to do; None: this runner never sweeps."""
        self.name = name
        self._jobs = jobs
        self._wake = wake
        self._poll_seconds = poll_seconds
        self._sweep_seconds = sweep_seconds
        self._next_sweep = 0.0
        self.last_beat = boottime()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. A job that is under way is finished first."""
        while not stop.is_set():
            try:
                self._sweep_when_due()
                did_something = self._one()
            except Unavailable as away:
                # The job's row says what became of it; here only the next one waits.
                log.warning("runner_waits", runner=self.name, code=away.code)
                did_something = False
            if not did_something:
                self._rest(stop)

    def _one(self) -> bool:
        claim = self._jobs.claim()
        if claim is None:
            return False
        self._jobs.run(claim, self._beat)
        return True

    def _rest(self, stop: threading.Event) -> None:
        """Wait for a sign, or for as long as one that was missed may go unnoticed."""
        self._beat()
        self._wake.clear()
        deadline = boottime() + self._poll_seconds
        while not stop.is_set() and boottime() < deadline:
            if self._wake.wait(min(0.1, self._poll_seconds)):
                return

    def _beat(self) -> None:
        self.last_beat = boottime()

    def _sweep_when_due(self) -> None:
        if self._sweep_seconds is None or boottime() < self._next_sweep:
            return
        self._next_sweep = boottime() + self._sweep_seconds
        self._jobs.sweep()
