"""Something that somebody has to do about an agreement (L05: amend it)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class TaskKind(StrEnum):
    AMEND_PROCESSORS = "AMEND_PROCESSORS"
    """Done when the processor is named no more."""
    AMEND_PLACES = "AMEND_PLACES"
    """Done when a version takes effect after it was raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    id: UUID
    agreement_id: UUID
    kind: TaskKind
    subject: str
    raised_at: datetime
    done_at: datetime | None = None
    version: int = 0
