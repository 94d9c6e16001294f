"""What the intake's use cases need from outside, in their own words."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

from catalogue import AREAS, DataSet, Derivation, LandingRules
from common.audit.entries import Entry as AuditEntry
from common.idempotency import IdempotencyKeys
from common.jobs import Report, SignOfLife
from common.replacement import Change, Reach, State
from pseudonymisation.intake.domain.edition import (
    Edition,
    FurtherMap,
    MapVersion,
    Place,
    Replaced,
)
from pseudonymisation.intake.domain.measures import EditionMeasures
from pseudonymisation.intake.domain.national_check.life import CheckState, Moment
from pseudonymisation.intake.domain.opt_out import ListContent, OptOutList
from pseudonymisation.intake.domain.opt_out_check import OptOutCheck
from pseudonymisation.intake.domain.partial_upload import Part
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.quality import LandingOutcome, QuarantineEntry
from pseudonymisation.intake.domain.right import ProviderStanding
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import ContentForm, TableAsSent
from pseudonymisation.intake.use_cases.uploads.ports import PartialUploads, SealedPart, Upload


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may know of: everything (None), or its organisation's, by all its codes."""

    own: frozenset[str] | None


class Submissions(Protocol):
    def get(self, submission_id: UUID, scope: Scope) -> Submission:
        """Raise SubmissionNotFound also where the caller may not know of it."""

    def sent_by(self, submission_id: UUID, own: frozenset[str]) -> Submission:
        """Return what that organisation itself sent.

        Raises:
            SubmissionNotFound: also where another sent it, be it for that organisation

        """

    def page(
        self, scope: Scope, *, data_set: str | None, after: UUID | None, limit: int
    ) -> Sequence[Submission]:
        """In order of id, which is the order of creation. Without their reports."""

    def hold(self, ids: Sequence[UUID]) -> None:
        """Hold them against the audit log, to be shown."""

    def hold_entries(self, submission_id: UUID) -> None:
        """The same of the reasons for which lines of it were set aside."""

    def entries(
        self, submission_id: UUID, *, after: int, limit: int
    ) -> Sequence[tuple[int, QuarantineEntry]]:
        """Return reasons for which lines were set aside, each with its position."""

    def same_content(self, submission: Submission, digest: str) -> UUID | None:
        """Return another submission of the period with this content: under way, or in force."""

    def claimable(self, at: datetime, *, limit: int) -> Sequence[Submission]:
        """Return what nobody works on, oldest first, never before an older one of its period."""

    def save(self, submission: Submission, *, audit: AuditEntry) -> Submission:
        """Store the state, its events, its entries and the audit entry together.

        Raises:
            EditedMeanwhile: where the stored version is not the one that was read

        """

    def keep_claim(self, submission: Submission) -> Submission:
        """Store who works on it and until when, which is nobody's business but the workers'.

        Raises:
            EditedMeanwhile: where the stored version is not the one that was read

        """

    def extend_claim(self, submission_id: UUID, attempt: UUID, sign: SignOfLife) -> None:
        """Store a sign of life of an attempt, which is no change of the submission's state.

        Raises:
            ClaimLost: where another attempt has begun

        """

    def decided_before(self, instant: datetime, *, limit: int) -> Sequence[Submission]:
        """Return decided submissions whose upload or quarantine is still kept."""


class Editions(Protocol):
    def get(self, edition_id: UUID, scope: Scope) -> Edition:
        """Raise EditionNotFound."""

    def page(
        self,
        scope: Scope,
        *,
        data_set: str | None,
        period: Period | None,
        state: State | None,
        after: UUID | None,
        limit: int,
    ) -> Sequence[Edition]:
        """In order of id. With a period: those that share a month with it."""

    def hold(self, ids: Sequence[UUID]) -> None:
        """Hold them against the audit log, to be shown."""

    def of(self, data_set: str, provider: str) -> Sequence[Edition]:
        """Return the editions in force of one data set and provider."""

    def waiting(self, data_set: str, provider: str) -> Sequence[Edition]:
        """Return those that wait for a second person."""

    def newest(self, limit: int) -> Sequence[Edition]:
        """Return the editions in force, the newest first."""

    def former(self, data_set: str, provider: str, place: Place) -> Sequence[Edition]:
        """Return what is or was in force of just this period and part."""

    def gave_way_to(self, edition_id: UUID) -> Edition | None:
        """Return which one it took the place of; None: it was the first, or that one is gone."""

    def covering(self, data_set: str, months: Sequence[str]) -> Sequence[Edition]:
        """Return those in force that have one of the months, of every provider."""

    def in_force(self, *, but_made_by: Collection[str], limit: int) -> Sequence[Edition]:
        """Return editions in force by other rules than of these digests, that may be landed anew.

        Their upload is kept, and nothing newer of their provider is under way.
        """

    def unmarked_unsafe(
        self, *, data_sets: Collection[str], but_made_by: Collection[str], limit: int
    ) -> Sequence[Edition]:
        """Return editions of these data sets by other rules than of these digests, unmarked."""

    def count(self, data_set: str, provider: str, place: Place) -> int:
        """Return how many there have been of exactly this period and part."""

    def save(self, edition: Edition, *, audit: AuditEntry) -> Edition:
        """Raise EditedMeanwhile where another edition was quicker."""


class Measures(Protocol):
    """How good the values of each edition are."""

    def add(self, edition: Edition, measures: EditionMeasures, *, at: datetime) -> None:
        """Write down what an edition is like, once."""

    def log(self, edition_id: UUID, *, audit: AuditEntry) -> None:
        """Append a leaf that tells of what an edition is like."""

    def is_missing(self, edition_id: UUID) -> bool:
        """Return whether an edition is not measured yet."""

    def unmeasured(self, *, of: Collection[str], limit: int) -> Sequence[Edition]:
        """Return editions that were landed before there were measures, of these catalogue files.

        A file is known by its digest.
        """


class OptOutLists(Protocol):
    def get(self, list_id: UUID) -> OptOutList:
        """Raise ListNotFound."""

    def hold(self, ids: Sequence[UUID]) -> None:
        """Hold them against the audit log, to be shown."""

    def standing(self, *, locked: bool = False) -> Sequence[OptOutList]:
        """Return those in force, leaving and waiting. Locked: nobody else changes them now."""

    def page(
        self, *, state: State | None, after: UUID | None, limit: int
    ) -> Sequence[OptOutList]: ...

    def save(self, opt_outs: OptOutList, *, audit: AuditEntry) -> OptOutList:
        """Raise EditedMeanwhile where the stored version is not the one that was read."""


class OptOutChecks(Protocol):
    def get(self, check_id: UUID) -> OptOutCheck:
        """Raise CheckNotFound."""

    def hold(self, ids: Sequence[UUID]) -> None:
        """Hold them against the audit log, to be shown."""

    def answered(self, data_set: str, *, locked: bool = False) -> Sequence[OptOutCheck]:
        """Return those that have a reply; `locked`: nobody else changes them in the meantime."""

    def page(
        self, *, state: CheckState | None, by: Moment, after: UUID | None, limit: int
    ) -> Sequence[OptOutCheck]: ...

    def save(self, check: OptOutCheck, *, audit: AuditEntry) -> OptOutCheck:
        """Raise EditedMeanwhile where the stored version is not the one that was read."""


class Transaction(Protocol):
    @property
    def submissions(self) -> Submissions: ...
    @property
    def editions(self) -> Editions: ...
    @property
    def measures(self) -> Measures: ...
    @property
    def opt_out_lists(self) -> OptOutLists: ...

    @property
    def opt_out_checks(self) -> OptOutChecks: ...

    @property
    def partial_uploads(self) -> PartialUploads: ...

    def log(self, audit: AuditEntry) -> None:
        """Write down what changes no state."""

    @property
    def idempotency(self) -> IdempotencyKeys: ...

    def object_keys(self) -> Iterable[str]:
        """Return every object that a row names."""


class UnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[Transaction]: ...

    def writing(self) -> AbstractContextManager[Transaction]:
        """Commit when the block ends, roll back when it raises."""


@dataclass(frozen=True, slots=True)
class MapFile:
    """A map of agreements, here."""

    version: MapVersion
    path: Path

    def columns(self) -> Sequence[str]:
        """Return the columns that it names in its first line."""
        with self.path.open(encoding="utf-8") as file:
            return file.readline().rstrip("\n").split(",")


MapKind = Literal["practice", "postcode", "organisation", "deprivation"]


@dataclass(frozen=True, slots=True)
class DatedMapFile:
    """A map that comes into force on a day of the period, or was when it began."""

    valid_from: date
    file: MapFile


class Maps(Protocol):
    def governing(self, kind: MapKind, day: date) -> MapFile | None:
        """Return the map that governs on a day.

        Raises:
            Unavailable: where agreements is away

        """


class SubmissionRights(Protocol):
    """Who may send whose records, and what: facts of agreements, asked each time.

    Each raises Unavailable where agreements is away.
    """

    def of(self, submitter: str, provider: str | None, day: date) -> Sequence[ProviderStanding]:
        """Return how one provider stands on a day to a submitter; or all that it may send for."""

    def may_collect(self, data_set: str, day: date) -> bool:
        """Check whether a direction or a provision notice lets it in on a day (ruling 32)."""


class Publications(Protocol):
    """What was published: facts of agreements."""

    def by_data_set(self, *, anew: bool = False) -> Mapping[str, Collection[str]]:
        """Return the periods that are published by now, asked `anew` or a moment ago.

        Raises:
            Unavailable: where agreements is away

        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingOrder:
    """What a worker lands."""

    submission: Submission
    data_set: DataSet
    """As its files are read by the landing rules."""
    rules: LandingRules
    today: date
    providers: frozenset[str]
    """Whose records it may hold, in normal form."""
    practice_map: MapFile | None
    postcode_map: MapFile | None
    organisation_map: MapFile
    later_postcode_maps: tuple[DatedMapFile, ...] = ()
    """Directories that come into force within the period: areas go by the day of the record."""
    base: Edition | None = None
    """With which edition in force a net change is merged; None: there is none."""
    deprivation_maps: tuple[DatedMapFile, ...] = ()
    """Deciles in force when the period begins, and those that come later in it."""
    tables: Mapping[str, TableAsSent] = field(default_factory=dict)
    """Of several tables each that came; none: the data set is one."""

    @property
    def areas_untold(self) -> tuple[str, ...]:
        """Name what the data set derives of postcodes, and the maps that were there do not tell."""
        sent = self.data_set.as_sent
        needed = {d.derivation for d in sent.derived if d.derivation in AREAS}
        if "L" in sent.population:
            needed |= {Derivation.LOCAL_AUTHORITY, Derivation.UPPER_LOCAL_AUTHORITY}
        maps = [self.postcode_map, *(one.file for one in self.later_postcode_maps)]
        told = [set(one.columns()) for one in maps if one is not None]
        untold = {area for area in needed if any(area.value not in columns for columns in told)}
        if self.deprivation_maps:
            keyed = {one.file.columns()[0] for one in self.deprivation_maps}
            if all(keyed <= columns for columns in told):
                untold.discard(Derivation.DEPRIVATION_DECILE)
        return tuple(sorted(area.value for area in untold))

    @property
    def further_maps(self) -> tuple[FurtherMap, ...]:
        """Name them, as an edition does."""
        return (
            *(FurtherMap("postcode", one.file.version) for one in self.later_postcode_maps),
            *(FurtherMap("deprivation", one.file.version) for one in self.deprivation_maps),
        )


class Haven(Protocol):
    """The data plane, as the intake uses it."""

    def upload(
        self, submission_id: UUID, attempt: UUID, data_set: DataSet, form: ContentForm
    ) -> Upload:
        """Raise Unavailable where keys or objects are away."""

    def judge_start(self, block: bytes, data_set: DataSet, form: ContentForm) -> None:
        """Raise ContentRefused where a content that begins so is no file of the data set."""

    def trial(self, data_set: DataSet, form: ContentForm) -> "FileTrial":
        """Take a file that is only looked at. Raise Unavailable where the store is away."""

    def part(self, submission_id: UUID, upload_id: UUID) -> SealedPart:
        """Raise Unavailable where keys or objects are away."""

    def read_part(self, part: Part) -> Iterator[bytes]:
        """Raise KeyDestroyed, ObjectDamaged, Unavailable."""

    def land(self, order: LandingOrder, report: Report) -> LandingOutcome:
        """Write an edition's object and the quarantine's. Nothing names them yet.

        `report` is told now and then how many records were read.

        Raises:
            EngineFailed, ObjectDamaged, Unavailable

        """

    def quarantined(self, object_key: str, header: str, data_set: DataSet) -> Iterator[bytes]:
        """Open the rows that were set aside, as CSV: line, reasons, and the values as they came.

        Raises:
            ObjectDamaged, Unavailable

        """

    def edition_key(self, submission: Submission) -> str:
        """Where the present attempt lands its edition."""

    def deleted_key(self, submission: Submission) -> str:
        """Where the present attempt puts what a net change takes back."""

    def quarantine_key(self, submission: Submission) -> str:
        """Where the present attempt puts rows that are set aside."""

    def discard_attempt(self, submission: Submission) -> None:
        """Take away what the submission's present attempt has written."""

    def discard_edition(self, edition_id: UUID) -> None:
        """Destroy the key of an edition that is not to be, and its objects."""

    def destroy(self, object_key: str) -> None:
        """Destroy an upload or a quarantine: its key, then the object."""

    def opt_outs(self, list_id: UUID) -> "ListImport": ...

    def change_of_editions(
        self, before: Edition, edition_id: UUID, object_key: str, rows: int
    ) -> Change:
        """Count rows of people that come and go; where it cannot be compared, all of them."""

    def replaced_by(
        self,
        before: Edition,
        edition_id: UUID,
        object_key: str,
        rows: int,
        *,
        measures: Sequence[str],
    ) -> Replaced:
        """Count rows and people that come and go, and sum the measures; as far as both are read."""

    def change_of_lists(self, *before: OptOutList, after: OptOutList) -> Change:
        """Count who comes and who goes of those on any list before.

        Where they cannot be compared, everybody does.
        """

    def reach_of_list(self, opt_outs: OptOutList, editions: Sequence[Edition]) -> Reach:
        """Count how many of the people in the editions are on the list."""

    def ask_about(self, check_id: UUID, editions: Sequence[Edition]) -> tuple[str, int]:
        """Keep whom a check asks about; return under which key, and how many they are."""

    def asked(self, check_id: UUID, object_key: str) -> Iterator[bytes]:
        """Open a request: `number,` and a line feed for each."""

    def cleared(self, reply_id: UUID) -> "ListImport": ...
    def not_asked(self, check: OptOutCheck, reply_id: UUID, reply_key: str) -> int:
        """Count the people of a reply who are not in the request."""

    def change_of_replies(self, *before: OptOutCheck, after: OptOutCheck) -> Change:
        """Count who comes and goes of those who object by any reply before, of the same people.

        Where they cannot be compared, everybody does.
        """

    def destroy_list(self, list_id: UUID, object_key: str) -> None:
        """Destroy a list's key, then its object."""

    def sweep(self, named: Callable[[], Iterable[str]], *, older_than: float) -> int:
        """Take away what was last written before an instant; return how much.

        Objects that no row names, and what killed work left in scratch.
        """


class FileTrial(Protocol):
    """A file on its way in of which nothing stays."""

    key: str

    def take(self, chunk: bytes) -> None:
        """Raise ContentRefused, Unavailable."""

    def finish(self) -> str:
        """Give its header. Raise ContentRefused, Unavailable."""

    def land(self, order: LandingOrder) -> LandingOutcome:
        """Land it, and forget it. Raise ContentRefused, EngineFailed, Unavailable."""

    def replaced(
        self, before: Edition, edition_id: UUID, rows: int, *, measures: Sequence[str]
    ) -> Replaced:
        """Count what it would take the place of, and what would be there then."""

    def close(self) -> None: ...


class ListImport(Protocol):
    """A list on its way in: numbers become haven tokens as they come."""

    key: str

    def take(self, chunk: bytes) -> None:
        """Raise ListInvalid, ListIsReply, ReplyInvalid, Unavailable."""

    def finish(self) -> ListContent:
        """Raise ListInvalid, ListIsReply, ReplyInvalid, Unavailable."""

    def abandon(self) -> None: ...
