"""At least once on the wire, once in effect (design.md section 4)."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from common.db.tables import aggregate_seen, inbox
from common.messaging.envelope import Event


def accept(session: Session, *, consumer: str, event: Event) -> bool:
    """Note the event in the caller's transaction; say whether it is to be acted on.

    False when this consumer has had it before, or has seen a newer version of the
    aggregate: then what it tells is past. Several events of one version are all accepted.
    """
    if not _first_time(session, consumer, event):
        return False
    return _is_newest(session, consumer, event)


def _first_time(session: Session, consumer: str, event: Event) -> bool:
    statement = (
        _insert(session, inbox)
        .values(
            consumer=consumer,
            event_id=event.id,
            # When we had it, for purging; nothing is decided by it.
            received_at=datetime.now(UTC),
        )
        .on_conflict_do_nothing()
    )
    return _has_row(session, statement.returning(inbox.c.event_id))


def _is_newest(session: Session, consumer: str, event: Event) -> bool:
    version = event.aggregate_version
    statement = _insert(session, aggregate_seen).values(
        consumer=consumer,
        topic=event.topic,
        aggregate_id=event.aggregate_id,
        version=version,
    )
    statement = statement.on_conflict_do_update(
        index_elements=["consumer", "topic", "aggregate_id"],
        set_={"version": version},
        where=aggregate_seen.c.version <= version,
    )
    return _has_row(session, statement.returning(aggregate_seen.c.version))


def _insert(session: Session, table: Table) -> Any:
    """Return the dialect's own insert: `ON CONFLICT` is not in the common one."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table)


def _has_row(session: Session, statement: Any) -> bool:
    """Say whether a row was written: an insert's count of rows is not known on PostgreSQL."""
    return session.execute(statement).first() is not None
