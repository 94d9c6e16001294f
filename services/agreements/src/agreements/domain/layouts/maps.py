"""Maps from practice or postcode to commissioner, in one canonical form.

Upper case, sorted by key, line feeds, with a header: equal maps have equal bytes, and so equal
digests. Postcodes are written with one space before the last three characters.
"""

import re
from collections.abc import Iterator
from enum import StrEnum

from agreements.domain.layouts.ods import ODS
from agreements.domain.layouts.reading import (
    Mistakes,
    must_be_as_long,
    positions,
    rows,
    text_of,
)

PRACTICE = re.compile(r"[A-Z0-9]{3,9}")
POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?) ?([0-9][A-Z]{2})")
LSOA = re.compile(r"[A-Z][0-9]{8}")
PIECE_CHARACTERS = 1 << 20


class MapKind(StrEnum):
    PRACTICE = "practice"
    POSTCODE = "postcode"


COLUMNS = {
    MapKind.PRACTICE: ("practice", "commissioner"),
    MapKind.POSTCODE: ("postcode", "commissioner", "lsoa"),
}
PLAIN = {
    MapKind.PRACTICE: re.compile(rf"^({PRACTICE.pattern})(,{ODS.pattern})\r?$", re.MULTILINE),
    MapKind.POSTCODE: re.compile(
        rf"^{POSTCODE.pattern}(,{ODS.pattern},(?:{LSOA.pattern})?)\r?$", re.MULTILINE
    ),
}
"""A line as nearly all are: no quotes, no spaces but the postcode's own, the columns in order."""


def canonical(content: bytes, kind: MapKind) -> tuple[bytes, int]:
    """Return the map in canonical form, and how many entries it has.

    Raises:
        ImportRefused: it is not what its layout says; a message never quotes a postcode.

    """
    text = text_of(content).upper()
    entries = _plain(text, kind)
    if entries is None:
        entries = _careful(text, kind)
    header = ",".join(COLUMNS[kind])
    lines = [header, *(key + entries[key] for key in sorted(entries))]
    return ("\n".join(lines) + "\n").encode(), len(entries)


def _plain(text: str, kind: MapKind) -> dict[str, str] | None:
    """Read a file of plain lines at once, several times as fast; None where one is not."""
    header, _, body = text.partition("\n")
    if header.rstrip("\r") != ",".join(COLUMNS[kind]).upper():
        return None
    entries: dict[str, str] = {}
    for piece in _pieces(body):
        found = PLAIN[kind].findall(piece)
        if kind is MapKind.PRACTICE:
            entries.update(found)
        else:
            entries.update((f"{outward} {inward}", rest) for outward, inward, rest in found)
    lines = body.count("\n") + (not body.endswith("\n"))
    return entries if len(entries) == lines else None


def _pieces(body: str) -> Iterator[str]:
    """Give whole lines, a piece at a time: what is found in all at once takes much memory."""
    start = 0
    while start < len(body):
        end = body.find("\n", start + PIECE_CHARACTERS) + 1 or len(body)
        yield body[start:end]
        start = end


def _careful(text: str, kind: MapKind) -> dict[str, str]:
    """Read line by line, and say of each what is wrong with it."""
    mistakes = Mistakes(kind)
    entries: dict[str, str] = {}
    for line, (key_text, commissioner, lsoa) in _lines(text, kind):
        key = _key(key_text, kind)
        if key is None:
            mistakes.add(line, kind, f"not a {kind}")
        elif not ODS.fullmatch(commissioner):
            mistakes.add(line, "commissioner", "not a code")
        elif lsoa and not LSOA.fullmatch(lsoa):
            mistakes.add(line, "lsoa", "not a code")
        elif key in entries:
            mistakes.add(line, kind, "listed twice")
        elif kind is MapKind.PRACTICE:
            entries[key] = f",{commissioner}"
        else:
            entries[key] = f",{commissioner},{lsoa}"
    mistakes.refuse_if_any()
    return entries


def _lines(text: str, kind: MapKind) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Yield key, commissioner and LSOA."""
    lines = rows(text)
    _, header = next(lines)
    places = positions(header, [name.upper() for name in COLUMNS[kind]])
    for line, cells in lines:
        must_be_as_long(line, cells, header)
        key, commissioner, *rest = (cells[place] for place in places)
        yield line, (key, commissioner, rest[0] if rest else "")


def _key(text: str, kind: MapKind) -> str | None:
    if kind is MapKind.PRACTICE:
        return text if PRACTICE.fullmatch(text) else None
    found = POSTCODE.fullmatch(text)
    return f"{found[1]} {found[2]}" if found else None
