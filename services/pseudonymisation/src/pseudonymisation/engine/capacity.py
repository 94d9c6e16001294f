"""Which columns can hold personal data at all, decided from what the catalogue says of them.

A closed list of codes cannot, and neither can two characters. Everything else is looked through,
however short: a postcode has five characters, a date of birth six. What a pattern allows is
counted (how many letters, digits and others a value has at most), and never too narrowly.
"""

import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from catalogue import MOMENTS, CatalogueField, ColumnType
from pseudonymisation.engine.scan import DIGITS, SHORTEST

ENDLESS: Final = sys.maxsize
LAST_OF_ASCII: Final = 0x7F
WORD_MIN, DATE_MIN, PARTED_MIN = 3, 6, 4
"""Letters of a postcode or a month; digits of a date written in one, and of one in parts."""
INTEGER_MIN: Final = 8
"""Digits of a date of birth as a whole number that is not by chance a small count."""


class Capacity(NamedTuple):
    """How many characters of each kind a value has at most."""

    letters: int
    digits: int
    others: int

    def plus(self, more: "Capacity") -> "Capacity":
        return Capacity(*(min(mine + its, ENDLESS) for mine, its in zip(self, more, strict=True)))

    def times(self, most: int) -> "Capacity":
        return Capacity(*(min(mine * most, ENDLESS) for mine in self))

    @classmethod
    def widest(cls, rooms: Iterable["Capacity"]) -> "Capacity":
        listed = [NOTHING, *rooms]
        return cls(*(max(room[place] for room in listed) for place in range(3)))


NOTHING: Final = Capacity(0, 0, 0)
ANYTHING: Final = Capacity(1, 1, 1)


def is_looked_through(field: CatalogueField) -> bool:
    """Return whether landing looks for personal data in a field's values.

    An identifier is sealed whole, so that only those are that the catalogue marks: their hits
    are counted and told to the sender.
    """
    if field.identifier is not None:
        return field.scan
    if field.type is ColumnType.DATE or field.type in MOMENTS:
        return False
    if field.type is not ColumnType.TEXT:
        return True
    if field.codes is not None:
        return False
    if field.scan:
        return True
    longest, room = field.length_max, Capacity(ENDLESS, ENDLESS, ENDLESS)
    if field.pattern is not None and field.separator is None:
        width, room = _of_pattern(field.pattern)
        longest = min(longest, width)
    return longest >= SHORTEST and _holds_something(room)


def _holds_something(room: Capacity) -> bool:
    is_number = room.digits >= DIGITS
    is_postcode = room.letters >= WORD_MIN and room.digits >= 1
    is_date = room.digits >= DATE_MIN or (room.digits >= PARTED_MIN and room.others > 1)
    return is_number or is_postcode or is_date


@lru_cache(maxsize=4096)
def _of_pattern(pattern: str) -> tuple[int, Capacity]:
    """Return how long a value of a pattern is at most, and of what; asked for at each file."""
    # The parser is the standard library's own; it is what `re.compile` begins with.
    parsed = re._parser.parse(pattern)  # type: ignore[attr-defined]  # noqa: SLF001
    return parsed.getwidth()[1], _room(parsed)


def _room(parsed: Iterable[tuple[Any, Any]]) -> Capacity:
    """Count what a parsed pattern allows."""
    total = NOTHING
    for kind, value in parsed:
        total = total.plus(_of_item(str(kind), value))
    return total


def _of_item(kind: str, value: Any) -> Capacity:
    match kind:
        case "LITERAL":
            room = _of_range(value, value)
        case "IN":
            room = _of_class(value)
        case "BRANCH":
            room = Capacity.widest(_room(branch) for branch in value[1])
        case "MAX_REPEAT" | "MIN_REPEAT":
            room = _room(value[2]).times(min(int(value[1]), ENDLESS))
        case "SUBPATTERN":
            room = _room(value[-1])
        case "AT":
            room = NOTHING
        case "ANY" | "NOT_LITERAL":
            room = ANYTHING
        case _:  # nothing that the catalogue allows
            room = ANYTHING.times(ENDLESS)
    return room


def _of_class(members: Iterable[tuple[Any, Any]]) -> Capacity:
    rooms = []
    for kind, value in members:
        match str(kind):
            case "LITERAL":
                rooms.append(_of_range(value, value))
            case "RANGE":
                rooms.append(_of_range(*value))
            case _:
                return ANYTHING
    return Capacity.widest(rooms)


def _of_range(first: int, last: int) -> Capacity:
    if last > LAST_OF_ASCII:
        return ANYTHING  # letters, digits and separators of any alphabet
    characters = [chr(code) for code in range(first, last + 1)]
    return Capacity(
        int(any(character.isalpha() for character in characters)),
        int(any(character.isdigit() for character in characters)),
        int(any(not character.isalnum() for character in characters)),
    )


def is_long_number(column: str) -> str:
    """Return SQL that says whether a number has so many digits that it could be personal data."""
    return f"({column} >= {10 ** (INTEGER_MIN - 1)} OR {column} <= -{10 ** (INTEGER_MIN - 1)})"


def number_as_text(column: str) -> str:
    """Return SQL of the digits of a number that are looked at: the whole of it, as it is kept."""
    return f"trunc({column})::HUGEINT::VARCHAR"
