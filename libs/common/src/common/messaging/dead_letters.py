"""Messages that could not be handled, kept with the reason until somebody replays them.

A reason names kinds of errors, codes and places in our code. It never holds what an error
says, because errors quote values, and values may be personal data.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import JsonValue
from sqlalchemy import Engine, Row, delete, insert, select, update
from sqlmodel import Session

from common.db import engine as engines
from common.db.tables import dead_letter
from common.db.unit_of_work import translated
from common.errors import AppError, NotFound
from common.messaging.envelope import Event, Message, MessageMalformed
from common.messaging.port import Received

CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
REASON_LENGTH_MAX = 500
LIST_MAX = 1000
CAUSES_MAX = 5


class DeadLetterNotFound(NotFound):
    code = "DEAD_LETTER_NOT_FOUND"
    title = "No such dead letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    id: UUID
    consumer: str
    topic: str
    event_id: str | None
    event_type: str | None
    received: Received
    reason: str
    attempts: int
    failed_at: datetime
    replayed_at: datetime | None


def lay_aside(
    engine: Engine,
    received: Received,
    *,
    consumer: str,
    event: Event | None,
    reason: str,
    attempts: int,
    at: datetime,
) -> UUID:
    """Keep a message; the same one again replaces what was kept of it."""
    id_ = _id(consumer, received)
    with translated(), Session(engines.writing(engine)) as session, session.begin():
        session.execute(delete(dead_letter).where(dead_letter.c.id == id_))
        session.execute(
            insert(dead_letter).values(
                id=id_,
                consumer=consumer,
                topic=received.topic,
                partition=received.partition,
                position=received.position,
                event_id=None if event is None else str(event.id),
                event_type=None if event is None else event.type,
                message=_dump(received.message),
                reason=reason,
                attempts=attempts,
                failed_at=at,
            )
        )
    return id_


def listed(engine: Engine, *, replayed: bool = False) -> Sequence[DeadLetter]:
    """Return those that wait, oldest first; or all, with those that were replayed."""
    query = select(dead_letter).order_by(dead_letter.c.failed_at, dead_letter.c.id)
    if not replayed:
        query = query.where(dead_letter.c.replayed_at.is_(None))
    with translated(), Session(engines.reading(engine)) as session:
        return [_letter(row) for row in session.execute(query.limit(LIST_MAX))]


def find(engine: Engine, id_: UUID) -> DeadLetter:
    """Raises DeadLetterNotFound."""
    with translated(), Session(engines.reading(engine)) as session:
        row = session.execute(select(dead_letter).where(dead_letter.c.id == id_)).one_or_none()
    if row is None:
        raise DeadLetterNotFound(f"There is no dead letter {id_}.")
    return _letter(row)


def note_replay(engine: Engine, letter: DeadLetter, *, at: datetime, reason: str | None) -> None:
    """Say that it was handled at last; or, with a reason, that it was not again."""
    values = (
        {"replayed_at": at}
        if reason is None
        else {"reason": reason, "attempts": letter.attempts + 1, "failed_at": at}
    )
    with translated(), Session(engines.writing(engine)) as session, session.begin():
        session.execute(update(dead_letter).where(dead_letter.c.id == letter.id).values(**values))


def reason_of(failure: BaseException) -> str:
    """Return kinds, codes and places.

    As `RemoteProblem NOT_FOUND at agreements.records.adapters.events:draft:41`.
    """
    parts: list[str] = []
    seen: BaseException | None = failure
    while seen is not None and len(parts) < CAUSES_MAX:
        parts.append(_named(seen))
        seen = seen.__cause__
    return " from ".join(parts)[:REASON_LENGTH_MAX]


def _named(failure: BaseException) -> str:
    name = type(failure).__name__
    if isinstance(failure, MessageMalformed):
        return f"{name}: {failure}"  # says which part, never its content
    if isinstance(failure, AppError) and CODE.fullmatch(failure.code):
        name = f"{name} {failure.code}"
    trace = failure.__traceback__
    if trace is None:
        return name
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{name} at {module}:{code.co_name}:{trace.tb_lineno}"


def _id(consumer: str, received: Received) -> UUID:
    place = f"{received.topic}/{received.partition}/{received.position}"
    return uuid5(NAMESPACE_URL, f"urn:dsfc:dead-letter:{consumer}/{place}")


def _dump(message: Message) -> dict[str, JsonValue]:
    return {
        "key": _text(message.key),
        "headers": {name: _text(value) for name, value in message.headers.items()},
        "value": _text(message.value),
    }


def _letter(row: Row[tuple[object, ...]]) -> DeadLetter:
    stored = row.message
    message = Message(
        topic=row.topic,
        key=base64.b64decode(stored["key"]),
        value=base64.b64decode(stored["value"]),
        headers={name: base64.b64decode(value) for name, value in stored["headers"].items()},
    )
    return DeadLetter(
        id=row.id,
        consumer=row.consumer,
        topic=row.topic,
        event_id=row.event_id,
        event_type=row.event_type,
        received=Received(message=message, partition=row.partition, position=row.position),
        reason=row.reason,
        attempts=row.attempts,
        failed_at=row.failed_at,
        replayed_at=row.replayed_at,
    )


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
