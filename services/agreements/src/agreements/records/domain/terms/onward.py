"""What recipients pass on to others: a clause of the agreement that is asked (Standard 10; R22).

Data may go on to a party, or along a flow that the agreement names as onward under a sub-licence.
Anything else is a breach by the fact itself, whoever reports it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.version import AgreementVersion

PROCESSING = "10"
"""The Standard whose section names the flows."""


class Ground(StrEnum):
    """By what data may go on to an organisation."""

    PARTY = "party"
    SUB_LICENCE = "sub_licence"


@dataclass(frozen=True, slots=True, kw_only=True)
class OnwardShare:
    """What was passed on to whom. `ground` is the clause; without one there is a breach."""

    id: UUID
    agreement_id: UUID
    version_number: str
    recipient: str
    line: int
    level: str
    shared_on: date
    logged_at: datetime
    logged_by: str
    ground: Ground | None = None
    breach_id: UUID | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredShare:
    """What went on by a clause, as the public may read it: who logged it is not named."""

    id: UUID
    reference: str
    version: str
    line: int
    level: str
    recipient: str
    shared_on: date
    shared_by: str
    ground: Ground | None

    @classmethod
    def of(cls, share: OnwardShare, *, reference: str) -> Self:
        return cls(
            id=share.id,
            reference=reference,
            version=share.version_number,
            line=share.line,
            level=share.level,
            recipient=share.recipient,
            shared_on=share.shared_on,
            shared_by=share.logged_by,
            ground=share.ground,
        )


def ground_of(version: AgreementVersion, recipient: str, level: str) -> Ground | None:
    """Return by which clause data of a level may go on to an organisation; None: by none."""
    if recipient in {party.ods for party in version.parties}:
        return Ground.PARTY
    if version.snapshot().get("sub_licence") is not True:
        return None
    named = any(
        flow.get("onward") is True and flow.get("to") == recipient and flow.get("level") == level
        for flow in _flows(version)
    )
    return Ground.SUB_LICENCE if named else None


def unnamed_places(version: AgreementVersion, seen: Mapping[str, str]) -> tuple[str, ...]:
    """Return the postcodes, of those seen with operators, that the agreement does not name."""
    named = {
        (_spelled(place.get("postcode")), place.get("operator"))
        for place in _listed(version.snapshot().get("locations"))
    }
    return tuple(sorted(code for code, who in seen.items() if (_spelled(code), who) not in named))


def _flows(version: AgreementVersion) -> Iterator[Mapping[str, object]]:
    sections = version.snapshot().get("sections")
    processing = sections.get(PROCESSING) if isinstance(sections, Mapping) else None
    if isinstance(processing, Mapping):
        yield from _listed(processing.get("flows"))


def _listed(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def _spelled(postcode: object) -> str:
    return str(postcode).replace(" ", "").upper()
