"""Permits that were given: what each said, and to whom.

We keep them, because what the haven later attests is held against them (design.md section 5).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from statements.permit import Permit
from statements.vocabulary import LineKey, OptOutTreatment

LIFETIME = timedelta(seconds=60)
"""From decision to acceptance by the haven; the preparation itself may last longer."""


def treatment_of(applied: bool) -> OptOutTreatment:  # noqa: FBT001  it is the one thing that it is about
    """Name an opt-out treatment, as it stands in domains and reservations."""
    return "applied" if applied else "not_applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPermit:
    """A permit, with what the haven is not told. Times are the legal clock's."""

    said: Permit
    organisation: str
    environment_id: UUID
    issued_at: datetime

    @property
    def id(self) -> UUID:
        return self.said.id

    @property
    def key(self) -> LineKey:
        return LineKey(*self.said.line.key)

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + LIFETIME
