"""What preparations need from outside, in their own words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self
from uuid import UUID

from catalogue import DataSet, LandingRules
from catalogue.relations import split
from common.audit.entries import Entry
from common.jobs import Report, SignOfLife
from pseudonymisation.preparations.domain.attestation import ExtractOutcome
from pseudonymisation.preparations.domain.groups import FileOf
from pseudonymisation.preparations.domain.preparation import (
    PinnedEdition,
    PinnedOptOutList,
    PinnedRegistrations,
    Preparation,
)
from pseudonymisation.preparations.domain.shown import (
    HeldTable,
    ShownBefore,
    ShownCells,
    ShownTable,
)
from pseudonymisation.preparations.domain.tables.across import of_related_groups
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from statements.attestation import StandingEdition
from statements.permit import Permit


class Preparations(Protocol):
    def find(self, preparation_id: UUID) -> Preparation | None: ...

    def get(self, preparation_id: UUID) -> Preparation:
        """Raise PreparationNotFound."""

    def of_extract(self, extract_id: UUID) -> Preparation | None:
        """Return the one whose files were prepared for an extract."""

    def hold(self, preparation_id: UUID) -> None:
        """Hold it against the audit log, to be shown."""

    def claimable(self, *, at: datetime) -> Preparation | None: ...

    def add(self, preparation: Preparation, *, permit: dict[str, Any], audit: Entry) -> Preparation:
        """Raise AcceptedMeanwhile."""

    def save(self, preparation: Preparation, *, audit: Entry) -> Preparation:
        """Raise ClaimLost."""

    def extend_claim(self, preparation_id: UUID, attempt: UUID, sign: SignOfLife) -> None:
        """Store a sign of life of an attempt.

        Raises:
            ClaimLost: where another attempt has begun

        """

    def is_bridged(self, one: str, other: str) -> bool:
        """Say whether a bridging file between two domains was made, or is being made."""

    def beside(self, permit: Permit) -> Sequence[Preparation]:
        """Return those, opt-outs upheld, that lie in its environment or may come to.

        Records and tables of the same data set, in whatever agreement, and of those whose tokens
        are equal; none of its own extract.
        """

    def named_objects(self) -> set[str]: ...

    def attempts_alive(self, *, at: datetime) -> set[UUID]: ...


class Domains(Protocol):
    def find(self, domain_id: str) -> PseudonymDomain | None: ...

    def hold(self, domain_id: str) -> None:
        """Hold its row against the log, for `require_as_logged`."""

    def of_agreement(self, agreement: str) -> Sequence[PseudonymDomain]: ...

    def settled(self) -> Sequence[PseudonymDomain]:
        """Return the closed ones of which nothing is held any more."""

    def save(self, domain: PseudonymDomain, *, audit: Entry) -> PseudonymDomain:
        """Raise AcceptedMeanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedMonth:
    """A month for which there are records of a data set."""

    month: str
    providers: int
    """Whose editions are read today."""
    landed_at: datetime
    """When the newest of them was landed."""
    editions: tuple[UUID, ...]
    """All of them, of whatever version of the data set; in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedData:
    """What can be read today, and who would be left out of it."""

    months: tuple[LandedMonth, ...]
    opt_out_lists: tuple[str, ...]
    """What decides that, as it is attested; empty where no list is in force."""


class Landed(Protocol):
    def months(self, data_set: str) -> Sequence[LandedMonth]:
        """Return the months that can be read today, in order."""

    def current_editions(self, data_set: str) -> Sequence[PinnedEdition]:
        """Return the editions in force of every version of the data set."""

    def checks(
        self, permit: Permit, editions: Sequence[PinnedEdition]
    ) -> tuple[PinnedOptOutList, ...]:
        """Return the replies of which all have to clear whoever is used, the one in force first.

        They are of checks that serve this preparation; none without one in force. The day of each
        is the day on which its check was opened.
        """

    def is_taken_back(self, lists: Sequence[PinnedOptOutList]) -> bool:
        """Say whether what a file was made with was taken back, and not made up for by another."""

    def are_as_logged(self, editions: Sequence[PinnedEdition]) -> bool:
        """Say whether editions are what the audit log says was landed."""

    def hold(self, months: Sequence[LandedMonth], lists: Sequence[PinnedOptOutList]) -> None:
        """Hold the editions and lists against the audit log, to be shown."""

    def are_lists_as_logged(self) -> bool:
        """Say whether lists and checks are what the audit log says of them, and none is missing."""

    def lists_named(self, ids: Sequence[UUID]) -> tuple[PinnedOptOutList, ...]:
        """Return the lists, and replies to checks, of these ids that there are."""

    def opt_out_lists(self) -> tuple[PinnedOptOutList, ...]:
        """Return the lists whose people are left out, the one in force first; without it, none."""


class ShownTables(Protocol):
    """What was shown of tables, by recipient."""

    def before(self, permit: Permit) -> ShownBefore:
        """Return what the permit's recipient has of its data set, and what of it is public."""

    def add(self, shown: Sequence[ShownTable], *, before: ShownBefore) -> None:
        """Remember all measures of a table beside those that it was held against.

        Raises:
            ShownMeanwhile: there is another one by now

        """

    def of_file(self, file_id: UUID) -> HeldTable | None:
        """Return the table that a file is of, where it is one that is remembered."""

    def save(self, table: HeldTable, *, audit: Entry) -> None:
        """Keep which files are destroyed; of a table that is over, keep nothing."""


class PreparationTransaction(Protocol):
    @property
    def preparations(self) -> Preparations: ...
    @property
    def domains(self) -> Domains: ...
    @property
    def landed(self) -> Landed: ...
    @property
    def shown(self) -> ShownTables: ...


class PreparationUnitOfWork(Protocol):
    def reading(self) -> AbstractContextManager[PreparationTransaction]: ...

    def writing(self) -> AbstractContextManager[PreparationTransaction]: ...


class HavenKeys(Protocol):
    """The key store. Its errors are in `domain.keys`."""

    def get(self, name: str) -> bytes: ...

    def get_even_closed(self, name: str) -> bytes: ...

    def ensure(self, name: str) -> bytes: ...

    def ensure_closed(self, name: str) -> None: ...

    def destroy(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherExtract:
    """What the environment has, or may come to have, of the same months in other editions.

    Or in another data set, where one person has one token in both.
    """

    permit: Permit
    data_set: DataSet
    months: tuple[str, ...]
    editions: tuple[tuple[PinnedEdition, bytes | None], ...] = field(repr=False)
    """None: its key is gone, and nobody can tell any more what was in it."""
    upheld: tuple[tuple[PinnedOptOutList, bytes], ...] | None = field(repr=False)
    """Whose people were left out, or alone used; None: not known."""
    lists: tuple[str, ...] = ()
    """The same, as an attestation names it; none: it is not made yet."""
    whole: DataSet | None = None
    """Of what a group is one."""
    rules: LandingRules | None = None
    """Of another data set: its own of today."""

    def is_of(self, data_set: str) -> bool:
        """Say whether it is of that data set; else of one that is linked with it."""
        return self.permit.line.data_set == data_set


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOrder:
    """One extract to make, with the keys for it."""

    permit: Permit
    data_set: DataSet
    rules: LandingRules | None
    """Those of today: by what a record is known."""
    editions: tuple[tuple[PinnedEdition, bytes], ...] = field(repr=False)
    opted_out: tuple[tuple[PinnedOptOutList, bytes], ...] = field(repr=False)
    """Whoever is on any of them is left out."""
    cleared: tuple[tuple[PinnedOptOutList, bytes], ...] = field(repr=False)
    """Whoever is not on all of them is left out, where a national check says who may be used."""
    haven_key: bytes = field(repr=False)
    date_of_birth_key: bytes | None = field(repr=False)
    postcode_key: bytes | None = field(repr=False)
    domain_key: bytes = field(repr=False)
    staff_key: bytes | None = field(default=None, repr=False)
    """Only where the line lists codes of staff as they are (ruling 13)."""
    identity_keys: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict, repr=False)
    """By field that leaves as the identity: the keys of its short cells and of its long ones."""
    registered: tuple[tuple[PinnedRegistrations, bytes], ...] = field(default=(), repr=False)
    """Of a practice's file: each of these lists has to have somebody with it."""
    shown: ShownBefore = field(default_factory=ShownBefore)
    """Of a table: what its recipient has already."""
    beside: tuple[tuple[PinnedEdition, bytes], ...] = field(default=(), repr=False)
    """Further editions that those were made of and that are still there."""
    others: tuple[OtherExtract, ...] = field(default=(), repr=False)
    """Of records, with opt-outs upheld: what they are held against."""
    whole: DataSet | None = None
    """Of what a group is one."""
    across: tuple[ShownTable, ...] = ()
    """Of a table of a group: what the recipient has of groups that it is joined with."""

    @property
    def upheld(self) -> tuple[PinnedOptOutList, ...]:
        """Return the lists, or replies, that decide who is left out."""
        return tuple(listed for listed, _ in (*self.opted_out, *self.cleared))

    bridged: Self | None = None
    """Of a bridging file: the order of the other line, with whose tokens those of this one go."""

    def beside_others(self, others: tuple[OtherExtract, ...]) -> Self:
        return replace(self, others=others)

    def of(self, one: FileOf) -> Self:
        """Return what is to be made of one of the permit's files."""
        if not one.group:
            return self
        keys = {
            split(name)[1]: keys
            for name, keys in self.identity_keys.items()
            if split(name)[0] == one.group
        }
        return replace(
            self,
            data_set=one.data_set,
            permit=one.inside,
            identity_keys=keys,
            whole=self.data_set,
            shown=replace(self.shown, tables=tuple(one.shown(self.shown.tables, self.data_set))),
            across=tuple(of_related_groups(self.shown.tables, one.group, self.data_set)),
        )


class PracticeRegistrations(Protocol):
    """Who is registered with which practice at this moment."""

    def lists(self) -> tuple[tuple[PinnedRegistrations, bytes], ...]:
        """Return the list in force and those that wait, each with what opens it.

        Raises:
            NotPrepared: where none is in force, or it is too old, or not what was logged

        """


@dataclass(frozen=True, slots=True)
class PreparedFiles:
    """What the engine made, still where only this worker sees it."""

    outcome: ExtractOutcome
    files: dict[str, Path]
    """By format."""
    shown: Mapping[str, ShownCells] = field(default_factory=dict)
    """Of a table: what it tells of each cell, by measure."""


@dataclass(frozen=True, slots=True)
class EarlierExtract:
    """What a change set leads from, as the engine is told of it."""

    key: tuple[str, ...]
    """Columns by which records are told apart."""
    bring: Callable[[Path], None]
    """Puts its content into a file."""
    require_told_safely: Callable[[Callable[[], bool]], None]
    """Handed what says whether records were removed, with nobody left out."""


@dataclass(frozen=True, slots=True)
class ChangeFiles:
    """What leads from an earlier extract to this one, still where only this worker sees it."""

    rows: int
    files: dict[str, Path]
    """By format."""


class Attester(Protocol):
    """Signs attestations (`common.security.keys.ATTESTATION`)."""

    def __call__(self, claims: dict[str, Any]) -> str: ...


class ExtractEngine(Protocol):
    def standing_beside(self, work: ExtractOrder, *, attempt: UUID) -> tuple[StandingEdition, ...]:
        """Name the editions of others beside which it would tell, with another list, who objected.

        Raises:
            NotPrepared: where it cannot be told

        """

    def make(
        self, work: ExtractOrder, *, attempt: UUID, report: Report
    ) -> AbstractContextManager[PreparedFiles]:
        """Make the files of one extract; they are gone when the block ends.

        Raises:
            NotPrepared: where it cannot or must not be made

        """

    def changes(
        self,
        work: ExtractOrder,
        made: PreparedFiles,
        earlier: EarlierExtract,
        *,
        attempt: UUID,
    ) -> ChangeFiles:
        """Compare what was just made with an earlier extract, while `made` is there.

        Raises:
            NotPrepared: where it cannot or must not be made

        """

    def sweep(self, alive: set[UUID]) -> None:
        """Clear away what other attempts left behind."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    bytes: int
    digest: str


class ReleaseStore(Protocol):
    """Where prepared files lie. Keys are made by the server, and never used twice."""

    def put(self, key: str, source: Path, *, halfway: Callable[[], None]) -> StoredObject:
        """Copy a file in; the object has its name only once it is whole and durable.

        `halfway` is called in the middle.

        Raises:
            ReleaseStoreUnavailable

        """

    def keys(self, prefix: str) -> Iterator[str]:
        """List objects, whole or not, under a prefix."""

    def delete(self, key: str) -> None: ...

    def opened(self, key: str) -> AbstractContextManager[BinaryIO | None]:
        """Have an object to read anywhere in it; None: it is not there.

        Raises:
            ReleaseStoreUnavailable

        """
