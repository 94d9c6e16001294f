"""Delivered twice, late, or out of order: an event does no harm."""

import threading

import pytest
from sqlmodel import Session

from common.db import engine as engines
from common.db import inbox


@pytest.fixture
def accept(engine):
    def accept(event, consumer="dissemination"):
        with Session(engines.writing(engine)) as session, session.begin():
            return inbox.accept(session, consumer=consumer, event=event)

    return accept


def test_an_event_is_accepted_once_by_each_consumer(accept, happened):
    event = happened()

    assert accept(event) is True
    assert accept(event) is False
    assert accept(event, "applications") is True


def test_an_older_version_that_arrives_late_is_ignored(accept, happened):
    newer = happened(version=2)
    older = happened(version=1, aggregate_id=newer.aggregate_id)

    assert accept(newer) is True
    assert accept(older) is False


def test_several_events_of_one_version_are_all_accepted(accept, happened):
    first = happened(version=2)
    second = happened(version=2, aggregate_id=first.aggregate_id)

    assert accept(first) is True
    assert accept(second) is True


def test_aggregates_do_not_hold_one_another_up(accept, happened):
    assert accept(happened(version=7)) is True
    assert accept(happened(version=1)) is True


def test_an_event_whose_handler_fails_is_accepted_again(engine, accept, happened):
    event = happened()
    with Session(engines.writing(engine)) as session:
        assert inbox.accept(session, consumer="dissemination", event=event)
        session.rollback()

    assert accept(event) is True


def test_of_two_consumers_at_once_one_gets_it(accept, happened):
    event = happened()
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(accept(event))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [False] * 5 + [True]
