import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.messaging.envelope import (
    Event,
    Message,
    MessageMalformed,
    dataschema,
    from_message,
    to_message,
)

SECRET = "9990000018"


def test_an_event_is_a_cloud_event_in_binary_mode(happened):
    event = happened(correlation_id="c", traceparent="00-1-2-01")

    message = to_message(event)

    assert message.key == event.aggregate_id.encode()
    assert {name: value.decode() for name, value in message.headers.items()} == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": str(event.id),
        "ce_source": "/tests",
        "ce_type": "tests.thing-happened.v1",
        "ce_subject": event.subject,
        "ce_time": "2018-06-01T09:00:00.123456Z",
        "ce_dataschema": "https://schemas.dsfc.example/tests/events/thing-happened.v1.json",
        "ce_partitionkey": event.aggregate_id,
        "ce_aggregateversion": "1",
        "ce_aggregatestate": "happened",
        "ce_correlationid": "c",
        "ce_traceparent": "00-1-2-01",
    }


def test_an_event_is_the_same_after_the_outbox_and_after_the_wire(happened):
    event = happened(data={"a": [1, None, {"b": "ü"}]}, correlation_id="c")

    assert Event.from_json(event.as_json()) == event
    assert from_message(to_message(event)) == event


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(data=st.dictionaries(st.text(), json_values, max_size=5))
def test_data_come_back_as_they_were(data):
    event = dataclasses.replace(EVENT, data=data)

    assert from_message(to_message(event)) == event


EVENT = Event.from_json(
    {
        "id": "019a0000-0000-7000-8000-000000000001",
        "type": "tests.thing-happened.v1",
        "source": "/tests",
        "subject": "thing/1",
        "time": "2018-06-01T09:00:00Z",
        "topic": "tests.thing",
        "aggregate_id": "1",
        "aggregate_version": 1,
        "state": "happened",
        "data": {},
    }
)
GOOD = to_message(EVENT)


def changed(**headers) -> Message:
    merged = {**GOOD.headers, **headers}
    return dataclasses.replace(
        GOOD, headers={name: value for name, value in merged.items() if value is not None}
    )


@pytest.mark.parametrize(
    "message",
    [
        Message(topic="t", key=b"", value=b"", headers={}),
        Message(topic="t", key=b"k", value=SECRET.encode(), headers={}),
        dataclasses.replace(GOOD, value=b'"' + SECRET.encode() + b'"'),
        dataclasses.replace(GOOD, value=b"{" + SECRET.encode()),
        changed(ce_id=SECRET.encode()),
        changed(ce_id=None),
        changed(ce_time=SECRET.encode()),
        changed(ce_time=None),
        changed(ce_type=None),
        changed(ce_aggregateversion=b"x" + SECRET.encode()),
        changed(ce_aggregateversion=None),
        changed(ce_aggregatestate=None),
        changed(ce_specversion=SECRET.encode()),
        changed(ce_source=b"\xff\xfe"),
    ],
)
def test_what_is_no_event_is_malformed_and_not_quoted(message):
    with pytest.raises(MessageMalformed) as refused:
        from_message(message)

    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_schema_has_an_address():
    assert (
        dataschema("applications.application-submitted.v1")
        == "https://schemas.dsfc.example/applications/events/application-submitted.v1.json"
    )
