"""Maps from practice or postcode to commissioner, in one canonical form.

Upper case, sorted by key, line feeds, with a header: equal maps have equal bytes, and so equal
digests. Postcodes are written as `common.postcodes` has them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from agreements.records.domain.lists.layouts.ods import ODS
from agreements.records.domain.lists.layouts.reading import (
    LeftOut,
    Remainder,
    cells_of,
    contradict,
    is_as_long,
    positions,
    text_of,
)
from common import postcodes

PRACTICE = re.compile(r"[A-Z0-9]{3,9}")
"""As published: letter and five digits, `GUE…`, `JER…`, `ALD…`, and the form of ISN 0090."""
LSOA = re.compile(r"[A-Z][0-9]{8}")
PIECE_CHARACTERS = 1 << 20


class MapKind(StrEnum):
    PRACTICE = "practice"
    POSTCODE = "postcode"
    DEPRIVATION = "deprivation"
    """From LSOA to the decile of deprivation (`layouts.directories`)."""
    ORGANISATION = "organisation"
    """From codes to entities: made of the lists of organisations, never sent (`domain.codes`)."""


COLUMNS = {
    MapKind.PRACTICE: ("practice", "commissioner"),
    MapKind.POSTCODE: ("postcode", "commissioner", "lsoa"),
}
PLAIN = {
    MapKind.PRACTICE: re.compile(rf"^({PRACTICE.pattern})(,{ODS.pattern})$", re.MULTILINE),
    MapKind.POSTCODE: re.compile(
        r"^([A-Z]{1,2}[0-9][A-Z0-9]?) *([0-9][A-Z]{2}) *"
        rf"(,{ODS.pattern},(?:{LSOA.pattern})?)$",
        re.MULTILINE,
    ),
}
"""A line as nearly all are: no quotes, no spaces but the postcode's own, the columns in order.

The postcode is that of `common.postcodes` in two groups; GIR 0AA takes the careful way.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    content: bytes
    entries: int
    left_out: LeftOut


def canonical(content: bytes, kind: MapKind) -> Canonical:
    """Return the map in canonical form.

    Raises:
        ImportRefused: it is not what its layout says; a message never quotes a postcode.
        ImportContradicts: a practice or postcode has two commissioners, or two areas.

    """
    reader = _MapReader(text_of(content).upper(), kind)
    entries = reader.read()
    left_out = reader.remainder.left_out(taken=len(entries))
    header = ",".join(COLUMNS[kind])
    lines = [header, *(key + entries[key] for key in sorted(entries))]
    return Canonical(
        content=("\n".join(lines) + "\n").encode(), entries=len(entries), left_out=left_out
    )


@dataclass(slots=True)
class _MapReader:
    """Reads what is plain a piece at a time, several times as fast, and the rest line by line."""

    text: str
    kind: MapKind
    remainder: Remainder = field(init=False)
    _header: list[str] = field(init=False)
    _places: list[int] = field(init=False)
    _body: int = field(init=False)
    """Where the lines after the header begin."""
    _first_line: int = field(init=False)

    def __post_init__(self) -> None:
        self.remainder = Remainder(self.kind)
        start = len(self.text) - len(self.text.lstrip("\n "))
        end = self.text.find("\n", start) + 1 or len(self.text)
        header = cells_of(self.text[start:end].rstrip("\n"))
        self._header = [] if isinstance(header, str) else header
        number = self.text.count("\n", 0, start) + 1
        named = [name.upper() for name in COLUMNS[self.kind]]
        self._places = positions(number, self._header, named)
        self._body, self._first_line = end, number + 1

    def read(self) -> dict[str, str]:
        """Return the entries; what contradicts itself is looked for in the whole text again."""
        entries: dict[str, str] = {}
        contradicted: set[str] = set()
        for first_line, piece in self._pieces():
            fresh = self._plain(piece)
            if fresh is not None and entries.keys().isdisjoint(fresh):
                entries.update(fresh)
                continue
            for _, key, value in self._careful(first_line, piece, self.remainder):
                if key not in entries:
                    entries[key] = value
                elif entries[key] == value:
                    self.remainder.repeated += 1
                else:
                    contradicted.add(key)
        if contradicted:
            contradict(self.kind, self._lines_of(contradicted).values())
        return entries

    def _lines_of(self, keys: set[str]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {key: [] for key in keys}
        for first_line, piece in self._pieces():
            for line, key, _ in self._careful(first_line, piece, Remainder(self.kind)):
                if key in found:
                    found[key].append(line)
        return found

    def _pieces(self) -> Iterator[tuple[int, str]]:
        """Give whole lines, a piece at a time: what is found in all at once takes much memory."""
        start, line = self._body, self._first_line
        while start < len(self.text):
            end = self.text.find("\n", start + PIECE_CHARACTERS) + 1 or len(self.text)
            piece = self.text[start:end]
            yield line, piece
            line += piece.count("\n")
            start = end

    def _plain(self, piece: str) -> dict[str, str] | None:
        """Read a piece of plain lines, each of another key; None where it is another one."""
        if self._header != [name.upper() for name in COLUMNS[self.kind]]:
            return None
        found = PLAIN[self.kind].findall(piece)
        lines = piece.count("\n") + (not piece.endswith("\n"))
        if len(found) != lines:
            return None
        if self.kind is MapKind.PRACTICE:
            fresh = dict(found)
        else:
            fresh = {f"{outward} {inward}": rest for outward, inward, rest in found}
        return fresh if len(fresh) == lines else None

    def _careful(
        self, first_line: int, piece: str, remainder: Remainder
    ) -> Iterator[tuple[int, str, str]]:
        """Yield line, key and the rest of each line that is of use."""
        for line, text in enumerate(piece.split("\n"), first_line):
            if not text or text.isspace():
                continue
            cells = cells_of(text)
            if isinstance(cells, str):
                remainder.add(line, "", cells)
            elif any(cells) and is_as_long(line, cells, self._header, remainder):
                key_text, commissioner, *rest = (cells[place] for place in self._places)
                key = self._key(key_text)
                if key is None:
                    remainder.add(line, self.kind, f"not a {self.kind}")
                elif not ODS.fullmatch(commissioner):
                    what = "not a code" if commissioner else "none"
                    remainder.add(line, "commissioner", what)
                elif rest and rest[0] and not LSOA.fullmatch(rest[0]):
                    remainder.add(line, "lsoa", "not a code")
                else:
                    yield line, key, "".join(f",{cell}" for cell in (commissioner, *rest))

    def _key(self, text: str) -> str | None:
        if self.kind is MapKind.PRACTICE:
            return text if PRACTICE.fullmatch(text) else None
        return postcodes.normal(text)
