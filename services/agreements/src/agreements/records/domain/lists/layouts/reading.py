"""Reading comma-separated lines: what is of no use here, and what contradicts itself.

One odd line does not refuse a list of millions. A line that cannot be used is left out, counted
and named by its place; the same key with the same values again is taken once. Of a list that
replaces what it leaves out it refuses the whole (docs/adr/0255). A key with two
values is a contradiction: which of them is meant nobody can tell, so nothing of the file is taken
and every line that says one of them is named. Values are never quoted.
"""

import csv
import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Generic, TypeVar

from pydantic import JsonValue

from agreements.records.domain.errors import ImportContradicts, ImportRefused
from common.personal_data import find_personal_data

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")
"""Characters of no text, and what stands where bytes were no UTF-8."""
NAMED_MAX = 100
ALL_NAMED_MAX = 20_000
"""Of a file that is taken whole or not at all: it is corrected at once."""
LINE_CHARACTERS_MAX = 10_000
TELLING_CHARACTERS_MIN = 10
"""Of an NHS number; what words tell of a birth or a home is longer."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePosition:
    """Where something is in a file, and what it is, without the value."""

    line: int
    column: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What of a file was not taken, although the rest was."""

    lines: int
    """How many lines were of no use here."""
    repeated: int
    """How many lines said again what another one says."""
    named: tuple[FilePosition, ...]
    """The first of the lines that were of no use."""


@dataclass(slots=True)
class Remainder:
    """What is left out of a file, so far."""

    layout: str
    lines: int = 0
    repeated: int = 0
    named: list[FilePosition] = field(default_factory=list)
    named_max: int = NAMED_MAX
    contradicts: bool = False
    """Whether some of the lines say different things of one."""

    def contradict(self, column: str, groups: Iterable[Sequence[int]]) -> Collection[int]:
        """Leave out, and return, lines of which each group says several things of one."""
        said: dict[int, str] = {}
        for group in groups:
            for line in group:
                said.setdefault(line, f"lines {_some(group)} say different things of it")
        for line, what in said.items():
            self.add(line, column, what)
        self.contradicts = self.contradicts or bool(said)
        return said.keys()

    def add(self, line: int, column: str, what: str) -> None:
        self.lines += 1
        if len(self.named) < self.named_max:
            self.named.append(FilePosition(line=line, column=column, detail=what))

    def left_out(self, *, taken: int) -> LeftOut:
        """Return what was left out.

        Raises:
            ImportRefused: nothing was taken: it is another file, or an empty one.

        """
        named = self._in_order()
        if not taken and self.contradicts:
            self.require_none()
        if not taken:
            raise refused(
                f"No line of the file is in layout {self.layout}.", named, total=self.lines
            )
        return LeftOut(lines=self.lines, repeated=self.repeated, named=named)

    def require_none(self) -> None:
        """Demand that every line was of use.

        Raises:
            ImportRefused: it names all that were not.
            ImportContradicts: some of them contradict one another.

        """
        if not self.lines:
            return
        plural = "s" * (self.lines != 1)
        told = f"{self.lines} line{plural} cannot be taken, and so nothing was."
        if self.contradicts:
            raise ImportContradicts(
                f"{told} Some contradict one another. Correct the list where it is kept and send"
                " it again.",
                errors=_json(self._in_order()),
                errors_total=self.lines,
            )
        raise refused(
            f"{told} Correct them and send the whole file again.",
            self._in_order(),
            total=self.lines,
        )

    def _in_order(self) -> tuple[FilePosition, ...]:
        return tuple(sorted(self.named, key=lambda place: place.line))


class Collected(Generic[K, V]):
    """Values by key, and the lines that say so."""

    def __init__(self, remainder: Remainder, column: str) -> None:
        self._remainder = remainder
        self._column = column
        self._values: dict[K, V] = {}
        self._said: dict[K, list[int]] = {}
        self._contradicted: set[K] = set()

    def add(self, line: int, key: K, value: V) -> None:
        former = self._values.setdefault(key, value)
        said = self._said.setdefault(key, [])
        if former != value:
            self._contradicted.add(key)
        elif said:
            self._remainder.repeated += 1
        said.append(line)

    def lines(self) -> Iterator[tuple[int, V]]:
        """Yield what was collected, each with the first line that says it."""
        for key, value in self._values.items():
            yield self._said[key][0], value

    def values(self) -> Mapping[K, V]:
        """Return what was collected.

        Raises:
            ImportContradicts: a key has two values.

        """
        contradict(self._column, (self._said[key] for key in self._contradicted))
        return self._values

    def undisputed(self) -> Sequence[V]:
        """Return the values of which every line says the same; the other lines are left out."""
        self._remainder.contradict(self._column, (self._said[key] for key in self._contradicted))
        return [value for key, value in self._values.items() if key not in self._contradicted]


@dataclass(frozen=True, slots=True)
class Stretch(Generic[K]):
    """Of what a line speaks, and of which days: both inclusive, to an open end without a last."""

    line: int
    of: K
    first: date
    last: date | None

    @property
    def end(self) -> date:
        return self.last or date.max


def overlapping(found: Iterable[Stretch[K]]) -> Iterator[tuple[int, int]]:
    """Yield lines of one thing that speak of a day twice: each such line is in a pair.

    Not each pair is told, of which a list can have millions.
    """
    longest: dict[K, Stretch[K]] = {}
    for one in sorted(found, key=lambda one: (one.first, one.line)):
        former = longest.get(one.of)
        if former is not None and one.first <= former.end:
            yield former.line, one.line
        if former is None or one.end > former.end:
            longest[one.of] = one


def contradict(column: str, groups: Iterable[Sequence[int]]) -> None:
    """Raise ImportContradicts where there is a group: lines with one key and several values."""
    places = [
        FilePosition(
            line=line, column=column, detail=f"lines {_some(group)} say different things of it"
        )
        for group in groups
        for line in group
    ]
    if places:
        places.sort(key=lambda place: place.line)
        raise ImportContradicts(
            f"{len(places)} lines contradict one another; nothing was taken."
            " Correct the list where it is kept and send it again.",
            errors=_json(places[:NAMED_MAX]),
            errors_total=len(places),
        )


def _some(lines: Sequence[int], most: int = 5) -> str:
    shown = ", ".join(map(str, lines[:most]))
    return shown if len(lines) <= most else f"{shown} and {len(lines) - most} more"


def refused(
    detail: str, places: Sequence[FilePosition] = (), *, total: int | None = None
) -> ImportRefused:
    return ImportRefused(
        detail, errors=_json(places), errors_total=len(places) if total is None else total
    )


def _json(places: Sequence[FilePosition]) -> list[JsonValue]:
    return [{"line": p.line, "column": p.column, "detail": p.detail} for p in places]


def text_of(content: bytes) -> str:
    """Decode UTF-8, with or without a byte order mark, and write line ends as line feeds.

    Bytes that are no UTF-8 spoil their line alone (`CONTROL`).

    Raises:
        ImportRefused: it is empty, or no text.

    """
    if content.startswith(UTF_16) or b"\x00" in content[:LINE_CHARACTERS_MAX]:
        raise refused("The file is UTF-16 or no text at all. Save it as CSV in UTF-8.")
    text = content.decode("utf-8-sig", errors="replace")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise refused("The file is empty.")
    return text


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number; blank lines are passed over."""
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.isspace():
            yield number, line


def cells_of(line: str) -> list[str] | str:
    """Split one line into its cells; a text: why that cannot be done."""
    if len(line) > LINE_CHARACTERS_MAX:
        return "the line is too long"
    if CONTROL.search(line):
        return "control characters, or not UTF-8"
    try:
        cells = next(csv.reader([line], strict=True))
    except csv.Error:
        return "broken quoting"
    return [cell.strip() for cell in cells]


def rows(text: str, remainder: Remainder) -> Iterator[tuple[int, list[str]]]:
    """Yield each line's number and cells; what cannot be split is left out."""
    for number, line in lines(text):
        cells = cells_of(line)
        if isinstance(cells, str):
            remainder.add(number, "", cells)
        elif any(cells):
            yield number, cells


def records(
    text: str, remainder: Remainder, *, needed: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each line under the names of the header; one that tells of a person is left out.

    Raises:
        ImportRefused: there is no header with the needed columns.

    """
    found = rows(text, remainder)
    number, header = next(found, (1, []))
    positions(number, header, needed)
    for line, cells in found:
        if not is_as_long(line, cells, header, remainder):
            continue
        row = dict(zip(header, cells, strict=True))
        telling = next((name for name in needed if _tells(row[name])), None)
        if telling is None:
            yield line, row
        else:
            remainder.add(line, telling, "personal data stand in it")


def _tells(cell: str) -> bool:
    """Check whether personal data stand in a cell; most are codes and days, too short for any."""
    return len(cell) >= TELLING_CHARACTERS_MIN and bool(find_personal_data(cell))


def positions(line: int, header: Sequence[str], needed: Sequence[str]) -> list[int]:
    """Return where the needed columns are.

    Raises:
        ImportRefused: one is missing, or is there twice.

    """
    wrong = {name: header.count(name) for name in needed if header.count(name) != 1}
    if wrong:
        raise refused(
            "The header does not name each column once.",
            [
                FilePosition(line=line, column=name, detail="there twice" if count else "missing")
                for name, count in wrong.items()
            ],
        )
    return [header.index(name) for name in needed]


def is_as_long(
    line: int, cells: Sequence[str], header: Sequence[str], remainder: Remainder
) -> bool:
    """Leave out a line that has another number of columns than the header."""
    if len(cells) == len(header):
        return True
    remainder.add(line, "", f"{len(cells)} columns instead of {len(header)}")
    return False


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
