"""Lists of people who opted out (domain.md 4.3). Here only that there is one, never who."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutList:
    id: UUID
    list_date: date
    """The day whose opt-outs it holds. The newest day counts, then the newest import."""
    people: int
    digest: str
    object_key: str
    imported_at: datetime
    imported_by: str
    """The subject that imported it."""
