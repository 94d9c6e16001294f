"""What happens to re-identifications, for a practice's guardian to know. Ids and counts only."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from common.events import DomainEvent, event_type

REIDENTIFICATION = "pseudonymisation.re-identification"


class OfReidentification(DomainEvent):
    """A request of a practice, and how it stands."""

    reidentification_id: UUID
    practice: Annotated[str, Field(description="Code of the practice whose guardian is told.")]
    agreement: str
    people: Annotated[int, Field(description="How many tokens it is about.")]
    reason_code: str


@event_type("pseudonymisation.re-identification-asked.v1", topic=REIDENTIFICATION)
class ReidentificationAsked(OfReidentification):
    """Somebody of the practice asked whom tokens stand for."""

    needs_second_person: Annotated[
        bool, Field(description="Whether another person of the practice has to confirm it.")
    ]


@event_type("pseudonymisation.re-identification-answered.v1", topic=REIDENTIFICATION)
class ReidentificationAnswered(OfReidentification):
    """The practice was told NHS numbers."""

    numbers: Annotated[int, Field(description="Of how many the number was told.")]
