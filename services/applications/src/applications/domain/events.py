"""What an application causes. Ids, states and hashes only: nothing personal, no free text.

`contracts/applications/events` is generated from the models here.
"""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from common.events import DomainEvent, event_type

TOPIC = "applications.application"


class ApplicationEvent(DomainEvent):
    """What every event of an application tells. Ids and hashes; nothing personal."""

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


@event_type("applications.application-submitted.v1", topic=TOPIC)
class ApplicationSubmitted(ApplicationEvent):
    """An application was handed in, the first time or again, and its snapshot frozen."""


@event_type("applications.application-returned.v1", topic=TOPIC)
class ApplicationReturned(ApplicationEvent):
    """An application went back to the applicant with queries."""


@event_type("applications.application-approved.v1", topic=TOPIC)
class ApplicationApproved(ApplicationEvent):
    """An application was approved: the agreement is drafted from this snapshot."""


@event_type("applications.application-declined.v1", topic=TOPIC)
class ApplicationDeclined(ApplicationEvent):
    """An application was refused."""


@event_type("applications.application-withdrawn.v1", topic=TOPIC)
class ApplicationWithdrawn(ApplicationEvent):
    """The applicant gave an application up."""
