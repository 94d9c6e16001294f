"""What the use cases need from outside, in their own words.

Every save takes the audit entry: what is stored without one is not stored (design.md, section 10,
S4). State, events, fact epoch and audit leaf are one transaction.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol, TypeVar
from uuid import UUID

from agreements.records.domain.agreement import Agreement, LapseRule
from agreements.records.domain.breach import Breach
from agreements.records.domain.contract import Contract
from agreements.records.domain.destruction.certificate import (
    Acceptance,
    Certificate,
    DestroyedFile,
)
from agreements.records.domain.destruction.ledger import DestructionRule
from agreements.records.domain.destruction.recorded import RecordedHolding
from agreements.records.domain.drafting import ApprovedApplication
from agreements.records.domain.events import HoldingEvent
from agreements.records.domain.issuing.batch import AgreementBatch
from agreements.records.domain.issuing.template import AgreementTemplate
from agreements.records.domain.lists.imports import HasId, Import, ImportKind
from agreements.records.domain.lists.layouts.directories import AreaLayouts
from agreements.records.domain.lists.layouts.reading import LeftOut
from agreements.records.domain.lists.maps import MapSnapshot
from agreements.records.domain.lists.register import RelationshipEdition
from agreements.records.domain.lists.undoing import Undo
from agreements.records.domain.oversight.audits import Audit
from agreements.records.domain.oversight.directions import Direction
from agreements.records.domain.oversight.instructions import InternalInstruction
from agreements.records.domain.oversight.lapses import LapseWarning, WarningRule, YearlyAuditRule
from agreements.records.domain.oversight.staff import StaffRecord, StaffRequirement
from agreements.records.domain.oversight.waivers import OptOutWaiver
from agreements.records.domain.parties.assurance import Assurance, AssuranceRules
from agreements.records.domain.parties.codes import CodeRules
from agreements.records.domain.parties.domain_transfer import DomainTransfer
from agreements.records.domain.parties.environment import (
    EnvironmentClient,
    ListedEnvironment,
    RecipientEnvironment,
)
from agreements.records.domain.parties.organisation import Organisation, TransferInstrument
from agreements.records.domain.parties.registration import (
    IcoRegistration,
    Publication,
    Section251Approval,
)
from agreements.records.domain.parties.relationship import Relationship
from agreements.records.domain.parties.submission_right import SubmissionRight
from agreements.records.domain.recalls import Recall
from agreements.records.domain.task import Task
from agreements.records.domain.terms.onward import OnwardShare
from agreements.records.domain.terms.search import EVERYTHING, AgreementSearch
from agreements.records.use_cases.lists.data_set_files import DataSetFiles
from common.audit.entries import Entry
from common.idempotency import IdempotencyKeys
from common.replacement import State
from statements.vocabulary import LineKey


class Fact(Protocol):
    """Something that we hold true: `version` counts its stored changes, 0 is not stored yet."""

    @property
    def id(self) -> UUID: ...

    @property
    def version(self) -> int: ...


F = TypeVar("F", bound=Fact)
One = TypeVar("One", bound=HasId)

Scope = frozenset[str] | None
"""The organisations whose affairs the caller may know of; None: everybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a list in order of id."""

    after: UUID | None
    rows: int

    def of(self, found: Iterable[One]) -> list[One]:
        """Cut the part out of what was found."""
        later = [one for one in found if self.after is None or one.id > self.after]
        return sorted(later, key=lambda one: one.id)[: self.rows]


class FactStore(Protocol[F]):
    """Facts of one kind, as we hold them true at present."""

    def find(self, **equal: object) -> Sequence[F]:
        """Return those whose columns are equal to these, in order of id."""

    def among(self, column: str, values: Collection[object]) -> Sequence[F]:
        """Return those whose column has one of these values, in order of id."""

    def one(self, **equal: object) -> F | None:
        """Return the only one, or None."""

    def page(self, part: Slice, **equal: object) -> Sequence[F]: ...

    def between(self, column: str, first: date, last: date) -> Sequence[F]:
        """Return those of which a day lies between two, both inclusive, in order of id."""

    def known_at(self, epoch: int, **equal: object) -> Sequence[F]:
        """Return what was held true at an epoch."""

    def undo(self, epoch: int, **equal: object) -> Undo[F]:
        """Return what was written under an epoch, and what it replaced."""

    def save(self, *facts: F, audit: Entry) -> tuple[F, ...]:
        """Store new and changed facts together.

        Raise EditedMeanwhile where a stored version is not the one that was read.
        """

    def retract(self, *facts: F, audit: Entry) -> None:
        """Hold these true no longer, with nothing in their place."""


class Instruments(Protocol):
    def all(self) -> Sequence[TransferInstrument]:
        """Return those that were not withdrawn."""

    def get(self, instrument_id: UUID) -> TransferInstrument:
        """Raise TransferNotFound where there is none; one that was withdrawn is there."""

    def page(self, part: Slice) -> Sequence[TransferInstrument]:
        """Return a part of all, with those that were withdrawn."""

    def add(self, instrument: TransferInstrument, *, audit: Entry) -> None: ...

    def withdraw(
        self, instrument: TransferInstrument, reason: str, *, audit: Entry
    ) -> TransferInstrument: ...


class Maps(Protocol):
    def all(self, kind: str | None, *, readable: bool = False) -> Sequence[MapSnapshot]:
        """Return them in order of id; `readable`: those that can be read, the others are noted."""

    def get(self, map_id: UUID) -> MapSnapshot:
        """Raise MapNotFound where there is none."""

    def add(self, snapshot: MapSnapshot, pieces: Iterable[bytes], *, audit: Entry) -> None: ...

    def stand(self, *snapshots: MapSnapshot, audit: Entry) -> tuple[MapSnapshot, ...]:
        """Store how maps stand."""

    def content(self, map_id: UUID) -> Iterator[bytes]:
        """Yield the canonical bytes in pieces."""


class Agreements(Protocol):
    def get(self, reference: str, *, scope: Scope) -> Agreement:
        """Raise AgreementNotFound where there is none, or none that the scope may know of."""

    def find(self, reference: str) -> Agreement | None: ...

    def named(self, references: Collection[str]) -> Sequence[Agreement]:
        """Return those of these references that there are."""

    def by_id(self, agreement_id: UUID) -> Agreement: ...

    def of_hold(self, hold_id: UUID, *, scope: Scope) -> Agreement:
        """Raise HoldNotFound."""

    def with_processor(self, ods: str) -> Sequence[Agreement]: ...

    def lacking_signatures(
        self, day: date, *, parties: Collection[str] | None
    ) -> Sequence[Agreement]:
        """Return those with a version that one of these has not signed and that is not over.

        `parties`: None: that the Body has not signed.
        """

    def with_lifts_begun(self) -> Sequence[Agreement]:
        """Return those with a hold that one person wants lifted."""

    def page(
        self, part: Slice, *, scope: Scope, search: AgreementSearch = EVERYTHING
    ) -> Sequence[Agreement]: ...

    def ending(self, first: date, last: date) -> Sequence[Agreement]:
        """Return those with a version, or an open special condition, that ends between two days."""

    def tasks(self, agreement: Agreement) -> Sequence[Task]:
        """Return the tasks about an agreement as they were read with it, in order of id."""

    def parties(self) -> Sequence[str]:
        """Return the code of whoever is a party to any agreement."""

    def save(self, agreement: Agreement, *, audit: Entry) -> Agreement: ...


class Relationships(Protocol):
    def get(self, relationship_id: UUID, *, scope: Scope) -> Relationship:
        """Raise RelationshipNotFound where there is none, or none that the scope may know of."""

    def find(self, *, commissioner: str | None = None) -> Sequence[Relationship]: ...

    def page(self, part: Slice, *, scope: Scope) -> Sequence[Relationship]: ...

    def save(self, relationship: Relationship, *, audit: Entry) -> Relationship: ...


class Imports(Protocol):
    """Lists that were sent, and how they stand."""

    def one(self, import_id: UUID) -> Import | None: ...

    def waiting(self) -> Sequence[Import]: ...

    def applied(self, kind: ImportKind, layout: str) -> Sequence[Import]:
        """Return those of a list whose facts were written, and that were not taken back."""

    def page(self, part: Slice, state: State | None) -> Sequence[Import]: ...

    def save(self, *sent: Import, audit: Entry, is_told: bool = False) -> tuple[Import, ...]:
        """Store how they stand. `is_told`: the leaf of the facts that they wrote says it."""


class Editions(Protocol):
    """Published spreadsheets of relationships."""

    def latest(self) -> RelationshipEdition | None:
        """Return the one in force: what takes one back is the next one."""

    def at_epoch(self, epoch: int) -> RelationshipEdition | None:
        """Return the one that was in force at an epoch."""

    def get(self, number: int) -> RelationshipEdition | None: ...

    def add(self, edition: RelationshipEdition, *, audit: Entry) -> None: ...


class Breaches(Protocol):
    def get(self, breach_id: UUID, *, scope: Scope) -> Breach:
        """Raise BreachNotFound where there is none, or none that the scope may know of."""

    def page(self, part: Slice, *, scope: Scope) -> Sequence[Breach]: ...

    def without_receipt(self) -> Sequence[Breach]: ...

    def of_agreement(self, agreement_id: UUID) -> Sequence[Breach]: ...
    def of_agreements(self, ids: Collection[UUID]) -> Sequence[Breach]:
        """Return those about any of these agreements, in order of id."""

    def save(self, breach: Breach, *, audit: Entry) -> Breach: ...


class Holdings(Protocol):
    """What was released under an agreement; written by the decision, read here."""

    def of(
        self, agreement: str, part: Slice | None = None, *, as_sealed: bool = False
    ) -> Sequence[RecordedHolding]:
        """Return a part of them, or all; of a part, or where it is asked, with their seals."""

    def made_with(self, recall: Recall) -> Sequence[RecordedHolding]:
        """Return the files of every agreement that rest on what was taken back."""

    def tell(self, *said: HoldingEvent) -> None:
        """Say to others that these are not fetched any more."""

    def has_files_out(self, agreement: str) -> bool:
        """Check whether a file was released that is neither void nor destroyed."""

    def with_files_out(self, agreements: Collection[str]) -> Collection[str]:
        """Return those of these agreements under which such a file was released."""

    def agreements_with_files_out(self) -> Sequence[str]: ...

    def page(self, part: Slice, *, scope: Scope) -> Sequence[RecordedHolding]:
        """Return a part of the files of every agreement that the scope may know of."""

    def note_ended(self, extract_id: str, *, state: str, at: datetime) -> None:
        """Take down that an extract came to nothing, for what is shown."""

    def under_way(self, agreement: str, *, at: datetime) -> Sequence[LineKey]:
        """Return the line of each preparation or download that is under way."""


class Transaction(Protocol):
    @property
    def at(self) -> datetime:
        """The instant of what it writes, taken under the lock: never ahead of its commit.

        Raise LookupError where it only reads.
        """

    @property
    def epoch(self) -> int:
        """The epoch under which it writes."""

    def not_as_sealed(self, *shown: Sequence[object]) -> Sequence[tuple[str, ...]]:
        """Say of each, with what it is shown with, which tables hold other rows than were sealed.

        Of agreements that this transaction read, the very rows that it read are compared. Asked
        last: where the chain of seals went on meanwhile, the snapshot is a newer one from then on.
        Raise LookupError where it writes.
        """

    def epoch_at(self, instant: datetime) -> int:
        """Return the newest epoch of that instant; 0 before the first fact."""

    @property
    def organisations(self) -> FactStore[Organisation]: ...
    @property
    def instruments(self) -> Instruments: ...
    @property
    def maps(self) -> Maps: ...
    @property
    def environments(self) -> FactStore[RecipientEnvironment]: ...
    @property
    def environment_clients(self) -> FactStore[EnvironmentClient]: ...
    @property
    def listed_environments(self) -> FactStore[ListedEnvironment]: ...
    @property
    def domain_transfers(self) -> FactStore[DomainTransfer]: ...
    @property
    def contracts(self) -> FactStore[Contract]: ...
    @property
    def agreements(self) -> Agreements: ...
    @property
    def tasks(self) -> FactStore[Task]: ...
    @property
    def relationships(self) -> Relationships: ...
    @property
    def listed_relationships(self) -> FactStore[Relationship]:
        """Return them as a published list replaces them: without the consents to publication."""

    @property
    def editions(self) -> Editions: ...
    @property
    def assurance(self) -> FactStore[Assurance]: ...
    @property
    def ico_registrations(self) -> FactStore[IcoRegistration]: ...
    @property
    def section_251_approvals(self) -> FactStore[Section251Approval]: ...
    @property
    def publications(self) -> FactStore[Publication]: ...
    @property
    def imports(self) -> Imports: ...
    @property
    def recalls(self) -> FactStore[Recall]: ...
    @property
    def submission_rights(self) -> FactStore[SubmissionRight]: ...
    @property
    def data_sets(self) -> DataSetFiles: ...
    @property
    def breaches(self) -> Breaches: ...
    @property
    def certificates(self) -> FactStore[Certificate]: ...
    @property
    def acceptances(self) -> FactStore[Acceptance]: ...
    @property
    def templates(self) -> FactStore[AgreementTemplate]: ...
    @property
    def batches(self) -> FactStore[AgreementBatch]: ...
    @property
    def onward_shares(self) -> FactStore[OnwardShare]: ...
    @property
    def destroyed_files(self) -> FactStore[DestroyedFile]: ...
    @property
    def staff_records(self) -> FactStore[StaffRecord]: ...
    @property
    def audits(self) -> FactStore[Audit]: ...
    @property
    def directions(self) -> FactStore[Direction]: ...

    @property
    def internal_instructions(self) -> FactStore[InternalInstruction]: ...

    @property
    def opt_out_waivers(self) -> FactStore[OptOutWaiver]: ...
    @property
    def lapse_warnings(self) -> FactStore[LapseWarning]: ...
    @property
    def holdings(self) -> Holdings: ...
    @property
    def once(self) -> IdempotencyKeys: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAgainstSeals:
    """How one table stands to its seals, and where seals and audit log stood then."""

    gone: frozenset[str]
    """What was sealed and has no row any more, by the column that its seals are named by."""
    altered: frozenset[str]
    """What has other rows than were sealed, in the same words."""
    is_whole: bool
    """Whether the seals follow one another and the audit log names the last of them."""
    number: int
    seal: str
    log_size: int
    log_root: str


class UnitOfWork(Protocol):
    def not_as_sealed(self, *shown: Sequence[object]) -> Sequence[tuple[str, ...]]:
        """Say the same of what was read before, by the rows as they are by now."""

    def recorded(self, table: str) -> TableAgainstSeals:
        """Hold all of a table against its seals, what is not there any more as well."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """Read in one snapshot."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """Lock the facts, then commit when the block ends, or roll back when it raises.

        Changes of facts follow one another, so that what one checks another cannot undermine.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DisseminatedFile:
    """A file that dissemination released, by its own account."""

    file_id: str
    is_being_delivered: bool


class Releases(Protocol):
    """What dissemination released."""

    def of(self, agreement: str) -> Sequence[DisseminatedFile]:
        """Raise Unavailable where dissemination does not answer."""


class Snapshots(Protocol):
    """The frozen snapshots of applications."""

    def fetch(self, snapshot_hash: str) -> ApprovedApplication:
        """Fetch and verify one.

        Raise SnapshotRefused where it is not what its hash says, Unavailable where applications
        does not answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Dated data that ships with the service."""

    assurance: AssuranceRules
    lapse: tuple[LapseRule, ...]
    destruction: tuple[DestructionRule, ...]
    icbs_from: date
    bank_holidays: frozenset[date]
    staff: tuple[StaffRequirement, ...]
    """What a DSCRO role needs (ruling 18)."""
    warnings: tuple[WarningRule, ...]
    yearly_audit: tuple[YearlyAuditRule, ...]
    codes: CodeRules
    """How organisations' codes are read (ruling 23)."""
    areas: AreaLayouts
    """How postcode directories and indices of deprivation name their columns."""
    spool: "Spool"
    """Brings a directory into canonical form."""


class DirectoryFile(Protocol):
    """A postcode directory in canonical form, for as long as it is taken in."""

    @property
    def digest(self) -> str: ...
    @property
    def entries(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def left_out(self) -> LeftOut: ...
    def pieces(self) -> Iterator[bytes]: ...


class Spool(Protocol):
    """Where directories are brought into canonical form."""

    def __call__(
        self, blocks: Iterable[bytes], layouts: AreaLayouts
    ) -> AbstractContextManager[DirectoryFile]:
        """Raise ImportRefused, ImportContradicts."""
