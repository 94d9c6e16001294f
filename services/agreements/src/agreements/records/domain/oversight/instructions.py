"""The Body's internal instruction: in place of a contract where it is the commissioner itself.

Since NHS England is the commissioner and the Body at once (domain.md ruling 14), it has nobody to
make a contract with. So two people of it, of two roles, sign an instruction for one agreement, with
its days and the digest of what they signed; until both have, nothing is given by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Self
from uuid import UUID

from agreements.records.domain.oversight.errors import InstructionDecided, InstructionSigned
from common.clock import is_between
from common.replacement import require_another_person
from common.security.roles import Role

SIGNING: tuple[Role, ...] = (Role.CONTRACT_MANAGER, Role.DARS_APPROVER)
"""The two roles, each by one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalInstruction:
    id: UUID
    reference: str
    agreement: str
    """For whose lines it stands in place of a contract."""
    valid_from: date
    valid_to: date
    document_digest: str
    """Of what is signed, as the Body keeps it."""
    recorded_by: str
    manager_signed_by: str | None = None
    manager_signed_at: datetime | None = None
    approver_signed_by: str | None = None
    approver_signed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    reason: str | None = None
    version: int = 0

    @property
    def missing(self) -> tuple[Role, ...]:
        """Return the roles that have not signed."""
        signed = {
            Role.CONTRACT_MANAGER: self.manager_signed_at,
            Role.DARS_APPROVER: self.approver_signed_at,
        }
        return tuple(role for role in SIGNING if signed[role] is None)

    def is_in_force(self, day: date) -> bool:
        return (
            not self.missing
            and self.withdrawn_at is None
            and is_between(day, self.valid_from, self.valid_to)
        )

    def says_the_same(self, other: "InternalInstruction") -> bool:
        """Say whether both are records of one instruction, whoever made them."""
        return self.said == other.said

    @property
    def said(self) -> tuple[object, ...]:
        """Return what is signed."""
        return (
            self.reference,
            self.agreement,
            self.valid_from,
            self.valid_to,
            self.document_digest,
        )

    def sign(self, *, role: Role, by: str, at: datetime) -> Self:
        """Sign it in one's role; the other role is another person's.

        Raises:
            InstructionDecided: it was withdrawn.
            InstructionSigned: the role has signed.
            SecondPersonNeeded: the same person signed in the other role.

        """
        if self.withdrawn_at is not None:
            raise InstructionDecided("It was withdrawn; record another one.")
        if role not in self.missing:
            raise InstructionSigned(f"It is signed in the role {role.value}.")
        other = self.approver_signed_by or self.manager_signed_by
        if other is not None:
            require_another_person(other, by, "Two people of two roles sign it.")
        if role is Role.CONTRACT_MANAGER:
            return replace(self, manager_signed_by=by, manager_signed_at=at)
        return replace(self, approver_signed_by=by, approver_signed_at=at)

    def withdraw(self, *, by: str, reason: str, at: datetime) -> Self:
        """Let nothing be given by it any more. Raise InstructionDecided."""
        if self.withdrawn_at is not None:
            raise InstructionDecided("It is withdrawn already.")
        return replace(self, withdrawn_at=at, withdrawn_by=by, reason=reason)


def in_force(
    known: Iterable[InternalInstruction], agreement: str, day: date
) -> InternalInstruction | None:
    """Return the instruction that counts for an agreement on a day."""
    return next((one for one in known if one.agreement == agreement and one.is_in_force(day)), None)
