"""Events as they are on the wire: what we say, and what we listen to.

`contracts/applications/events` is generated from the models here.
"""

from collections.abc import Callable, Mapping
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from applications.domain import events
from applications.domain.application import Application
from applications.domain.events import ApplicationEvent
from applications.use_cases import timeline
from applications.use_cases.ports import UnitOfWork
from common.messaging import schemas
from common.messaging.envelope import Event
from common.messaging.schemas import event_type

TOPIC = "applications.application"

AGREEMENT_TOPIC = "agreements.agreement"
RECEIVES: tuple[str, ...] = tuple(
    f"agreements.agreement-{what}.v1"
    for what in (
        *("drafted", "signed", "activated", "amended", "held"),
        *("resumed", "lapsed", "expired", "terminated"),
    )
)
"""For the timeline only."""

Handler = Callable[[Event], None]


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


class AgreementHeard(BaseModel):
    """As much of an agreement's event as the timeline needs."""

    model_config = ConfigDict(extra="ignore")

    application_id: UUID | None = None
    version: str


def handlers(uow: UnitOfWork) -> Mapping[str, Handler]:
    """What the consumer does with each type that we listen to."""

    def note(event: Event) -> None:
        heard = AgreementHeard.model_validate(dict(event.data))
        if heard.application_id is not None:
            timeline.note(
                event, application_id=heard.application_id, version=heard.version, uow=uow
            )

    return dict.fromkeys(RECEIVES, note)
