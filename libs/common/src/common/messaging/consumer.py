"""From the event log to a service's handlers.

A message is committed once its handler has returned, so one that was under way when the
process died comes again: handlers ask `common.db.inbox` in their own transaction. What
fails is tried again; what fails for good is laid aside with its reason, and the rest goes
on. While something that a handler needs is away, nothing is laid aside: the consumer waits.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import Engine

from common.clock import Clock, SystemClock, boottime
from common.errors import Conflict, Unavailable
from common.messaging import dead_letters
from common.messaging.backoff import Backoff
from common.messaging.context import bound
from common.messaging.envelope import Event, Message, MessageMalformed
from common.messaging.port import EventLog, Received, Subscription

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Handler = Callable[[Event], None]

POLL_SECONDS = 0.5
DEAD_LETTER_SUFFIX = ".dead-letter"
AWAY = Backoff(base_seconds=0.2, max_seconds=30.0)
"""While something is away, or the log itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a handler is tried. In all well below a Kafka group's patience (5 min)."""

    attempts: int = 5
    backoff: Backoff = field(default=Backoff(base_seconds=0.1, max_seconds=5.0))


class ReplayFailed(Conflict):
    code = "REPLAY_FAILED"
    title = "The dead letter could not be processed again"


class _Stopped(Exception):
    """Told to stop between two attempts; the message comes again."""


class Consumer:
    def __init__(
        self,
        name: str,
        log: EventLog,
        topics: Sequence[str],
        handlers: Mapping[str, Handler],
        *,
        engine: Engine,
        clock: Clock | None = None,
        retries: Retries | None = None,
        away: Backoff = AWAY,
    ) -> None:
        """`name` is the consumer group, and who owns the dead letters: the service's name.

        Types without a handler are passed over.
        """
        self.name = name
        self._log = log
        self._topics = tuple(topics)
        self._handlers = handlers
        self._engine = engine
        self._clock = clock or SystemClock()
        self._retries = retries or Retries()
        self._away = away

    def run(self, stop: threading.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                with self._log.subscribe(self.name, self._topics) as subscription:
                    while not stop.is_set():
                        if self._turn(subscription, stop):
                            failures = 0
            except Unavailable as away:
                # What was not committed comes again, in its order, when we are back.
                failures += 1
                log.warning("consumer_waits", code=away.code, failures=failures)
                stop.wait(self._away.seconds(failures))
            except _Stopped:
                return

    def replay(self, dead_letter_id: UUID) -> None:
        """Hand a dead letter to its handler once more.

        Raises DeadLetterNotFound, or ReplayFailed with the new reason.
        """
        letter = dead_letters.find(self._engine, dead_letter_id)
        if letter.consumer != self.name:
            raise dead_letters.DeadLetterNotFound(f"It is a dead letter of {letter.consumer}.")
        try:
            event = letter.received.event()
            with bound(event):
                self._handlers[event.type](event)
        except Exception as failure:
            reason = dead_letters.reason_of(failure)
            dead_letters.note_replay(self._engine, letter, at=self._clock.now(), reason=reason)
            raise ReplayFailed(reason) from failure
        dead_letters.note_replay(self._engine, letter, at=self._clock.now(), reason=None)
        log.info("dead_letter_replayed", dead_letter_id=str(letter.id), event_type=event.type)

    def _turn(self, subscription: Subscription, stop: threading.Event) -> int:
        """Handle what one poll brought; return how much it was."""
        began = boottime()
        batch = subscription.poll(POLL_SECONDS)
        if not batch:
            # With no broker to ask, Kafka's consumer returns at once.
            stop.wait(max(0.0, began + POLL_SECONDS - boottime()))
        for received in batch:
            if stop.is_set():
                raise _Stopped
            self._handle(received, stop)
            subscription.commit(received)
        return len(batch)

    def _handle(self, received: Received, stop: threading.Event) -> None:
        try:
            event = received.event()
        except MessageMalformed as malformed:
            self._lay_aside(received, event=None, failure=malformed, attempts=0)
            return
        handler = self._handlers.get(event.type)
        if handler is None:
            return
        with bound(event):
            for attempt in range(1, self._retries.attempts + 1):
                failure = _attempt(handler, event)
                if failure is None:
                    return
                is_last = attempt == self._retries.attempts
                if is_last and isinstance(failure, Unavailable):
                    raise failure
                # What a reader cannot read will not become readable.
                if is_last or isinstance(failure, ValidationError):
                    self._lay_aside(received, event=event, failure=failure, attempts=attempt)
                    return
                reason = dead_letters.reason_of(failure)
                log.warning("event_not_handled", attempt=attempt, reason=reason)
                if stop.wait(self._retries.backoff.seconds(attempt)):
                    raise _Stopped

    def _lay_aside(
        self, received: Received, *, event: Event | None, failure: Exception, attempts: int
    ) -> None:
        reason = dead_letters.reason_of(failure)
        id_ = dead_letters.lay_aside(
            self._engine,
            received,
            consumer=self.name,
            event=event,
            reason=reason,
            attempts=attempts,
            at=self._clock.now(),
        )
        # The copy is for whoever watches the log; what is replayed is our own.
        message = received.message
        self._log.append(
            Message(
                topic=f"{message.topic}{DEAD_LETTER_SUFFIX}",
                key=message.key,
                value=message.value,
                headers={
                    **message.headers,
                    "dsfc_dead_letter": str(id_).encode(),
                    "dsfc_consumer": self.name.encode(),
                    "dsfc_reason": reason.encode(),
                    "dsfc_attempts": str(attempts).encode(),
                },
            )
        )
        log.error("event_dead_lettered", dead_letter_id=str(id_), reason=reason)


def _attempt(handler: Handler, event: Event) -> Exception | None:
    try:
        handler(event)
    except Exception as failure:  # noqa: BLE001  whatever it is, the rest must go on
        return failure
    return None
