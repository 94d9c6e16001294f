"""What was measured of an edition, and how the edition stands now."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pseudonymisation.intake.domain.measures import FieldMeasure


class EditionStanding(StrEnum):
    """Whether what was measured is what is read today."""

    IN_FORCE = "in_force"
    WAITING = "waiting"
    """Landed; a second person has to let it into force."""
    SUPERSEDED = "superseded"
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredEdition:
    edition_id: UUID
    submission_id: UUID
    data_set: str
    provider: str
    period: str
    number: int
    standing: EditionStanding
    superseded_by: UUID | None
    landed_at: datetime
    records: int
    landed: int
    set_aside: int
    repeated: int
    withheld: int
    fields: tuple[FieldMeasure, ...]
