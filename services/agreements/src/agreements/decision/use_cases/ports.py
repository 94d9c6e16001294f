"""What deciding needs from outside: facts under an epoch, and a log that is written first."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from json.encoder import encode_basestring_ascii
from operator import attrgetter
from typing import Protocol
from uuid import UUID

from agreements.decision.domain.facts import AgreementFacts, Reservation
from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.domain.question import Holding
from agreements.decision.domain.rules import Rules
from agreements.records.domain.events import FileVoided
from common.audit import Entry
from common.clock import instant_text
from common.ids import digest
from statements.attestation import Attestation


class Fate(StrEnum):
    """What became of a released file, once for all: whichever was first."""

    FETCHED = "fetched"
    """A fetch was permitted: a byte of it may have left."""
    VOID = "void"
    """Another file took its place before; it is never fetched."""


@dataclass(kw_only=True, unsafe_hash=True)
class LoggedDecision:
    """One answer, as it is logged before it is given. Nobody changes it.

    It is not frozen: a class of twenty members that is takes more than twice as long to make.
    """

    id: UUID
    at: datetime
    epoch: int
    action: str
    permitted: bool
    agreement: str
    version: str | None
    document_hash: str | None
    line: int | None
    client_id: str
    organisation: str
    capacity: str | None
    asked_by: str
    subject: str
    inputs: str
    outcome: str
    rules: str
    turns_at: datetime | None
    token_digest: str | None
    renews: UUID | None

    @property
    def digest(self) -> str:
        """Return what its leaf in the audit log has of it: the digest of inputs, outcome, rules."""
        return digest(f"{self.inputs}\n{self.outcome}\n{self.rules}".encode())

    @cached_property
    def row_digest(self) -> str:
        """Return the digest of all of it, as its leaf has it too."""
        return digest(self.text().encode())

    def text(self) -> str:
        """Write all of it down, so that no two decisions are one text."""
        try:
            return self._text_at_once()
        except (TypeError, AttributeError):
            # Somebody put a value into the row that is none of its column's type.
            return "\n".join(map(_as_text, MEMBERS(self)))

    def _text_at_once(self) -> str:
        """Write the same, member by member, where each is of its type; else raise."""
        of, id_of, number = encode_basestring_ascii, UUID.__str__, int.__repr__
        version, document_hash, line = self.version, self.document_hash, self.line
        capacity, turns_at = self.capacity, self.turns_at
        token_digest, renews = self.token_digest, self.renews
        return "\n".join(
            (
                id_of(self.id),
                instant_text(self.at),
                number(self.epoch),
                of(self.action),
                bool.__repr__(self.permitted),
                of(self.agreement),
                _NONE if version is None else of(version),
                _NONE if document_hash is None else of(document_hash),
                _NONE if line is None else number(line),
                of(self.client_id),
                of(self.organisation),
                _NONE if capacity is None else of(capacity),
                of(self.asked_by),
                of(self.subject),
                of(self.inputs),
                of(self.outcome),
                of(self.rules),
                _NONE if turns_at is None else instant_text(turns_at),
                _NONE if token_digest is None else of(token_digest),
                _NONE if renews is None else id_of(renews),
            )
        )


NAMES = tuple(one.name for one in fields(LoggedDecision))
"""What is logged of a decision, in this order."""
MEMBERS: Callable[[LoggedDecision], tuple[object, ...]] = attrgetter(*NAMES)
_NONE = str(None)


def _as_text(value: object) -> str:
    """Write a value so that no two values of a member are one text, nor its end another's."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)  # as json.dumps does
    if isinstance(value, datetime):
        return instant_text(value)
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedFile:
    """A holding together with what its first release decision said."""

    holding: Holding
    permit_id: UUID
    version: str
    document_hash: str
    line_number: int
    client_id: str
    organisation: str
    holder: str
    attestation_digest: str
    claims: str
    """Canonical JSON: what the haven attested."""
    released_at: datetime


@dataclass(slots=True)
class Batch:
    """What several decisions write, all of it or nothing."""

    decisions: list[LoggedDecision] = field(default_factory=list)
    audit: list[Entry] = field(default_factory=list)
    permits: list[GivenPermit] = field(default_factory=list)
    reserved: dict[Reservation, tuple[str, UUID, datetime]] = field(default_factory=dict)
    """New reservations: the treatment, the permit that took it, and when."""
    released: list[ReleasedFile] = field(default_factory=list)
    fates: dict[UUID, tuple[Fate, datetime]] = field(default_factory=dict)
    """What becomes of holdings, once for all."""
    voided: list[FileVoided] = field(default_factory=list)
    """What others are told of the files that are void from now on."""
    renewed: dict[UUID, tuple[datetime, int]] = field(default_factory=dict)
    """Decisions that go on: at which instant last, and how many times more."""


class DecisionLog(Protocol):
    """One transaction, begun after the questions arrived."""

    def epoch(self) -> int: ...

    def rules(self) -> Rules:
        """Return the dated rules that apply to every question."""

    def last_at(self) -> datetime | None:
        """Return the instant of the last logged decision."""

    def facts(self, agreement: str, *, beside: str = "") -> AgreementFacts:
        """Return what is known under the epoch. Raise Contended where it has just moved on.

        `beside`: the code of who asks and is no party, of whom is read what is known as well.
        """

    def broken(self) -> tuple[str, ...]:
        """Return, once, what was read since that this service did not record and seal."""

    def reserved(
        self, environments: Collection[UUID], data_set: str, months: Iterable[str]
    ) -> Mapping[Reservation, str]: ...

    def permit(self, permit_id: UUID) -> GivenPermit | None: ...

    def holding(self, holding_id: UUID) -> Holding | None: ...

    def released(self, file_id: str) -> ReleasedFile | None: ...

    def fate(self, holding_id: UUID) -> Fate | None: ...

    def held(
        self,
        environments: Collection[UUID],
        data_set: str,
        months: Iterable[str],
        *,
        locked: bool,
    ) -> Sequence[HeldFile]:
        """Return what the environments were given of these months.

        Where it is locked, from here to the end of the transaction nobody else releases or begins
        to fetch such files.
        """

    def naming_people(self, data_set: str, *, locked: bool) -> Collection[UUID]:
        """Return the environments that were given files of it in which people are named.

        Locked as `held` is.
        """

    def decisions(self, ids: Collection[UUID]) -> Mapping[UUID, LoggedDecision | None]:
        """Return those that this service logged; None in the place of one that was altered.

        One that it did not log, or marked with a former key, is not there.
        """

    def agreements_of(self, organisation: str, *, after: str, limit: int) -> Sequence[str]:
        """Return references, in order, of agreements that name it or somebody before it."""

    def holdings_of(self, agreement: str) -> Sequence[Holding]: ...

    def bridging_files(self, one: str, other: str, *, locked: bool) -> Sequence[Holding]:
        """Return the bridging files between pseudonyms of two agreements, or of one.

        Where it is locked, nobody else releases such a file until the transaction ends.
        """

    def append(self, batch: Batch) -> None:
        """Write. Raise Contended where another replica wrote the same in the meantime."""


class DecisionLogs(Protocol):
    def reading(self) -> AbstractContextManager[DecisionLog]:
        """Read in one snapshot; nothing is logged."""

    def writing(self) -> AbstractContextManager[DecisionLog]:
        """Commit when the block ends, durably; roll back when it raises."""


class Attestations(Protocol):
    def verify(self, compact: str) -> tuple[Attestation, str] | None:
        """Return the attestation and its canonical JSON; None where it is not genuine.

        Raise Unavailable where the haven's keys cannot be had.
        """
