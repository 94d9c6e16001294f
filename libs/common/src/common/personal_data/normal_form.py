"""The one form in which text is compared with personal data: letters and digits, nothing between.

Letters are upper case and without accents; digits of every alphabet are those of ASCII; what
parts them (spaces of all kinds, punctuation, symbols, controls) is only counted, and what cannot
be seen (zero width characters, marks, fillers) is not even that.
"""

import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

OTHER: Final = "?"
"""Stands for a letter of another alphabet."""
MARKERS: Final = ("_<NHS_No>_", "_<PC_", "_<DoB_")
"""What stands in the place of an NHS number, a postcode and a date of birth (domain.md 8.6)."""
BREAK: Final = "|"
"""Stands for a marker: nothing that is looked for reaches over it."""

INVISIBLE: Final = frozenset({"Cf", "Mn", "Me"})
"""Unicode categories of what leaves no mark of its own."""
FILLERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u17b4\u17b5")
"""Letters by category, and blank (Unicode, Default_Ignorable_Code_Point)."""
LARGEST_DIGIT: Final = 9


@dataclass(frozen=True, slots=True)
class NormalForm:
    """A text's letters and digits, and where in the text each one stands."""

    text: str
    places: tuple[int, ...]
    """Of each character: the place in the text that it came from."""
    gaps: tuple[int, ...]
    """Of each character: how many visible separators stand before it, since the last one."""

    def find_all(self, needle: str, start: int = 0) -> list[int]:
        """Give every place of the normal form at which a needle stands."""
        found = []
        at = self.text.find(needle, start) if needle else -1
        while at >= 0:
            found.append(at)
            at = self.text.find(needle, at + 1)
        return found

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Say where in the text a part of the normal form begins, and behind what it ends."""
        return self.places[start], self.places[end - 1] + 1

    def without(self, spans: list[tuple[int, int]]) -> "NormalForm":
        """Put breaks in the place of parts that were found already."""
        text = list(self.text)
        for start, end in spans:
            text[start:end] = BREAK * (end - start)
        return NormalForm("".join(text), self.places, self.gaps)


def normal_form(text: str) -> NormalForm:
    """Reduce text to its normal form."""
    marked = _marked(text)
    if not marked and text.isalnum() and text.isascii():
        return NormalForm(text.upper(), tuple(range(len(text))), (0,) * len(text))
    characters: list[str] = []
    places: list[int] = []
    gaps: list[int] = []
    gap = 0
    for place, character in enumerate(text):
        if marked and _is_inside(marked, place):
            characters.append(BREAK)
            places.append(place)
            gaps.append(gap)
            gap = 0
            continue
        for part in _normal(character):
            if part == " ":
                gap += 1
                continue
            characters.append(part)
            places.append(place)
            gaps.append(gap)
            gap = 0
    return NormalForm("".join(characters), tuple(places), tuple(gaps))


def _marked(text: str) -> list[tuple[int, int]]:
    spans = []
    if "_<" in text:
        for marker in MARKERS:
            at = text.find(marker)
            while at >= 0:
                spans.append((at, at + len(marker)))
                at = text.find(marker, at + 1)
    return sorted(spans)


def _is_inside(spans: list[tuple[int, int]], place: int) -> bool:
    before = bisect_right(spans, (place, 1 << 62)) - 1
    return before >= 0 and place < spans[before][1]


@lru_cache(maxsize=65_536)
def _normal(character: str) -> str:
    """Give what a character stands for: letters, digits, a space for a separator, or nothing."""
    if character.isascii():
        return character.upper() if character.isalnum() else " "
    if character in FILLERS or unicodedata.category(character) in INVISIBLE:
        return ""
    digit = _digit(character)
    if digit is not None:
        return digit
    parts = [_one(part) for part in unicodedata.normalize("NFKD", character)]
    # An accent parted from its letter is no separator; a character of several parts is what
    # its letters and digits are.
    solid = "".join(part for part in parts if part != " ")
    return solid or " "


def _one(part: str) -> str:
    if part.isascii():
        return part.upper() if part.isalnum() else " "
    category = unicodedata.category(part)
    if category in INVISIBLE:
        return ""
    digit = _digit(part)
    if digit is not None:
        return digit
    # A modifier letter may be a dash, as the one of Katakana is.
    return OTHER if category.startswith("L") and category != "Lm" else " "


def _digit(character: str) -> str | None:
    """Give the digit that a character is, of whatever alphabet, circled or raised."""
    value = unicodedata.numeric(character, None)
    if value is None or value not in range(LARGEST_DIGIT + 1):
        return None
    # Roman numerals have a value too, and are written with letters.
    return None if "ROMAN" in unicodedata.name(character, "") else str(int(value))
