"""What the use cases need from outside, in their own words."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from applications.domain.application import Application
from applications.domain.facts import AgreementsFacts
from applications.domain.life import State, Step
from applications.domain.sections.forms import Kind
from common.audit.entries import Entry
from common.messaging.envelope import Event


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose applications the caller may know of; None: everybody's."""

    own: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """An application in a list."""

    id: UUID
    organisation: str
    title: str
    kind: Kind
    state: State
    reference: str | None
    label: str | None
    revision: int
    version: int
    created_at: datetime
    submitted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """A step as it is stored; `version` is the application's after it, None where it had none."""

    id: UUID
    version: int | None
    step: Step


class Applications(Protocol):
    def get(self, application_id: UUID, scope: Scope) -> Application:
        """Raise ApplicationNotFound where there is none, or none that the caller may know of."""

    def page(
        self, scope: Scope, *, state: State | None, after: UUID | None, limit: int
    ) -> Sequence[Summary]:
        """Return a page in order of id; ids are UUIDv7, so this is the order of creation."""

    def history(
        self, application_id: UUID, *, after: UUID | None, limit: int
    ) -> Sequence[HistoryLine]: ...

    def has_taken(self, application_id: UUID, *, version: int, verb: str, subject: str) -> bool:
        """Check whether that subject made that step, and so that version, before."""

    def save(self, application: Application, *, audit: Entry) -> Application:
        """Store state, history, snapshots, events and the audit entry together.

        Raise EditedMeanwhile where the stored version is not the one that was read.
        """

    def labels_about(self, reference: str | None, *, but: UUID) -> Collection[str]:
        """Return the versions that other applications about an agreement were handed in as."""

    def hold(self, application_id: UUID) -> None:
        """Hold an application and its history against the audit log, to be shown."""

    def note(self, application_id: UUID, step: Step, *, audit: Entry) -> None:
        """Add a line of what happened elsewhere; pass over applications that are not ours."""


class Snapshots(Protocol):
    def get(self, snapshot_hash: str) -> bytes:
        """Raise SnapshotNotFound, SnapshotAltered."""


class Keys(Protocol):
    """Idempotency keys."""

    def find(self, *, actor: str, key: str, fingerprint: str) -> UUID | None: ...

    def remember(self, *, actor: str, key: str, fingerprint: str, resource: UUID) -> None: ...


class Inbox(Protocol):
    def accept(self, event: Event) -> bool:
        """Check whether the event is new here, and no newer one of its aggregate was seen."""


class Transaction(Protocol):
    @property
    def applications(self) -> Applications: ...

    @property
    def snapshots(self) -> Snapshots: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def inbox(self) -> Inbox: ...


class UnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[Transaction]: ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """Commit when the block ends, roll back when it raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsWanted:
    """What is to be looked up for one application."""

    day: date
    parties: Sequence[str]
    commissioners: Sequence[str]
    is_identifiable: bool
    agreement: str | None
    is_compared: bool = False
    """Whether what the agreement says is needed as well: who extends it changes nothing else."""
    approvals: bool = False
    """Whether support under section 251 is named, so that what is on record of it is needed."""


class Agreements(Protocol):
    """The facts that agreements owns."""

    def facts(self, asked: FactsWanted) -> AgreementsFacts:
        """Raise Unavailable where agreements does not answer, or not in a way we understand."""
