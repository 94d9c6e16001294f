"""Which part of a file a request is about: a single byte range, as RFC 9110 section 14 has it.

A range of another unit, several ranges, or one that is not well formed are passed over and
the whole file is the answer, as the RFC allows; a well-formed one outside the file is not.
"""

import re
from dataclasses import dataclass

from common.errors import RangeNotSatisfiable

_SINGLE = re.compile(r"bytes\s*=\s*([0-9]{0,19})-([0-9]{0,19})\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `start` to before `end` of a file of `size` bytes."""

    start: int
    end: int
    size: int

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def is_whole(self) -> bool:
        return self.length == self.size

    @property
    def content_range(self) -> str:
        """What the Content-Range header says; its last position is inclusive."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def whole(size: int) -> ByteRange:
    return ByteRange(0, size, size)


def requested(
    *, size: int, etag: str, range_header: str | None, if_range: str | None
) -> tuple[ByteRange, bool]:
    """The part that was asked for, and whether it was asked for by a range (206, not 200).

    Raises RangeNotSatisfiable.
    """
    if range_header is None or not _still_the_same(etag, if_range):
        return whole(size), False
    match = _SINGLE.fullmatch(range_header.strip())
    if match is None:
        return whole(size), False
    first, last = match.groups()
    if not first and not last:
        return whole(size), False
    if not first:
        suffix = min(int(last), size)
        return _within(size - suffix, size, size), True
    start = int(first)
    if last and int(last) < start:
        return whole(size), False  # not well formed: section 14.1.1
    end = min(int(last) + 1, size) if last else size
    return _within(start, end, size), True


def _within(start: int, end: int, size: int) -> ByteRange:
    if start >= end:
        raise RangeNotSatisfiable(f"The file has {size} bytes.", size=size)
    return ByteRange(start, end, size)


def _still_the_same(etag: str, if_range: str | None) -> bool:
    """If-Range: only our own strong tag counts; a date never does, as we send none."""
    return if_range is None or if_range.strip() == etag
