"""The Body's internal instruction: in place of a contract where it is the commissioner itself.

Since NHS England is the commissioner and the Body at once (domain.md ruling 14), it has nobody to
make a contract with. So two people of it, of two roles, sign an instruction for one agreement, with
its days and the digest of what they signed; until both have, nothing is given by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.oversight.errors import InstructionDecided, InstructionSigned
from common.lives import EVER, FIRST_DAY, LAST_DAY, DateState, Life, Move, on_day
from common.replacement import require_another_person
from common.security.roles import Role

SIGNING: tuple[Role, ...] = (Role.CONTRACT_MANAGER, Role.DARS_APPROVER)
"""The two roles, each by one person."""


class InstructionState(StrEnum):
    AWAITING_SIGNATURE = "awaiting_signature"
    """Not both have signed; nothing is given by it."""
    SIGNED = "signed"
    WITHDRAWN = "withdrawn"


class InstructionCommand(StrEnum):
    SIGN = "POST /v1/internal-instructions/{instruction_id}/signature"
    WITHDRAW = "POST /v1/internal-instructions/{instruction_id}/withdrawal"


_WITHDRAWN = Move(
    to=InstructionState.WITHDRAWN,
    why="nothing is given by it any more",
    command=InstructionCommand.WITHDRAW,
)
INSTRUCTION = Life(
    name="Internal instruction",
    begins=frozenset({InstructionState.AWAITING_SIGNATURE}),
    moves={
        InstructionState.AWAITING_SIGNATURE: (
            Move(
                to=InstructionState.AWAITING_SIGNATURE,
                why="one of the two roles signs",
                command=InstructionCommand.SIGN,
            ),
            Move(
                to=InstructionState.SIGNED,
                why="another person of the other role signs",
                command=InstructionCommand.SIGN,
            ),
            _WITHDRAWN,
        ),
        InstructionState.SIGNED: (_WITHDRAWN,),
        InstructionState.WITHDRAWN: (),
    },
    otherwise={
        InstructionCommand.SIGN: {
            InstructionState.SIGNED: InstructionSigned,
            InstructionState.WITHDRAWN: InstructionDecided,
        },
        InstructionCommand.WITHDRAW: InstructionDecided,
    },
)
_NO_MORE = Move(
    to=DateState.WITHDRAWN,
    why="nothing is given by it any more",
    command=InstructionCommand.WITHDRAW,
)
INSTRUCTION_BY_DAYS = Life(
    name="Internal instruction, once signed, by its days",
    begins=EVER,
    moves={
        DateState.AWAITED: (FIRST_DAY, _NO_MORE),
        DateState.IN_FORCE: (LAST_DAY, _NO_MORE),
        DateState.LAPSED: (_NO_MORE,),
        DateState.WITHDRAWN: (),
    },
    otherwise={InstructionCommand.WITHDRAW: InstructionDecided},
)


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

    @property
    def state(self) -> InstructionState:
        if self.withdrawn_at is not None:
            return InstructionState.WITHDRAWN
        return InstructionState.AWAITING_SIGNATURE if self.missing else InstructionState.SIGNED

    def is_in_force(self, day: date) -> bool:
        return not self.missing and self.date_state(day) is DateState.IN_FORCE

    def date_state(self, day: date) -> DateState:
        is_gone = self.withdrawn_at is not None
        return on_day(day, self.valid_from, self.valid_to, is_withdrawn=is_gone)

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
        INSTRUCTION.permits(self.state, InstructionCommand.SIGN, _SAID[self.state])
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
        INSTRUCTION.permits(self.state, InstructionCommand.WITHDRAW, "It is withdrawn already.")
        return replace(self, withdrawn_at=at, withdrawn_by=by, reason=reason)


_SAID = {
    InstructionState.AWAITING_SIGNATURE: "",
    InstructionState.SIGNED: "It is signed in both roles.",
    InstructionState.WITHDRAWN: "It was withdrawn; record another one.",
}


def in_force(
    known: Iterable[InternalInstruction], agreement: str, day: date
) -> InternalInstruction | None:
    """Return the instruction that counts for an agreement on a day."""
    return next((one for one in known if one.agreement == agreement and one.is_in_force(day)), None)
