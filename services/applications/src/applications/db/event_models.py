"""Events of applications as they are on the wire.

`contracts/applications/events` is generated from the models here.
"""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from applications.domain import events
from applications.domain.application import Application
from applications.domain.events import ApplicationEvent
from common.messaging import schemas
from common.messaging.envelope import Event
from common.messaging.schemas import event_type

TOPIC = "applications.application"


class ApplicationData(BaseModel):
    """What every event of an application tells. Ids and hashes; nothing personal."""

    model_config = ConfigDict(extra="forbid")

    application_id: UUID
    reference: Annotated[
        str | None, Field(description="Without its version; null before the first submission.")
    ]
    version: Annotated[str | None, Field(examples=["v0.0"])]
    revision: Annotated[int, Field(ge=0, description="Counts the submissions.")]
    state: str
    snapshot_hash: Annotated[
        str | None, Field(description="Read the snapshot at `GET /v1/snapshots/{hash}`.")
    ]


@event_type(events.ApplicationSubmitted.type, topic=TOPIC)
class ApplicationSubmitted(ApplicationData):
    """An application was handed in, the first time or again, and its snapshot frozen."""


@event_type(events.ApplicationReturned.type, topic=TOPIC)
class ApplicationReturned(ApplicationData):
    """An application went back to the applicant with queries."""


@event_type(events.ApplicationApproved.type, topic=TOPIC)
class ApplicationApproved(ApplicationData):
    """An application was approved: the agreement is drafted from this snapshot."""


@event_type(events.ApplicationDeclined.type, topic=TOPIC)
class ApplicationDeclined(ApplicationData):
    """An application was refused."""


@event_type(events.ApplicationWithdrawn.type, topic=TOPIC)
class ApplicationWithdrawn(ApplicationData):
    """The applicant gave an application up."""


SAID: Mapping[type[ApplicationEvent], type[ApplicationData]] = {
    events.ApplicationSubmitted: ApplicationSubmitted,
    events.ApplicationReturned: ApplicationReturned,
    events.ApplicationApproved: ApplicationApproved,
    events.ApplicationDeclined: ApplicationDeclined,
    events.ApplicationWithdrawn: ApplicationWithdrawn,
}


def envelope(event: ApplicationEvent, application: Application) -> Event:
    """The event of a stored application, ready for the outbox."""
    return schemas.event(
        SAID[type(event)](
            application_id=event.application_id,
            reference=event.reference,
            version=event.version,
            revision=event.revision,
            state=event.state,
            snapshot_hash=event.snapshot_hash,
        ),
        subject=f"applications/{application.id}",
        time=event.at,
        aggregate_id=application.id,
        aggregate_version=application.version,
        state=event.state,
    )
