"""Many agreements at once: from a template, or in force already (ruling 19), by two people.

What the first person hands in is kept as it will be drafted, snapshot by snapshot; the second
person confirms these and no others.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.version import AgreementVersion, Signature
from common.clock import start_of
from common.ids import new_id
from common.lives import Life, Move
from common.replacement import ReplacementDecided, require_another_person


class BatchKind(StrEnum):
    FROM_TEMPLATE = "from_template"
    IN_FORCE = "in_force"
    """Signed elsewhere, on paper, before this service kept agreements."""


class BatchState(StrEnum):
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class BatchCommand(StrEnum):
    CONFIRM = "POST /v1/agreement-batches/{batch_id}/confirmation"
    WITHDRAW = "POST /v1/agreement-batches/{batch_id}/withdrawal"


BATCH = Life(
    name="Batch of agreements",
    begins=frozenset({BatchState.WAITING}),
    moves={
        BatchState.WAITING: (
            Move(
                to=BatchState.CONFIRMED,
                why="a second person confirms it, and all of it is drafted",
                command=BatchCommand.CONFIRM,
            ),
            Move(to=BatchState.WITHDRAWN, why="it is given up", command=BatchCommand.WITHDRAW),
        ),
        BatchState.CONFIRMED: (),
        BatchState.WITHDRAWN: (),
    },
    otherwise={
        BatchCommand.CONFIRM: ReplacementDecided,
        BatchCommand.WITHDRAW: ReplacementDecided,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSignature:
    """A signature under a document that is not ours, as two people say that they have seen it."""

    party: str
    for_body: bool
    name_of_role: str
    signed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAgreement:
    """One agreement of a batch, or the next version of one."""

    line: int
    """Where the list says so."""
    reference: str
    version: str
    kind: str
    title: str
    controllers: tuple[str, ...]
    start: date
    end: date
    snapshot_hash: str
    snapshot: str
    """Canonical JSON; empty once it is decided: what was drafted is in the agreement."""
    signatures: tuple[PaperSignature, ...] = ()
    signed_document: str | None = None
    """The hash of the document that was signed on paper."""
    without_contract: bool = False
    """No framework contract of its controller is on record: nothing is released before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementBatch:
    id: UUID
    kind: BatchKind
    source: str
    """The template with its number, or empty."""
    digest: str
    """Of what was sent."""
    planned: tuple[PlannedAgreement, ...]
    state: BatchState
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    version: int = 0

    def confirm(self, *, by: str, reason: str, at: datetime) -> Self:
        """Let it be drafted: somebody else than who handed it in, saying why.

        Raises:
            SecondPersonNeeded, ReplacementDecided

        """
        self._require(BatchCommand.CONFIRM)
        require_another_person(
            self.proposed_by, by, "Whoever handed agreements in cannot confirm them."
        )
        return self._decided(BatchState.CONFIRMED, by=by, reason=reason, at=at)

    def withdraw(self, *, by: str, reason: str, at: datetime) -> Self:
        """Give it up before it is drafted.

        Raises:
            ReplacementDecided

        """
        self._require(BatchCommand.WITHDRAW)
        return self._decided(BatchState.WITHDRAWN, by=by, reason=reason, at=at)

    def _require(self, command: BatchCommand) -> None:
        BATCH.permits(self.state, command, f"It is {self.state} already.")

    def _decided(self, state: BatchState, *, by: str, reason: str, at: datetime) -> Self:
        return replace(
            self,
            state=state,
            decided_by=by,
            decided_at=at,
            reason=reason,
            planned=tuple(replace(one, snapshot="") for one in self.planned),
        )


def signed_on_paper(
    agreement: Agreement, version: AgreementVersion, signatures: tuple[PaperSignature, ...]
) -> Agreement:
    """Put the signatures of the signed document under the one that was drafted of it."""
    for one in signatures:
        agreement = agreement.sign(
            Signature(
                id=new_id(),
                party=one.party,
                for_body=one.for_body,
                document_hash=version.document_hash,
                name_of_role=one.name_of_role,
                signed_at=start_of(one.signed_on),
            )
        )
    return agreement
