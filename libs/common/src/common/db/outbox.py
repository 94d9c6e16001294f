"""Events are stored with the state that they tell of, and published afterwards.

What is published twice does no harm (see `common.db.inbox`); what was never stored cannot
be published, and what was stored will be.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from common.db.tables import outbox
from common.messaging.context import stamped
from common.messaging.envelope import Event
from common.messaging.schemas import validate

WAKE = "outbox"
"""Set in `session.info`, so that the relay in this process is woken by the commit."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An event that is stored and not yet published."""

    seq: int
    event: Event


def enqueue(session: Session, event: Event) -> None:
    """Store an event in the caller's transaction.

    Raises what `common.messaging.schemas.validate` raises where the event is not what its
    schema says: better here, where the state is rolled back too, than at its readers.
    """
    event = stamped(event)
    validate(event)
    session.execute(
        insert(outbox).values(
            event_id=event.id,
            topic=event.topic,
            event=json.dumps(event.as_json(), separators=(",", ":")),
            enqueued_at=event.time,
        )
    )
    session.info[WAKE] = True


def pending(session: Session, limit: int) -> Sequence[Pending]:
    """Return what is to be published, oldest first.

    By `published_at`, never by "after the last one": on PostgreSQL a lower number may
    commit after a higher one.
    """
    query = (
        select(outbox.c.seq, outbox.c.event)
        .where(outbox.c.published_at.is_(None))
        .order_by(outbox.c.seq)
        .limit(limit)
    )
    return [Pending(seq, Event.from_json(event)) for seq, event in session.execute(query)]


def mark(session: Session, seqs: Sequence[int], at: datetime) -> None:
    """Say that these are published."""
    if seqs:
        session.execute(update(outbox).where(outbox.c.seq.in_(list(seqs))).values(published_at=at))


def oldest_pending_seconds(session: Session, now: datetime) -> float:
    """Return how long the oldest unpublished event has been waiting; 0.0 when none is."""
    oldest = session.execute(
        select(func.min(outbox.c.enqueued_at)).where(outbox.c.published_at.is_(None))
    ).scalar_one()
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())


def purge(session: Session, *, older_than: timedelta, now: datetime) -> int:
    """Forget what was published long ago; return how much it was."""
    result = session.execute(delete(outbox).where(outbox.c.published_at < now - older_than))
    return _count(result)


def _count(result: object) -> int:
    return int(getattr(result, "rowcount", 0))
