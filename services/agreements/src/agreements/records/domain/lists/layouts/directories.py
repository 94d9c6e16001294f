"""The postcode directory as the ONS publishes it, and deciles of deprivation by LSOA.

A directory has some fifty columns of 2.7 million postcodes, ended ones among them, which keep their
last areas: people are known by them for years. Only the areas of `COLUMNS` are kept: no grid
reference and no coordinate. Pseudo codes stand for no area, and are none here.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agreements.records.domain.lists.layouts.reading import (
    CONTROL,
    LINE_CHARACTERS_MAX,
    Collected,
    FilePosition,
    LeftOut,
    Remainder,
    refused,
    rows,
    text_of,
)
from common import postcodes

LAYOUT = "postcode directory"
AREA = re.compile(r"[A-Z0-9]{6,9}")
"""As the ONS writes codes since 2009; those of Northern Ireland before it are shorter."""
COMMISSIONER = re.compile(r"[A-Z0-9]{3,9}")
DECILES = frozenset(str(n) for n in range(1, 11))
POSTCODE, OWNER = "postcode", "commissioner"
LOWER, UPPER = "local_authority", "upper_local_authority"
OWNERS = (OWNER, LOWER, UPPER)
"""Columns that say whose people somebody is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryColumns:
    """How a directory names its columns."""

    columns: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    pseudo: str
    without_geography: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeprivationColumns:
    """How an index of deprivation names its columns."""

    lsoa: tuple[str, ...]
    lsoa_2021: tuple[str, ...]
    decile: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaLayouts:
    """Dated data: `reference/postcode_directory.yaml`."""

    directory: DirectoryColumns
    deprivation: DeprivationColumns


def position(header: Sequence[str], patterns: Iterable[str]) -> int | None:
    """Find a column by the first of the patterns that one of its names fits."""
    for pattern in patterns:
        fitting = re.compile(pattern, re.IGNORECASE)
        found = [at for at, name in enumerate(header) if fitting.fullmatch(name)]
        if found:
            return found[0]
    return None


def is_directory(header: Sequence[str], named: DirectoryColumns) -> bool:
    """Say whether a header has more than postcode, commissioner and LSOA."""
    found = {name for name, said in named.columns.items() if position(header, said) is not None}
    return not {POSTCODE, OWNER, "lsoa"} >= found and POSTCODE in found


class _OfNoUse(Exception):
    """A line is left out; it says which column, and why."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column, self.detail = column, detail


@dataclass(slots=True)
class DirectoryReader:
    """Reads a directory line by line; what it keeps of a line is a key and a value."""

    header: Sequence[str]
    named: DirectoryColumns
    remainder: Remainder = field(default_factory=lambda: Remainder(LAYOUT))
    columns: tuple[str, ...] = ()
    """What the canonical form has."""
    _places: tuple[tuple[str, int], ...] = ()
    _key: int = 0
    _tiers: tuple[int, int] = (0, 0)
    _known: dict[str, dict[str, str]] = field(default_factory=dict)
    """Codes as they are kept, by column: there are few."""

    def __post_init__(self) -> None:
        places = {name: position(self.header, said) for name, said in self.named.columns.items()}
        missing = [name for name in self.named.required if places[name] is None]
        if missing:
            raise refused(
                "The header is not that of a postcode directory.",
                [FilePosition(line=1, column=name, detail="missing") for name in missing],
            )
        there = {name: at for name, at in places.items() if at is not None}
        self._key = there.pop(POSTCODE)
        self.columns = (POSTCODE, *there)
        self._places = tuple(there.items())
        self._known = {name: {} for name in there}
        self._tiers = self.columns.index(LOWER) - 1, self.columns.index(UPPER) - 1

    def entry(self, line: int, text: str) -> tuple[str, str] | None:
        """Return postcode and areas of a line; None where it is left out."""
        if not text or text.isspace():
            return None
        try:
            return self._read(self._cells(text))
        except _OfNoUse as why:
            self.remainder.add(line, why.column, why.detail)
            return None

    def _read(self, cells: Sequence[str]) -> tuple[str, str]:
        key = postcodes.normal(cells[self._key])
        if key is None:
            raise _OfNoUse(POSTCODE, "not a postcode")
        if key.startswith(self.named.without_geography):
            raise _OfNoUse(POSTCODE, "stands for no place")
        known = self._known
        codes = [
            known[name][cell] if (cell := cells[at]) in known[name] else self._code(cell, name)
            for name, at in self._places
        ]
        self._complete(codes)
        if not any(codes):
            raise _OfNoUse("", "has no areas: a crown dependency, or not yet placed")
        return key, ",".join(("", *codes))

    def _cells(self, text: str) -> list[str]:
        if len(text) > LINE_CHARACTERS_MAX or CONTROL.search(text):
            raise _OfNoUse("", "too long, control characters, or not UTF-8")
        try:
            cells = next(csv.reader([text], strict=True)) if '"' in text else text.split(",")
        except csv.Error:
            raise _OfNoUse("", "broken quoting") from None
        if len(cells) != len(self.header):
            raise _OfNoUse("", f"{len(cells)} columns instead of {len(self.header)}")
        return cells

    def _code(self, cell: str, name: str) -> str:
        code = cell.strip().upper()
        form = COMMISSIONER if name == OWNER else AREA
        if code and not form.fullmatch(code):
            raise _OfNoUse(name, "not a code")
        if re.fullmatch(self.named.pseudo, code):
            code = ""
        self._known[name][cell] = code
        return code

    def _complete(self, codes: list[str]) -> None:
        """Put the one authority into both tiers where there is no county."""
        lower, upper = self._tiers
        codes[upper] = codes[upper] or codes[lower]


def deciles(content: bytes, named: DeprivationColumns) -> tuple[bytes, int, LeftOut]:
    """Return deciles by LSOA in canonical form, how many, and what was left out.

    Raises:
        ImportRefused: it is not what its layout says.
        ImportContradicts: an LSOA has two deciles.

    """
    remainder = Remainder("deprivation")
    found = rows(text_of(content), remainder)
    number, header = next(found, (1, []))
    of_2011, of_2021 = position(header, named.lsoa), position(header, named.lsoa_2021)
    decile = position(header, named.decile)
    key = of_2011 if of_2011 is not None else of_2021
    if key is None or decile is None:
        missing = "LSOA code" if key is None else "IMD decile"
        place = FilePosition(line=number, column=missing, detail="missing")
        raise refused("The header does not name LSOA and decile.", [place])
    collected: Collected[str, str] = Collected(remainder, "lsoa")
    for line, cells in found:
        if len(cells) != len(header):
            remainder.add(line, "", f"{len(cells)} columns instead of {len(header)}")
        elif not AREA.fullmatch(cells[key].upper()):
            remainder.add(line, "lsoa", "not a code")
        elif cells[decile] not in DECILES:
            remainder.add(line, "decile", "not from 1 to 10")
        else:
            collected.add(line, cells[key].upper(), cells[decile])
    values = collected.values()
    left_out = remainder.left_out(taken=len(values))
    name = "lsoa" if of_2011 is not None else "lsoa_2021"
    lines = [f"{name},decile", *(f"{code},{values[code]}" for code in sorted(values))]
    return ("\n".join(lines) + "\n").encode(), len(values), left_out


def lines_of(blocks: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Yield numbered lines of a stream of UTF-8, whatever ends them."""
    number, rest = 0, b""
    is_first = True
    for block in blocks:
        text = rest + block
        if is_first:
            if not text or text.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in text[:10_000]:
                raise refused("The file is empty, UTF-16, or no text. Save it as CSV in UTF-8.")
            text, is_first = text.removeprefix(b"\xef\xbb\xbf"), False
        *whole, rest = text.split(b"\n")
        if len(rest) > LINE_CHARACTERS_MAX * 8:
            raise refused("A line of the file does not end. Save it as CSV, one record a line.")
        for line in whole:
            number += 1
            yield number, line.rstrip(b"\r").decode("utf-8", errors="replace")
    if rest:
        yield number + 1, rest.rstrip(b"\r").decode("utf-8", errors="replace")
