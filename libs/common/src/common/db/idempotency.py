"""Commands that create may be sent twice with one `Idempotency-Key`; they create once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from common.db.tables import idempotency
from common.db.turns import take_turns
from common.errors import Conflict
from common.ids import digest


class IdempotencyKeyReused(Conflict):
    """The key was used by the same actor for another request."""

    code = "IDEMPOTENCY_KEY_REUSED"
    title = "The idempotency key was used for another request"


@dataclass(frozen=True, slots=True)
class SqlIdempotencyKeys:
    """The keys of one transaction; where a command came without one nothing is found or noted."""

    session: Session

    def find(self, *, actor: str, key: str | None, fingerprint: str) -> str | None:
        """Return what this command created when it came the first time, as `find` does."""
        if key is None:
            return None
        return find(self.session, actor=actor, key=key, fingerprint=fingerprint)

    def remember(self, *, actor: str, key: str | None, fingerprint: str, resource: str) -> None:
        """Note what the command created."""
        if key is not None:
            remember(self.session, actor=actor, key=key, fingerprint=fingerprint, resource=resource)


def find(session: Session, *, actor: str, key: str, fingerprint: str) -> str | None:
    """Return the resource that this request created before, or None the first time.

    Of two that arrive together the second waits here for the first one's transaction: on
    SQLite for the writer's lock, on PostgreSQL for a lock on this actor's key.

    Raises:
        IdempotencyKeyReused: `fingerprint` is not that of the first request.

    """
    take_turns(session, _lock(actor, key))
    row = session.execute(
        select(idempotency.c.fingerprint, idempotency.c.resource).where(
            idempotency.c.actor == actor, idempotency.c.key == _kept(key)
        )
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request.")
    resource: str = row.resource
    return resource


def remember(session: Session, *, actor: str, key: str, fingerprint: str, resource: str) -> None:
    """Note, in the transaction that creates it, what the key stands for from now on."""
    session.execute(
        insert(idempotency).values(
            actor=actor,
            key=_kept(key),
            fingerprint=fingerprint,
            resource=resource,
            created_at=datetime.now(UTC),
        )
    )


def _kept(key: str) -> str:
    """Return what stands for a key at rest: whoever calls may put anything into it (S7)."""
    return digest(key.encode())


def _lock(actor: str, key: str) -> int:
    name = f"idempotency\0{actor}\0{key}".encode()
    return int.from_bytes(blake2b(name, digest_size=8).digest(), signed=True)
