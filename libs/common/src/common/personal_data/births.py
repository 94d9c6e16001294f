"""A date of birth in every spelling: as days, months and years in any order, parted by anything.

A spelling is a piece of the normal form (`normal_form`), so that separators need no rule but
where two digits of a year stand beside a day or month without its nought: there the parts must
be parted.
"""

from collections.abc import Callable, Iterator, Sequence
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
SUFFIXES: Final = ("ST", "ND", "RD", "TH", "")
"""Behind the number of a day."""
BEFORE_MONTH_MAX: Final = 14
"""Characters of a day, with all that may stand behind it, and a year."""


class Digits(NamedTuple):
    """One spelling in digits."""

    text: str
    borders: tuple[int, int] | None
    """Places before which a separator must stand; none where digits alone say it."""


def own_birth(form: NormalForm, birth: date) -> Iterator[tuple[int, int]]:
    """Find a date of birth: places in the normal form."""
    text = form.text
    # Every spelling has these in it, and few texts do.
    if str(birth.day) not in text or f"{birth.year % 100:02}" not in text:
        return
    if str(birth.month) in text:
        for spelling in in_digits(birth.day, birth.month, birth.year):
            for at in form.find_all(spelling.text):
                if spelling.borders is None or all(form.gaps[at + b] for b in spelling.borders):
                    yield at, at + len(spelling.text)
    if MONTHS[birth.month - 1][:SHORT] in text:
        yield from _in_words(form, birth)


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


def _in_words(form: NormalForm, birth: date) -> Iterator[tuple[int, int]]:
    """Find every spelling with the month's name: of each place the first that begins there.

    Read part by part: a pattern for each date of birth took longer to make than all else.
    """
    orders = tuple(permutations((_day_ends, _month_ends, _year_ends)))
    begins: set[int] = set()
    for month in form.find_all(MONTHS[birth.month - 1][:SHORT]):
        begins.update(range(max(0, month - BEFORE_MONTH_MAX), month + 1))
    for begin in sorted(begins):
        ends = (end for order in orders for end in _ends(order, form.text, begin, birth))
        if (end := next(ends, None)) is not None:
            yield begin, end


Part = Callable[[str, int, date], Iterator[int]]
"""Gives where a part ends that begins at a place, the longest first."""


def _ends(parts: Sequence[Part], text: str, begin: int, birth: date) -> Iterator[int]:
    first, *others = parts
    for end in first(text, begin, birth):
        if others:
            yield from _ends(others, text, end, birth)
        else:
            yield end


def _day_ends(text: str, begin: int, birth: date) -> Iterator[int]:
    for number in (f"0{birth.day}", str(birth.day)):
        if text.startswith(number, begin):
            for suffix, day in product(SUFFIXES, ("DAY", "")):
                if text.startswith(suffix + day, begin + len(number)):
                    yield from _with_of(text, begin + len(number + suffix + day))


def _month_ends(text: str, begin: int, birth: date) -> Iterator[int]:
    name = MONTHS[birth.month - 1]
    for spelling in dict.fromkeys(
        (name, "SEPT" if name.startswith("SEPT") else name, name[:SHORT])
    ):
        if text.startswith(spelling, begin):
            yield from _with_of(text, begin + len(spelling))


def _year_ends(text: str, begin: int, birth: date) -> Iterator[int]:
    for year in (f"{birth.year:04}", f"{birth.year % 100:02}"):
        if text.startswith(year, begin):
            yield begin + len(year)


def _with_of(text: str, end: int) -> Iterator[int]:
    if text.startswith("OF", end):
        yield end + len("OF")
    yield end
