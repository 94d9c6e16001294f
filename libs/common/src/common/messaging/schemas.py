"""Every event type has a schema: contracts are generated from the models in `common.events`.

An event is judged by them before it is stored in the outbox.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, JsonValue, ValidationError

from common.events import EVENT_TYPES, DomainEvent, EventType
from common.ids import new_id
from common.messaging.envelope import CONTENT_TYPE, SCHEMAS, Event, dataschema

DATA_LENGTH_MAX = 256 * 1024
"""Far below what Kafka takes (1 MiB): one event that it refuses would hold up all others."""


class EventRefused(Exception):
    """An event that its own service must not say: a defect, found before it is stored."""


def event(
    data: BaseModel,
    *,
    subject: str,
    time: datetime | None = None,
    aggregate_id: str | UUID,
    aggregate_version: int,
    state: str,
    id: UUID | None = None,  # noqa: A002  the attribute's name in CloudEvents
) -> Event:
    """Make an event from an instance of a registered model: type, topic and source follow.

    Its time is that of a `DomainEvent`, unless it is given.
    """
    at = data.at if time is None and isinstance(data, DomainEvent) else time
    if at is None:
        raise EventRefused(f"{type(data).__name__} is of no time")
    for known in EVENT_TYPES.values():
        if known.model is type(data):
            return Event(
                id=id or new_id(),
                type=known.name,
                source=f"/{known.service}",
                subject=subject,
                time=at,
                topic=known.topic,
                aggregate_id=str(aggregate_id),
                aggregate_version=aggregate_version,
                state=state,
                data=data.model_dump(mode="json"),
            )
    raise EventRefused(f"{type(data).__name__} is not declared as an event")


def validate(event: Event) -> None:
    """Raise EventRefused unless the event is of a known type, on its topic, with its data."""
    known = EVENT_TYPES.get(event.type)
    if known is None:
        raise EventRefused(f"{event.type} has no schema")
    if event.topic != known.topic:
        raise EventRefused(f"{event.type} belongs on {known.topic}")
    if event.source != f"/{known.service}":
        raise EventRefused(f"{event.type} is said by {known.service} only")
    if event.time.tzinfo is None:
        raise EventRefused(f"{event.type}: its time has no zone")
    if len(json.dumps(dict(event.data))) > DATA_LENGTH_MAX:
        raise EventRefused(
            f"{event.type} is too long; an event names things, it does not hold them"
        )
    with_time = issubclass(known.model, DomainEvent) and "at" not in event.data
    try:
        known.model.model_validate({**event.data, **({"at": event.time} if with_time else {})})
    except ValidationError as failure:
        where = sorted({".".join(map(str, e["loc"])) for e in failure.errors(include_input=False)})
        raise EventRefused(f"{event.type}: wrong data at {', '.join(where)}") from None


def types_of(service: str) -> Sequence[EventType]:
    """Return what a service says, in order of name."""
    return sorted(
        (known for known in EVENT_TYPES.values() if known.service == service),
        key=lambda known: known.name,
    )


def json_schema(type_: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an event's `data`."""
    known = EVENT_TYPES[type_]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": dataschema(type_),
        **known.model.model_json_schema(mode="serialization"),
    }


def asyncapi(
    service: str, *, version: str = "1.0.0", receives: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the AsyncAPI 3 document of a service: what it says, and the types that it listens to.

    Payloads are references to the JSON Schemas beside the document.
    """
    says = types_of(service)
    topics = sorted({known.topic for known in says})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Events of {service}",
            "version": version,
            "description": (
                "CloudEvents 1.0 in binary mode. The key of a message is the id of its"
                " aggregate; order holds per key. A message may come twice, late or out of"
                " order: compare `ce_aggregateversion`."
            ),
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {
            topic: {
                "address": topic,
                "messages": {
                    known.name: {"$ref": f"#/components/messages/{known.name}"}
                    for known in says
                    if known.topic == topic
                },
            }
            for topic in topics
        },
        "operations": {
            **{
                f"say-{topic}": {
                    "action": "send",
                    "channel": {"$ref": f"#/channels/{topic}"},
                    "summary": f"What happens to {topic.partition('.')[2]}s.",
                }
                for topic in topics
            },
        },
        "components": {
            "messages": {known.name: _message(known) for known in says},
            "schemas": {"CloudEventHeaders": HEADERS},
        },
        **({"x-listens-to": sorted(receives)} if receives else {}),
    }


def _message(known: EventType) -> dict[str, Any]:
    return {
        "name": known.name,
        "title": known.title,
        "summary": (known.model.__doc__ or "").strip().partition("\n")[0],
        "contentType": CONTENT_TYPE,
        "headers": {"$ref": "#/components/schemas/CloudEventHeaders"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./events/{known.file}"},
        },
    }


def _header(description: str, **more: JsonValue) -> Mapping[str, JsonValue]:
    return {"type": "string", "description": description, **more}


HEADERS: Mapping[str, Any] = {
    "type": "object",
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_dataschema",
        "ce_partitionkey",
        "ce_aggregateversion",
        "ce_aggregatestate",
        "content-type",
    ],
    "properties": {
        "ce_specversion": _header("The version of CloudEvents.", const="1.0"),
        "ce_id": _header("Unique; the same again is the same event.", format="uuid"),
        "ce_source": _header("The service that says it.", format="uri-reference"),
        "ce_type": _header("What happened, with its version."),
        "ce_subject": _header("What it happened to, as people refer to it."),
        "ce_time": _header("When it happened.", format="date-time"),
        "ce_dataschema": _header(f"The JSON Schema of the data, under {SCHEMAS}.", format="uri"),
        "ce_partitionkey": _header("The id of the aggregate; the key of the message."),
        "ce_aggregateversion": _header(
            "Counts the stored changes of the aggregate.", pattern="^[0-9]+$"
        ),
        "ce_aggregatestate": _header("The state of the aggregate after what happened."),
        "ce_correlationid": _header("The request that caused it."),
        "ce_traceparent": _header("W3C Trace Context of what caused it."),
        "content-type": _header("The type of the value.", const=CONTENT_TYPE),
    },
}
