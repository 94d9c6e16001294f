"""Files that are kept by the digest of their bytes, and believed by nothing else."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from common.db.tables import catalogue_file

log: structlog.stdlib.BoundLogger = structlog.get_logger()

FILES_MAX: Final = 10_000
"""So many are read at most: a limit on everything, also on what stands in one's own table."""


def keep(connection: Connection, digest: str, content: bytes, *, at: datetime) -> None:
    """Keep a file; other bytes that stand under its digest make room for it.

    Raises ValueError where the bytes have another digest.
    """
    if _digest(content) != digest:
        raise ValueError("the bytes do not have this digest")
    if find(connection, digest) is not None:
        return
    connection.execute(delete(catalogue_file).where(catalogue_file.c.digest == digest))
    try:
        with connection.begin_nested():
            connection.execute(
                insert(catalogue_file).values(digest=digest, content=content, kept_at=at)
            )
    except IntegrityError:  # another one keeps the same bytes at this instant
        return


def find(connection: Connection, digest: str) -> bytes | None:
    """Return the bytes with this digest; None where there are none, or others stand there."""
    query = select(catalogue_file.c.content).where(catalogue_file.c.digest == digest)
    content = connection.execute(query).scalar_one_or_none()
    if content is None:
        return None
    if _digest(bytes(content)) != digest:
        log.critical("catalogue_file_altered", digest=digest)
        return None
    return bytes(content)


def digests(connection: Connection) -> Iterator[str]:
    """Name what is kept."""
    query = select(catalogue_file.c.digest).order_by(catalogue_file.c.digest).limit(FILES_MAX)
    yield from connection.execute(query).scalars()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
