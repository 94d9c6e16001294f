"""Events are stored with the state, and found until they are published."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from common.db import engine as engines
from common.db import outbox
from common.ids import new_id
from common.messaging.schemas import EventRefused


@pytest.fixture
def session(engine):
    with Session(engines.writing(engine)) as session:
        yield session


def test_events_are_pending_in_the_order_in_which_they_were_stored(session, happened):
    events = [happened(version=n) for n in (1, 2, 3)]
    for event in events:
        outbox.enqueue(session, event)
    session.commit()

    assert [found.event for found in outbox.pending(session, 2)] == events[:2]


def test_what_is_marked_is_no_longer_pending(session, happened, clock):
    first, second = happened(), happened()
    outbox.enqueue(session, first)
    outbox.enqueue(session, second)
    outbox.mark(session, [outbox.pending(session, 1)[0].seq], clock.now())
    session.commit()

    assert [found.event for found in outbox.pending(session, 10)] == [second]


def test_nothing_is_stored_when_the_transaction_fails(engine, happened):
    with Session(engines.writing(engine)) as session:
        outbox.enqueue(session, happened())
        session.rollback()

    with Session(engine) as session:
        assert outbox.pending(session, 10) == []


def test_an_event_that_is_not_what_its_schema_says_is_refused(session, happened):
    with pytest.raises(EventRefused):
        outbox.enqueue(session, happened(data={"thing_id": str(new_id()), "nhs_number": "x"}))


def test_the_relay_in_this_process_is_told(session, happened):
    outbox.enqueue(session, happened())

    assert session.info[outbox.WAKE] is True


def test_the_age_of_the_oldest_pending_event_is_measured(session, happened, clock):
    assert outbox.oldest_pending_seconds(session, clock.now()) == 0.0
    outbox.enqueue(session, happened())
    clock.advance(90)
    outbox.enqueue(session, happened())

    assert outbox.oldest_pending_seconds(session, clock.now()) == 90.0
    seqs = [found.seq for found in outbox.pending(session, 10)]
    outbox.mark(session, seqs, clock.now())
    assert outbox.oldest_pending_seconds(session, clock.now()) == 0.0


def test_what_was_published_long_ago_is_forgotten(session, happened, clock):
    for _ in range(3):
        outbox.enqueue(session, happened())
    seqs = [found.seq for found in outbox.pending(session, 10)]
    outbox.mark(session, seqs[:2], clock.now())
    clock.advance(timedelta(days=8))

    assert outbox.purge(session, older_than=timedelta(days=7), now=clock.now()) == 2
    assert [found.seq for found in outbox.pending(session, 10)] == seqs[2:]
