"""What happened, for others to know. No personal data is in any of them.

`contracts/dissemination/events` is generated from the models here.
"""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from common.events import EventData, event_type

TOPIC = "dissemination.extract"


class _File(EventData):
    id: UUID
    format: Annotated[str, Field(examples=["parquet"])]
    rows: int
    bytes: int
    digest: str


class ExtractChanged(EventData):
    """An extract moved along. Subclasses say how."""

    extract_id: UUID
    agreement: Annotated[str, Field(description="Reference, without version.")]
    data_set: str
    state: str
    files: Annotated[tuple[_File, ...], Field(description="Empty until they are prepared.")]


@event_type("dissemination.extract-requested.v1", topic=TOPIC)
class ExtractRequested(ExtractChanged):
    """An extract was asked for, and the decision permitted its preparation."""

    model_config = ConfigDict(title="ExtractRequestedData")


@event_type("dissemination.extract-released.v1", topic=TOPIC)
class ExtractReleased(ExtractChanged):
    """All its files may be asked for; each has a manifest and a register line."""

    model_config = ConfigDict(title="ExtractReleasedData")


@event_type("dissemination.extract-failed.v1", topic=TOPIC)
class ExtractFailed(ExtractChanged):
    """Nothing of it will be released."""

    model_config = ConfigDict(title="ExtractFailedData")


@event_type("dissemination.extract-withdrawn.v1", topic=TOPIC)
class ExtractWithdrawn(ExtractChanged):
    """Whoever asked took it back before its release, or its agreement ended after it."""

    model_config = ConfigDict(title="ExtractWithdrawnData")


@event_type("dissemination.extract-superseded.v1", topic=TOPIC)
class ExtractSuperseded(ExtractChanged):
    """An edition that it was made from was replaced; what was delivered stays what it was."""

    model_config = ConfigDict(title="ExtractSupersededData")


@event_type("dissemination.extract-delivered.v1", topic=TOPIC)
class ExtractDelivered(EventData):
    """Bytes of a file left: all that were asked for, or fewer."""

    model_config = ConfigDict(title="ExtractDeliveredData")

    extract_id: UUID
    file_id: UUID
    delivery_id: UUID
    bytes: int
    complete: bool


Event = ExtractChanged | ExtractDelivered
