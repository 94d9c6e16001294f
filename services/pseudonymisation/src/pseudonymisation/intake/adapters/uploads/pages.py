"""Says how large the pages of a Parquet file are before anything opens one.

What a footer says of a column is what somebody wrote there. A page's own header says how much
memory its reader takes, and that is what an opened page is held against. Headers are structs of
Thrift's compact protocol.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

HEADER_BYTES_MAX: Final = 1 << 16
"""Statistics of long values stand in it; none of ours is so long."""
DEPTH_MAX: Final = 8
STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(13)
UNCOMPRESSED, COMPRESSED = 2, 3
"""Numbers of fields of a PageHeader."""


class Readable(Protocol):
    """A file that can be read anywhere in it."""

    def seek(self, offset: int, whence: int = ..., /) -> int: ...

    def read(self, size: int | None = ..., /) -> bytes: ...


class Page(NamedTuple):
    opened_bytes: int
    stored_bytes: int


class PagesMalformed(ValueError):
    """The bytes are no header of a page."""


def pages(file: Readable, start: int, end: int) -> Iterator[Page]:
    """Give the pages of one column chunk.

    Raises:
        PagesMalformed

    """
    while start < end:
        file.seek(start)
        header = _Header(file.read(min(HEADER_BYTES_MAX, end - start)))
        page = header.page()
        start += header.place + page.stored_bytes
        yield page


class _Header:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def page(self) -> Page:
        found: dict[int, int] = {}
        self._struct(0, found)
        try:
            page = Page(found[UNCOMPRESSED], found[COMPRESSED])
        except KeyError:
            raise PagesMalformed from None
        if min(page) < 0:
            raise PagesMalformed
        return page

    def _struct(self, depth: int, found: dict[int, int] | None = None) -> None:
        number = 0
        while (said := self._byte()) != STOP:
            kind, delta = said & 0x0F, said >> 4
            number = number + delta if delta else self._zigzag()
            if found is not None and kind == I32:
                found[number] = self._zigzag()
            else:
                self._skip(kind, depth + 1)

    def _skip(self, kind: int, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise PagesMalformed
        if kind in {TRUE, FALSE}:
            return
        if kind == BYTE:
            self._forward(1)
        elif kind in {I16, I32, I64}:
            self._varint()
        elif kind == DOUBLE:
            self._forward(8)
        elif kind == BINARY:
            self._forward(self._varint())
        elif kind in {LIST, SET}:
            self._items(depth)
        elif kind == STRUCT:
            self._struct(depth)
        else:
            raise PagesMalformed

    def _items(self, depth: int) -> None:
        said = self._byte()
        kind, count = said & 0x0F, said >> 4
        if count == 0x0F:
            count = self._varint()
        for _ in range(count):
            if kind in {TRUE, FALSE}:
                self._forward(1)
            else:
                self._skip(kind, depth + 1)

    def _byte(self) -> int:
        self._forward(1)
        return self._data[self.place - 1]

    def _forward(self, count: int) -> None:
        if self.place + count > len(self._data):
            raise PagesMalformed
        self.place += count

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise PagesMalformed

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
