"""From the outbox to the log, on SQLite and PostgreSQL."""

import subprocess
import sys
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from common.clock import SystemClock
from common.db import engine as engines
from common.db import inbox, outbox, tables
from common.messaging import relay as relays
from common.messaging.backoff import Backoff
from common.messaging.leadership import leadership
from common.messaging.relay import Drained, Relay

TOPIC = "tests.thing"
SOON = Backoff(base_seconds=0.01, max_seconds=0.05)

only_postgresql = pytest.mark.parametrize(
    "database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)]
)

RELAY_ONCE = """
import sys
from pathlib import Path
from common import faults
from common.db import engine
from common.messaging.embedded import EmbeddedLog
from common.messaging.relay import Relay
faults.arm("relay-published")
Relay(engine.create(sys.argv[1]), EmbeddedLog(Path(sys.argv[2]))).drain()
"""


@pytest.fixture
def store(engine):
    """Store events as a service does: in the transaction of the state."""

    def enqueue(*events):
        with Session(engines.writing(engine)) as session, session.begin():
            for event in events:
                outbox.enqueue(session, event)

    return enqueue


@pytest.fixture
def published(embedded_log):
    """All that is in the log, read by a group of its own."""

    def read():
        with embedded_log.subscribe(uuid4().hex, [TOPIC]) as subscription:
            found = []
            while batch := subscription.poll(0):
                found += [received.event() for received in batch]
            return found

    return read


def pending(engine):
    with Session(engine) as session:
        return [one.event.id for one in outbox.pending(session, 1000)]


class Faulty:
    """A log that takes only so many of what it is given, each time."""

    def __init__(self, log, *takes):
        self.log = log
        self.takes = list(takes)

    def publish(self, events):
        return self.log.publish(events[: self.takes.pop(0)] if self.takes else events)


def test_what_was_stored_is_published_in_order_and_once(
    engine, embedded_log, store, published, happened
):
    thing = uuid4()
    events = [happened(thing, version) for version in range(5)]
    store(*events)
    relay = Relay(engine, embedded_log)

    assert relay.drain() == Drained(found=5, published=5)
    assert relay.drain() == Drained(found=0, published=0)
    assert [event.id for event in published()] == [event.id for event in events]


def test_what_was_rolled_back_is_not_published(engine, embedded_log, published, happened):
    with Session(engines.writing(engine)) as session:
        outbox.enqueue(session, happened())
        session.rollback()

    assert Relay(engine, embedded_log).drain() == Drained(found=0, published=0)
    assert published() == []


def test_only_what_is_durable_is_marked_and_the_rest_follows_in_order(
    engine, embedded_log, store, published, happened
):
    thing = uuid4()
    events = [happened(thing, version) for version in range(6)]
    store(*events)
    relay = Relay(engine, Faulty(embedded_log, 2, 0, 1))

    assert relay.drain() == Drained(found=6, published=2)
    assert pending(engine) == [event.id for event in events[2:]]
    assert relay.drain() == Drained(found=4, published=0)
    assert relay.drain() == Drained(found=4, published=1)
    assert relay.drain() == Drained(found=3, published=3)
    assert [event.aggregate_version for event in published()] == list(range(6))


def test_a_relay_killed_between_publishing_and_marking_publishes_again_and_no_harm_is_done(
    engine, tmp_path, embedded_log, store, published, happened
):
    """Guard: `inbox.accept`. Without it each event has two effects."""
    thing = uuid4()
    events = [happened(thing, version) for version in range(3)]
    store(*events)

    url = engine.url.render_as_string(hide_password=False)
    killed = subprocess.run(
        [sys.executable, "-c", RELAY_ONCE, url, tmp_path / "events.db"],
        check=False,
        capture_output=True,
    )

    assert killed.returncode == -9, killed.stderr
    assert len(published()) == 3
    assert pending(engine) == [event.id for event in events]

    assert Relay(engine, embedded_log).drain() == Drained(found=3, published=3)
    twice = published()
    assert [event.aggregate_version for event in twice] == [0, 1, 2, 0, 1, 2]
    with Session(engines.writing(engine)) as session, session.begin():
        effects = [
            event.aggregate_version
            for event in twice
            if inbox.accept(session, consumer="reader", event=event)
        ]
    assert effects == [0, 1, 2]


def test_a_commit_in_this_process_wakes_the_relay(
    engine, embedded_log, store, published, happened, running, until, monkeypatch
):
    monkeypatch.setattr(relays, "IDLE", Backoff(base_seconds=60, max_seconds=60))
    relay = Relay(engine, embedded_log)
    with running(relay) as stopped:
        for _ in range(3):
            event = happened()
            store(event)
            until(lambda event=event: event.id in {one.id for one in published()})
        until(lambda: pending(engine) == [])
        stopped.set()
        relay.wake()


def test_a_relay_that_cannot_publish_tries_again(
    engine, embedded_log, store, published, happened, running, until, monkeypatch
):
    monkeypatch.setattr(relays, "FAILED", SOON)
    event = happened()
    store(event)
    with running(Relay(engine, Faulty(embedded_log, 0, 0, 0))):
        until(lambda: [one.id for one in published()] == [event.id])
        until(lambda: pending(engine) == [])


def test_a_relay_goes_on_when_its_database_comes_back(
    engine, embedded_log, store, published, happened, running, until, monkeypatch
):
    monkeypatch.setattr(relays, "FAILED", SOON)
    asked = []
    pending_events = outbox.pending

    def away_at_first(session, limit):
        asked.append(limit)
        if len(asked) < 4:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return pending_events(session, limit)

    monkeypatch.setattr(outbox, "pending", away_at_first)
    event = happened()
    store(event)
    with running(Relay(engine, embedded_log)):
        until(lambda: [one.id for one in published()] == [event.id])
        monkeypatch.undo()


def test_one_relay_leads_and_another_takes_over(
    engine, embedded_log, store, published, happened, running, until, monkeypatch
):
    monkeypatch.setattr(relays, "STANDBY_SECONDS", 0.02)
    first, second = Relay(engine, embedded_log), Relay(engine, embedded_log)
    events = [happened(), happened()]
    with running(second) as second_stops:
        with running(first):
            store(events[0])
            until(lambda: pending(engine) == [])
        store(events[1])
        until(lambda: pending(engine) == [])
        second_stops.set()

    assert sorted(e.id for e in published()) == sorted(e.id for e in events)


def test_leadership_is_one_at_a_time(engine):
    with leadership(engine, "relay") as first:
        assert first is not None
        assert first()
        with leadership(engine, "relay") as second:
            assert second is None
        with leadership(engine, "other") as other:
            assert other is not None
    with leadership(engine, "relay") as third:
        assert third is not None


@only_postgresql  # a file's lock is lost only with its process
def test_a_leader_whose_connection_is_lost_leads_no_more(engine):
    with leadership(engine, "relay") as first:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(
                text(
                    # Waits until it is gone, and so are its locks.
                    "SELECT pg_terminate_backend(pid, 20000) FROM pg_locks"
                    " WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
            )

        assert first is not None
        assert not first()
        with leadership(engine, "relay") as second:
            assert second is not None


@only_postgresql  # SQLite has one writer at a time
def test_an_event_that_commits_late_is_published_late(
    engine, embedded_log, store, published, happened
):
    """Guard: `outbox.pending` asks for what is unpublished, not for what came last."""
    relay = Relay(engine, embedded_log)
    early, late = happened(), happened()
    with Session(engines.writing(engine)) as slow, slow.begin():
        outbox.enqueue(slow, early)
        store(late)
        assert relay.drain() == Drained(found=1, published=1)

    assert relay.drain() == Drained(found=1, published=1)
    assert [event.id for event in published()] == [late.id, early.id]


def test_the_time_of_publication_is_the_clocks(engine, embedded_log, store, happened, clock):
    store(happened())
    Relay(engine, embedded_log, clock=clock).drain()

    with Session(engine) as session:
        (at,) = session.execute(select(tables.outbox.c.published_at)).scalars()
    assert at == clock.now() < SystemClock().now()
