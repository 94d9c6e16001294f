"""What preparations tell others. Ids and numbers, never a field's value."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from common.messaging.schemas import event_type

TOPIC = "pseudonymisation.preparation"


class FilePrepared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID
    format: Literal["parquet", "csv"]
    rows: int
    bytes: int


@event_type("pseudonymisation.extract-prepared.v1", topic=TOPIC)
class ExtractPrepared(BaseModel):
    """An extract lies in the release store, attested. Nobody can fetch it yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preparation_id: UUID
    extract_id: UUID
    files: list[FilePrepared]


@event_type("pseudonymisation.preparation-failed.v1", topic=TOPIC)
class PreparationFailed(BaseModel):
    """An extract was not prepared, and nothing of it can be fetched. It needs a new permit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    preparation_id: UUID
    extract_id: UUID
    code: str
