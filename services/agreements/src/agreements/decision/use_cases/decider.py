"""One thread that decides all waiting questions at once: a decision costs a part of a commit.

While one batch is on its way to the disk, the next one gathers; so the batches grow with the load,
and each question still gets a snapshot that began after it arrived (design.md section 5).
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from agreements.decision.domain.errors import Contended, DigestDiffers, EvidenceRefused
from agreements.decision.use_cases.asking import (
    Answer,
    AnswerOrError,
    Ask,
    AskFetch,
    AskMatch,
    AskReidentify,
    AskRelease,
    AskRequest,
    AskReturnScores,
)
from agreements.decision.use_cases.decide_fetch import decide_fetch
from agreements.decision.use_cases.decide_match import decide_match
from agreements.decision.use_cases.decide_reidentify import decide_reidentify
from agreements.decision.use_cases.decide_release import decide_release
from agreements.decision.use_cases.decide_request import decide_request
from agreements.decision.use_cases.decision_batch import DecisionBatch
from agreements.decision.use_cases.permission_cache import PermissionCache
from agreements.decision.use_cases.ports import DecisionLog, DecisionLogs
from common.clock import Clock
from common.errors import AppError, DecisionUnavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Tell = Callable[[AnswerOrError], None]
"""Called once with what was decided, or why nothing was."""

BATCH_MAX = 256
WAITING_MAX = 4096
ATTEMPTS_MAX = 5
STOP_SECONDS = 10
HANDED_OVER_SECONDS_MAX = 0.01
"""A loop that stands still keeps nobody else waiting for longer."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    ask: Ask
    tell: Tell
    loop: asyncio.AbstractEventLoop | None
    """In whose thread it is told; None: in the decider's."""


class Decider:
    """Begins with the first question; stop it after the last."""

    def __init__(self, logs: DecisionLogs, clock: Clock) -> None:
        self._logs = logs
        self._clock = clock
        self._cache = PermissionCache()
        self._waiting: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._stopping = False
        self._waking: set[asyncio.AbstractEventLoop] = set()
        """Loops that are about to."""
        self._told: set[asyncio.AbstractEventLoop] = set()
        """Loops that were given answers, and have not handed over what came meanwhile."""
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
        self.ask_then(ask, partial(_settle, answered), loop)
        return await answered

    def ask_then(self, ask: Ask, tell: Tell, loop: asyncio.AbstractEventLoop) -> None:
        """Have the logged answer told in the thread of that loop, which is the caller's.

        Raises:
            Unavailable: nothing was asked, and nothing will be told.

        """
        self._put(_Waiting(ask, tell, loop))
        if loop not in self._waking:
            # Whatever else has arrived with this one is decided with it: the loop puts it first.
            self._waking.add(loop)
            loop.call_soon(self._wake, loop)

    def ask_and_wait(self, ask: Ask, *, timeout_seconds: float = 30) -> Answer:
        """Ask from a thread."""
        answered: Future[Answer] = Future()
        self._put(_Waiting(ask, partial(_settle, answered), None))
        self._wake()
        return answered.result(timeout_seconds)

    def _put(self, waiting: _Waiting) -> None:
        with self._lock:
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
        while waiting := self._next():
            asks = [one.ask for one in waiting]
            results = decide_all(asks, logs=self._logs, clock=self._clock, cache=self._cache)
            self._tell_all(waiting, results)

    def _next(self) -> list[_Waiting]:
        """Take all that wait; nothing once it is stopped and nobody waits.

        Whoever was just answered asks the next at once, and their loop hands it over in the turns
        after the answers; to begin before halves the batches (docs/adr/0182).
        """
        with self._changed:
            self._changed.wait_for(self._may_begin, HANDED_OVER_SECONDS_MAX)
            self._told.clear()
            while not self._waiting and not self._stopping:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]

    def _may_begin(self) -> bool:
        return not self._told or self._stopping

    def _tell_all(self, batch: Sequence[_Waiting], results: Sequence[AnswerOrError]) -> None:
        """Wake each event loop once, however many of its questions were answered."""
        by_loop: dict[asyncio.AbstractEventLoop | None, list[tuple[Tell, AnswerOrError]]] = {}
        for waiting, result in zip(batch, results, strict=True):
            by_loop.setdefault(waiting.loop, []).append((waiting.tell, result))
        for loop, told in by_loop.items():
            if loop is None:
                _tell_each(told)
            elif not loop.is_closed():
                with self._lock:
                    self._told.add(loop)
                loop.call_soon_threadsafe(self._tell_in, loop, told)

    def _tell_in(
        self, loop: asyncio.AbstractEventLoop, told: Sequence[tuple[Tell, AnswerOrError]]
    ) -> None:
        """Tell them in their loop, and let it take up what came meanwhile before it says so."""
        _tell_each(told)
        loop.call_soon(loop.call_soon, self._handed_over, loop)

    def _handed_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._changed:
            self._told.discard(loop)
            self._changed.notify()


def decide_all(
    asks: Sequence[Ask], *, logs: DecisionLogs, clock: Clock, cache: PermissionCache
) -> Sequence[AnswerOrError]:
    """Decide all of them in one transaction; the log has every answer before this returns.

    A question that cannot be decided has its error in its place.
    """
    try:
        for _ in range(ATTEMPTS_MAX):
            with suppress(Contended), logs.writing() as tx:
                batch = DecisionBatch(asks, tx, clock, cache)
                answers = [decide_one(ask, batch, tx) for ask in asks]
                tx.append(batch.written)
                return answers
            log.info("decisions_contended", questions=len(asks))
        raise DecisionUnavailable("Others decide about the same at the same time; try again.")
    except AppError as error:
        log.warning("decisions_not_made", code=error.code, questions=len(asks))
        return [error] * len(asks)
    except Exception as error:
        # A question that breaks the judge must not take the others with it.
        if len(asks) == 1:
            log.exception("decision_failed")
            return [error]
        return [
            answer
            for ask in asks
            for answer in decide_all([ask], logs=logs, clock=clock, cache=cache)
        ]


def decide_one(ask: Ask, batch: DecisionBatch, tx: DecisionLog) -> AnswerOrError:
    """Decide one question of a batch; one without proof of who asks is an error in its place."""
    tx.broken()  # what the question before left behind is not this one's
    try:
        match ask:
            case AskRequest():
                return decide_request(ask, batch, tx)
            case AskRelease():
                return decide_release(ask, batch, tx)
            case AskFetch():
                return decide_fetch(ask, batch, tx)
            case AskReidentify():
                return decide_reidentify(ask, batch, tx)
            case AskMatch() | AskReturnScores():
                return decide_match(ask, batch, tx)
    except (EvidenceRefused, DigestDiffers) as error:
        return error


def _tell_each(told: Sequence[tuple[Tell, AnswerOrError]]) -> None:
    for tell, result in told:
        try:
            tell(result)
        except Exception:
            # Whoever cannot be told must not keep the others from it.
            log.exception("answer_not_told")


def _settle(answered: "Future[Answer] | asyncio.Future[Answer]", result: AnswerOrError) -> None:
    """Give the result to whoever still waits."""
    if answered.done():
        return
    if isinstance(result, BaseException):
        answered.set_exception(result)
    else:
        answered.set_result(result)
