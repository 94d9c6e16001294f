"""What happened to stored aggregates, put into the outbox."""

from collections.abc import Iterable
from uuid import UUID

from sqlmodel import Session

from agreements.records.domain.events import Event, FileVoided
from common.db import outbox
from common.messaging import schemas


def enqueue(
    session: Session, pending: Iterable[Event], *, aggregate_id: UUID, aggregate_version: int
) -> None:
    for event in pending:
        outbox.enqueue(
            session,
            schemas.event(
                event,
                subject=event.reference,
                aggregate_id=aggregate_id,
                aggregate_version=aggregate_version,
                state=event.state,
            ),
        )


def enqueue_voided(session: Session, voided: Iterable[FileVoided]) -> None:
    """Put into the outbox that files are void: of each holding the one event that there is."""
    for event in voided:
        enqueue(session, [event], aggregate_id=event.holding_id, aggregate_version=1)
