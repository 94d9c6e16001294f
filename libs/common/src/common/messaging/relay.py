"""From the outbox to the event log: at least once, in order per aggregate.

One leader publishes; others stand by. What was published and not yet marked when the
process died is published again, and refused by its readers' inbox.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from common import faults
from common.clock import Clock, SystemClock
from common.db import engine as engines
from common.db import outbox
from common.db.unit_of_work import translated
from common.errors import Unavailable
from common.messaging.backoff import Backoff
from common.messaging.leadership import Holds, leadership
from common.messaging.port import EventLog

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH = 200
STANDBY_SECONDS = 1.0
IDLE = Backoff(base_seconds=0.05, max_seconds=0.5)
"""How soon an event that another process stored is seen; one of this process is at once."""

FAILED = Backoff(base_seconds=0.1, max_seconds=10.0)


@dataclass(frozen=True, slots=True)
class Drained:
    found: int
    published: int


class Relay:
    def __init__(
        self, engine: Engine, log: EventLog, *, clock: Clock | None = None, batch: int = BATCH
    ) -> None:
        self.name = "relay"
        self._engine = engine
        self._log = log
        self._clock = clock or SystemClock()
        self._batch = batch
        self._woken = threading.Event()

    def run(self, stop: threading.Event) -> None:
        away = 0
        with self._woken_by_commits():
            while not stop.is_set():
                try:
                    with translated(), leadership(self._engine, "relay") as holds:
                        if holds is not None:
                            self._lead(holds, stop)
                except Unavailable as failure:
                    away += 1
                    log.warning("relay_waits", code=failure.code, failures=away)
                    stop.wait(FAILED.seconds(away))
                else:
                    away = 0  # and not before: a leader may find no tables, again and again
                    stop.wait(STANDBY_SECONDS)

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    def drain(self) -> Drained:
        """Publish one batch, oldest first."""
        with translated(), Session(engines.reading(self._engine)) as session:
            pending = outbox.pending(session, self._batch)
        if not pending:
            return Drained(0, 0)
        published = self._log.publish([one.event for one in pending])
        faults.reach("relay-published")
        with (
            translated(),
            Session(engines.writing(self._engine)) as session,
            session.begin(),
        ):
            seqs = [one.seq for one in pending[:published]]
            outbox.mark(session, seqs, self._clock.now())
        return Drained(len(pending), published)

    def _lead(self, holds: Holds, stop: threading.Event) -> None:
        log.info("relay_leads")
        failures = idle = 0
        while True:
            self._woken.clear()  # before it looks: who stops it wakes it afterwards
            if stop.is_set() or not holds():
                return
            drained = self.drain()
            if drained.published < drained.found:
                failures += 1
                log.warning(
                    "events_not_published",
                    pending=drained.found - drained.published,
                    oldest_pending_seconds=self._oldest_pending_seconds(),
                    failures=failures,
                )
                stop.wait(FAILED.seconds(failures))
            elif drained.found:
                failures = idle = 0
            else:
                idle += 1
                self._woken.wait(IDLE.seconds(idle))

    def _oldest_pending_seconds(self) -> float:
        with translated(), Session(engines.reading(self._engine)) as session:
            return outbox.oldest_pending_seconds(session, self._clock.now())

    @contextmanager
    def _woken_by_commits(self) -> Iterator[None]:
        """Wake the relay: an event that this process commits is published in a moment."""

        def committed(session: AnySession) -> None:
            bind = session.get_bind()
            if bind.engine.pool is self._engine.pool and session.info.pop(outbox.WAKE, False):
                self._woken.set()

        event.listen(AnySession, "after_commit", committed)
        try:
            yield
        finally:
            event.remove(AnySession, "after_commit", committed)
