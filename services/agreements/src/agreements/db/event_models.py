"""What agreements says, as it crosses the wire: the models from which the schemas are generated."""

from collections.abc import Iterable
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlmodel import Session

from agreements.records.domain import events
from agreements.records.domain.events import Verb
from common.db import outbox
from common.messaging import schemas
from common.messaging.envelope import Event
from common.messaging.schemas import event_type

AGREEMENT = "agreements.agreement"
RELATIONSHIP = "agreements.relationship"
BREACH = "agreements.breach"
HOLDING = "agreements.holding"


class Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AgreementData(Said):
    """An agreement after what happened; `lines_held` are the lines that an open hold stops."""

    reference: str
    version: str
    state: str
    application_id: UUID
    document_hash: str
    lines_held: list[int]


@event_type("agreements.agreement-drafted.v1", topic=AGREEMENT)
class AgreementDrafted(AgreementData):
    """A version was drafted from an approved application and waits for signatures."""


@event_type("agreements.agreement-signed.v1", topic=AGREEMENT)
class AgreementSigned(AgreementData):
    """One of the parties signed a version."""


@event_type("agreements.agreement-activated.v1", topic=AGREEMENT)
class AgreementActivated(AgreementData):
    """The agreement is in force."""


@event_type("agreements.agreement-amended.v1", topic=AGREEMENT)
class AgreementAmended(AgreementData):
    """All have signed a further version: it governs from its first day or from now."""


@event_type("agreements.agreement-held.v1", topic=AGREEMENT)
class AgreementHeld(AgreementData):
    """Releases of the lines held, or of all, are stopped."""


@event_type("agreements.agreement-resumed.v1", topic=AGREEMENT)
class AgreementResumed(AgreementData):
    """A hold was lifted by two people, or the cause of a suspension is gone."""


@event_type("agreements.agreement-lapsed.v1", topic=AGREEMENT)
class AgreementLapsed(AgreementData):
    """The term is over while a renewal is under way: no release, nothing to destroy yet."""


@event_type("agreements.agreement-expired.v1", topic=AGREEMENT)
class AgreementExpired(AgreementData):
    """The term is over."""


@event_type("agreements.agreement-terminated.v1", topic=AGREEMENT)
class AgreementTerminated(AgreementData):
    """It was ended before its term."""


@event_type("agreements.relationship-changed.v1", topic=RELATIONSHIP)
class RelationshipChanged(Said):
    """A commissioning relationship was asked for, moved on, or ended."""

    relationship_id: UUID
    reference: str
    state: str
    change_kind: str
    commissioner: str
    dscro: str
    csu: str | None
    processors: list[str]
    effective_from: date
    effective_to: date | None


@event_type("agreements.breach-reported.v1", topic=BREACH)
class BreachReported(Said):
    """A breach was reported; which lines are held is told by agreement-held."""

    breach_id: UUID
    reference: str
    agreement: str
    lines: list[int] | None
    activity_stopped: str
    state: str


@event_type("agreements.breach-closed.v1", topic=BREACH)
class BreachClosed(Said):
    """A breach was closed; its hold stays until two people lift it."""

    breach_id: UUID
    reference: str
    agreement: str
    finding: str
    state: str


@event_type(events.FileVoided.type, topic=HOLDING)
class FileVoided(Said):
    """A released file is never given again: what it was made with was taken back, or replaced."""

    holding_id: UUID
    file_id: str
    extract_id: str
    agreement: str
    cause: Literal["opt_out_list", "edition", "newer_file"]


AGREEMENT_MODELS: dict[Verb, type[AgreementData]] = {
    Verb.DRAFTED: AgreementDrafted,
    Verb.SIGNED: AgreementSigned,
    Verb.ACTIVATED: AgreementActivated,
    Verb.AMENDED: AgreementAmended,
    Verb.HELD: AgreementHeld,
    Verb.RESUMED: AgreementResumed,
    Verb.LAPSED: AgreementLapsed,
    Verb.EXPIRED: AgreementExpired,
    Verb.TERMINATED: AgreementTerminated,
}


def enqueue(
    session: Session, pending: Iterable[events.Event], *, aggregate_id: UUID, aggregate_version: int
) -> None:
    """Put what happened to a stored aggregate into the outbox."""
    for event in pending:
        outbox.enqueue(
            session, to_wire(event, aggregate_id=aggregate_id, aggregate_version=aggregate_version)
        )


def enqueue_voided(session: Session, voided: Iterable[events.FileVoided]) -> None:
    """Put into the outbox that files are void: of each holding the one thing that is told."""
    for event in voided:
        enqueue(session, [event], aggregate_id=event.holding_id, aggregate_version=1)


def to_wire(event: events.Event, *, aggregate_id: UUID, aggregate_version: int) -> Event:
    """Put one of the domain's events into the suite's envelope."""
    return schemas.event(
        _data(event),
        subject=event.reference,
        time=event.at,
        aggregate_id=aggregate_id,
        aggregate_version=aggregate_version,
        state=event.state,
    )


def _data(event: events.Event) -> Said:
    match event:
        case events.AgreementEvent():
            return AGREEMENT_MODELS[event.verb](
                reference=event.reference,
                version=event.version,
                state=event.state,
                application_id=event.application_id,
                document_hash=event.document_hash,
                lines_held=list(event.lines_held),
            )
        case events.RelationshipChanged():
            return RelationshipChanged(
                relationship_id=event.relationship_id,
                reference=event.reference,
                state=event.state,
                change_kind=event.change_kind,
                commissioner=event.commissioner,
                dscro=event.dscro,
                csu=event.csu,
                processors=list(event.processors),
                effective_from=event.effective_from,
                effective_to=event.effective_to,
            )
        case events.BreachReported():
            return BreachReported(
                breach_id=event.breach_id,
                reference=event.reference,
                agreement=event.agreement,
                lines=None if event.lines is None else list(event.lines),
                activity_stopped=event.activity_stopped,
                state=event.state,
            )
        case events.BreachClosed():
            return BreachClosed(
                breach_id=event.breach_id,
                reference=event.reference,
                agreement=event.agreement,
                finding=event.finding,
                state=event.state,
            )
        case events.FileVoided():
            return FileVoided(
                holding_id=event.holding_id,
                file_id=event.file_id,
                extract_id=event.extract_id,
                agreement=event.reference,
                cause=event.cause.value,
            )
