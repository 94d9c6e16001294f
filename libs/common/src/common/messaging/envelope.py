"""An event, as the suite handles it, and as CloudEvents 1.0 in binary mode on the wire.

The outbox holds `Event`s as JSON; a log carries `Message`s. Order and repetition are judged
by `aggregate_id` and `aggregate_version` (extensions `partitionkey`, `aggregateversion`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent
from pydantic import JsonValue, TypeAdapter

SCHEMAS = "https://schemas.dsfc.example"
CONTENT_TYPE = "application/json"


class MessageMalformed(Exception):
    """What came from the log is not one of our events. Says which part, never its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to one aggregate. Holds ids and facts, never personal data."""

    id: UUID
    type: str
    """`applications.application-submitted.v1`."""

    source: str
    """`/applications`."""

    subject: str
    time: datetime
    topic: str
    aggregate_id: str
    """Also the key by which a log keeps order."""

    aggregate_version: int
    state: str
    """The state of the aggregate after what happened."""

    data: Mapping[str, JsonValue]
    correlation_id: str | None = None
    traceparent: str | None = None

    def as_json(self) -> dict[str, JsonValue]:
        """Return it as the outbox stores it; `from_json` is its inverse."""
        value: dict[str, JsonValue] = _EVENT.dump_python(self, mode="json")
        return value

    @classmethod
    def from_json(cls, value: str | bytes | Mapping[str, Any]) -> "Event":
        if isinstance(value, str | bytes):
            return _EVENT.validate_json(value)
        return _EVENT.validate_python(value)


_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a log carries: bytes under a topic and a key, with headers."""

    topic: str
    key: bytes
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


def dataschema(event_type: str) -> str:
    """`applications.application-submitted.v1` → where its JSON Schema is."""
    service, _, name = event_type.partition(".")
    return f"{SCHEMAS}/{service}/events/{name}.json"


def to_message(event: Event) -> Message:
    attributes: dict[str, Any] = {
        "id": str(event.id),
        "source": event.source,
        "type": event.type,
        "specversion": "1.0",
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": CONTENT_TYPE,
        "dataschema": dataschema(event.type),
        "partitionkey": event.aggregate_id,
        "aggregateversion": str(event.aggregate_version),
        "aggregatestate": event.state,
    }
    if event.correlation_id is not None:
        attributes["correlationid"] = event.correlation_id
    if event.traceparent is not None:
        attributes["traceparent"] = event.traceparent
    binary = to_binary_event(CloudEvent(attributes, dict(event.data)))
    return Message(
        topic=event.topic,
        key=event.aggregate_id.encode(),
        value=binary.value,
        headers=binary.headers,
    )


def from_message(message: Message) -> Event:
    """Raises MessageMalformed, without the content and without a cause that quotes it."""
    # The library would make up an id and a time.
    missing = sorted(_NEEDED - message.headers.keys())
    if missing:
        raise MessageMalformed(f"without {', '.join(missing)}")
    try:
        cloud_event = from_binary_event(
            KafkaMessage(headers=dict(message.headers), key=message.key, value=message.value)
        )
        attributes = cloud_event.get_attributes()
        data = cloud_event.get_data()
    except Exception:  # noqa: BLE001  anybody may have written it, and the library raises many kinds
        raise MessageMalformed("not a CloudEvent in binary mode") from None
    if not isinstance(data, dict):
        raise MessageMalformed("data is not a JSON object")
    try:
        return Event(
            id=UUID(attributes["id"]),
            type=attributes["type"],
            source=attributes["source"],
            subject=attributes["subject"],
            time=attributes["time"],
            topic=message.topic,
            aggregate_id=attributes["partitionkey"],
            aggregate_version=int(attributes["aggregateversion"]),
            state=attributes["aggregatestate"],
            data=data,
            correlation_id=attributes.get("correlationid"),
            traceparent=attributes.get("traceparent"),
        )
    except ValueError:
        raise MessageMalformed("id or aggregateversion is not what it should be") from None


_NEEDED = frozenset(
    {
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_subject",
        "ce_time",
        "ce_partitionkey",
        "ce_aggregateversion",
        "ce_aggregatestate",
    }
)
