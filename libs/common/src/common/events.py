"""Events as a service's domain declares them: once, as the models that cross the wire.

The registry is what contracts are generated from, and what judges an event before it is stored in
the outbox (`common.messaging.schemas`).

    @event_type("applications.application-submitted.v1", topic="applications.application")
    class ApplicationSubmitted(DomainEvent):
        application_id: UUID

A change that breaks a reader is a new type `.v2` beside the `.v1`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

TYPE = re.compile(r"(?P<service>[a-z]+)\.(?P<name>[a-z]+(?:-[a-z]+)*)\.v(?P<version>[1-9][0-9]*)")

Model = TypeVar("Model", bound=BaseModel)


class EventData(BaseModel):
    """The `data` of an event, or a part of it. Ids, states and counts; nothing personal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: ClassVar[str]
    """Given by `event_type`."""


class DomainEvent(EventData):
    """The `data` of an event together with its time, which stands beside the data on the wire."""

    at: Annotated[datetime, Field(exclude=True), SkipJsonSchema()]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    name: str
    topic: str
    model: type[BaseModel]

    @property
    def service(self) -> str:
        return self.name.partition(".")[0]

    @property
    def file(self) -> str:
        """Return `application-submitted.v1.json`, in contracts/<service>/events/."""
        return f"{self.name.partition('.')[2]}.json"

    @property
    def title(self) -> str:
        return self.model.model_config.get("title") or self.model.__name__


EVENT_TYPES: dict[str, EventType] = {}
"""By type. Filled when the modules that declare events are imported."""


def event_type(type_: str, *, topic: str) -> Callable[[type[Model]], type[Model]]:
    """Register the model of an event's `data`. It must forbid unknown members."""
    found = TYPE.fullmatch(type_)
    if found is None:
        raise ValueError(f"{type_} is not <service>.<what-happened>.v<n>")
    if not topic.startswith(f"{found['service']}."):
        raise ValueError(f"{type_} cannot be on {topic}: a service speaks on its own topics")

    def register(model: type[Model]) -> type[Model]:
        known = EVENT_TYPES.get(type_)
        if known is not None and known.model.__qualname__ != model.__qualname__:
            raise ValueError(f"{type_} is declared twice")
        if model.model_config.get("extra") != "forbid":
            raise ValueError(f"{type_}: its model must have extra='forbid'")
        if issubclass(model, EventData):
            model.type = type_
        EVENT_TYPES[type_] = EventType(name=type_, topic=topic, model=model)
        return model

    return register
