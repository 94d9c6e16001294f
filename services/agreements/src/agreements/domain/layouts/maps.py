"""Maps from practice or postcode to commissioner, in one canonical form.

Upper case, sorted by key, line feeds, with a header: equal maps have equal bytes, and so equal
digests. Postcodes are written with one space before the last three characters.
"""

import re
from enum import StrEnum

from agreements.domain.layouts.ods import ODS
from agreements.domain.layouts.reading import Mistakes, records, text_of

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
    for line, row in records(text_of(content), needed=COLUMNS[kind]):
        key = _key(row[kind].upper(), kind)
        commissioner = row["commissioner"].upper()
        lsoa = row.get("lsoa", "").upper() if kind is MapKind.POSTCODE else ""
        if key is None:
            mistakes.add(line, kind, f"not a {kind}")
        elif not ODS.fullmatch(commissioner):
            mistakes.add(line, "commissioner", "not a code")
        elif lsoa and not LSOA.fullmatch(lsoa):
            mistakes.add(line, "lsoa", "not a code")
        elif key in entries:
            mistakes.add(line, kind, "listed twice")
        else:
            rest = (commissioner,) if kind is MapKind.PRACTICE else (commissioner, lsoa)
            entries[key] = ",".join((key, *rest))
    mistakes.refuse_if_any()
    header = ",".join(COLUMNS[kind])
    lines = [header, *(entries[key] for key in sorted(entries))]
    return ("\n".join(lines) + "\n").encode(), len(entries)


def _key(text: str, kind: MapKind) -> str | None:
    if kind is MapKind.PRACTICE:
        return text if PRACTICE.fullmatch(text) else None
    found = POSTCODE.fullmatch(text)
    return f"{found[1]} {found[2]}" if found else None
