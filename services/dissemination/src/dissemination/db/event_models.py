"""Events of dissemination as they are on the wire.

`contracts/dissemination/events` is generated from the models here.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from common.ids import new_id
from common.messaging.envelope import Event as Envelope
from common.messaging.schemas import event_type
from dissemination.domain.events import Event, ExtractDelivered

SOURCE = "/dissemination"
TOPIC = "dissemination.extract"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    format: Annotated[str, Field(examples=["parquet"])]
    rows: int
    bytes: int
    digest: str


class _Extract(BaseModel):
    model_config = ConfigDict(extra="forbid")

    extract_id: UUID
    agreement: Annotated[str, Field(description="Reference, without version.")]
    data_set: str
    state: str
    files: Annotated[list[_File], Field(description="Empty until they are prepared.")]


@event_type("dissemination.extract-requested.v1", topic=TOPIC)
class ExtractRequestedData(_Extract):
    """An extract was asked for, and the decision permitted its preparation."""


@event_type("dissemination.extract-released.v1", topic=TOPIC)
class ExtractReleasedData(_Extract):
    """All its files may be asked for; each has a manifest and a register line."""


@event_type("dissemination.extract-failed.v1", topic=TOPIC)
class ExtractFailedData(_Extract):
    """Nothing of it will be released."""


@event_type("dissemination.extract-withdrawn.v1", topic=TOPIC)
class ExtractWithdrawnData(_Extract):
    """Whoever asked took it back before its release, or its agreement ended after it."""


@event_type("dissemination.extract-superseded.v1", topic=TOPIC)
class ExtractSupersededData(_Extract):
    """An edition that it was made from was replaced; what was delivered stays what it was."""


@event_type("dissemination.extract-delivered.v1", topic=TOPIC)
class ExtractDeliveredData(BaseModel):
    """Bytes of a file left: all that were asked for, or fewer."""

    model_config = ConfigDict(extra="forbid")

    extract_id: UUID
    file_id: UUID
    delivery_id: UUID
    bytes: int
    complete: bool


def to_envelope(
    event: Event, *, at: datetime, aggregate_id: UUID, version: int, state: str
) -> Envelope:
    """The event as the outbox stores it."""
    is_delivery = isinstance(event, ExtractDelivered)
    return Envelope(
        id=new_id(),
        type=event.type,
        source=SOURCE,
        subject=f"{'deliveries' if is_delivery else 'extracts'}/{aggregate_id}",
        time=at,
        topic=TOPIC,
        aggregate_id=str(aggregate_id),
        aggregate_version=version,
        state=state,
        data=event.data(),
    )
