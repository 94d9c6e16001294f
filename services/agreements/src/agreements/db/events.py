"""What happened to stored aggregates, put into the outbox."""

from collections.abc import Iterable
from uuid import UUID

from sqlmodel import Session

from agreements.flows.domain.events import LocalFlowChanged
from agreements.records.domain.events import Event, FileDestroyed, HoldingEvent
from common.db import outbox
from common.messaging import schemas


def enqueue(
    session: Session,
    pending: Iterable[Event | LocalFlowChanged],
    *,
    aggregate_id: UUID,
    aggregate_version: int,
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


def enqueue_of_holdings(session: Session, said: Iterable[HoldingEvent]) -> None:
    """Put into the outbox that files are void, or destroyed, which comes last of a holding."""
    for event in said:
        last = isinstance(event, FileDestroyed)
        enqueue(session, [event], aggregate_id=event.holding_id, aggregate_version=1 + last)
