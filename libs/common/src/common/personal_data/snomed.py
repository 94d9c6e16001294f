"""Identifiers of SNOMED CT: long numbers that hold an NHS number only by chance."""

from functools import lru_cache
from typing import Final

SHORTEST, LONGEST = 11, 18
"""Digits of an identifier of an extension."""
NAMESPACE_DIGITS: Final = 10
_MULTIPLIED: Final = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED: Final = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


@lru_cache(maxsize=65_536)
def is_snomed(digits: str) -> bool:
    """Say whether digits are a SNOMED CT identifier of an extension, 11 to 18 of them.

    Its check digit is Verhoeff's; before it stand a partition of the long format (1 and the
    kind) and a namespace, which all begin with 1000. UK codes of imaging and of medicines are
    such identifiers; for a hidden NHS number to look so by chance is one in some 10 millions.
    Identifiers without a namespace are not excused.
    """
    if not SHORTEST <= len(digits) <= LONGEST or digits[0] == "0":
        return False
    if digits[-3:-1] not in {"10", "11", "12"}:
        return False
    if not digits[-NAMESPACE_DIGITS:].startswith("1000"):
        return False
    check = 0
    for place, digit in enumerate(reversed(digits)):
        permuted = _PERMUTED[place % 8][int(digit)]
        check = int(_MULTIPLIED[check][int(permuted)])
    return check == 0
