"""What agreements says to others. No name of a person, no free text (design.md section 4).

`contracts/agreements/events` is generated from the models here.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from common.events import DomainEvent, event_type

AGREEMENT = "agreements.agreement"
RELATIONSHIP = "agreements.relationship"
BREACH = "agreements.breach"
HOLDING = "agreements.holding"
LAPSE = "agreements.lapse"
DOMAIN_TRANSFER = "agreements.domain-transfer"


class Verb(StrEnum):
    """What happened to an agreement: `agreements.agreement-<verb>.v1`."""

    DRAFTED = "drafted"
    NOT_DRAFTED = "not-drafted"
    SIGNED = "signed"
    ACTIVATED = "activated"
    AMENDED = "amended"
    HELD = "held"
    RESUMED = "resumed"
    LAPSED = "lapsed"
    EXPIRED = "expired"
    TERMINATED = "terminated"
    DESTRUCTION_DUE = "destruction-due"
    CLOSED = "closed"


class VoidCause(StrEnum):
    """Why a released file is never given again."""

    OPT_OUT_LIST = "opt_out_list"
    """The list that it was made with was taken back."""
    EDITION = "edition"
    """An edition that it was made from was taken back."""
    NEWER_FILE = "newer_file"
    """Nobody had fetched it, and a file with a newer list took its place."""


class AgreementEvent(DomainEvent):
    """An agreement after what happened; `lines_held` are the lines that an open hold stops."""

    verb: ClassVar[Verb]

    reference: str
    version: str
    state: str
    application_id: UUID
    document_hash: str
    lines_held: tuple[int, ...]


@event_type("agreements.agreement-drafted.v1", topic=AGREEMENT)
class AgreementDrafted(AgreementEvent):
    """A version was drafted from an approved application and waits for signatures."""

    verb = Verb.DRAFTED


@event_type("agreements.agreement-not-drafted.v1", topic=AGREEMENT)
class AgreementNotDrafted(AgreementEvent):
    """An application was approved after the agreement that it amends had been ended.

    `application_id` and `version` are the application's; all else is of the agreement as it stands.
    """

    verb = Verb.NOT_DRAFTED


@event_type("agreements.agreement-signed.v1", topic=AGREEMENT)
class AgreementSigned(AgreementEvent):
    """One of the parties signed a version."""

    verb = Verb.SIGNED


@event_type("agreements.agreement-activated.v1", topic=AGREEMENT)
class AgreementActivated(AgreementEvent):
    """The agreement is in force."""

    verb = Verb.ACTIVATED


@event_type("agreements.agreement-amended.v1", topic=AGREEMENT)
class AgreementAmended(AgreementEvent):
    """All have signed a further version: it governs from its first day or from now."""

    verb = Verb.AMENDED


@event_type("agreements.agreement-held.v1", topic=AGREEMENT)
class AgreementHeld(AgreementEvent):
    """Releases of the lines held, or of all, are stopped."""

    verb = Verb.HELD


@event_type("agreements.agreement-resumed.v1", topic=AGREEMENT)
class AgreementResumed(AgreementEvent):
    """A hold was lifted by two people, or the cause of a suspension is gone."""

    verb = Verb.RESUMED


@event_type("agreements.agreement-lapsed.v1", topic=AGREEMENT)
class AgreementLapsed(AgreementEvent):
    """The term is over while a renewal is under way: no release, nothing to destroy yet."""

    verb = Verb.LAPSED


@event_type("agreements.agreement-expired.v1", topic=AGREEMENT)
class AgreementExpired(AgreementEvent):
    """The term is over."""

    verb = Verb.EXPIRED


@event_type("agreements.agreement-terminated.v1", topic=AGREEMENT)
class AgreementTerminated(AgreementEvent):
    """It was ended before its term."""

    verb = Verb.TERMINATED


@event_type("agreements.agreement-destruction-due.v1", topic=AGREEMENT)
class AgreementDestructionDue(AgreementEvent):
    """It is over, and what was released under it has to be destroyed."""

    verb = Verb.DESTRUCTION_DUE


@event_type("agreements.agreement-closed.v1", topic=AGREEMENT)
class AgreementClosed(AgreementEvent):
    """Two people accepted that all of it is destroyed: it never comes into force again."""

    verb = Verb.CLOSED


@event_type("agreements.relationship-changed.v1", topic=RELATIONSHIP)
class RelationshipChanged(DomainEvent):
    """A commissioning relationship was asked for, moved on, or ended."""

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


@event_type("agreements.breach-reported.v1", topic=BREACH)
class BreachReported(DomainEvent):
    """A breach was reported; which lines are held is told by agreement-held."""

    breach_id: UUID
    reference: str
    agreement: str
    lines: tuple[int, ...] | None
    activity_stopped: str
    state: str


@event_type("agreements.breach-closed.v1", topic=BREACH)
class BreachClosed(DomainEvent):
    """A breach was closed; its hold stays until two people lift it."""

    breach_id: UUID
    reference: str
    agreement: str
    finding: str
    state: str


@event_type("agreements.file-voided.v1", topic=HOLDING)
class FileVoided(DomainEvent):
    """A released file is never given again: what it was made with was taken back, or replaced."""

    holding_id: UUID
    file_id: str
    extract_id: str
    agreement: str
    cause: Literal["opt_out_list", "edition", "newer_file"]

    @property
    def reference(self) -> str:
        return self.agreement

    @property
    def state(self) -> str:
        return "void"


@event_type("agreements.file-destroyed.v1", topic=HOLDING)
class FileDestroyed(DomainEvent):
    """Two people accepted that a released file is destroyed wherever it was held."""

    holding_id: UUID
    file_id: str
    extract_id: str
    agreement: str

    @property
    def reference(self) -> str:
        return self.agreement

    @property
    def state(self) -> str:
        return "destroyed"


@event_type("agreements.lapse-ahead.v1", topic=LAPSE)
class LapseAhead(DomainEvent):
    """Something lapses within so many days, or with 0 days has lapsed; each is told once."""

    warning_id: UUID
    kind: str
    subject_id: UUID
    reference: str
    organisations: tuple[str, ...]
    ends_on: date
    days: int

    @property
    def state(self) -> str:
        return "ahead" if self.days else "over"


@event_type("agreements.domain-transfer-changed.v1", topic=DOMAIN_TRANSFER)
class DomainTransferChanged(DomainEvent):
    """A transfer of pseudonym domains was proposed, agreed, put into effect or taken back.

    `began_in` is the environment in which the domains began, by which their pseudonyms are made;
    `times` is how often they went on once this one is in effect.
    """

    transfer_id: UUID
    agreement: str
    state: str
    former_environment: UUID
    former_organisation: str
    following_environment: UUID
    following_organisation: str
    effective_from: date
    began_in: UUID
    times: int

    @property
    def reference(self) -> str:
        return self.agreement


AGREEMENT_EVENTS: Mapping[Verb, type[AgreementEvent]] = {
    event.verb: event
    for event in (
        AgreementDrafted,
        AgreementNotDrafted,
        AgreementSigned,
        AgreementActivated,
        AgreementAmended,
        AgreementHeld,
        AgreementResumed,
        AgreementLapsed,
        AgreementExpired,
        AgreementTerminated,
        AgreementDestructionDue,
        AgreementClosed,
    )
}

HoldingEvent = FileVoided | FileDestroyed
Event = (
    AgreementEvent
    | RelationshipChanged
    | BreachReported
    | BreachClosed
    | HoldingEvent
    | LapseAhead
    | DomainTransferChanged
)
