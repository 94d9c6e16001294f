"""What is asked: an extract, the release of a prepared file, or the bytes of a released one."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from agreements.domain.hold import LineKey
from agreements.domain.permits import Permit


class Action(StrEnum):
    REQUEST = "request"
    RELEASE = "release"
    FETCH = "fetch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, as their own verified token says; never as another service says."""

    client_id: str
    organisation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A released column as the haven describes it."""

    name: str
    treatment: str
    field_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What the search for personal data in texts and codes covered and found (domain.md 8.6)."""

    rule: str
    columns: frozenset[str]
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOuts:
    """Whether opt-outs were upheld, and by the list of which day."""

    applied: bool
    list_id: str | None
    list_date: date | None
    list_digest: str | None = None
    """Of what the list says; two imports of the same are one list."""
    by: str = "list"
    """How it was known who objected: by a list, or by the national check."""
    besides: frozenset[str] = frozenset()
    """Ids of lists whose people were left out too, since they wait for a second person."""

    @property
    def lists(self) -> frozenset[str]:
        """Say what decides who was left out."""
        return self.besides | {self.list_digest or self.list_id or ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEdition:
    """An edition whose rows are in a file."""

    id: str
    first: str
    last: str
    landing_rules: str | None = None
    """The digest of the rules by which it was taken in; None: by none, or the haven did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedFile:
    """What the haven vouches for: one prepared file."""

    file_id: str
    extract_id: str
    permit_id: str
    preparation_id: str
    format: str
    object_key: str
    bytes: int
    digest: str
    rows: int
    line_number: int
    key: LineKey
    catalogue_digest: str
    columns: tuple[Column, ...]
    periods: tuple[str, ...]
    codes: frozenset[str]
    reasons: frozenset[str]
    maps: frozenset[str]
    rows_without_reason: int
    domain: str
    opt_outs: OptOuts
    scan: Scan
    disclosure_rule: str
    order: str
    editions: tuple[ReadEdition, ...] = ()

    def editions_of(self, month: str) -> frozenset[str]:
        """Name the editions that have the month."""
        return frozenset(e.id for e in self.editions if e.first <= month <= e.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A file that was released, and to whom: what `fetch` is asked about."""

    id: UUID
    decision_id: UUID
    agreement: str
    environment_id: UUID
    file: AttestedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Whether this extract may be prepared."""

    asker: Asker
    agreement: str
    key: LineKey
    periods: tuple[str, ...]
    fields: tuple[str, ...]
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Whether this prepared file may be released, which the haven attested under our permit."""

    file_id: str
    extract_id: str
    file: AttestedFile
    permit: Permit


@dataclass(frozen=True, slots=True, kw_only=True)
class UnattestedRelease:
    """The same, where the attestation is not genuine or names no permit of ours."""

    file_id: str
    extract_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Whether bytes of this released file may leave now."""

    asker: Asker
    holding: Holding


AboutALine = Request | Release | Fetch
Question = AboutALine | UnattestedRelease
