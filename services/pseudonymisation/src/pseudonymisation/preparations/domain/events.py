"""What preparations tell others. Ids and numbers, never a field's value."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class FilePrepared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID
    format: Literal["parquet", "csv"]
    rows: int
    bytes: int


class ExtractPrepared(BaseModel):
    """An extract lies in the release store, attested. Nobody can fetch it yet."""

    type: ClassVar[str] = "pseudonymisation.extract-prepared.v1"
    model_config = ConfigDict(extra="forbid", frozen=True)

    preparation_id: UUID
    extract_id: UUID
    files: list[FilePrepared]


class PreparationFailed(BaseModel):
    """An extract was not prepared, and nothing of it can be fetched. It needs a new permit."""

    type: ClassVar[str] = "pseudonymisation.preparation-failed.v1"
    model_config = ConfigDict(extra="forbid", frozen=True)

    preparation_id: UUID
    extract_id: UUID
    code: str
