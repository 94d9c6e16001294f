"""Whether the public register has a line for every file that the audit log says was released.

The log is read once a process, then only what was added; a running process does not forget what
the log said, so that a line and its leaf that are deleted together show until it ends. What is
deleted before a process starts leaves a gap in the log's numbers, or a log of another size than
its tree; where that is put back too it is shorter than its checkpoints (`dsfc audit verify`).
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from uuid import UUID

import structlog
from sqlalchemy import String, cast, func, select, type_coerce
from sqlmodel import Session, col

from common.db import tables as shared
from dissemination.db.tables import ExtractRow, RegisterLineRow, ReleaseRow
from dissemination.domain.register import Completeness, MissingLine

log: structlog.stdlib.BoundLogger = structlog.get_logger()

RELEASED = "file-released"
FILES = "files/"


@dataclass(slots=True)
class ReleasedFiles:
    """What the log says was released, for as long as the process runs."""

    _files: dict[UUID, MissingLine] = field(default_factory=dict)
    _read: int = 0
    """How many leaves were read."""
    _is_whole: bool = True
    _found: tuple[object, Completeness] | None = None
    """The newest comparison, and what it was made of."""
    _lock: Lock = field(default_factory=Lock)

    def compare(self, session: Session) -> Completeness:
        """Compare the log with the lines that the register shows."""
        with self._lock:
            self._catch_up(session)
            line = cast(col(RegisterLineRow.id), String)  # of an id PostgreSQL knows no least
            ends = session.execute(select(func.count(), func.min(line), func.max(line))).one()
            key = (*ends, self._read, self._is_whole)
            if self._found is not None and self._found[0] == key:
                return self._found[1]
            listed = set(_listed(session))
            missing = [told for file_id, told in self._files.items() if file_id not in listed]
            found = Completeness(log_is_whole=self._is_whole, missing=tuple(missing))
            if not found.is_complete:
                log.critical("register_incomplete", lines=len(missing), log=self._is_whole)
            self._found = (key, found)
            return found

    def _catch_up(self, session: Session) -> None:
        leaf = shared.audit_leaf
        added = session.execute(
            select(func.count(), func.max(leaf.c.index)).where(leaf.c.index >= self._read)
        ).one()
        size = self._read if added[1] is None else int(added[1]) + 1
        said = session.scalar(select(shared.audit_frontier.c.size)) or 0
        if added[0] != size - self._read or size != said:
            self._is_whole = False
        query = (
            select(leaf.c.entry)
            .where(leaf.c.index >= self._read)
            .where(leaf.c.entry.contains(f'"{RELEASED}"', autoescape=True))
            .order_by(leaf.c.index)
        )
        for entry in session.scalars(query):
            self._note(entry)
        self._read = size

    def _note(self, entry: str) -> None:
        try:
            said = json.loads(entry)
            if said["action"] != RELEASED:
                return
            told = MissingLine(
                file_id=UUID(said["resource"].removeprefix(FILES)),
                reference=str(said["detail"]["agreement"]),
                released_at=datetime.fromisoformat(said["at"]),
            )
        except (ValueError, TypeError, LookupError, AttributeError):
            self._is_whole = False
            return
        self._files[told.file_id] = told


def _listed(session: Session) -> Iterator[UUID]:
    """Yield the files of which the register shows a line; an id that is none is nobody's."""
    query = (
        select(type_coerce(col(RegisterLineRow.file_id), String))
        .join(ReleaseRow, col(ReleaseRow.file_id) == col(RegisterLineRow.file_id))
        .join(ExtractRow, col(ExtractRow.id) == col(ReleaseRow.extract_id))
    )
    for file_id in session.scalars(query):
        with suppress(ValueError):
            yield UUID(str(file_id))
