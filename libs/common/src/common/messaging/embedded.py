"""The event log of the embedded default: one SQLite file that the services share.

One writer at a time means that the order of numbers is the order of commits, so a reader may
keep a number as its place, which it must not on PostgreSQL. Nothing is ever deleted: a new
group begins at the start. Every publication is on the disk before it is answered.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import quote

import structlog

from common.messaging.envelope import Event, Message, to_message
from common.messaging.errors import EventLogUnavailable
from common.messaging.file_lock import FileLock
from common.messaging.port import Received

log: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH = 100
LOOK_AGAIN_SECONDS_MIN = 0.002
LOOK_AGAIN_SECONDS_MAX = 0.05
"""How soon a message of another process is seen; one of this process is seen at once."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  key BLOB NOT NULL,
  headers TEXT NOT NULL,
  value BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS ix_message_topic ON message (topic, position);
CREATE TABLE IF NOT EXISTS cursor (
  consumer_group TEXT NOT NULL,
  topic TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (consumer_group, topic)
) WITHOUT ROWID;
"""

AFTER = """
SELECT position, topic, key, headers, value FROM message
WHERE topic = ? AND position > ? ORDER BY position LIMIT ?
"""


class EmbeddedLog:
    def __init__(self, path: Path) -> None:
        """Make the file where it is not there. Raises EventLogUnavailable."""
        self._path = path.resolve()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        with _translated():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes that change a new file's journal at once would lock each other out.
            with FileLock(self._path.with_name(f"{self._path.name}.lock")).held():
                connection = _connect(self._path, synchronous="FULL")
                connection.executescript(SCHEMA)
        self._connection = connection

    def publish(self, events: Sequence[Event]) -> int:
        try:
            self._append([to_message(event) for event in events])
        except EventLogUnavailable as away:
            log.warning("event_log_unavailable", cause=type(away.__cause__).__name__)
            return 0
        return len(events)

    def append(self, message: Message) -> None:
        self._append([message])

    def subscribe(self, group: str, topics: Sequence[str]) -> "EmbeddedSubscription":
        return EmbeddedSubscription(self._path, group, topics)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _append(self, messages: Sequence[Message]) -> None:
        rows = [
            (
                message.topic,
                message.key,
                json.dumps({name: value.hex() for name, value in message.headers.items()}),
                message.value,
            )
            for message in messages
        ]
        with self._lock, _translated():
            if self._connection is None:
                raise EventLogUnavailable("The event log is closed.")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "INSERT INTO message (topic, key, headers, value) VALUES (?, ?, ?, ?)", rows
                )
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise
        _bell(self._path).ring()


class EmbeddedSubscription:
    """One member of a group. The first has all topics; others stand by until it leaves."""

    def __init__(self, path: Path, group: str, topics: Sequence[str]) -> None:
        self._path = path
        self._group = group
        self._topics = tuple(topics)
        self._bell = _bell(path)
        self._positions: dict[str, int] = {}
        # Held by the file's descriptor: a member that is killed has left.
        self._lead = FileLock(path.with_name(f"{path.name}.{quote(group, safe='')}.lock"))
        with _translated():
            # A place that is forgotten in a power cut only means that messages come again.
            self._connection: sqlite3.Connection | None = _connect(path, synchronous="NORMAL")

    def poll(self, timeout: float) -> list[Received]:
        until = time.monotonic() + timeout
        look_again = LOOK_AGAIN_SECONDS_MIN
        while True:
            rung = self._bell.count
            if found := self._next():
                return found
            remaining = until - time.monotonic()
            if remaining <= 0:
                return []
            self._bell.wait(rung, min(look_again, remaining))
            look_again = min(look_again * 2, LOOK_AGAIN_SECONDS_MAX)

    def commit(self, received: Received) -> None:
        with _translated():
            self._open().execute(
                "INSERT INTO cursor (consumer_group, topic, position) VALUES (?, ?, ?)"
                " ON CONFLICT (consumer_group, topic) DO UPDATE"
                " SET position = max(position, excluded.position)",
                (self._group, received.topic, received.position),
            )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._lead.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _next(self) -> list[Received]:
        connection = self._open()
        if not self._lead.is_held:
            if not self._lead.acquire():
                return []
            self._positions = self._committed(connection)
        found: list[tuple[int, str, bytes, str, bytes]] = []
        with _translated():
            for topic in self._topics:
                found += connection.execute(AFTER, (topic, self._positions[topic], BATCH))
        rows = sorted(found)[:BATCH]
        for position, topic, *_ in rows:
            self._positions[topic] = position
        return [_received(*row) for row in rows]

    def _committed(self, connection: sqlite3.Connection) -> dict[str, int]:
        with _translated():
            rows = connection.execute(
                "SELECT topic, position FROM cursor WHERE consumer_group = ?", (self._group,)
            ).fetchall()
        return dict.fromkeys(self._topics, 0) | dict(rows)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise EventLogUnavailable("The subscription is closed.")
        return self._connection


def _received(position: int, topic: str, key: bytes, headers: str, value: bytes) -> Received:
    return Received(
        message=Message(
            topic=topic,
            key=key,
            value=value,
            headers={name: bytes.fromhex(text) for name, text in json.loads(headers).items()},
        ),
        partition=0,
        position=position,
    )


def _connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=32
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as failure:
        raise EventLogUnavailable("The event log's file cannot be used.") from failure


class _Bell:
    """Rung when this process publishes, so that its own readers need not look again."""

    def __init__(self) -> None:
        self.count = 0
        self._condition = threading.Condition()

    def ring(self) -> None:
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def wait(self, since: int, timeout: float) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self.count != since, timeout)


_BELLS: dict[Path, _Bell] = {}
_BELLS_LOCK = threading.Lock()


def _bell(path: Path) -> _Bell:
    with _BELLS_LOCK:
        return _BELLS.setdefault(path, _Bell())
