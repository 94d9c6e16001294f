"""Every event type has a schema, and contracts come from it."""

import dataclasses
from datetime import datetime
from uuid import uuid4

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict

from common.events import EVENT_TYPES, event_type
from common.messaging import schemas
from common.messaging.envelope import to_message
from common.messaging.schemas import EventRefused, asyncapi, json_schema

TYPE = "tests.thing-happened.v1"
PERSON = "9990000018"


@pytest.fixture(autouse=True)
def as_it_was():
    """Types that a test registers are forgotten at its end."""
    before = dict(EVENT_TYPES)
    yield
    EVENT_TYPES.clear()
    EVENT_TYPES.update(before)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


def test_an_event_of_a_model_has_its_type_topic_and_source(happened):
    thing = uuid4()
    model = EVENT_TYPES[TYPE].model

    event = schemas.event(
        model(thing_id=thing),
        subject="thing/1",
        time=happened().time,
        aggregate_id=thing,
        aggregate_version=3,
        state="happened",
    )

    assert (event.type, event.topic, event.source) == (TYPE, "tests.thing", "/tests")
    assert event.aggregate_id == str(thing)
    assert event.data == {"thing_id": str(thing)}
    schemas.validate(event)


def test_a_model_that_is_not_declared_makes_no_event(happened):
    with pytest.raises(EventRefused, match="Strict is not declared"):
        schemas.event(
            Strict(),
            subject="",
            time=happened().time,
            aggregate_id="1",
            aggregate_version=1,
            state="",
        )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": "tests.unheard-of.v1"}, "has no schema"),
        ({"topic": "tests.other"}, "belongs on tests.thing"),
        ({"source": "/applications"}, "said by tests only"),
        ({"time": datetime(2018, 6, 1)}, "no zone"),  # noqa: DTZ001  that is the point
        ({"data": {}}, "wrong data at thing_id"),
        ({"data": {"thing_id": PERSON}}, "wrong data at thing_id"),
        ({"data": {"thing_id": str(uuid4()), "nhs_number": PERSON}}, "wrong data at nhs_number"),
        ({"data": {"thing_id": "x" * 300_000}}, "too long"),
    ],
)
def test_an_event_that_is_not_what_its_schema_says_is_refused_unquoted(happened, changes, why):
    with pytest.raises(EventRefused, match=why) as refused:
        schemas.validate(dataclasses.replace(happened(), **changes))

    assert PERSON not in str(refused.value)


@pytest.mark.parametrize(
    ("type_", "topic"),
    [
        ("thing-happened.v1", "tests.thing"),
        ("tests.ThingHappened.v1", "tests.thing"),
        ("tests.thing-happened", "tests.thing"),
        ("tests.thing-happened.v0", "tests.thing"),
        ("tests.thing-happened.v1", "agreements.agreement"),
    ],
)
def test_names_are_checked_when_a_type_is_declared(type_, topic):
    with pytest.raises(ValueError, match=r"is not|cannot be on"):
        event_type(type_, topic=topic)


def test_a_type_is_declared_once_and_forbids_what_it_does_not_know():
    with pytest.raises(ValueError, match="declared twice"):
        event_type(TYPE, topic="tests.thing")(Strict)
    with pytest.raises(ValueError, match="extra='forbid'"):

        @event_type("tests.thing-ended.v1", topic="tests.thing")
        class Lax(BaseModel):
            pass


def test_the_json_schema_accepts_what_is_said_and_refuses_the_rest(happened):
    schema = json_schema(TYPE)
    validator = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)

    assert schema["$id"] == "https://schemas.dsfc.example/tests/events/thing-happened.v1.json"
    assert validator.is_valid(dict(happened().data))
    assert not validator.is_valid({})
    assert not validator.is_valid({**happened().data, "more": 1})


def test_the_asyncapi_document_names_each_type_and_every_reference_in_it_resolves():
    @event_type("tests.other-ended.v2", topic="tests.other")
    class OtherEnded(Strict):
        """Another thing ended.

        More of that.
        """

    document = asyncapi("tests", receives=["applications.application-approved.v1"])

    assert document["asyncapi"] == "3.0.0"
    assert document["channels"].keys() == {"tests.thing", "tests.other"}
    message = document["components"]["messages"]["tests.other-ended.v2"]
    assert message["title"] == "OtherEnded"
    assert message["summary"] == "Another thing ended."
    assert message["payload"]["schema"] == {"$ref": "./events/other-ended.v2.json"}
    assert document["x-listens-to"] == ["applications.application-approved.v1"]
    for reference in references(document):
        if reference.startswith("#/"):
            found = document
            for step in reference.removeprefix("#/").split("/"):
                found = found[step]
        else:
            assert reference.removeprefix("./events/") in {
                known.file for known in schemas.types_of("tests")
            }


def references(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_the_headers_that_the_document_promises_are_the_headers_that_are_sent(happened):
    headers = to_message(happened(correlation_id="c", traceparent="t")).headers

    assert headers.keys() == schemas.HEADERS["properties"].keys()
    assert set(schemas.HEADERS["required"]) == to_message(happened()).headers.keys()
    validator = jsonschema.Draft202012Validator(schemas.HEADERS)
    validator.validate({name: value.decode() for name, value in headers.items()})
