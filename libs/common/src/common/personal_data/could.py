"""What every spelling of personal data has in it, as one pattern of the engine (domain.md 8.6).

It is what a text is first asked, wherever it stands: at landing the values of a column that come
again and again, at release every value. All that `find_in_record` finds is matched (a test);
nearly all that is matched is innocent, and judged by the exact rule.
"""

from typing import Final

from common.personal_data.births import MONTHS, SHORT

_BETWEEN: Final = "[^0-9A-Za-z]*"
"""Whatever separates: the normal form has it not."""


def _spread(*parts: str) -> str:
    return _BETWEEN.join(parts)


_POSTCODE: Final = _spread("[A-Za-z]", "[0-9]", "(?:[0-9A-Za-z]", ")?[0-9]", "[A-Za-z]", "[A-Za-z]")
_GIRO: Final = _spread("[Gg]", "[Ii]", "[Rr]", "0", "[Aa]", "[Aa]")
_NUMBER: Final = _spread("[0-9]", f"(?:[0-9]{_BETWEEN}){{8}}[0-9]")
_DATE: Final = _spread("[0-9]", f"(?:[0-9]{_BETWEEN}){{4}}[0-9]")
_PARTS: Final = f"[0-9]{_BETWEEN[:-1]}+[0-9]{{1,2}}{_BETWEEN[:-1]}+[0-9]"
_FOREIGN: Final = r"[^\x00-\x7F]"
_MONTH: Final = "|".join(
    _spread(*(f"[{letter}{letter.lower()}]" for letter in name[:SHORT])) for name in MONTHS
)
_NAMED: Final = f"[0-9](?s:.*)(?:{_MONTH})|(?:{_MONTH})(?s:.*)[0-9]"
COULD: Final = f"{_DATE}|{_PARTS}|{_POSTCODE}|{_GIRO}|{_NAMED}|{_FOREIGN}"
"""What every spelling of anything matches. Ten digits are six."""
COULD_DERIVED: Final = f"{_NUMBER}|{_POSTCODE}|{_GIRO}|{_FOREIGN}"
"""The same without dates: a derived column has codes of places and parts of dates in it."""
