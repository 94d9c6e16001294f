"""Looks at a file while it streams in, and refuses what is not the catalogue's.

Everything here sees one chunk at a time: a file, or a line, of any size takes no more memory
than a chunk and the longest line that the catalogue allows. Nothing of a value, and no name of
an unknown column, is repeated in a refusal: a file without a header has patients in its first
line.
"""

import codecs
import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from catalogue import DataSet
from pseudonymisation.domain import errors

LINE_FEED: Final = 10
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
ARCHIVES: Final[Sequence[tuple[bytes, str]]] = (
    (b"PK\x03\x04", "a zip archive or a workbook"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"\xd0\xcf\x11\xe0", "an old workbook"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF"),
)
OTHER_UNICODE: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is known of a file that streamed in whole."""

    bytes: int
    digest: str
    header: str
    lines: int
    """Line feeds, the header's included."""


class Inspector:
    """Take chunks with `see`, and at the end `finish`. Both raise ContentRefused."""

    def __init__(self, data_set: DataSet) -> None:
        self._data_set = data_set
        self._digest = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._bytes = 0
        self._lines = 0
        self._line_bytes = 0
        """Of the line that has not ended yet."""
        self._start = bytearray()
        """The first line, as far as it is there."""
        self._header: str | None = None
        self._has_records = False

    def see(self, chunk: bytes) -> None:
        """Judge one chunk, of any size."""
        if not chunk:
            return
        file = self._data_set.file
        if self._bytes + len(chunk) > file.file_bytes_max:
            raise errors.FileTooLarge(f"The file has more than {file.file_bytes_max} bytes.")
        if self._bytes < 8:
            self._judge_kind((bytes(self._start) + chunk[:8])[:8])
        self._bytes += len(chunk)
        self._digest.update(chunk)
        self._decode(chunk)
        self._measure(chunk)
        if self._header is None:
            self._collect_header(chunk)
        else:
            self._has_records = self._has_records or not chunk.isspace()

    def finish(self) -> Inspected:
        """Judge the whole."""
        if not self._bytes:
            raise errors.FileEmpty("The file has no bytes.")
        self._decode(b"", final=True)
        if self._header is None:
            self._judge_header()
        if not self._has_records:
            raise errors.FileEmpty("The file has a header and no records.")
        return Inspected(
            bytes=self._bytes,
            digest=f"sha256:{self._digest.hexdigest()}",
            header=self._header or "",
            lines=self._lines + bool(self._line_bytes),
        )

    @staticmethod
    def _judge_kind(start: bytes) -> None:
        for magic, kind in ARCHIVES:
            if start.startswith(magic):
                raise errors.ContentIsArchive(f"The file is {kind}; send the CSV itself.")
        if start.startswith(OTHER_UNICODE):
            raise errors.EncodingNotUtf8("The file is UTF-16 or UTF-32.", line=1)

    def _measure(self, chunk: bytes) -> None:
        limit = self._data_set.file.line_bytes_max
        ends = np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == LINE_FEED)
        if not len(ends):
            self._line_bytes += len(chunk)
            longest, where = self._line_bytes, 0
        else:
            lengths = np.diff(ends, prepend=-1) - 1
            lengths[0] += self._line_bytes
            self._line_bytes = len(chunk) - int(ends[-1]) - 1
            where = int(np.argmax(lengths))
            longest = int(lengths[where])
            if self._line_bytes > max(longest, limit):
                longest, where = self._line_bytes, len(ends)
        if longest > limit:
            line = self._lines + where + 1
            raise errors.LineTooLong(f"Line {line} has more than {limit} bytes.", line=line)
        self._lines += len(ends)

    def _decode(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(chunk, final=final)
        except UnicodeDecodeError as error:
            line = self._lines + error.object.count(b"\n", 0, error.start) + 1
            raise errors.EncodingNotUtf8(f"Line {line} is not UTF-8.", line=line) from None
        if b"\0" in chunk:
            raise errors.ContentNotText("The file has zero bytes in it.")

    def _collect_header(self, chunk: bytes) -> None:
        self._start += chunk
        end = self._start.find(LINE_FEED)
        if end < 0:
            return
        rest = bytes(self._start[end + 1 :])
        del self._start[end:]
        self._judge_header()
        self._has_records = bool(rest) and not rest.isspace()

    def _judge_header(self) -> None:
        line = bytes(self._start).removeprefix(BYTE_ORDER_MARK).rstrip(b"\r").decode("utf-8")
        columns_of(line, self._data_set)
        self._header = line


def columns_of(header: str, data_set: DataSet) -> list[str]:
    """Give the catalogue's names of a file's columns, in the file's order.

    :raises ColumnsWrong: where one is missing, unknown or there twice
    """
    by_name = {name.casefold(): name for name in data_set.by_name}
    try:
        found = next(csv.reader([header], delimiter=data_set.file.delimiter, strict=True), [])
    except csv.Error:
        raise errors.ColumnsWrong("The header is not a line of CSV.") from None
    names = [by_name.get(cell.strip().casefold()) for cell in found]
    known = [name for name in names if name is not None]
    missing = [
        field.name
        for field in data_set.fields
        if field.column == "required" and field.name not in known
    ]
    unknown = [place for place, name in enumerate(names, start=1) if name is None]
    twice = sorted({name for name in known if known.count(name) > 1})
    if missing or unknown or twice:
        raise errors.ColumnsWrong(
            f"{len(missing)} columns are missing, {len(unknown)} are unknown,"
            f" {len(twice)} are there twice.",
            missing=list(missing),
            unknown_at=list(unknown),
            twice=list(twice),
        )
    return known
