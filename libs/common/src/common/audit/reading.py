"""What a log tells of some resources, for a process that holds its tables against it.

The log is read once a process, then only what was added. What is read is held against itself: each
entry against its hash, all hashes against the head of the tree, and the tree against the newest
checkpoint, which is outside the database. A process does not forget what it read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import structlog
from sqlalchemy import Connection, Engine, case, null, or_, select
from sqlmodel import Session

from common.audit.checkpoints import AuditLogBroken, Checkpoint, last_signed
from common.audit.log import read_frontier
from common.audit.tree import Frontier, leaf_hash, read, written
from common.db import engine as engines
from common.db.tables import audit_leaf

log: structlog.stdlib.BoundLogger = structlog.get_logger()

ROWS_AT_ONCE = 10_000
MALFORMED = (ValueError, TypeError, LookupError, AttributeError)

Note = Callable[[Mapping[str, Any]], None]
"""Takes an entry; raises one of MALFORMED where it is none of the form that it should be."""


@dataclass(slots=True, kw_only=True)
class LogReader:
    """Reads what a log tells. For one thread at a time."""

    log_name: str
    words: Sequence[str]
    """Texts of which an entry that counts has one, as canonical JSON has it."""
    note: Note
    checkpoints: Path | None = None
    """The directory of checkpoints; None: the log is held against itself alone."""
    is_whole: bool = True
    """Whether nothing that was read speaks against the log."""
    read_to: int = 0
    """The number of the next leaf to read."""
    _tree: Frontier = field(default_factory=Frontier)
    """Of the leaves that were read, as far as they follow each other."""
    _signed: Checkpoint | None = None
    """The newest checkpoint from before the log was read: the log has no fewer leaves."""

    def __post_init__(self) -> None:
        self._look_at_checkpoints()

    def catch_up(self, session: Session) -> bool:
        """Read what was added; return whether the log is whole."""
        if not self._is_whole_from(session) and self.is_whole:
            self.is_whole = False
            log.critical("audit_log_not_whole", log=self.log_name, leaves=self.read_to)
        self._look_at_checkpoints()
        return self.is_whole

    def _is_whole_from(self, session: Session) -> bool:
        signed = self._signed
        is_whole = signed is None or self._agrees(signed)
        for index, hashed, entry in self._added(session):
            is_whole &= self._take(index, hashed, entry)
            is_whole &= signed is None or self._agrees(signed)
            self.read_to = index + 1
        return is_whole and self._is_head(session) and not self._is_short(session, signed)

    def _is_short(self, session: Session, signed: Checkpoint | None) -> bool:
        """Say whether leaves are missing that were signed for, and not only read too early."""
        if signed is None or self._tree.size >= signed.size:
            return False
        with Session(engines.reading(_engine(session))) as now:
            return read_frontier(now).size < signed.size

    def _is_head(self, session: Session) -> bool:
        """Say whether what was read is what is stored.

        A snapshot from before what another thread has read shows less: then one of now shows
        whether the log was cut. If that shows more, it is compared when that is read.
        """
        stored = read_frontier(session)
        if stored.size < self._tree.size:
            with Session(engines.reading(_engine(session))) as now:
                stored = read_frontier(now)
            if stored.size > self._tree.size:
                return True
        return (stored.size, stored.nodes) == (self._tree.size, self._tree.nodes)

    def _take(self, index: int, hashed: str, entry: str | None) -> bool:
        """Go on by a leaf; say whether it is the next one, and as it was hashed."""
        try:
            leaf = read(hashed)
        except MALFORMED:
            return False
        is_genuine = entry is None or (leaf_hash(entry.encode()) == leaf and self._noted(entry))
        if index != self._tree.size:
            return False
        self._tree.append(leaf)
        return is_genuine

    def _noted(self, entry: str) -> bool:
        try:
            self.note(orjson.loads(entry))
        except MALFORMED:
            return False
        return True

    def _agrees(self, signed: Checkpoint) -> bool:
        """Say whether the tree is as it was signed; at another size nothing speaks against it."""
        return self._tree.size != signed.size or written(self._tree.root()) == signed.root

    def _added(self, session: Session) -> Iterator[tuple[int, str, str | None]]:
        """Yield index and hash of each leaf that was added, and its entry where that counts."""
        leaf = audit_leaf.c
        counts = or_(*(leaf.entry.contains(word, autoescape=True) for word in self.words))
        query = (
            select(leaf.index, leaf.hash, case((counts, leaf.entry), else_=null()))
            .where(leaf.index >= self.read_to)
            .order_by(leaf.index)
            .execution_options(yield_per=ROWS_AT_ONCE)
        )
        for row in session.execute(query):
            yield row[0], row[1], row[2]

    def _look_at_checkpoints(self) -> None:
        if self.checkpoints is None:
            return
        try:
            self._signed = last_signed(self.checkpoints, self.log_name)
        except (AuditLogBroken, OSError) as error:
            log.critical("audit_checkpoint_unreadable", log=self.log_name, exc_info=error)
            self.is_whole = False


def _engine(session: Session) -> Engine:
    bind = session.get_bind()
    return bind.engine if isinstance(bind, Connection) else bind
