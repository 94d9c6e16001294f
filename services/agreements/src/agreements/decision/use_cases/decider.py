"""One thread that hears all waiting questions at once: a durable decision costs a part of a commit.

While one batch is on its way to the disk, the next one gathers; so the batches grow with the load,
and each question still gets a snapshot that began after it arrived (design.md section 5).
"""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import structlog

from agreements.decision.use_cases.asking import Answer, Ask, Outcome
from agreements.decision.use_cases.hearing import Verdicts, hear
from agreements.decision.use_cases.ports import Contended, DecisionLogs
from common.clock import Clock
from common.errors import AppError, DecisionUnavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH_MAX = 256
WAITING_MAX = 4096
ATTEMPTS_MAX = 5
STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class _Waiting:
    ask: Ask
    answered: "Future[Answer] | asyncio.Future[Answer]"
    loop: asyncio.AbstractEventLoop | None

    def settle(self, outcome: Outcome) -> None:
        """Give the outcome to whoever still waits, in the thread of its loop, where it has one."""
        if self.answered.done():
            return
        if isinstance(outcome, BaseException):
            self.answered.set_exception(outcome)
        else:
            self.answered.set_result(outcome)


class Decider:
    """Begins with the first question; stop it after the last."""

    def __init__(self, logs: DecisionLogs, clock: Clock) -> None:
        self._logs = logs
        self._clock = clock
        self._verdicts = Verdicts()
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._waking: set[asyncio.AbstractEventLoop] = set()
        """Loops that are about to."""
        self._thread: threading.Thread | None = None

    def stop(self) -> None:
        """Answer what is waiting, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(STOP_SECONDS)

    async def ask(self, ask: Ask) -> Answer:
        """Wait for the logged answer. Raises Unavailable, EvidenceRefused, DigestDiffers."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        self._put(_Waiting(ask, answered, loop))
        if loop not in self._waking:
            # Whatever else has arrived with this one is heard with it: the loop puts it first.
            self._waking.add(loop)
            loop.call_soon(self._wake, loop)
        return await answered

    def ask_and_wait(self, ask: Ask, *, timeout_seconds: float = 30) -> Answer:
        """Ask from a thread."""
        answered: Future[Answer] = Future()
        self._put(_Waiting(ask, answered, None))
        self._wake()
        return answered.result(timeout_seconds)

    def _put(self, waiting: _Waiting) -> None:
        with self._changed:
            if self._stopping or len(self._waiting) >= WAITING_MAX:
                raise DecisionUnavailable("Too many questions are waiting; try again.")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="decider", daemon=True)
                self._thread.start()
            self._waiting.append(waiting)

    def _wake(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        if loop is not None:
            self._waking.discard(loop)
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while batch := self._next():
            _tell(batch, self._outcomes([waiting.ask for waiting in batch]))

    def _next(self) -> list[_Waiting]:
        """Take all that wait; nothing once it is stopped and nobody waits."""
        with self._changed:
            while not self._waiting and not self._stopping:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]

    def _outcomes(self, asks: Sequence[Ask]) -> Sequence[Outcome]:
        try:
            return self._heard(asks)
        except AppError as error:
            log.warning("decisions_not_made", code=error.code, questions=len(asks))
            return [error] * len(asks)
        except Exception as error:
            # A question that breaks the judge must not take the others with it.
            if len(asks) == 1:
                log.exception("decision_failed")
                return [error]
            return [outcome for ask in asks for outcome in self._outcomes([ask])]

    def _heard(self, asks: Sequence[Ask]) -> Sequence[Outcome]:
        for _ in range(ATTEMPTS_MAX):
            try:
                return hear(asks, logs=self._logs, clock=self._clock, verdicts=self._verdicts)
            except Contended:
                log.info("decisions_contended", questions=len(asks))
        raise DecisionUnavailable("Others decide about the same at the same time; try again.")


def _tell(batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    """Wake each event loop once, however many of its questions were answered."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[tuple[_Waiting, Outcome]]] = {}
    for waiting, outcome in zip(batch, outcomes, strict=True):
        by_loop.setdefault(waiting.loop, []).append((waiting, outcome))
    for loop, settled in by_loop.items():
        if loop is None:
            _settle(settled)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_settle, settled)


def _settle(settled: Sequence[tuple[_Waiting, Outcome]]) -> None:
    for waiting, outcome in settled:
        waiting.settle(outcome)
