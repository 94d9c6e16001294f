"""Whether the public register is what the audit log says was released, line by line.

A running process does not forget what the log said, so that a line and its leaf that are deleted
together show until it ends; what was put back before it started the newest checkpoint shows.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import String, cast, func, select, type_coerce
from sqlmodel import Session, col

from common import audit
from dissemination.db.kept import KEPT
from dissemination.db.tables import ExtractRow, RegisterLineRow, ReleaseRow
from dissemination.domain.register import Completeness, MissingLine
from dissemination.domain.release import LOG

log: structlog.stdlib.BoundLogger = structlog.get_logger()

RELEASED, MENDED = "file-released", "text-mended"
REGISTER_LINE = "register_line"
"""In the detail of both: the digest of the line."""
FILES = "files/"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a leaf says of a released file."""

    file: MissingLine
    line: str | None
    """The digest of its line; None: it was released before leaves had it."""


class ReleasedFiles:
    """What the log says was released, for as long as the process runs."""

    def __init__(self, checkpoints: Path | None = None) -> None:
        """`checkpoints`: their directory; None: the log is held against itself alone."""
        self.rows = audit.LoggedRows(LOG, KEPT, checkpoints, note=self._note)
        self._files: dict[UUID, _Told] = {}
        self._found: tuple[object, Completeness] | None = None
        self._lock = Lock()

    def compare(self, session: Session) -> Completeness:
        """Compare the log with the lines that the register shows."""
        with self._lock:
            is_whole, read_to = self.rows.catch_up(session)
            line = cast(col(RegisterLineRow.id), String)  # of an id PostgreSQL knows no least
            ends = session.execute(select(func.count(), func.min(line), func.max(line))).one()
            key = (*ends, read_to, is_whole)
            if self._found is not None and self._found[0] == key:
                return self._found[1]
            listed = set(_listed(session))
            missing = [told.file for id_, told in self._files.items() if id_ not in listed]
            found = Completeness(log_is_whole=is_whole, missing=tuple(missing))
            if not found.is_complete:
                log.critical("register_incomplete", lines=len(missing), log=is_whole)
            # What is mended is seen at once, whatever the ends of the register are.
            self._found = (key, found) if found.is_complete else None
            return found

    def as_released(
        self, session: Session, lines: Mapping[UUID, str]
    ) -> Mapping[UUID, bool | None]:
        """Say of lines, by file and with their digest, whether they are as they were released."""
        with self._lock:
            self.rows.catch_up(session)
            return {file_id: self._judge(file_id, said) for file_id, said in lines.items()}

    def _judge(self, file_id: UUID, digest: str) -> bool | None:
        told = self._files.get(file_id)
        if told is None or told.line not in {None, digest}:
            log.critical("register_line_altered", file_id=str(file_id))
            return False
        return None if told.line is None else True

    def _note(self, said: Mapping[str, Any]) -> None:
        """Remember what an entry says was released; others that have the word say no such thing."""
        if said["action"] == MENDED and (mended := said["detail"].get(REGISTER_LINE)):
            before = self._files[UUID(said["detail"]["file_id"])]
            self._files[before.file.file_id] = replace(before, line=mended)
        if said["action"] != RELEASED:
            return
        told = MissingLine(
            file_id=UUID(said["resource"].removeprefix(FILES)),
            reference=str(said["detail"]["agreement"]),
            released_at=datetime.fromisoformat(said["at"]),
        )
        self._files[told.file_id] = _Told(told, said["detail"].get(REGISTER_LINE))


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
