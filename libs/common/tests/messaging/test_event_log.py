"""The contract of EventLog, on the embedded log and on a real Apache Kafka."""

import threading
import time
from uuid import uuid4

import pytest

from common.messaging.envelope import Message, MessageMalformed


def test_what_is_published_comes_with_all_that_it_was(event_log, happened, drained, topic, group):
    full = happened(
        topic=topic,
        correlation_id="019a0000-0000-7000-8000-000000000001",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        data={"text": "Größe ☃", "list": [1, 2.5, None, True], "none": {}},
    )
    plain = happened(topic=topic)

    assert event_log.publish([full, plain]) == 2
    with event_log.subscribe(group, [topic]) as subscription:
        received = drained(subscription, 2)

    assert {r.event().id: r.event() for r in received} == {full.id: full, plain.id: plain}


def test_publishing_nothing_is_nothing(event_log):
    assert event_log.publish([]) == 0


def test_order_is_kept_for_each_key(event_log, happened, drained, topic, group):
    things = [uuid4() for _ in range(7)]
    events = [happened(things[i % 7], version=i // 7, topic=topic) for i in range(350)]

    assert event_log.publish(events) == 350
    with event_log.subscribe(group, [topic]) as subscription:
        received = [r.event() for r in drained(subscription, 350)]

    for thing in things:
        versions = [e.aggregate_version for e in received if e.aggregate_id == str(thing)]
        assert versions == list(range(50))


def test_a_committed_message_does_not_come_again(event_log, happened, drained, topic, group):
    first, second = happened(topic=topic), happened(topic=topic)
    event_log.publish([first])
    with event_log.subscribe(group, [topic]) as subscription:
        drained(subscription, 1)

    event_log.publish([second])
    with event_log.subscribe(group, [topic]) as subscription:
        received = drained(subscription, 1)
        more = subscription.poll(0.3)

    assert [r.event() for r in [*received, *more]] == [second]


def test_what_was_polled_and_not_committed_comes_again(
    event_log, happened, drained, until, topic, group
):
    event = happened(topic=topic)
    event_log.publish([event])
    with event_log.subscribe(group, [topic]) as subscription:
        until(lambda: subscription.poll(0.2))

    with event_log.subscribe(group, [topic]) as subscription:
        again = drained(subscription, 1)

    assert [r.event() for r in again] == [event]


def test_a_poll_goes_on_from_the_one_before_it(event_log, happened, until, topic, group):
    event_log.publish([happened(topic=topic)])
    with event_log.subscribe(group, [topic]) as subscription:
        until(lambda: subscription.poll(0.2))

        assert subscription.poll(0.3) == []


def test_each_group_has_each_message_from_the_start(event_log, happened, drained, topic):
    events = [happened(topic=topic) for _ in range(5)]
    event_log.publish(events)

    for group in (uuid4().hex, uuid4().hex):
        with event_log.subscribe(group, [topic]) as subscription:
            received = drained(subscription, 5)
        assert {r.event().id for r in received} == {e.id for e in events}


def test_a_member_takes_over_from_one_that_left(event_log, happened, topic, group):
    before = [happened(topic=topic) for _ in range(20)]
    after = [happened(topic=topic) for _ in range(20)]
    seen = set()

    def turn(*members):
        for member in members:
            for received in member.poll(0.05):
                seen.add(received.event().id)
                member.commit(received)

    with (
        event_log.subscribe(group, [topic]) as second,
        event_log.subscribe(group, [topic]) as first,
    ):
        deadline = time.monotonic() + 60
        event_log.publish(before)
        while not seen >= {e.id for e in before}:
            turn(first, second)
            assert time.monotonic() < deadline
        first.close()
        event_log.publish(after)
        while not seen >= {e.id for e in after}:
            turn(second)
            assert time.monotonic() < deadline


def test_a_subscription_hears_its_topics_and_no_other(event_log, happened, drained, topic, group):
    one, two, other = f"{topic}.one", f"{topic}.two", f"{topic}.other"
    events = [happened(topic=name) for name in (one, two, other)]
    event_log.publish(events)

    with event_log.subscribe(group, [one, two]) as subscription:
        received = drained(subscription, 2)
        more = subscription.poll(0.3)

    assert {r.topic for r in received} == {one, two}
    assert more == []


def test_a_topic_may_be_subscribed_to_before_anything_is_on_it(
    event_log, happened, drained, topic, group
):
    with event_log.subscribe(group, [topic]) as subscription:
        assert subscription.poll(0.1) == []
        event = happened(topic=topic)
        event_log.publish([event])

        assert [r.event() for r in drained(subscription, 1)] == [event]


def test_a_poll_ends_when_its_time_is_over(event_log, topic, group):
    with event_log.subscribe(group, [topic]) as subscription:
        begun = time.monotonic()
        assert subscription.poll(0.2) == []
        assert 0.1 < time.monotonic() - begun < 30


def test_bytes_that_are_no_event_can_be_appended_and_are_told_apart(
    event_log, drained, topic, group
):
    raw = Message(topic=topic, key=b"k", value=b"\xff not JSON", headers={"a": b"\x00\xff"})
    event_log.append(raw)

    with event_log.subscribe(group, [topic]) as subscription:
        (received,) = drained(subscription, 1)

    assert received.message == raw
    with pytest.raises(MessageMalformed):
        received.event()


def test_many_may_publish_at_once(event_log, happened, drained, topic, group):
    thing = {name: uuid4() for name in range(4)}

    def publish(name):
        for version in range(25):
            assert event_log.publish([happened(thing[name], version=version, topic=topic)]) == 1

    threads = [threading.Thread(target=publish, args=(name,)) for name in thing]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with event_log.subscribe(group, [topic]) as subscription:
        received = [r.event() for r in drained(subscription, 100)]

    for one in thing.values():
        assert [e.aggregate_version for e in received if e.aggregate_id == str(one)] == list(
            range(25)
        )


def test_what_was_published_outlives_the_one_who_published(
    event_log, happened, drained, topic, group
):
    event = happened(topic=topic)
    event_log.publish([event])
    event_log.close()

    with event_log.subscribe(group, [topic]) as subscription:
        assert [r.event() for r in drained(subscription, 1)] == [event]
