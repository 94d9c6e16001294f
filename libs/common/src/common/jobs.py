"""Jobs that are claimed in the database: claim, sign of life, and a lost claim.

Any number of runners, in any number of processes, work side by side. A claim ends unless its
worker extends it. Then another worker may take the job over under a new attempt, and the first
one can store nothing more.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

import structlog

from common.clock import Clock, boottime
from common.errors import ClaimLost, Unavailable
from common.workers import Worker

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EXTENSIONS: Final = 4
"""How often a claim is extended before it would end."""
WAKE_SECONDS: Final = 0.1
"""How long a runner that rests may take to see that it has to stop."""

Job = TypeVar("Job")


@dataclass(frozen=True, slots=True)
class Claim(Generic[Job]):
    """One attempt at one job."""

    job: Job
    attempt: UUID


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """What a worker stores while it works."""

    claimed_until: datetime
    rows_done: int
    rows_total: int | None


class Report(Protocol):
    """Takes the progress of a job as often as the work likes; it is stored now and then."""

    def __call__(self, rows_done: int, rows_total: int | None = None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTimes:
    """How long a claim holds, and how often progress is stored."""

    duration: timedelta
    """A worker without a sign of life for so long counts as lost."""
    progress_every: timedelta = timedelta(seconds=1)
    """How often at most progress is stored."""


@contextmanager
def holding(
    extend: Callable[[SignOfLife], None],
    times: ClaimTimes,
    *,
    clock: Clock,
    log_: structlog.stdlib.BoundLogger = log,
) -> Iterator[Report]:
    """Keep a claim while the block works on its job, from a thread beside it.

    `extend` stores a sign of life, and raises `ClaimLost` where another attempt has begun; the work
    finds that out when it wants to store its result. A `ClaimLost` that leaves the block ends here.
    """
    keeper = _Keeper(extend, times, clock, log_)
    thread = threading.Thread(target=keeper.run, name="claim-keeper", daemon=True)
    thread.start()
    try:
        yield keeper.report
    except ClaimLost:
        log_.warning("claim_lost")
    finally:
        keeper.over.set()
        thread.join()


class _Keeper:
    def __init__(
        self,
        extend: Callable[[SignOfLife], None],
        times: ClaimTimes,
        clock: Clock,
        log_: structlog.stdlib.BoundLogger,
    ) -> None:
        self.over = threading.Event()
        self._extend = extend
        self._times = times
        self._clock = clock
        self._log = log_
        self._reported: tuple[int, int | None] = (0, None)

    def report(self, rows_done: int, rows_total: int | None = None) -> None:
        self._reported = (rows_done, rows_total)

    def run(self) -> None:
        extends = self._times.duration.total_seconds() / EXTENSIONS
        every = min(extends, self._times.progress_every.total_seconds())
        stored, extend_at = self._reported, boottime() + extends
        while not self.over.wait(every):
            reported = self._reported
            if reported == stored and boottime() < extend_at:
                continue
            try:
                self._extend(SignOfLife(self._clock.now() + self._times.duration, *reported))
            except ClaimLost:
                return
            except Exception as error:  # noqa: BLE001 - a database that is away may be back next time
                self._log.warning("claim_not_extended", error=type(error).__name__)
            else:
                stored, extend_at = reported, boottime() + extends


class Jobs(Protocol[Job]):
    """One kind of job."""

    def claim(self) -> Claim[Job] | None:
        """Claim the next job; None where there is none."""

    def run(self, claim: Claim[Job]) -> None:
        """Do the job, and store what became of it."""

    def sweep(self) -> None:
        """Clean up behind jobs that are over."""


class Runner(Generic[Job]):
    """One thread of work on one kind of job."""

    def __init__(
        self,
        name: str,
        jobs: Jobs[Job],
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
        self._jobs.run(claim)
        return True

    def _rest(self, stop: threading.Event) -> None:
        """Wait until woken, or for as long as a missed wake-up may go unnoticed."""
        self._wake.clear()
        deadline = boottime() + self._poll_seconds
        while not stop.is_set() and boottime() < deadline:
            if self._wake.wait(min(WAKE_SECONDS, self._poll_seconds)):
                return

    def _sweep_when_due(self) -> None:
        if self._sweep_seconds is None or boottime() < self._next_sweep:
            return
        self._next_sweep = boottime() + self._sweep_seconds
        self._jobs.sweep()


def runners(
    kind: str,
    jobs: Jobs[Job],
    *,
    threads: int,
    wake: threading.Event,
    poll_seconds: float,
    sweep_seconds: float,
) -> Sequence[Worker]:
    """Return the workers on one kind of job; the first of them sweeps too."""
    return [
        Runner(
            f"{kind}-{number}",
            jobs,
            wake=wake,
            poll_seconds=poll_seconds,
            sweep_seconds=sweep_seconds if number == 0 else None,
        )
        for number in range(threads)
    ]
