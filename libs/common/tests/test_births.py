"""A date of birth in words, read part by part, against one pattern of all its spellings."""

import re
from datetime import date
from itertools import permutations

from hypothesis import example, given
from hypothesis import strategies as st

from common.personal_data.births import MONTHS, own_birth
from common.personal_data.normal_form import normal_form

NAMES = {name: (name, *(("SEPT",) if name == "SEPTEMBER" else ()), name[:3]) for name in MONTHS}


def by_pattern(text: str, birth: date) -> list[tuple[int, int]]:
    """Find what one pattern of every spelling with the month's name matches."""
    day = f"0?{birth.day}(?:ST|ND|RD|TH)?(?:DAY)?(?:OF)?"
    month = f"(?:{'|'.join(dict.fromkeys(NAMES[MONTHS[birth.month - 1]]))})(?:OF)?"
    year = f"(?:{birth.year:04}|{birth.year % 100:02})"
    orders = "|".join("".join(parts) for parts in permutations((day, month, year)))
    return [match.span(1) for match in re.finditer(f"(?=({orders}))", text)]


@st.composite
def told(draw: st.DrawFn) -> tuple[str, date]:
    """A date, and a text of pieces of it and of what is nearly so."""
    birth = draw(st.dates(date(1900, 1, 1), date(2026, 1, 1)))
    pieces = [
        *(str(birth.day), f"0{birth.day}", f"{birth.year:04}", f"{birth.year % 100:02}"),
        *NAMES[MONTHS[birth.month - 1]],
        *("ST", "TH", "DAY", "OF", "0", "1", "X", "MAY", "SEP"),
    ]
    return "".join(draw(st.lists(st.sampled_from(pieces), max_size=10))), birth


@given(told())
@example(("031STDAYOF1970JANUARYOF", date(1970, 1, 31)))
@example(("197031STDAYOFJAN", date(1970, 1, 31)))
@example(("1970031STDAYOFJANUARY", date(1970, 1, 31)))
@example(("19SEPT1919SEP19", date(1919, 9, 19)))
@example(("5MAYOF1905OFMAY5", date(1905, 5, 5)))
def test_what_is_read_by_parts_is_what_one_pattern_matches(told):
    text, birth = told

    found = [place for place in own_birth(normal_form(text), birth) if _has_letters(text, place)]

    assert found == by_pattern(text, birth)


def _has_letters(text: str, place: tuple[int, int]) -> bool:
    """Say whether it is one with the month's name; those in digits are told before them."""
    return not text[slice(*place)].isdigit()
