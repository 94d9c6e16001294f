"""A released file in a zip, with what a person needs to read it (docs/adr/0050).

Stored and not compressed: its size and its bytes are known before the first of them leaves, and are
the same each time, so that a part of it can be asked for and a download goes on where it broke off.
It is never written down: the file's bytes are read where they are, between headers that are made.
"""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

LARGE: Final = 0xFFFFFFFF
"""From here on sizes and offsets stand in the extension for 64 bits."""
DATE: Final = (1980 - 1980) << 9 | 1 << 5 | 1
"""The first of January 1980, where a zip's calendar begins: a file has no other date than its
manifest's, and the bytes are to be the same each time."""
UTF_8: Final = 0x0800
VERSION: Final = 45
"""Of the format: that with 64 bits."""
REGULAR_FILE: Final = 0o100644 << 16
UNIX: Final = 3 << 8
LAYOUT: Final = "dsfc-zip/1"
"""Changed with anything that changes the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file in the zip: its content, or that it is the released file."""

    name: str
    size: int
    crc: int
    content: bytes | None = None
    """None: it is the released file's."""

    @classmethod
    def of(cls, name: str, text: str) -> "Member":
        content = text.encode()
        return cls(name=name, size=len(content), crc=zlib.crc32(content), content=content)


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes that follow one another: given ones, or those of the released file from its first."""

    start: int
    length: int
    content: bytes | None

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True)
class Archive:
    """The zip of some members, of which one is the released file."""

    members: tuple[Member, ...]
    file_digest: str
    """Of the released file."""

    @cached_property
    def segments(self) -> Sequence[Segment]:
        """Return all of its bytes in order."""
        found: list[Segment] = []

        def add(content: bytes | None, length: int) -> int:
            start = found[-1].end if found else 0
            found.append(Segment(start, length, content))
            return start

        directory = []
        for member in self.members:
            header = _local_header(member)
            offset = add(header, len(header))
            add(member.content, member.size)
            directory.append(_entry(member, offset))
        content = b"".join(directory)
        start = add(content, len(content))
        end = _end(len(directory), len(content), start)
        add(end, len(end))
        return tuple(found)

    @property
    def size(self) -> int:
        return self.segments[-1].end

    @cached_property
    def etag(self) -> str:
        """Tell it from every other: all its bytes follow from what is hashed here."""
        hashed = hashlib.sha256(f"{LAYOUT}\0{self.file_digest}\0".encode())
        for segment in self.segments:
            hashed.update(segment.content or b"")
        return f'"zip-sha256:{hashed.hexdigest()}"'


def _local_header(member: Member) -> bytes:
    name = member.name.encode()
    sizes = struct.pack("<HHQQ", 1, 16, member.size, member.size)
    is_large = member.size >= LARGE
    extra = sizes if is_large else b""
    size = LARGE if is_large else member.size
    fixed = struct.pack(
        "<4sHHHHHIIIHH",
        b"PK\3\4", VERSION, UTF_8, 0, 0, DATE, member.crc, size, size, len(name), len(extra),
    )  # fmt: skip
    return fixed + name + extra


def _entry(member: Member, offset: int) -> bytes:
    name = member.name.encode()
    large = [n for n in (member.size, member.size, offset) if n >= LARGE]
    extra = struct.pack(f"<HH{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    size, place = min(member.size, LARGE), min(offset, LARGE)
    fixed = struct.pack(
        "<4sHHHHHHIIIHHHHHII",
        b"PK\1\2", UNIX | VERSION, VERSION, UTF_8, 0, 0, DATE, member.crc, size, size,
        len(name), len(extra), 0, 0, 0, REGULAR_FILE, place,
    )  # fmt: skip
    return fixed + name + extra


def _end(members: int, length: int, start: int) -> bytes:
    """Write the end of the directory, for 64 bits as well where it lies that far."""
    wide = b""
    if start >= LARGE:
        wide = struct.pack(
            "<4sQHHIIQQQQ",
            b"PK\6\6", 44, UNIX | VERSION, VERSION, 0, 0, members, members, length, start,
        )  # fmt: skip
        wide += struct.pack("<4sIQI", b"PK\6\7", 0, start + length, 1)
    place = min(start, LARGE)
    return wide + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, members, members, length, place, 0)
