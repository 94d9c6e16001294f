"""Framework contracts (DSFC): one a legal entity, signed by it and then by the Body.

In force from both signatures and the first day until the last day is over or it is terminated,
whichever comes first (domain.md 3.1; legal days are London's, ends inclusive: ruling 2).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.errors import (
    AlreadySigned,
    ContractOverlaps,
    DocumentHashDiffers,
    OrganisationSignsFirst,
)
from common.clock import end_of, instant_text, start_of
from common.errors import TransitionRefused
from common.ids import digest_of
from common.lives import Life, Move
from common.security.principal import BODY


class ContractState(StrEnum):
    ISSUED = "ISSUED"
    SIGNED_BY_ORGANISATION = "SIGNED_BY_ORGANISATION"
    SIGNED = "SIGNED"  # by both, before its first day
    IN_FORCE = "IN_FORCE"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"


class ContractCommand(StrEnum):
    SIGN = "POST /v1/contracts/{reference}/signatures"
    END = "POST /v1/contracts/{reference}/termination"


_ENDED = Move(to=ContractState.TERMINATED, why="it is ended", command=ContractCommand.END)
_OVER = Move(to=ContractState.EXPIRED, why="its last day is over")
CONTRACT = Life(
    name="Framework contract",
    begins=frozenset({ContractState.ISSUED}),
    moves={
        ContractState.ISSUED: (
            Move(
                to=ContractState.SIGNED_BY_ORGANISATION,
                why="the organisation signs",
                command=ContractCommand.SIGN,
            ),
            _OVER,
            _ENDED,
        ),
        ContractState.SIGNED_BY_ORGANISATION: (
            Move(
                to=ContractState.SIGNED,
                why="the Body signs before its first day",
                command=ContractCommand.SIGN,
            ),
            Move(to=ContractState.IN_FORCE, why="the Body signs", command=ContractCommand.SIGN),
            _OVER,
            _ENDED,
        ),
        ContractState.SIGNED: (
            Move(to=ContractState.IN_FORCE, why="its first day begins"),
            _ENDED,
        ),
        ContractState.IN_FORCE: (_OVER, _ENDED),
        ContractState.EXPIRED: (),
        ContractState.TERMINATED: (),
    },
    otherwise={
        ContractCommand.SIGN: {
            ContractState.SIGNED: AlreadySigned,
            ContractState.IN_FORCE: AlreadySigned,
            ContractState.EXPIRED: TransitionRefused,
            ContractState.TERMINATED: TransitionRefused,
        },
        ContractCommand.END: None,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    id: UUID
    reference: str
    organisation: str
    legal_name: str
    valid_from: date
    valid_to: date | None
    issued_at: datetime
    document_hash: str
    organisation_signed_at: datetime | None = None
    organisation_signatory: str | None = None
    body_signed_at: datetime | None = None
    body_signatory: str | None = None
    terminated_at: datetime | None = None
    termination_reason: str | None = None
    version: int = 0

    def in_force_from(self) -> datetime | None:
        """Return the instant of effect; None while a signature is missing."""
        if self.organisation_signed_at is None or self.body_signed_at is None:
            return None
        return max(start_of(self.valid_from), self.organisation_signed_at, self.body_signed_at)

    def in_force_until(self) -> datetime | None:
        """Return the first instant at which it is no longer in force; None: open end."""
        ends = [self.terminated_at, None if self.valid_to is None else end_of(self.valid_to)]
        return min((end for end in ends if end is not None), default=None)

    def is_in_force(self, at: datetime) -> bool:
        begin, end = self.in_force_from(), self.in_force_until()
        return begin is not None and begin <= at and (end is None or at < end)

    def state_at(self, at: datetime) -> ContractState:
        if self.terminated_at is not None and self.terminated_at <= at:
            return ContractState.TERMINATED
        if self.valid_to is not None and end_of(self.valid_to) <= at:
            return ContractState.EXPIRED
        begin = self.in_force_from()
        if begin is not None:
            return ContractState.IN_FORCE if begin <= at else ContractState.SIGNED
        if self.organisation_signed_at is not None:
            return ContractState.SIGNED_BY_ORGANISATION
        return ContractState.ISSUED

    def sign_for_organisation(self, *, document_hash: str, role: str, at: datetime) -> Self:
        """Sign for the legal entity.

        Raises:
            DocumentHashDiffers, TransitionRefused
            AlreadySigned: it has signed.

        """
        self._require_signable(document_hash, self.organisation, self.organisation_signed_at, at)
        return replace(self, organisation_signed_at=at, organisation_signatory=role)

    def sign_for_body(
        self, *, document_hash: str, role: str, at: datetime, others: Iterable["Contract"]
    ) -> Self:
        """Sign for the Body, which is what puts it in force.

        Raises:
            DocumentHashDiffers, TransitionRefused
            AlreadySigned: the Body has signed.
            OrganisationSignsFirst: the organisation has not signed yet.
            ContractOverlaps: another contract of the entity is in force in that time.

        """
        self._require_signable(document_hash, BODY, self.body_signed_at, at)
        if self.organisation_signed_at is None:
            raise OrganisationSignsFirst(f"{self.organisation} has not signed {self.reference}.")
        signed = replace(self, body_signed_at=at, body_signatory=role)
        for other in others:
            if other.id != self.id and signed.overlaps(other):
                raise ContractOverlaps(
                    f"{other.reference} is in force for {self.organisation} in that time.",
                    contract=other.reference,
                )
        return signed

    def terminate(self, *, reason: str, at: datetime) -> Self:
        """End it now; ending what has ended changes nothing."""
        if not CONTRACT.permits(self.state_at(at), ContractCommand.END, ""):
            return self
        return replace(self, terminated_at=at, termination_reason=reason)

    def overlaps(self, other: "Contract") -> bool:
        """Check whether there is an instant at which both are in force."""
        begin, other_begin = self.in_force_from(), other.in_force_from()
        if begin is None or other_begin is None:
            return False
        latest_begin = max(begin, other_begin)
        ends = [e for e in (self.in_force_until(), other.in_force_until()) if e is not None]
        return all(latest_begin < end for end in ends)

    def _require_signable(
        self, document_hash: str, party: str, signed_at: datetime | None, at: datetime
    ) -> None:
        if document_hash != self.document_hash:
            raise DocumentHashDiffers(f"{self.reference} has another document.")
        state = self.state_at(at)
        if signed_at is None or state in (ContractState.EXPIRED, ContractState.TERMINATED):
            CONTRACT.permits(state, ContractCommand.SIGN, f"{self.reference} is {state}.")
        else:
            raise AlreadySigned(
                f"{party} signed {self.reference} at {instant_text(signed_at)}, and signs it once."
                " Nothing is to be done.",
                signed_at=instant_text(signed_at),
            )


def contract_hash(
    *, reference: str, organisation: str, legal_name: str, valid_from: date, valid_to: date | None
) -> str:
    """Return what the parties sign: the digest of the contract's own particulars.

    The standing terms were not found (domain.md 3.1); they are named by their edition.
    """
    return digest_of(
        {
            "schema": "dsfc-contract/1",
            "terms": "DSFC standing terms, edition 1",
            "reference": reference,
            "organisation": organisation,
            "legal_name": legal_name,
            "start": valid_from.isoformat(),
            "end": None if valid_to is None else valid_to.isoformat(),
        }
    )


def in_force(contracts: Iterable[Contract], at: datetime) -> Contract | None:
    """Return the one in force among those of a legal entity and its predecessors."""
    return next((c for c in contracts if c.is_in_force(at)), None)
