"""What the use cases of people need from outside."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from common.audit.entries import Entry as AuditEntry
from common.idempotency import IdempotencyKeys
from common.replacement import Change
from common.security.principal import Principal
from pseudonymisation.people.domain.registration import RegistrationContent, RegistrationList
from pseudonymisation.people.domain.reidentification import (
    LedBack,
    Reidentification,
    ToldOf,
)
from pseudonymisation.people.domain.subject_access import (
    PreparedExtract,
    Release,
    Searched,
    SubjectAccess,
)
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from statements.vocabulary import LineKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectCarePermission:
    """Agreements says yes, of this domain."""

    decision_id: str
    domain: str


class DirectCare(Protocol):
    """Agreements, asked with the practice's own token as evidence."""

    def decide(
        self,
        agreement: str,
        key: LineKey,
        *,
        request_id: UUID,
        people: int,
        principal: Principal,
        token: str,
    ) -> DirectCarePermission:
        """Raise Refused, AgreementNotFound, DecisionUnavailable."""


class RegistrationImport(Protocol):
    """A list that streams in."""

    key: str

    def take(self, chunk: bytes) -> None:
        """Raise RegistrationsInvalid."""

    def finish(self) -> RegistrationContent: ...

    def abandon(self) -> None: ...


class PeopleHaven(Protocol):
    """The sealed half: lists of registrations, and tokens led back."""

    def registrations(self, list_id: UUID) -> RegistrationImport: ...

    def change_of_registrations(
        self, before: RegistrationList, after: RegistrationList
    ) -> Change: ...

    def destroy_registrations(self, list_id: UUID, object_key: str) -> None: ...

    def lead_back(
        self,
        tokens: Sequence[str],
        domain: PseudonymDomain,
        *,
        lists: Sequence[RegistrationList],
        practice: Collection[str],
    ) -> Sequence[LedBack]:
        """Say of each token whose it is, and the number where each list has the practice for them.

        Raises:
            TokensOfAnotherDomain, KeyClosed, KeyDestroyed, KeyUnavailable, ObjectStoreUnavailable

        """

    def sweep(self, named: Callable[[], Iterable[str]], *, older_than: float) -> int:
        """Take away objects that no row names; return how many."""

    def person_of(self, nhs_number: str) -> str:
        """Return the haven token in hexadecimal digits. Raise NumberInvalid."""


class PreparedRows(Protocol):
    """The files that were prepared, to be looked through for one person."""

    def search(self, person: str, extract: PreparedExtract, domain: PseudonymDomain) -> Searched:
        """Raise KeyUnavailable, ReleaseStoreUnavailable, EngineFailed."""


class Releases(Protocol):
    """Agreements' holdings: what of an agreement's files left, and who answers for it."""

    def of(self, agreement: str) -> Sequence[Release]:
        """Raise ReleasesUnavailable."""


class Registrations(Protocol):
    def get(self, list_id: UUID) -> RegistrationList:
        """Raise RegistrationsNotFound."""

    def standing(self, *, locked: bool = False) -> Sequence[RegistrationList]:
        """Return what is in force or waits; `locked`: nobody else changes it meanwhile."""

    def to_destroy(self) -> Sequence[RegistrationList]:
        """Return what is over and still has its content."""

    def object_keys(self) -> Sequence[str]: ...

    def page(self, *, after: UUID | None, limit: int) -> Sequence[RegistrationList]: ...

    def hold(self, ids: Sequence[UUID]) -> None: ...

    def save(self, listed: RegistrationList, *, audit: AuditEntry) -> RegistrationList: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedTold:
    """Which re-identified people an auditor asks about; None: whoever."""

    person: str | None = None
    practice: str | None = None
    told_to: str | None = None


class Reidentifications(Protocol):
    def get(self, id_: UUID, *, practice: Collection[str] | None) -> Reidentification:
        """Raise ReidentificationNotFound, also of another practice's."""

    def page(
        self, *, practice: Collection[str] | None, after: UUID | None, limit: int
    ) -> Sequence[Reidentification]: ...

    def past(self, at: datetime) -> Sequence[Reidentification]:
        """Return those whose time is over and that still have their tokens."""

    def told(
        self, wanted: WantedTold, *, after: UUID | None, limit: int
    ) -> Sequence[tuple[ToldOf, Reidentification]]:
        """In order of their ids, which is that of time."""

    def hold(self, ids: Sequence[UUID]) -> None: ...

    def save(
        self, one: Reidentification, *, audit: AuditEntry, told: Sequence[ToldOf] = ()
    ) -> Reidentification: ...


class SubjectAccessRequests(Protocol):
    def get(self, id_: UUID) -> SubjectAccess:
        """Raise SubjectAccessNotFound."""

    def page(self, *, after: UUID | None, limit: int) -> Sequence[SubjectAccess]: ...

    def past(self, at: datetime) -> Sequence[SubjectAccess]:
        """Return those whose time is over and of which no row says so."""

    def hold(self, ids: Sequence[UUID]) -> None: ...

    def save(self, one: SubjectAccess, *, audit: AuditEntry) -> SubjectAccess: ...


class PeopleTransaction(Protocol):
    @property
    def registrations(self) -> Registrations: ...

    @property
    def reidentifications(self) -> Reidentifications: ...

    @property
    def subject_access(self) -> SubjectAccessRequests: ...

    def prepared_extracts(self) -> Sequence[PreparedExtract]:
        """Return all records that were ever prepared, held against the audit log, oldest first."""

    def domain(self, domain_id: str) -> PseudonymDomain | None: ...

    def log(self, audit: AuditEntry) -> None: ...

    @property
    def idempotency(self) -> IdempotencyKeys: ...


class PeopleUnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[PeopleTransaction]: ...

    def writing(self) -> AbstractContextManager[PeopleTransaction]: ...
