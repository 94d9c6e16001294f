"""A released file, as it is on record."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from statements.vocabulary import LineKey


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHolding:
    """A released file, as the agreement's parties may see it."""

    id: UUID
    agreement: str
    file_id: str
    extract_id: str
    holder: str
    environment_id: UUID
    version: str
    """By which it was released."""
    line: int
    key: LineKey
    periods: tuple[str, ...]
    file_format: str
    bytes: int
    digest: str
    released_at: datetime
    is_fetched: bool = False
    """Whether a fetch of it was ever permitted."""
    is_void: bool = False
    """Whether another file took its place before anybody fetched it: nobody holds it."""
    is_as_sealed: bool | None = None
    """Whether the row is the one that this service sealed; None: nobody asked."""
    bridges: str | None = None
    """Of a bridging file: the other agreement, with whose end it must go as well."""
