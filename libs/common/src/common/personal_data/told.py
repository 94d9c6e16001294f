"""Dates and postcodes of which a text itself says that they are somebody's.

A date in an application is mostly that of a project, a postcode that of an office; one that
stands behind "born on" or "lives at" is not. "Born before" and "born between" tell a cohort.
"""

import re
from collections.abc import Iterator
from datetime import date
from itertools import permutations
from typing import Final

from common.personal_data.births import MONTHS, SHORT
from common.personal_data.normal_form import NormalForm

_BETWEEN: Final = "(?: (?:ON|IS|WAS|THE|OF|AND))* "
_BORN: Final = "(?:D ?O ?B|BORN|BIRTH ?DATE|DATE OF BIRTH|DAY OF BIRTH|BIRTHDAY)"
_MONTH: Final = "|".join(f"{name[:SHORT]}[A-Z]{{0,6}}" for name in MONTHS)
_YEAR: Final = "(?:[0-9]{4}|[0-9]{2})"
_DAY: Final = "[0-9]{1,2} ?(?:ST|ND|RD|TH)?(?: OF)?"
_BIRTH: Final = re.compile(
    rf"\b{_BORN}{_BETWEEN}"
    rf"((?P<digits>[0-9]{{1,4}} [0-9]{{1,2}} [0-9]{{1,4}}|[0-9]{{8}}|[0-9]{{6}})\b"
    rf"|{_DAY} ?(?:{_MONTH}) ?{_YEAR}\b|(?:{_MONTH}) ?{_DAY} {_YEAR}\b"
    rf"|[0-9]{{4}} ?(?:{_MONTH}) ?{_DAY}\b)"
)
_HOME: Final = re.compile(
    r"\b(?:LIVES? AT|LIVED AT|LIVING AT|RESID(?:ES|ED|ING) AT|HOME ADDRESS|HOME POSTCODE"
    r"|PATIENT(?: ?S)? (?:HOME )?(?:ADDRESS|POSTCODE))\b.{0,80}?"
    r"\b((?:GIR ?0AA|[A-Z] ?[A-Z]? ?[0-9] ?[A-Z0-9]? ?[0-9] ?[A-Z] ?[A-Z]))\b"
)


def told_births(form: NormalForm) -> Iterator[tuple[int, int]]:
    """Find dates of which it is said that somebody was born then: places in the normal form."""
    text, places = _spaced(form)
    for match in _BIRTH.finditer(text):
        digits = match["digits"]
        if digits is None or _is_date(digits):
            yield places[match.start(1)], places[match.end(1) - 1] + 1


def told_homes(form: NormalForm) -> Iterator[tuple[int, int]]:
    """Find postcodes of which it is said that somebody lives there."""
    text, places = _spaced(form)
    for match in _HOME.finditer(text):
        yield places[match.start(1)], places[match.end(1) - 1] + 1


def _spaced(form: NormalForm) -> tuple[str, list[int]]:
    """Give the normal form with one space for what parts it, and where each character stood."""
    characters: list[str] = []
    places: list[int] = []
    for place, (character, gap) in enumerate(zip(form.text, form.gaps, strict=True)):
        if gap:
            characters.append(" ")
            places.append(place)
        characters.append(character)
        places.append(place)
    return "".join(characters), places


def _is_date(digits: str) -> bool:
    parts = digits.split(" ")
    if len(parts) == 1:
        texts = (
            [(digits[:4], digits[4:6], digits[6:]), (digits[:2], digits[2:4], digits[4:])]
            if len(digits) == len("YYYYMMDD")
            else [(digits[:2], digits[2:4], digits[4:])]
        )
    else:
        texts = [(parts[0], parts[1], parts[2])]
    return any(
        _exists(int(year), int(month), int(day))
        for three in texts
        for year, month, day in permutations(three)
        if len(year) != 1 and len(month) <= len("MM") and len(day) <= len("DD")
    )


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year if year > 99 else 2000 + year, month, day)
    except ValueError:
        return False
    return True
