"""What agreements says to others. No name of a person, no free text (design.md section 4)."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID


class Verb(StrEnum):
    """What happened to an agreement: `agreements.agreement-<verb>.v1`."""

    DRAFTED = "drafted"
    SIGNED = "signed"
    ACTIVATED = "activated"
    AMENDED = "amended"
    HELD = "held"
    RESUMED = "resumed"
    LAPSED = "lapsed"
    EXPIRED = "expired"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementEvent:
    topic: ClassVar[str] = "agreements.agreement"
    verb: Verb
    reference: str
    version: str
    state: str
    application_id: UUID
    document_hash: str
    lines_held: tuple[int, ...]
    at: datetime

    @property
    def type(self) -> str:
        return f"agreements.agreement-{self.verb}.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationshipChanged:
    topic: ClassVar[str] = "agreements.relationship"
    type: ClassVar[str] = "agreements.relationship-changed.v1"
    relationship_id: UUID
    reference: str
    state: str
    change_kind: str
    commissioner: str
    dscro: str
    csu: str | None
    processors: tuple[str, ...]
    effective_from: date
    effective_to: date | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachReported:
    topic: ClassVar[str] = "agreements.breach"
    type: ClassVar[str] = "agreements.breach-reported.v1"
    breach_id: UUID
    reference: str
    agreement: str
    lines: tuple[int, ...] | None
    activity_stopped: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BreachClosed:
    topic: ClassVar[str] = "agreements.breach"
    type: ClassVar[str] = "agreements.breach-closed.v1"
    breach_id: UUID
    reference: str
    agreement: str
    finding: str
    state: str
    at: datetime


class VoidCause(StrEnum):
    """Why a released file is never given again."""

    OPT_OUT_LIST = "opt_out_list"
    """The list that it was made with was taken back."""
    EDITION = "edition"
    """An edition that it was made from was taken back."""
    NEWER_FILE = "newer_file"
    """Nobody had fetched it, and a file with a newer list took its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVoided:
    """A released file is void: it is not fetched any more."""

    topic: ClassVar[str] = "agreements.holding"
    type: ClassVar[str] = "agreements.file-voided.v1"
    state: ClassVar[str] = "void"
    holding_id: UUID
    file_id: str
    extract_id: str
    reference: str
    """Of the agreement."""
    cause: VoidCause
    at: datetime


Event = AgreementEvent | RelationshipChanged | BreachReported | BreachClosed | FileVoided
