"""Looks for people's identifiers in anything, byte by byte: in text, and as binary integers.

Numbers are of the 999 range, so that a search finds where one could begin and nothing else.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

STEM = b"999"
DIGITS = 10
SPACED = re.compile(rb"999[ -]\d{3}[ -]\d{4}")
POSTCODE = re.compile(rb"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}")
DATE = re.compile(rb"(?:19|20)\d\d-[01]\d-[0-3]\d")
COMPACT_DATE = re.compile(rb"(?<!\d)(?:19|20)\d\d[01]\d[0-3]\d(?!\d)")

RANDOM = re.compile(
    rb"(?<![0-9a-f])(?:(?:[0-9a-f]{32})+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])"
)
"""Digests and ids: in some ten thousand of them there is somebody's birthday, now and then."""

BIG_ENDIAN = (b"\x00\x02\x53", b"\x00\x02\x54")
"""How a number of the range begins as SQLite stores an integer: six bytes."""
LITTLE_ENDIAN = (b"\x53\x02\x00\x00\x00", b"\x54\x02\x00\x00\x00")
"""And how it ends as Parquet and Arrow do: eight bytes."""


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What must be nowhere: NHS numbers, and where wanted postcodes and dates of birth."""

    numbers: frozenset[bytes]
    postcodes: frozenset[bytes] = frozenset()
    births: frozenset[bytes] = frozenset()

    def found_in(self, content: bytes) -> set[bytes]:
        return self._found(content) and self._found(RANDOM.sub(b"#", content))

    def _found(self, content: bytes) -> set[bytes]:
        found = {number for number in _numbers(content) if number in self.numbers}
        if self.postcodes:
            found |= {p for p in POSTCODE.findall(content) if p in self.postcodes}
        if self.births:
            dates = [*DATE.findall(content), *COMPACT_DATE.findall(content)]
            found |= {date for date in dates if date.replace(b"-", b"") in self.births}
        return found

    def found_under(self, root: Path) -> Mapping[str, set[bytes]]:
        """What stands in which file below a directory; also a file's name is looked at."""
        found = {}
        for at, directories, files in os.walk(root):  # what goes meanwhile is passed over
            for path in (*(Path(at, n) for n in directories), *(Path(at, n) for n in files)):
                name = path.relative_to(root).as_posix()
                if here := self.found_in(name.encode() + b"\n" + _content(path)):
                    found[name] = here
        return found


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""  # a temporary file, gone since


def _numbers(content: bytes) -> Iterator[bytes]:
    for at in _places(content, (STEM,)):
        if (window := content[at : at + DIGITS]).isdigit():
            yield window
    for match in SPACED.finditer(content):
        yield match[0].replace(b" ", b"").replace(b"-", b"")
    for at in _places(content, BIG_ENDIAN):
        yield b"%d" % int.from_bytes(content[at : at + 6], "big")
    for at in _places(content, LITTLE_ENDIAN):
        if at >= 3:
            yield b"%d" % int.from_bytes(content[at - 3 : at + 5], "little")


def _places(content: bytes, patterns: Iterable[bytes]) -> Iterator[int]:
    for pattern in patterns:
        at = content.find(pattern)
        while at >= 0:
            yield at
            at = content.find(pattern, at + 1)
