"""What was made, closed and destroyed, kept apart from the keys: names and days, no keys.

Without it an empty key store is a new one: the next preparation would make other keys under the
same names, and people other tokens. And an old one would open again what was destroyed since.
Lines are only ever added; the last word on a name holds, and what is destroyed stays so.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from common.errors import KeyUnavailable
from common.files import sync_directory

FILE: Final = "ledger"
LINE: Final = re.compile(
    r"([0-9T:Z-]{20}) (made|closed|destroyed|ordered) ([a-z0-9_/.-]{1,400}) end"
)


class Word(StrEnum):
    MADE = "made"
    CLOSED = "closed"
    DESTROYED = "destroyed"
    ORDERED = "ordered"
    """Not of a key: an order of custodians was carried out, and is not a second time."""


@dataclass(frozen=True, slots=True)
class Said:
    word: Word
    at: datetime


class Ledger:
    """A file in the directory of backups. Safe for several processes at once."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def say(self, word: Word, name: str) -> None:
        """Add a line, durable before it is returned.

        Raises:
            KeyUnavailable: the directory is away
            ValueError: it would not be read again, or be read as something else

        """
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if LINE.fullmatch(f"{at} {word} {name} end") is None:
            raise ValueError("what the ledger is to be told of is not well formed")
        with self._alone() as descriptor:
            # What a crash left half of is ended first: half a line is no line.
            start = "" if _ends_whole(descriptor) else "\n"
            os.write(descriptor, f"{start}{at} {word} {name} end\n".encode())
            os.fsync(descriptor)

    def told(self) -> Mapping[str, Said]:
        """Return the last word on each name. Raise KeyUnavailable where it is away."""
        if self._path.parent.is_dir() and not self._path.exists():
            return {}  # to look makes none: a preview changes nothing
        with self._alone() as descriptor:
            return self._read(descriptor)

    def of(self, name: str) -> Said | None:
        """Return the last word on a name. Raise KeyUnavailable where it is away."""
        return self.told().get(name)

    @contextmanager
    def one_order_at_a_time(self) -> Iterator[None]:
        """Let nobody else carry out an order meanwhile, in whatever process.

        Raises:
            KeyUnavailable: the directory is away

        """
        try:
            descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            raise KeyUnavailable("The directory of key backups cannot be reached.") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @staticmethod
    def _read(descriptor: int) -> dict[str, Said]:
        os.lseek(descriptor, 0, os.SEEK_SET)
        with os.fdopen(os.dup(descriptor), encoding="ascii", errors="replace") as file:
            lines = file.read().split("\n")
        found: dict[str, Said] = {}
        for line in lines[:-1]:
            if (match := LINE.fullmatch(line)) is not None:
                at, word, name = match.groups()
                if name not in found or found[name].word is not Word.DESTROYED:
                    found[name] = Said(Word(word), datetime.fromisoformat(at))
        return found

    @contextmanager
    def _alone(self) -> Iterator[int]:
        if not self._path.parent.is_dir():
            raise KeyUnavailable("The directory of key backups cannot be reached.")
        try:
            is_new = not self._path.exists()
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
            descriptor = os.open(self._path, flags, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if is_new:
                    sync_directory(self._path.parent)
                yield descriptor
            finally:
                os.close(descriptor)
        except OSError:
            raise KeyUnavailable("The ledger of keys cannot be read or written.") from None


def _ends_whole(descriptor: int) -> bool:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def names_made(told: Mapping[str, Said]) -> Iterator[str]:
    """Yield the keys that have to be there."""
    for name, said in told.items():
        if said.word in {Word.MADE, Word.CLOSED}:
            yield name
