"""What the service makes of others' events."""

from collections.abc import Callable, Mapping
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from applications.use_cases import timeline
from applications.use_cases.ports import UnitOfWork
from common.clock import Clock
from common.messaging.envelope import Event

AGREEMENT_TOPIC = "agreements.agreement"
RECEIVES: tuple[str, ...] = tuple(
    f"agreements.agreement-{what}.v1"
    for what in (
        *("drafted", "not-drafted", "signed", "activated", "amended", "held"),
        *("resumed", "lapsed", "expired", "terminated", "destruction-due", "closed"),
    )
)
"""For the timeline only."""

Handler = Callable[[Event], None]


class AgreementEventData(BaseModel):
    """As much of an agreement's event as the timeline needs."""

    model_config = ConfigDict(extra="ignore")

    application_id: UUID | None = None
    version: str


def handlers(uow: UnitOfWork, clock: Clock) -> Mapping[str, Handler]:
    """Return what the consumer does with each type that we listen to."""

    def note(event: Event) -> None:
        data = AgreementEventData.model_validate(dict(event.data))
        if data.application_id is not None:
            timeline.note(
                event,
                application_id=data.application_id,
                version=data.version,
                at=clock.now(),
                uow=uow,
            )

    return dict.fromkeys(RECEIVES, note)
