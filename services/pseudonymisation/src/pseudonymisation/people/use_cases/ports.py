"""What the use cases of people need from outside."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from common.audit.entries import Entry as AuditEntry
from common.idempotency import IdempotencyKeys
from common.replacement import Change
from common.security.principal import Principal
from pseudonymisation.people.domain.invoice_match import (
    Invoice,
    InvoiceMatch,
    Matched,
    MatchedBefore,
)
from pseudonymisation.people.domain.registration import RegistrationContent, RegistrationList
from pseudonymisation.people.domain.reidentification import (
    LedBack,
    Reidentification,
    ToldOf,
)
from pseudonymisation.people.domain.risk_scores import ScoredPeople, ScoresDeclaration
from pseudonymisation.people.domain.subject_access import (
    PreparedExtract,
    Release,
    Searched,
    SubjectAccess,
)
from pseudonymisation.preparations.domain.preparation import PinnedEdition, PinnedOptOutList
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from statements.filters import Filters
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

    def decide_match(
        self,
        invoice: Invoice,
        *,
        request_id: UUID,
        people: int,
        principal: Principal,
        token: str,
    ) -> "MatchPermission":
        """Raise Refused, AgreementNotFound, DecisionUnavailable."""

    def decide_scores(
        self,
        declared: ScoresDeclaration,
        *,
        request_id: UUID,
        people: int,
        principal: Principal,
        token: str,
    ) -> DirectCarePermission:
        """Raise Refused, AgreementNotFound, DecisionUnavailable."""


class Scores(Protocol):
    """Scores of people that are known, to be landed."""

    @property
    def counted(self) -> ScoredPeople: ...

    def blocks(self, declared: ScoresDeclaration) -> Iterator[bytes]:
        """Write the file that is landed."""


class ScoresImport(Protocol):
    """Scores that stream in."""

    def take(self, chunk: bytes) -> None:
        """Raise RiskScoresInvalid, TooManyPeople."""

    def finish(self) -> int:
        """Say how many there are. Raise RiskScoresInvalid, TooManyPeople."""

    @property
    def digest(self) -> str:
        """Return the digest of what came, by which the same call is known again."""

    def known(self, domain: PseudonymDomain, *, lists: Sequence[RegistrationList]) -> Scores:
        """Say whose they are.

        Raises:
            TokensOfAnotherDomain, TokensUnknown, KeyClosed, KeyDestroyed, KeyUnavailable
            ObjectStoreUnavailable, EngineFailed

        """


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

    def scores(self, people_max: int) -> ScoresImport: ...

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

    def came_since(self, since: datetime) -> Sequence[RegistrationList]:
        """Return what came, or was decided, since then, whatever became of it."""

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

    def asked_since(self, since: datetime, *, practice: Collection[str]) -> int:
        """Return how many people a practice asked about, and let it ask nothing meanwhile."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchPermission:
    """Agreements says yes, of these people."""

    decision_id: str
    national: bool
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    filters: Filters
    opt_outs_applied: bool
    opt_outs_by: str
    list_age_days_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoCounts:
    """Whose rows count as being there."""

    permission: MatchPermission
    data_set: str
    month: str
    provider: str
    editions: tuple[PinnedEdition, ...]
    opted_out: tuple[PinnedOptOutList, ...]
    """Whoever is on any of them counts as not there."""


class LandedRows(Protocol):
    """What was landed, to be looked through for people."""

    def match(self, numbers: Sequence[str], who: WhoCounts) -> Sequence[Matched]:
        """Say of each number, in their order, whether the person is there.

        Raises:
            KeyUnavailable, ObjectStoreUnavailable, EngineFailed

        """


class InvoiceMatches(Protocol):
    def standing(self, organisation: str, agreement: str, *, since: datetime) -> MatchedBefore:
        """Return what was asked before, and let nobody ask meanwhile."""

    def add(self, match: InvoiceMatch, found: Sequence[Matched], *, audit: AuditEntry) -> None: ...

    def page(self, *, after: UUID | None, limit: int) -> Sequence[InvoiceMatch]: ...


class PeopleTransaction(Protocol):
    @property
    def registrations(self) -> Registrations: ...

    @property
    def reidentifications(self) -> Reidentifications: ...

    @property
    def subject_access(self) -> SubjectAccessRequests: ...

    @property
    def invoice_matches(self) -> InvoiceMatches: ...

    def current_editions(self, data_set: str) -> Sequence[PinnedEdition]:
        """Return the editions in force of every version of the data set."""

    def are_as_logged(self, editions: Sequence[PinnedEdition]) -> bool: ...

    def opt_out_lists(self) -> tuple[PinnedOptOutList, ...]:
        """Return the lists whose people are left out, the one in force first.

        None where no list is in force, or where lists are not what the audit log says of them.
        """

    def prepared_extracts(self) -> Sequence[PreparedExtract]:
        """Return all records that were ever prepared, held against the audit log, oldest first."""

    def domain(self, domain_id: str) -> PseudonymDomain | None: ...

    def log(self, audit: AuditEntry) -> None: ...

    @property
    def idempotency(self) -> IdempotencyKeys: ...


class PeopleUnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[PeopleTransaction]: ...

    def writing(self) -> AbstractContextManager[PeopleTransaction]: ...
