"""Permits that were given: what each said, and to whom.

We keep them, because what the haven later attests is held against them (design.md section 5).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from common.ids import canonical
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
    written: str = field(default="", compare=False, repr=False)
    """`claims`, where whoever gave it has written them."""

    @property
    def claims(self) -> str:
        """Canonical JSON: what it says, but for its id, and without who signed it when."""
        if self.written:
            return self.written
        told = self.said.claims()
        return canonical({name: value for name, value in told.items() if name != "jti"}).decode()

    @property
    def id(self) -> UUID:
        return self.said.id

    @property
    def key(self) -> LineKey:
        return LineKey(*self.said.line.key)

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + LIFETIME
