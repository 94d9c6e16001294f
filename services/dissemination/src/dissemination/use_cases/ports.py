"""What the use cases need from outside, but for the decision (`context.Agreements`)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from pydantic import JsonValue

from common.audit.entries import Entry
from common.idempotency import IdempotencyKeys
from common.messaging.envelope import Event
from dissemination.domain.agreement_status import AgreementStatus, Withdrawal
from dissemination.domain.delivery import Delivery
from dissemination.domain.extract import Extract, Kind, Permit, PreparedFile, Replaced
from dissemination.domain.landed import Landed, QualitySummary
from dissemination.domain.orders.standing_order import OrderState, StandingOrder
from dissemination.domain.register import Completeness, Listed, LogHead, RegisterLine
from dissemination.domain.release import LeafPosition, Release
from statements.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    rows_done: int
    rows_total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What the haven says of a job."""

    state: str
    """accepted, running, prepared, failed"""

    progress: Progress | None
    code: str | None
    detail: str | None
    files: tuple[PreparedFile, ...]


class Preparations(Protocol):
    """The safe haven's port for us. Each raises HavenUnavailable where it does not answer."""

    def landed(self, data_set: str) -> Landed:
        """Return what there are records of, its months in order."""

    def quality(self, permit_id: str) -> QualitySummary:
        """Return how good what a preparation reads is: the same at every call.

        Raise PreparationRefused.
        """

    def judge(self, permit: str, request: dict[str, JsonValue]) -> None:
        """Ask, by a permit or the preview of one, whether it would wait for its next edition.

        Raises:
            PreparationRefused, HavenUnavailable:

        """

    def put(self, permit: Permit, request: dict[str, JsonValue]) -> None:
        """Hand the job over. The same again is the same job. Raise PreparationRefused."""

    def get(self, permit_id: str) -> Preparation:
        """Raise PreparationRefused."""


class ReleaseStore(Protocol):
    """Objects that the haven wrote and we may only read."""

    def size(self, key: str) -> int:
        """Raise ObjectMissing, ObjectStoreUnavailable."""

    def digest(self, key: str) -> tuple[int, str]:
        """Read it all: its size and digest. Raise ObjectMissing, ObjectStoreUnavailable."""

    def crc32(self, key: str) -> int:
        """Read it all, once: its checksum in a zip. Raise ObjectMissing, ObjectStoreUnavailable."""


class Extracts(Protocol):
    def get(
        self, extract_id: UUID, *, own: frozenset[str] | None = None, locked: bool = False
    ) -> Extract:
        """Raise ExtractNotFound, also where it is another organisation's.

        `locked`: nobody else changes it until the transaction ends.
        """

    def page(
        self,
        *,
        own: frozenset[str] | None,
        agreement: str | None,
        edition: str | None = None,
        after: UUID | None,
        limit: int,
        kind: Kind = Kind.EXTRACT,
    ) -> Sequence[Extract]:
        """In order of id; ids are UUIDv7, so this is the order of creation.

        `edition`: those alone that were released and read it.
        """

    def hold(self, extracts: Sequence[Extract]) -> None:
        """Hold them, with their files and how their agreements stand, against the audit log."""

    def save(self, extract: Extract, *, audit: Entry) -> Extract:
        """Store the state, its pending events and the audit leaf together.

        Raise EditedMeanwhile where the stored version is not the one that was read.
        """

    def released_from(self, edition_id: str) -> Sequence[Extract]:
        """Released extracts that read that edition."""

    def named(self, ids: Collection[UUID]) -> Sequence[Extract]:
        """Those that are there."""

    def of_order(self, order_id: UUID) -> Sequence[Extract]:
        """All that were asked for because of a standing order."""

    def released_under(self, agreement: str, *, until: datetime) -> Sequence[Extract]:
        """What was released under an agreement until then, and is not withdrawn."""

    def progress(self, extract_id: UUID) -> Progress | None: ...

    def note_progress(self, extract_id: UUID, progress: Progress) -> None: ...

    def due(self, *, at: datetime, limit: int) -> Sequence[UUID]:
        """Unfinished extracts whose turn has come and that nobody has, the oldest first."""

    def claim(self, extract_id: UUID, *, at: datetime, until: datetime) -> bool:
        """Take it until then, so that no other worker does. False where another was faster."""

    def keep(self, extract_id: UUID, *, until: datetime) -> None:
        """Have it for longer."""

    def rest(
        self, extract_id: UUID, *, looked_at: datetime, until: datetime, attempts: int
    ) -> None:
        """Let go of it; its turn comes again then, unless it was woken since it was looked at."""

    def wake(self, extract_id: UUID, *, at: datetime) -> None:
        """Its turn is now; or, where a worker has it, soon after."""

    def attempts(self, extract_id: UUID) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A released file, for whoever keeps the ledger of who holds what."""

    file_id: UUID
    extract_id: UUID
    holding_id: str
    released_at: datetime
    being_delivered: bool


class Orders(Protocol):
    def get(self, order_id: UUID, *, own: frozenset[str] | None = None) -> StandingOrder:
        """Raise StandingOrderNotFound, also where it is another organisation's."""

    def page(
        self,
        *,
        own: frozenset[str] | None,
        agreement: str | None,
        state: OrderState | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[StandingOrder]:
        """In order of id."""

    def hold(self, orders: Sequence[StandingOrder]) -> None:
        """Hold them against the audit log, to be shown."""

    def save(self, order: StandingOrder, *, audit: Entry) -> StandingOrder:
        """Store the state, its pending events and the audit leaf together.

        Raise EditedMeanwhile, or StandingOrderExists where one is active for the same.
        """

    def active_under(self, agreement: str) -> Sequence[StandingOrder]: ...

    def proof(self, order: StandingOrder) -> tuple[UUID, datetime]:
        """Return the newest decision that rests on a token of whoever ordered, and its instant."""

    def due(self, *, at: datetime, limit: int) -> Sequence[UUID]:
        """Active orders whose turn has come and that nobody has, the oldest first."""

    def claim(self, order_id: UUID, *, at: datetime, until: datetime) -> bool:
        """Take it until then. False where another was faster."""

    def rest(self, order_id: UUID, *, looked_at: datetime, until: datetime) -> None:
        """Let go of it; its turn comes again then, unless it was woken since it was looked at."""

    def wake(
        self, *, agreement: str | None = None, data_set: str | None = None, at: datetime
    ) -> None:
        """Have the turn of those under an agreement, or of a data set, come now.

        What was refused before `at` is asked for again.
        """

    def woken_at(self, order_id: UUID) -> datetime | None:
        """When something happened last because of which a refusal may be a yes."""


class Releases(Protocol):
    def add(
        self,
        *,
        extract: Extract,
        line: RegisterLine,
        edition_ids: Sequence[str],
        audit: Entry,
        seal: Callable[[LeafPosition], Release],
    ) -> Release:
        """Append the leaf, seal the manifest over its position, store release and line."""

    def get(self, file_id: UUID, *, own: frozenset[str] | None = None) -> Release:
        """Raise FileNotFound, also where it is another organisation's, or not released."""

    def log(self, releases: Sequence[Release], *, audit: Entry) -> None:
        """Append a leaf that tells of them as they are stored, manifests and all."""

    def hold(self, releases: Sequence[Release]) -> None:
        """Hold them against the audit log, to be shown."""

    def of(self, extract_id: UUID) -> Sequence[Release]: ...

    def under(self, agreement: str, *, after: UUID | None, limit: int) -> Sequence[Released]:
        """Return what was released under an agreement, in order of file id."""

    def instants(self, extracts: Sequence[Extract]) -> Mapping[UUID, datetime]:
        """When each of the extracts was released; those that were not are left out."""
        ...


class Editions(Protocol):
    def supersede(self, edition_id: str, *, by: str, at: datetime) -> None: ...

    def replacements(self, edition_ids: Sequence[str]) -> Sequence[Replaced]:
        """Return those of them that were replaced, in order of their ids, and by what."""


class DestroyedFiles(Protocol):
    """Files that agreements said are destroyed wherever they were held."""

    def put(self, file_id: UUID, *, at: datetime, agreement: str, audit: Entry) -> None: ...

    def of(self, file_ids: Collection[UUID]) -> Mapping[UUID, datetime]:
        """Return since when, of those of them that are."""


class Voids(Protocol):
    """Files that agreements said are void."""

    def put(self, file_id: UUID, void: Withdrawal) -> None: ...

    def of(self, file_ids: Collection[UUID]) -> Withdrawal | None:
        """Return why, where any of them is."""


class Register(Protocol):
    def page(self, *, after: UUID | None, limit: int) -> Sequence[Listed]:
        """In the order of release."""

    def completeness(self) -> Completeness:
        """Hold its lines against what the audit log says was released."""

    def log_head(self) -> LogHead:
        """Return how far the audit log has come in this snapshot."""


class AgreementStatuses(Protocol):
    """What was heard of agreements."""

    def get(self, agreement: str, *, locked: bool = False) -> AgreementStatus | None:
        """`locked`: nobody else changes it, or releases on it, until the transaction ends."""

    def of(self, agreements: Collection[str]) -> Mapping[str, AgreementStatus]: ...

    def put(self, standing: AgreementStatus, *, audit: Entry) -> None: ...


class Deliveries(Protocol):
    def get(self, delivery_id: UUID) -> Delivery: ...

    def page(
        self,
        *,
        own: frozenset[str] | None,
        agreement: str | None,
        file_id: UUID | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[Delivery]: ...

    def save(self, delivery: Delivery, *, audit: Entry, alive_at: datetime) -> Delivery:
        """Store it, its pending events and the leaf. Raise EditedMeanwhile."""

    def note_alive(self, delivery_id: UUID, *, bytes_: int, at: datetime) -> None:
        """That its stream still runs, and how far it is."""

    def silent_since(self, instant: datetime, *, limit: int) -> Sequence[Delivery]:
        """Under way, and not heard of since then: their process has died."""


class Log(Protocol):
    """The audit log, for what changes no state of ours: refusals."""

    def append(self, entry: Entry) -> LeafPosition: ...

    def page(self, *, agreement: str, after: int | None, limit: int) -> Sequence["Logged"]:
        """What the log has about an agreement, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    index: int
    hash: str
    entry: dict[str, JsonValue]


class Transaction(Protocol):
    @property
    def extracts(self) -> Extracts: ...
    @property
    def releases(self) -> Releases: ...
    @property
    def editions(self) -> Editions: ...
    @property
    def destroyed(self) -> DestroyedFiles: ...
    @property
    def voids(self) -> Voids: ...
    @property
    def register(self) -> Register: ...
    @property
    def agreement_statuses(self) -> AgreementStatuses: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def log(self) -> Log: ...
    @property
    def idempotency(self) -> IdempotencyKeys: ...

    def accept(self, event: Event) -> bool:
        """Whether an incoming event is new; noted in this transaction."""


class UnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[Transaction]: ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """Commit when the block ends, roll back when it raises."""


class Sealing(Protocol):
    """Our signature, and the head of our log outside the database."""

    def sign(self, manifest: Manifest, *, at: datetime) -> str: ...

    def checkpoint(self) -> None:
        """Fix the log's head in a place that outlives the database (S4)."""
