"""NHS numbers in texts that somebody wrote so that they are read, and not found.

A letter that looks like a nought or a one stands for it, also one of another alphabet, and a run of
white space is one separator however long it is. Only of texts that people write: in a record a
code has such letters, and a person's own digits are found by themselves.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from common.personal_data.normal_form import NormalForm
from common.personal_data.numbers import GAP_MAX, strangers

NOUGHTS: Final = frozenset("Oo\u039f\u03bf\u041e\u043e\u0555\u0585")
"""The letter O: Latin, Greek, Cyrillic, Armenian."""
ONES: Final = frozenset("IiLl\u0399\u03b9\u0406\u0456\u04c0\u04cf")
"""I and l, of the same."""
LOOKS_LIKE: Final = {**dict.fromkeys(NOUGHTS, "0"), **dict.fromkeys(ONES, "1")}
DIGITS_MIN: Final = 5
"""Of the ten so many are digits: words are none."""
SPACE: Final = re.compile(r"\s+")


def disguised(form: NormalForm, text: str) -> Iterator[tuple[int, int]]:
    """Find NHS numbers behind letters and white space: places in the normal form."""
    plain = _plain(form, text)
    if plain == form:
        return
    for start, end in strangers(plain, text):
        if sum(map(str.isdigit, form.text[start:end])) >= DIGITS_MIN:
            yield start, end


def _plain(form: NormalForm, text: str) -> NormalForm:
    """Put digits in the place of letters like them, in words of nothing else; and close gaps."""
    gaps = tuple(
        gap if gap <= GAP_MAX else len(SPACE.sub(" ", text[form.places[at - 1] + 1 : place]))
        for at, (place, gap) in enumerate(zip(form.places, form.gaps, strict=True))
    )
    characters = list(form.text)
    starts = [at for at in range(len(characters)) if at == 0 or form.gaps[at]]
    for start, end in pairwise([*starts, len(characters)]):
        looks = [
            one if one.isdigit() else LOOKS_LIKE.get(text[form.places[at]])
            for at, one in enumerate(characters[start:end], start)
        ]
        if all(looks):
            characters[start:end] = [one for one in looks if one]
    return replace(form, text="".join(characters), gaps=gaps)
