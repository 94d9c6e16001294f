"""Looks at a file while it streams in, and refuses what is not the catalogue's.

Everything here sees one chunk at a time: a file, or a line, of any size takes no more memory
than a chunk and the longest line that the catalogue allows. Nothing of a value, and no name of
an unknown column, is repeated in a refusal: a file without a header has patients in its first
line.
"""

import codecs
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from catalogue import DataSet
from pseudonymisation.intake.adapters.uploads.header import MARK, columns_of
from pseudonymisation.intake.domain import errors

LINE_FEED: Final = 10
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
DECLARED: Final = {b"\x1f\x8b": "application/gzip", b"PAR1": "application/vnd.apache.parquet"}
"""What is taken where it is declared."""
OTHER_UNICODE: Final = re.compile(
    rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff|[ -~]\x00|\x00[ -~]|\x00\x00\x00[ -~]"
)
"""UTF-16 and UTF-32, with a byte order mark or with a first letter that has zero bytes beside."""
MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)*\s*<(?P<xml>\?xml)?")
OBJECTS: Final = re.compile(rb"(?:\xef\xbb\xbf)*\s*(?:\{|\[\s*[{\[])")
RICH_TEXT: Final = b"{\\rtf"
START_BYTES: Final = 512
"""By so many a file's kind is told."""

HEADER_LINES: Final = 10
"""Among so many first lines a header is looked for, to say where it is."""
BLANK: Final = b'\x1a,;|\t\r\n "'
"""What is left of a spreadsheet's empty rows. The first is what DOS puts behind a file's end."""


@dataclass(frozen=True, slots=True)
class InspectedUpload:
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
        self._held = b""
        """The first bytes, until there are enough to tell the file's kind."""
        self._start = bytearray()
        """The first lines, until one is known for the header."""
        self._line_has_return = False
        """Whether the line that has not ended yet has a carriage return in it."""
        self._header: str | None = None
        self._has_records = False

    def see(self, chunk: bytes) -> None:
        """Judge one chunk, of any size."""
        if self._bytes + len(self._held) + len(chunk) > self._data_set.file.file_bytes_max:
            raise errors.FileTooLarge(
                f"The file has more than {self._data_set.file.file_bytes_max} bytes."
            )
        if not self._bytes:
            self._held += chunk
            if len(self._held) < START_BYTES:
                return
            chunk = self._held
            _judge_kind(chunk)
        self._take(chunk)

    def finish(self) -> InspectedUpload:
        """Judge the whole."""
        if not self._bytes and self._held:
            _judge_kind(self._held)
            self._take(self._held)
        if not self._bytes:
            raise errors.FileEmpty("The file is empty.")
        self._decode(b"", final=True)
        if self._header is None:
            self._judge_header(is_whole=True)
        if not self._has_records:
            raise errors.FileEmpty("The file has a header but no records.")
        return InspectedUpload(
            bytes=self._bytes,
            digest=f"sha256:{self._digest.hexdigest()}",
            header=self._header or "",
            lines=self._lines + bool(self._line_bytes),
        )

    def _take(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._held = b""
        self._bytes += len(chunk)
        self._digest.update(chunk)
        self._decode(chunk)
        self._measure(chunk)
        if self._header is None:
            self._start += chunk
            self._judge_header(is_whole=False)
        else:
            self._has_records = self._has_records or bool(chunk.strip(BLANK))

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
            self._require_line_feeds(chunk, ends, where, line)
            raise errors.LineTooLong(f"Line {line} has more than {limit} bytes.", line=line)
        self._lines += len(ends)
        last = chunk[int(ends[-1]) + 1 :] if len(ends) else chunk
        self._line_has_return = b"\r" in last or (not len(ends) and self._line_has_return)

    def _require_line_feeds(
        self, chunk: bytes, ends: npt.NDArray[np.int64], where: int, line: int
    ) -> None:
        """Say of a line that is too long whether it is many, with other ends."""
        start = int(ends[where - 1]) + 1 if where else 0
        end = int(ends[where]) if where < len(ends) else len(chunk)
        if b"\r" in chunk[start:end].rstrip(b"\r") or (not where and self._line_has_return):
            raise _returns_alone(line)

    def _decode(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(chunk, final=final)
        except UnicodeDecodeError as error:
            line = self._lines + error.object.count(b"\n", 0, error.start) + 1
            raise errors.EncodingNotUtf8(
                f"Line {line} is not UTF-8. Save it as UTF-8 (in a spreadsheet, “CSV UTF-8”).",
                line=line,
            ) from None
        zero = chunk.find(0)
        if zero >= 0:
            line = self._lines + chunk.count(b"\n", 0, zero) + 1
            raise errors.ContentNotText(f"Line {line} has zero bytes.", line=line)

    def _judge_header(self, *, is_whole: bool) -> None:
        """Find the header in the first line; where it is none, look where it is to say so."""
        lines = bytes(self._start).split(b"\n", HEADER_LINES)
        if len(lines) == 1 and not is_whole:
            return
        try:
            self._header = _header_of(lines[0], self._data_set)
        except errors.ContentRefused as refusal:
            if not self._start.strip(BLANK) and is_whole:
                raise errors.FileEmpty("The file has only empty lines.") from None
            is_enough = len(lines) > HEADER_LINES or len(self._start) > self._longest_start
            if isinstance(refusal, errors.ColumnsWrong) and not (is_whole or is_enough):
                return
            if isinstance(refusal, errors.ColumnsWrong):
                self._require_no_header_in(lines[1:HEADER_LINES])
            raise
        self._has_records = any(bool(line.strip(BLANK)) for line in lines[1:])
        self._start.clear()

    @property
    def _longest_start(self) -> int:
        return HEADER_LINES * self._data_set.file.line_bytes_max

    def _require_no_header_in(self, lines: Sequence[bytes]) -> None:
        """Raise HeaderNotFirst."""
        for line, found in enumerate(lines, start=2):
            if _is_header(found, self._data_set):
                raise errors.HeaderNotFirst(
                    f"The header is in line {line}. Remove the lines before it.", line=line
                )


def _is_header(line: bytes, data_set: DataSet) -> bool:
    try:
        _header_of(line, data_set)
    except errors.ContentRefused:
        return False
    return True


def _judge_kind(start: bytes) -> None:
    for magic, kind in ARCHIVES:
        if start.startswith(magic):
            declare = DECLARED.get(magic)
            raise errors.ContentIsArchive(
                f"The file is {kind}. "
                + (f"Declare it as `Content-Type: {declare}`, or send" if declare else "Send")
                + " the CSV itself."
            )
    if OTHER_UNICODE.match(start):
        raise errors.EncodingNotUtf8(
            "The file is UTF-16 or UTF-32. Save it as UTF-8 (in a spreadsheet, “CSV UTF-8”).",
            line=1,
        )
    markup = MARKUP.match(start)
    if markup and not markup["xml"]:
        raise errors.ContentIsWebPage(
            "The file is a web page; a session may have expired. Send the CSV itself."
        )
    if markup or OBJECTS.match(start) or start.startswith(RICH_TEXT):
        raise errors.ContentNotCsv("The file is XML, JSON or formatted text. Send it as CSV.")


def _header_of(line: bytes, data_set: DataSet) -> str:
    """Read a line as the header.

    Raises:
        ContentRefused: where it is none

    """
    bare = line.rstrip(b"\r")
    if b"\r" in bare:
        raise _returns_alone(1)
    # What does not decode was refused before, but for a line that has not come to its end.
    header = bare.decode("utf-8", "replace").lstrip(MARK)
    columns_of(header, data_set)
    return header


def _returns_alone(line: int) -> errors.LineEndsWrong:
    return errors.LineEndsWrong(
        f"Line {line} has carriage returns, as files of old Macintosh computers have. End lines"
        " with a line feed.",
        line=line,
    )
