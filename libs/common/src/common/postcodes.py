"""The one definition of a postcode, for intake and for maps alike.

Postcodes come as eight characters (`M1   1AE`), seven (`M1  1AE`, `NE616BL`) or with one space, in
either case (NHS Postcode Directory; ONSPD). Spaces carry nothing: what counts is what remains
without them. GIR 0AA, which is in the directories, fits no other rule.

The forms are regular expressions that Python and the engine of the haven (RE2) read alike.
"""

import re
from typing import Final

COMPACT: Final = r"(?:GIR0AA|[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2})"
"""A postcode in upper case and without spaces."""

SPACED: Final = r"(?:GIR 0AA|[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2})"
"""A postcode in normal form."""

INWARD_CHARACTERS: Final = 3

_COMPACT: Final = re.compile(COMPACT)


def normal(text: str) -> str | None:
    """Return the postcode in normal form: one space before the last three; None: it is none."""
    compact = "".join(text.split()).upper()
    if not _COMPACT.fullmatch(compact):
        return None
    return f"{compact[:-INWARD_CHARACTERS]} {compact[-INWARD_CHARACTERS:]}"
