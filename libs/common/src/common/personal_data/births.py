"""A date of birth in every spelling: as days, months and years in any order, parted by anything.

A spelling is a piece of the normal form (`normal_form`), so that separators need no rule but
where two digits of a year stand beside a day or month without its nought: there the parts must
be parted.
"""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from itertools import permutations, product
from typing import Final, NamedTuple

from common.personal_data.normal_form import NormalForm

MONTHS: Final = (
    "JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER",
    "OCTOBER", "NOVEMBER", "DECEMBER",
)  # fmt: skip
SHORT: Final = 3
"""Letters of the short name of a month; September has one of four besides."""
SUFFIX: Final = "(?:ST|ND|RD|TH)?"


class Digits(NamedTuple):
    """One spelling in digits."""

    text: str
    borders: tuple[int, int] | None
    """Places before which a separator must stand; none where digits alone say it."""


def own_birth(form: NormalForm, birth: date) -> Iterator[tuple[int, int]]:
    """Find a date of birth: places in the normal form."""
    for spelling in in_digits(birth.day, birth.month, birth.year):
        for at in form.find_all(spelling.text):
            if spelling.borders is None or all(form.gaps[at + b] for b in spelling.borders):
                yield at, at + len(spelling.text)
    if MONTHS[birth.month - 1][:SHORT] in form.text:
        pattern = _in_words(birth.day, birth.month, birth.year)
        for match in pattern.finditer(form.text):
            yield match.span(1)


@lru_cache(maxsize=1024)
def in_digits(day: int, month: int, year: int) -> tuple[Digits, ...]:
    """Give every spelling in digits."""
    days, months = {f"{day:02}", str(day)}, {f"{month:02}", str(month)}
    years = (f"{year:04}", f"{year % 100:02}")
    spellings: dict[str, set[tuple[int, int] | None]] = {}
    for d, m, y in product(days, months, years):
        is_plain = len(y) > len("00") or len(d) == len(m) == len("00")
        for parts in permutations((d, m, y)):
            borders = (len(parts[0]), len(parts[0]) + len(parts[1]))
            spellings.setdefault("".join(parts), set()).add(None if is_plain else borders)
    return tuple(
        Digits(text, borders)
        for text, found in sorted(spellings.items())
        for borders in ({None} if None in found else found)
    )


@lru_cache(maxsize=1024)
def _in_words(day: int, month: int, year: int) -> re.Pattern[str]:
    """Give the pattern of every spelling with the month's name."""
    name = MONTHS[month - 1]
    names = sorted({name, name[:SHORT], *({"SEPT"} if name.startswith("SEPT") else ())}, key=len)
    d = f"0?{day}{SUFFIX}(?:DAY)?(?:OF)?"
    m = f"(?:{'|'.join(reversed(names))})(?:OF)?"
    y = f"(?:{year:04}|{year % 100:02})"
    orders = ("".join(parts) for parts in permutations((d, m, y)))
    return re.compile(f"(?=({'|'.join(orders)}))")
