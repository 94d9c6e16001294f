"""From the log to the handlers, on SQLite and PostgreSQL: twice, late, out of order, poison."""

import re
import threading
import time
from uuid import uuid4

import pytest
import structlog
from asgi_correlation_id.context import correlation_id
from opentelemetry import trace
from pydantic import BaseModel
from sqlmodel import Session

from common.db import engine as engines
from common.db import inbox, outbox
from common.errors import NotFound, Unavailable
from common.http import RemoteProblem
from common.messaging import consumer as consumers
from common.messaging import dead_letters
from common.messaging.backoff import Backoff
from common.messaging.consumer import Consumer, ReplayFailed, Retries
from common.messaging.envelope import Message
from common.messaging.errors import EventLogUnavailable
from common.messaging.relay import Relay

TYPE = "tests.thing-happened.v1"
TOPIC = "tests.thing"
PERSON = "9990000018"
SOON = Backoff(base_seconds=0.001, max_seconds=0.01)


class Effects:
    """A handler as services write it: asks the inbox, and acts in the same transaction.

    `failing` says what to raise instead, for as many times.
    """

    def __init__(self, engine, *failing):
        self.engine = engine
        self.failing = list(failing)
        self.calls = 0
        self.of = []

    def __call__(self, event):
        self.calls += 1
        with Session(engines.writing(self.engine)) as session, session.begin():
            if not inbox.accept(session, consumer="readers", event=event):
                return
            if self.failing and (failure := self.failing.pop(0)) is not None:
                raise failure
        self.of.append((event.aggregate_id, event.aggregate_version))

    def versions(self, thing):
        return [version for name, version in self.of if name == str(thing)]


@pytest.fixture
def consuming(engine, embedded_log, running, clock):
    """`with consuming(handler) as consumer:` runs a consumer that is quick to try again."""

    def make(handler, log=embedded_log, topics=(TOPIC,), attempts=3):
        consumer = Consumer(
            "readers",
            log,
            topics,
            {TYPE: handler},
            engine=engine,
            clock=clock,
            retries=Retries(attempts=attempts, backoff=SOON),
            away=SOON,
        )
        consumer.running = lambda: running(consumer)
        return consumer

    return make


@pytest.fixture
def committed(embedded_log):
    """Whether the group has committed all that is on the topic."""

    def all_is(topic=TOPIC):
        with embedded_log.subscribe("readers", [topic]) as subscription:
            return subscription.poll(0) == []

    return all_is


def letters(engine):
    return dead_letters.listed(engine)


def test_what_was_handled_is_committed_and_does_not_come_again(
    engine, embedded_log, consuming, happened, until
):
    effects = Effects(engine)
    first, second = happened(), happened()
    embedded_log.publish([first])
    with consuming(effects).running():
        until(lambda: len(effects.of) == 1)
    embedded_log.publish([second])
    with consuming(effects).running():
        until(lambda: len(effects.of) == 2)

    assert effects.calls == 2
    assert [name for name, _ in effects.of] == [first.aggregate_id, second.aggregate_id]


def test_an_event_delivered_twice_has_one_effect(engine, embedded_log, consuming, happened, until):
    effects = Effects(engine)
    event = happened()
    embedded_log.publish([event, event])
    with consuming(effects).running():
        until(lambda: effects.calls == 2)

    assert len(effects.of) == 1
    assert letters(engine) == []


def test_an_event_that_comes_after_a_newer_one_has_no_effect(
    engine, embedded_log, consuming, happened, until
):
    effects = Effects(engine)
    thing = uuid4()
    older, newer = happened(thing, 1), happened(thing, 2)
    embedded_log.publish([newer, older, happened(thing, 3)])
    with consuming(effects).running():
        until(lambda: effects.calls == 3)

    assert effects.versions(thing) == [2, 3]


class Once(Exception):
    """A crash of the test's own."""


class ForgetsCommits:
    """A log whose first commits are lost, as when the process dies just before them."""

    def __init__(self, log, lost):
        self.log = log
        self.lost = lost
        self.append = log.append

    def subscribe(self, group, topics):
        subscription = self.log.subscribe(group, topics)
        commit = subscription.commit

        def forget(received):
            if self.lost:
                self.lost -= 1
                raise EventLogUnavailable("It died.")
            commit(received)

        subscription.commit = forget
        return subscription


def test_a_consumer_that_died_before_its_commit_has_one_effect(
    engine, embedded_log, consuming, happened, until, committed
):
    """Guard: the handler asks the inbox in its own transaction."""
    effects = Effects(engine)
    thing = uuid4()
    embedded_log.publish([happened(thing, version) for version in range(3)])
    with consuming(effects, ForgetsCommits(embedded_log, 2)).running():
        until(lambda: effects.versions(thing) == [0, 1, 2])

    assert effects.calls == 5
    assert committed()


def test_a_failure_that_passes_is_only_tried_again(
    engine, embedded_log, consuming, happened, until, committed
):
    effects = Effects(engine, Once(), Once())
    embedded_log.publish([happened()])
    with consuming(effects).running():
        until(lambda: len(effects.of) == 1)

    assert effects.calls == 3
    assert letters(engine) == []
    assert committed()


def test_a_poison_message_is_laid_aside_and_the_rest_goes_on(
    engine, embedded_log, consuming, happened, until, clock, drained
):
    poison, good = happened(data={"thing_id": PERSON}), happened()

    def handle(event):
        if event.id == poison.id:
            raise ValueError(f"what is {event.data['thing_id']}")
        handled.append(event.id)

    handled = []
    embedded_log.publish([poison, good])
    with consuming(handle).running():
        until(lambda: handled == [good.id])

    (letter,) = letters(engine)
    assert (letter.event_id, letter.event_type) == (str(poison.id), poison.type)
    assert (letter.consumer, letter.topic, letter.attempts) == ("readers", TOPIC, 3)
    assert letter.failed_at == clock.now()
    assert letter.received.event() == poison
    assert re.match(r"ValueError at [a-z._]*test_consumer:handle:\d+$", letter.reason)
    with embedded_log.subscribe("operators", [f"{TOPIC}.dead-letter"]) as subscription:
        (copy,) = drained(subscription, 1)
    assert copy.message.key == poison.aggregate_id.encode()
    assert copy.message.headers["dsfc_reason"].decode() == letter.reason
    assert copy.message.headers["dsfc_dead_letter"].decode() == str(letter.id)
    assert copy.event().data == poison.data


def test_bytes_that_are_no_event_are_laid_aside_at_once(
    engine, embedded_log, consuming, happened, until
):
    effects = Effects(engine)
    embedded_log.append(Message(topic=TOPIC, key=b"", value=f"{PERSON}!".encode()))
    embedded_log.publish([happened()])
    with consuming(effects).running():
        until(lambda: len(effects.of) == 1)

    (letter,) = letters(engine)
    assert letter.event_id is None
    assert letter.reason.startswith("MessageMalformed: without ")
    assert PERSON not in letter.reason
    assert letter.received.message.value == f"{PERSON}!".encode()


def test_data_that_a_reader_cannot_read_are_laid_aside_at_once(
    engine, embedded_log, consuming, happened, until
):
    class Known(BaseModel):
        thing_id: int

    embedded_log.publish([happened()])
    with consuming(lambda event: Known.model_validate(event.data), attempts=5).running():
        until(lambda: letters(engine))

    (letter,) = letters(engine)
    assert letter.attempts == 1
    assert letter.reason.startswith("ValidationError")


def test_while_something_is_away_nothing_is_laid_aside_and_order_is_kept(
    engine, embedded_log, consuming, happened, until, committed
):
    """Guard: Unavailable ends the turn. Without it an approval would be lost to an outage."""
    effects = Effects(engine, *[Unavailable("away")] * 20)
    thing = uuid4()
    embedded_log.publish([happened(thing, version) for version in range(3)])
    with consuming(effects).running():
        until(lambda: len(effects.of) == 3)

    assert effects.calls == 23
    assert effects.versions(thing) == [0, 1, 2]
    assert letters(engine) == []
    assert committed()


def test_a_consumer_survives_a_log_that_is_away(engine, embedded_log, consuming, happened, until):
    class Away:
        left = 3

        def subscribe(self, group, topics):
            if self.left:
                self.left -= 1
                raise EventLogUnavailable("away")
            return embedded_log.subscribe(group, topics)

    effects = Effects(engine)
    embedded_log.publish([happened()])
    with consuming(effects, Away()).running():
        until(lambda: len(effects.of) == 1)


def test_a_poison_message_is_one_dead_letter_also_when_it_comes_again(
    engine, embedded_log, consuming, happened, until, committed
):
    def handle(_event):
        raise Once

    def copies():
        with embedded_log.subscribe(uuid4().hex, [f"{TOPIC}.dead-letter"]) as subscription:
            return len(subscription.poll(0))

    embedded_log.publish([happened()])
    log = ForgetsCommits(embedded_log, 2)
    with consuming(handle, log).running():
        until(lambda: log.lost == 0)
        until(lambda: copies() == 3)

    assert len(letters(engine)) == 1
    assert committed()


def test_a_type_without_a_handler_is_passed_over(
    engine, embedded_log, consuming, happened, until, committed
):
    effects = Effects(engine)
    embedded_log.publish([happened(type="tests.thing-ended.v1"), happened()])
    with consuming(effects).running():
        until(lambda: len(effects.of) == 1)

    assert letters(engine) == []
    assert committed()


def test_one_that_is_told_to_stop_between_two_attempts_leaves_the_message(
    engine, embedded_log, consuming, happened, until
):
    effects = Effects(engine, *[Once()] * 2)
    embedded_log.publish([happened()])
    consumer = consuming(effects)
    consumer._retries = Retries(attempts=3, backoff=Backoff(base_seconds=60, max_seconds=60))
    with consumer.running() as stop:
        until(lambda: effects.calls == 1)
        stop.set()

    effects.failing.clear()
    with consuming(effects).running():
        until(lambda: len(effects.of) == 1)
    assert letters(engine) == []


# Replay.


@pytest.fixture
def one_letter(engine, embedded_log, consuming, happened, until):
    """A dead letter of a handler that is mended afterwards: (consumer, effects, letter)."""
    effects = Effects(engine, *[Once()] * 3)
    event = happened()
    embedded_log.publish([event])
    consumer = consuming(effects)
    with consumer.running():
        (letter,) = until(lambda: letters(engine))
    return consumer, effects, letter


def test_a_dead_letter_can_be_replayed(engine, one_letter, clock):
    consumer, effects, letter = one_letter
    clock.advance(60)

    consumer.replay(letter.id)

    assert len(effects.of) == 1
    assert letters(engine) == []
    (done,) = dead_letters.listed(engine, replayed=True)
    assert done.replayed_at == clock.now()


def test_a_replay_of_what_has_been_overtaken_does_no_harm(
    engine, embedded_log, one_letter, happened, until
):
    consumer, effects, letter = one_letter
    event = letter.received.event()
    embedded_log.publish([happened(event.aggregate_id, 2)])
    with consumer.running():
        until(lambda: len(effects.of) == 1)

    consumer.replay(letter.id)

    assert effects.versions(event.aggregate_id) == [2]
    assert letters(engine) == []


def test_a_replay_that_fails_says_why_and_the_letter_stays(engine, one_letter):
    consumer, effects, letter = one_letter
    effects.failing.append(
        RemoteProblem(status=404, code="SNAPSHOT_NOT_FOUND", detail=PERSON, members={})
    )

    with pytest.raises(ReplayFailed) as refused:
        consumer.replay(letter.id)

    (stays,) = letters(engine)
    assert stays.reason.startswith("RemoteProblem SNAPSHOT_NOT_FOUND at ")
    assert stays.attempts == 4
    assert PERSON not in refused.value.detail + stays.reason


def test_a_letter_that_is_not_there_or_anothers_cannot_be_replayed(engine, one_letter):
    consumer, _, letter = one_letter
    other = Consumer("others", None, [], {}, engine=engine)

    with pytest.raises(dead_letters.DeadLetterNotFound):
        consumer.replay(uuid4())
    with pytest.raises(dead_letters.DeadLetterNotFound):
        other.replay(letter.id)


# Reasons.


def raised(failure, cause=None):
    try:
        raise failure from cause
    except Exception as caught:  # noqa: BLE001  whatever it was given
        return caught


def test_a_reason_names_kinds_codes_and_places_and_quotes_nothing():
    cause = raised(KeyError(PERSON))
    failure = raised(NotFound(f"no {PERSON}"), cause)

    reason = dead_letters.reason_of(failure)

    at = r" at [a-z._]*test_consumer:raised:\d+"
    assert re.fullmatch(f"NotFound NOT_FOUND{at} from KeyError{at}", reason)
    assert PERSON not in reason


def test_a_code_of_a_remote_that_is_no_code_is_not_quoted():
    problem = RemoteProblem(status=400, code=f"not found: {PERSON} ", detail="", members={})

    assert PERSON not in dead_letters.reason_of(raised(problem))


def test_a_reason_has_an_end():
    long_named = type("X" * 300, (Exception,), {})
    failure = raised(long_named())
    for _ in range(200):
        failure = raised(long_named(), failure)

    assert len(dead_letters.reason_of(failure)) == dead_letters.REASON_LENGTH_MAX


# In whose course.


def test_what_a_handler_does_is_in_the_course_of_the_event(
    engine, embedded_log, consuming, happened, until
):
    """The chain of ids reaches from the first request into the events that follow from it."""
    given = happened(
        correlation_id="request-1",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    plain = happened()
    seen = {}

    def handle(event):
        seen[event.id] = (
            correlation_id.get(),
            trace.get_current_span().get_span_context().trace_id,
            structlog.contextvars.get_contextvars(),
        )
        with Session(engines.writing(engine)) as session, session.begin():
            outbox.enqueue(session, happened())

    embedded_log.publish([given, plain])
    with consuming(handle).running():
        until(lambda: len(seen) == 2)

    correlation, trace_id, bound = seen[given.id]
    assert correlation == "request-1"
    assert trace_id == 0x0AF7651916CD43DD8448EB211C80319C
    assert bound | {"correlation_id": "request-1", "event_id": str(given.id)} == bound
    correlation, trace_id, _ = seen[plain.id]
    assert correlation == str(plain.id)
    assert trace_id == 0
    with Session(engine) as session:
        first, second = (one.event for one in outbox.pending(session, 10))
    assert first.correlation_id == "request-1"
    assert first.traceparent.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert (second.correlation_id, second.traceparent) == (str(plain.id), None)
    assert correlation_id.get() is None


# All together, on both logs.


def test_from_outbox_to_effect(engine, event_log, happened, running, until):
    """Relay, log and consumer as a service has them, with what was never ours in between."""
    group = f"group-{uuid4().hex}"
    things = [uuid4() for _ in range(5)]
    events = [happened(thing, version) for version in range(4) for thing in things]
    mine = {event.id for event in events}
    effects = Effects(engine)
    handled = threading.Event()

    def handle(event):
        if event.id in mine:  # Kafka's log outlives a test
            effects(event)
        if len(effects.of) == len(mine):
            handled.set()

    with Session(engines.writing(engine)) as session, session.begin():
        for event in events:
            outbox.enqueue(session, event)
    event_log.append(Message(topic=TOPIC, key=b"", value=b"not ours"))
    consumer = Consumer(group, event_log, [TOPIC], {TYPE: handle}, engine=engine)
    with running(Relay(engine, event_log), consumer):
        assert handled.wait(60)
        # It may be on another partition, and so come later.
        until(lambda: {letter.consumer for letter in letters(engine)} == {group})

    assert sorted(effects.of) == sorted((e.aggregate_id, e.aggregate_version) for e in events)
    for thing in things:
        assert effects.versions(thing) == [0, 1, 2, 3]


class Hasty:
    """A log whose broker is away: Kafka's consumer then returns at once, with nothing."""

    def __init__(self):
        self.polls = 0
        self.begun = threading.Event()

    def subscribe(self, _group, _topics):
        return self

    def poll(self, _timeout):
        self.polls += 1
        self.begun.set()
        return []

    def __enter__(self):
        return self

    def __exit__(self, *_raised):
        pass


def test_a_log_that_brings_nothing_at_once_is_not_asked_all_the_time(consuming, engine):
    log = Hasty()
    pause = threading.Event()

    with consuming(Effects(engine), log=log).running():
        assert log.begun.wait(30)
        before, began = log.polls, time.monotonic()
        pause.wait(5 * consumers.POLL_SECONDS)

    times = (
        time.monotonic() - began
    ) / consumers.POLL_SECONDS  # a busy machine lets this wait longer
    assert log.polls - before <= times + 2
