"""The register of data uses: what the public may read, one line a physical file.

domain.md 9.1. Never in it: names of people, addresses, security details. The line is frozen
at release from the agreement's own terms, so that a later amendment does not rewrite it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from types import MappingProxyType
from uuid import UUID

from common.ids import digest_of
from common.texts import shown
from dissemination.domain.agreement_status import Status
from statements.attestation import AttestedBridge
from statements.decision import RegisterTerms
from statements.filters import Filters, in_words
from statements.vocabulary import Classification

CLASSIFICATIONS: Mapping[str, str] = MappingProxyType(
    {
        Classification.IDENTIFIABLE: "Identifiable",
        Classification.PSEUDO_ANONYMISED: "Anonymised - ICO Code Compliant",
        Classification.AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED: (
            "Aggregated with small numbers not suppressed"
        ),
        Classification.AGGREGATE_SUPPRESSED: "Aggregated with small numbers suppressed",
    }
)
"""The published register's words; the fourth is ours (domain.md 3.2)."""

SENSITIVITIES: Mapping[str, str] = MappingProxyType(
    {"SENSITIVE": "Sensitive", "NON_SENSITIVE": "Non-sensitive"}
)

ACCESS_METHODS: Mapping[str, str] = MappingProxyType(
    {
        "ONE_OFF": "One-Off",
        "ONGOING": "Ongoing",
        "FREQUENT_ADHOC_FLOW": "Frequent Adhoc Flow",
        "SYSTEM_ACCESS": "System Access",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterLine:
    """The columns of domain.md 9.1, in its order; the file tells files of one day apart."""

    id: UUID
    """Its place in the register: in the order of release."""

    controllers: str
    controller_type: str
    project_title: str
    reference: str
    agreement_start: date
    agreement_end: date
    data_set: str
    classification: str
    sensitivity: str
    legal_basis: str
    opt_outs_applied: str
    opt_outs_reason: str
    commercial_purpose: str
    access_method: str
    sub_licensing: str
    released_at: datetime
    objectives: str
    processing: str
    expected_outputs: str
    expected_benefits: str
    yielded_benefits: str
    advisory_minutes: str
    file_id: UUID
    filters: str = ""
    """Which rows are in the file, in words; empty: all of the line."""
    assumed: str = ""
    """What nobody published of its columns and of the rules by which it was made; empty: none."""
    changes: str = ""
    """Of a change set: the extract that its changes lead from; empty: it is none."""
    counted: str = ""
    """Of a table of a group: its measures, and what one of each is; empty: it is none."""
    bridged: str = ""
    """Of a bridging file: with whose pseudonyms its own are paired; empty: it is none."""

    @property
    def digest(self) -> str:
        """The digest of all that the line says, which the leaf of the release has as well.

        A column that is added later, empty, changes nothing.
        """
        said = {one.name: _plain(getattr(self, one.name)) for one in fields(self)}
        return digest_of({name: value for name, value in said.items() if value != ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line, and how the file that it tells of stands now."""

    extract_id: UUID
    line: RegisterLine
    status: Status
    is_as_released: bool | None = None
    """Whether the line says what it said at the release; None: the log does not tell."""
    is_status_as_logged: bool | None = None
    """The same of what the status is read from."""

    @property
    def told(self) -> dict[str, object]:
        """What it says, under the names of all columns.

        A text in which personal data stand is withheld, whichever way it came here (ruling 25),
        until it is mended: the line itself is kept as it was frozen.
        """
        return {
            **{name: _public(getattr(self.line, name)) for name, _ in COLUMNS},
            "status": self.status.availability.value,
            "status_code": self.status.code,
            "status_since": self.status.since,
            "is_as_released": self.is_as_released,
            "is_status_as_logged": self.is_status_as_logged,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingLine:
    """What the audit log says of a file that was released, and of which there is no line."""

    file_id: UUID
    reference: str
    released_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How the register's lines stand to what the audit log says was released."""

    log_is_whole: bool
    """Whether the log has every leaf by its number."""
    missing: tuple[MissingLine, ...]

    @property
    def is_complete(self) -> bool:
        return self.log_is_whole and not self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """How far the audit log had come."""

    size: int
    """Leaves."""
    root: str
    """RFC 6962, in hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterStatement:
    """What the register said at an instant, and how that stands to the audit log."""

    as_of: datetime
    rows: int
    digest: str
    """Over its lines as they were frozen, in order, in canonical JSON (RFC 8785)."""
    completeness: Completeness
    not_as_released: tuple[UUID, ...]
    """Files of which the line says something else than at the release."""
    unreadable: tuple[UUID, ...]
    """Lines that cannot be read."""
    head: LogHead

    @property
    def is_complete(self) -> bool:
        return self.completeness.is_complete and not self.not_as_released and not self.unreadable


LINE_MISSING = "line_missing"
"""Stands for the status of a file whose line is gone from the register."""

LINE_UNREADABLE = "line_unreadable"
"""Stands for the status of a line that cannot be read; its reason is the line's id."""

COLUMNS: Sequence[tuple[str, str]] = (
    ("controllers", "Controller organisation(s)"),
    ("controller_type", "Sole or joint"),
    ("project_title", "Project title"),
    ("reference", "DARS-NIC reference"),
    ("agreement_start", "DSA start"),
    ("agreement_end", "DSA end"),
    ("data_set", "Data set name"),
    ("classification", "Type of data"),
    ("sensitivity", "Sensitive / non-sensitive"),
    ("legal_basis", "Legal basis"),
    ("opt_outs_applied", "Patient opt-outs applied"),
    ("opt_outs_reason", "Reason"),
    ("commercial_purpose", "Commercial purpose"),
    ("access_method", "Access method"),
    ("sub_licensing", "Sub-licensing"),
    ("released_at", "Release date"),
    ("objectives", "Objectives"),
    ("processing", "Processing activities"),
    ("expected_outputs", "Expected outputs"),
    ("expected_benefits", "Expected benefits"),
    ("yielded_benefits", "Yielded benefits"),
    ("advisory_minutes", "Advisory minutes"),
    ("file_id", "File"),
    ("filters", "Rows limited to"),
    ("assumed", "Assumed"),
    ("changes", "Changes since extract"),
    ("counted", "What is counted"),
    ("bridged", "Pseudonyms paired with"),
)
"""The names of a line in JSON, and over its columns in CSV."""

STATUS_COLUMNS: Sequence[tuple[str, str]] = (
    ("status", "Status"),
    ("status_code", "Reason for the status"),
    ("status_since", "Status since"),
    ("is_as_released", "As released"),
    ("is_status_as_logged", "Status as logged"),
)
"""Ours, behind the published ones; they alone change after the release."""


def entry(
    terms: RegisterTerms,
    *,
    reference: str,
    line_id: UUID,
    file_id: UUID,
    at: datetime,
    filters: Filters = (),
    assumed: str = "",
    changes: str = "",
    counted: str = "",
    bridged: str = "",
) -> RegisterLine:
    """The public line of one released file."""
    line = terms.line
    return RegisterLine(
        id=line_id,
        controllers="; ".join(f"{c.legal_name} ({c.ods})" for c in terms.controllers),
        controller_type="Sole" if len(terms.controllers) == 1 else "Joint",
        project_title=terms.title,
        reference=reference,
        agreement_start=terms.start,
        agreement_end=terms.end,
        data_set=line.data_set,
        classification=CLASSIFICATIONS.get(line.classification, line.classification),
        sensitivity=SENSITIVITIES.get(line.sensitivity, line.sensitivity),
        legal_basis=line.dissemination_power,
        opt_outs_applied=_yes(line.opt_outs_applied),
        opt_outs_reason=line.opt_out_reason,
        commercial_purpose=_yes(terms.commercial),
        access_method=ACCESS_METHODS.get(line.access_method, line.access_method),
        sub_licensing=_yes(terms.sub_licence),
        released_at=at,
        objectives=terms.objectives,
        processing=terms.processing,
        expected_outputs=terms.outputs,
        expected_benefits=terms.benefits,
        yielded_benefits=terms.yielded_benefits,
        advisory_minutes="",
        file_id=file_id,
        filters=in_words(filters),
        assumed=assumed,
        changes=changes,
        counted=counted,
        bridged=bridged,
    )


def bridged_in_words(bridge: AttestedBridge) -> str:
    """Say with whose pseudonyms those of a bridging file's own line are paired."""
    line = bridge.line
    return f"{line.data_set} for {line.purpose} under {bridge.agreement.reference}"


def _public(value: object) -> object:
    return shown(value) if isinstance(value, str) else value


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def _yes(value: bool) -> str:  # noqa: FBT001  # the one thing it is about
    return "Yes" if value else "No"
