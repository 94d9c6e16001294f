"""Reading comma-separated lines, and saying where they are wrong."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from agreements.domain.errors import ImportRefused

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
ERRORS_MAX = 100
LINE_CHARACTERS_MAX = 10_000


@dataclass(slots=True)
class Mistakes:
    """What is wrong in a file, so far."""

    layout: str
    found: list[dict[str, str | int]] = field(default_factory=list)

    def add(self, line: int, column: str, what: str) -> None:
        if len(self.found) < ERRORS_MAX:
            self.found.append({"line": line, "column": column, "detail": what})

    def refuse_if_any(self) -> None:
        """Raise ImportRefused with all that was found, up to a limit."""
        if self.found:
            raise refused(f"The file is not in layout {self.layout}.", self.found)


def refused(detail: str, errors: Sequence[Mapping[str, str | int]] = ()) -> ImportRefused:
    return ImportRefused(detail, errors=[dict(error) for error in errors])


def text_of(content: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Raises:
        ImportRefused: it is empty, or not UTF-8.

    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refused("The file is not UTF-8.") from None
    if not text.strip():
        raise refused("The file is empty.")
    if CONTROL.search(text):
        raise refused("The file has control characters in it.")
    return text


def rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each line's number and cells; empty lines are passed over.

    Raises:
        ImportRefused: the quoting is broken, or a line is longer than any that we know.

    """
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise refused(
                "The file is not comma-separated text.",
                [{"line": reader.line_num, "column": "", "detail": "broken quoting"}],
            ) from None
        if sum(map(len, cells)) > LINE_CHARACTERS_MAX:
            raise refused(
                "The file is not comma-separated text.",
                [{"line": reader.line_num, "column": "", "detail": "the line is too long"}],
            )
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield reader.line_num, stripped


def records(text: str, *, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each line under the names of the header.

    Raises:
        ImportRefused: a needed column is missing, or a line is of another length.

    """
    lines = rows(text)
    _, header = next(lines)
    positions(header, needed)
    for number, cells in lines:
        must_be_as_long(number, cells, header)
        yield number, dict(zip(header, cells, strict=True))


def positions(header: Sequence[str], needed: Sequence[str]) -> list[int]:
    """Return where the needed columns are.

    Raises:
        ImportRefused: one is missing.

    """
    if missing := [name for name in needed if name not in header]:
        raise refused(
            "Columns are missing.",
            [{"line": 1, "column": name, "detail": "missing"} for name in missing],
        )
    return [header.index(name) for name in needed]


def must_be_as_long(line: int, cells: Sequence[str], header: Sequence[str]) -> None:
    """Raise ImportRefused where a line has another number of columns than the header."""
    if len(cells) != len(header):
        raise refused(
            "A line has another number of columns than the header.",
            [{"line": line, "column": "", "detail": f"{len(cells)} columns"}],
        )


def day(text: str, form: str) -> date | None:
    """Read a date written as `YYYYMMDD`, `YYYY-MM-DD` or `DD/MM/YYYY`; None: it is not one."""
    forms = {
        "YYYYMMDD": (slice(0, 4), slice(4, 6), slice(6, 8), 8, ()),
        "YYYY-MM-DD": (slice(0, 4), slice(5, 7), slice(8, 10), 10, (4, 7)),
        "DD/MM/YYYY": (slice(6, 10), slice(3, 5), slice(0, 2), 10, (2, 5)),
    }
    year, month, of_month, length, separators = forms[form]
    digits = "".join(c for i, c in enumerate(text) if i not in separators)
    if len(text) != length or not digits.isascii() or not digits.isdigit():
        return None
    try:
        return date(int(text[year]), int(text[month]), int(text[of_month]))
    except ValueError:
        return None
