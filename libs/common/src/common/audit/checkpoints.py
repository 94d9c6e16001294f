"""Signed heads of the log, kept outside the database (design.md section 10, S4).

A checkpoint is a JWS, one line in `<directory>/<log>.checkpoints`, on the disk before it is
returned. Each names the one before it. Before a new one is signed the log is shown to
extend the last one: a service never signs two histories.
"""

import base64
import fcntl
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self

import structlog
from sqlalchemy import Engine, select
from sqlmodel import Session

from common import files
from common.audit.log import read_frontier
from common.audit.tree import Frontier, read, written
from common.clock import Clock
from common.db import engine as engines
from common.db.tables import audit_leaf
from common.db.unit_of_work import translated
from common.errors import AppError
from common.files import sync_directory
from common.ids import digest
from common.security import keys
from common.security.jwks import KeySet
from common.security.jws import open_compact
from common.security.keys import Signer

log: structlog.stdlib.BoundLogger = structlog.get_logger()
_tell = log  # where `log` is the name of an audit log

EVERY_SECONDS = 60.0
LEAVES_A_READ = 10_000
_LINE_BYTES_MAX = 16_384


class AuditLogBroken(AppError):
    """The log does not extend what was signed before. Nothing more is signed."""

    code = "AUDIT_LOG_BROKEN"
    title = "The audit log does not match its signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The head of the log at an instant."""

    log: str
    number: int
    size: int
    root: str
    nodes: tuple[str, ...]
    """The frontier, from which the next checkpoint shows that the log was only extended."""

    previous: str | None
    """The digest of the line before."""

    at: datetime
    line: str
    """The checkpoint itself, signed."""

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any], line: str) -> Self:
        """Read the claims of a line. Raises ValueError where they are not a checkpoint's."""
        try:
            return cls(
                log=str(claims["log"]),
                number=int(claims["number"]),
                size=int(claims["size"]),
                root=str(claims["root"]),
                nodes=tuple(str(node) for node in claims["nodes"]),
                previous=claims["previous"],
                at=keys.instant(claims, "iat"),
                line=line,
            )
        except (KeyError, TypeError) as error:
            raise ValueError("not a checkpoint") from error

    def frontier(self) -> Frontier:
        """Return the tree as it was. Raises ValueError where nodes and root disagree."""
        frontier = Frontier.of(self.size, [read(node) for node in self.nodes])
        if written(frontier.root()) != self.root:
            raise ValueError("the nodes are not those of this root")
        return frontier


def path_of(directory: Path, log_name: str) -> Path:
    """Return the file that the checkpoints of a log are in."""
    return directory / f"{log_name}.checkpoints"


def checkpoint(
    engine: Engine, *, signer: Signer, directory: Path, log: str, clock: Clock
) -> Checkpoint:
    """Sign the head of the log, unless it has not moved since the last checkpoint.

    Raises:
        AuditLogBroken: the log is shorter than, or differs from, what was signed before.
        DatabaseUnavailable: the log cannot be read.

    """
    files.directory(directory)
    path = path_of(directory, log)
    with files.append_to(path) as file:
        # One writer at a time, threads and processes alike: the lock is the open file's.
        fcntl.flock(file, fcntl.LOCK_EX)
        last = _last(file, signer, log)
        frontier = _extended(engine, last)
        if last is not None and frontier.size == last.size:
            return last
        if last is None and frontier.size:
            # Another process wrote them before our first start; or checkpoints were taken away.
            _tell.critical("audit_checkpoints_missing", log=log, leaves=frontier.size)
        signed = _signed(signer, frontier, last, log=log, at=clock.now())
        file.write(signed.line.encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if last is None:
        sync_directory(directory)
    return signed


def last_signed(directory: Path, log_name: str) -> Checkpoint | None:
    """Return the last checkpoint as it stands in its file; None where there is none.

    Whether it is genuine is for `verify`: who writes into the database does not write this file.

    Raises:
        AuditLogBroken: the line is no checkpoint.

    """
    try:
        with path_of(directory, log_name).open("rb") as file:
            line, _ = _last_line(file)
    except FileNotFoundError:
        return None
    if line is None:
        return None
    try:
        return Checkpoint.from_claims(_part(line, 1), line)
    except ValueError as error:
        raise AuditLogBroken("The last checkpoint is not genuine.") from error


def ensure_extends(engine: Engine, *, directory: Path, log_name: str) -> None:
    """Compare the head of the log with the last checkpoint: two reads, whatever their size.

    It shows a database that was put back to an earlier state. Whether a checkpoint is genuine, and
    what lies before and behind it, is for `verify`.

    Raises:
        AuditLogBroken: it is behind what was signed, or another log.
        DatabaseUnavailable: the log cannot be read.

    """
    last = last_signed(directory, log_name)  # before the log, which only grows
    if last is None:
        return
    with translated(), Session(engines.reading(engine)) as session:
        stored = read_frontier(session)
    if stored.size < last.size:
        raise AuditLogBroken(f"The log has {stored.size} leaves; {last.size} were signed for.")
    if stored.size == last.size and written(stored.root()) != last.root:
        raise AuditLogBroken("The log is not the one that was signed.")


class CheckpointWorker:
    """Signs the head every minute, when starting, and when stopping."""

    def __init__(
        self,
        engine: Engine,
        *,
        signer: Signer,
        directory: Path,
        log: str,
        clock: Clock,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self.name = f"{log}-checkpoints"
        self._engine = engine
        self._signer = signer
        self._directory = directory
        self._log = log
        self._clock = clock
        self._every_seconds = every_seconds

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        while True:
            self.once()
            if stop.wait(self._every_seconds):
                self.once()
                return

    def once(self) -> None:
        """Sign the head now; a log that is broken, or away, is told to the operator."""
        try:
            signed = checkpoint(
                self._engine,
                signer=self._signer,
                directory=self._directory,
                log=self._log,
                clock=self._clock,
            )
        except AuditLogBroken as error:
            log.critical("audit_log_broken", log=self._log, detail=error.detail)
        except (AppError, OSError) as error:
            log.warning("checkpoint_not_signed", log=self._log, exc_info=error)
        else:
            log.info("checkpoint_signed", log=self._log, size=signed.size, number=signed.number)


def _extended(engine: Engine, last: Checkpoint | None) -> Frontier:
    """Return the head, having reached it from the last checkpoint, leaf by leaf."""
    reached = _start(last)
    with translated(), Session(engines.reading(engine)) as session:
        stored = read_frontier(session)
        if stored.size < reached.size:
            raise AuditLogBroken(
                f"The log has {stored.size} leaves; {reached.size} were signed for."
            )
        while reached.size < stored.size:
            before = reached.size
            query = (
                select(audit_leaf.c.index, audit_leaf.c.hash)
                .where(audit_leaf.c.index >= before)
                .order_by(audit_leaf.c.index)
                .limit(LEAVES_A_READ)
            )
            for index, hashed in session.execute(query):
                if index != reached.size:
                    raise AuditLogBroken(f"Leaf {reached.size} is missing.")
                reached.append(_hash(index, hashed))
            if reached.size == before:
                raise AuditLogBroken(f"Leaf {before} is missing.")
    if reached.size != stored.size or reached.root() != stored.root():
        raise AuditLogBroken("The log does not extend the last checkpoint.")
    return reached


def _hash(index: int, stored: str) -> bytes:
    try:
        return read(stored)
    except ValueError as error:
        raise AuditLogBroken(f"Leaf {index} has no hash.") from error


def _start(last: Checkpoint | None) -> Frontier:
    if last is None:
        return Frontier()
    try:
        return last.frontier()
    except ValueError as error:
        raise AuditLogBroken(f"Checkpoint {last.number} contradicts itself.") from error


def _signed(
    signer: Signer, frontier: Frontier, last: Checkpoint | None, *, log: str, at: datetime
) -> Checkpoint:
    claims = {
        "log": log,
        "number": 0 if last is None else last.number + 1,
        "size": frontier.size,
        "root": written(frontier.root()),
        "nodes": [written(node) for node in frontier.nodes],
        "previous": None if last is None else digest(last.line.encode("ascii")),
    }
    line = keys.issue(signer, keys.checkpoint(log), claims, at=at)
    return Checkpoint.from_claims({**claims, "iat": int(at.timestamp())}, line)


def _last(file: IO[bytes], signer: Signer, log: str) -> Checkpoint | None:
    """Return the last whole line; what a crash left of a line after it is cut off.

    A line without its end was never returned to anybody, so nothing rests on it.
    """
    line, end = _last_line(file)
    if end != file.seek(0, os.SEEK_END):
        file.truncate(end)
        file.seek(0, os.SEEK_END)
    if line is None:
        return None
    try:
        if _part(line, 0).get("kid") == signer.kid:
            use = keys.checkpoint(log)
            claims = open_compact(
                line,
                KeySet(signer.jwks),
                algorithms=use.algorithms,
                length_max=_LINE_BYTES_MAX,
            ).claims
        else:
            # Signed before the key was changed: only `verify`, which has all keys, can judge.
            claims = _part(line, 1)
        return Checkpoint.from_claims(claims, line)
    except (AppError, ValueError) as error:
        raise AuditLogBroken("The last checkpoint is not genuine.") from error


def _last_line(file: IO[bytes]) -> tuple[str | None, int]:
    """Return the last whole line, and where it ends in the file."""
    start = max(0, file.seek(0, os.SEEK_END) - 2 * _LINE_BYTES_MAX)
    file.seek(start)
    tail = file.read()
    whole = tail.rfind(b"\n") + 1
    lines = tail[:whole].splitlines()
    return (lines[-1].decode("ascii", "replace") if lines else None), start + whole


def _part(line: str, number: int) -> Mapping[str, Any]:
    """Read one part of a compact JWS; nothing of it is believed. Raises ValueError."""
    text = line.split(".")[number] if line.count(".") == 2 else ""
    value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return value if isinstance(value, dict) else {}
