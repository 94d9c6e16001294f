"""Brings lines that are quoted in another way into the standard one (RFC 4180).

Everything behind this reads one kind of CSV. A line stays a line, so that its number stays.
"""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Final

from catalogue.parts import FileFormat

TELLING: Final = {"none": b'"', "backslash": b"\\"}
"""A line without it is the same in both."""


def standard(chunks: Iterator[bytes], file: FileFormat) -> Iterator[bytes]:
    """Give a file as its lines are in standard quoting."""
    if file.quoting == "standard":
        return chunks
    return _rewritten(chunks, TELLING[file.quoting], _rewriter(file))


def _rewriter(file: FileFormat) -> Callable[[str], str]:
    if file.quoting == "none":
        return lambda line: _unquoted(line, file.delimiter)
    return lambda line: _unescaped(line, file.delimiter)


def _rewritten(
    chunks: Iterator[bytes], telling: bytes, rewrite: Callable[[str], str]
) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        whole, end, rest = (rest + chunk).rpartition(b"\n")
        if end:
            yield _lines(whole + end, telling, rewrite)
    if rest:
        yield _lines(rest, telling, rewrite)


def _lines(text: bytes, telling: bytes, rewrite: Callable[[str], str]) -> bytes:
    if telling not in text:
        return text
    lines = text.split(b"\n")
    for place, line in enumerate(lines):
        if telling in line:
            bare = line.rstrip(b"\r")
            lines[place] = rewrite(bare.decode("utf-8")).encode() + line[len(bare) :]
    return b"\n".join(lines)


def _unquoted(line: str, delimiter: str) -> str:
    """Quote the values that have a quote in them, which says nothing here."""
    return delimiter.join(
        '"' + value.replace('"', '""') + '"' if '"' in value else value
        for value in line.split(delimiter)
    )


def _unescaped(line: str, delimiter: str) -> str:
    """Double what is escaped. A line that cannot be read so stays, and is judged as it is."""
    try:
        values = next(
            csv.reader(
                [line], delimiter=delimiter, escapechar="\\", doublequote=False, strict=True
            ),
            [],
        )
    except csv.Error:
        return line
    if any("\n" in value for value in values):
        return line
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="").writerow(values)
    return text.getvalue()
