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


class MapKind(StrEnum):
    PRACTICE = "practice"
    POSTCODE = "postcode"


COLUMNS = {
    MapKind.PRACTICE: ("practice", "commissioner"),
    MapKind.POSTCODE: ("postcode", "commissioner", "lsoa"),
}


def canonical(content: bytes, kind: MapKind) -> tuple[bytes, int]:
    """Return the map in canonical form, and how many entries it has.

    Raises:
        ImportRefused: it is not what its layout says; a message never quotes a postcode.

    """
    mistakes = Mistakes(kind)
    entries: dict[str, str] = {}
    for line, (key_text, commissioner, lsoa) in _lines(text_of(content), kind):
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
            entries[key] = f"{key},{commissioner}"
        else:
            entries[key] = f"{key},{commissioner},{lsoa}"
    mistakes.refuse_if_any()
    header = ",".join(COLUMNS[kind])
    lines = [header, *(entries[key] for key in sorted(entries))]
    return ("\n".join(lines) + "\n").encode(), len(entries)


def _lines(text: str, kind: MapKind) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Yield key, commissioner and LSOA; by position, since all postcodes are 1.8 million lines."""
    lines = rows(text.upper())
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
