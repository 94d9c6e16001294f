"""Placeholders for "unknown" as SQL: what stands in a cell and is no value (ruling 22).

Case does not count, nor what stands between letters and digits: `N/A`, `n.a.` and `Not known` are
words of the list, `0000-00-00` and `yyy` are one character again and again.
"""

import re
import string
from collections.abc import Sequence
from datetime import date
from typing import Final

from catalogue import CatalogueField, Check, ColumnType, Void
from pseudonymisation.engine.session import identifier, literal

BLANK: Final = r"[[:punct:][:space:]\x{a0}]"
"""Of which a cell that holds nothing else says nothing."""
NEVER: Final = "false"
PIVOT: Final = date(1970, 1, 1)
"""Void dates lie before all usual ones, or behind them."""


class Voids:
    """The void values of one version of the landing rules."""

    def __init__(self, void: Void | None) -> None:
        self._void = void

    def is_key(self, field: CatalogueField) -> bool:
        """Return whether a placeholder is none here even where it fits the column's format."""
        if self._void is None or field.type is not ColumnType.TEXT:
            return False
        if field.check is not None or is_free(field):
            return False
        is_shaped = field.codes is not None or field.pattern is not None
        return field.class_ in self._void.classes or not is_shaped

    def flags(self, columns: Sequence[str]) -> str:
        """SQL of a list that says of each column whether a placeholder stands there, or null.

        One function over a list: an expression a column would take the engine a vector for each
        of its parts, and be compiled as often.
        """
        words = self._void.words if self._void else ()
        again = self._void.repeated_from if self._void else 0
        bare = f"upper(regexp_replace(x, {literal(f'{BLANK}+')}, '', 'g'))"
        test = (
            f"y = '' OR {is_one_of('y', words)} OR (replace(y, left(y, 1), '') = ''"
            f" AND (left(y, 1) = '0' OR length(y) >= {again}))"
        )
        values = ", ".join(map(identifier, columns))
        return f"list_transform(list_transform([{values}], lambda x: {bare}), lambda y: {test})"

    def holds(self, field: CatalogueField, flag: str, shape: str | None) -> str:
        """Return SQL that says whether a value is a placeholder, with `flag` of `flags`.

        Null where there is no value.
        """
        if self._void is None or is_free(field):
            return NEVER
        column = identifier(field.name)
        if field.check is Check.NHS_NUMBER:
            # Ten times one digit is no word, but a wrong number; noughts are.
            told = f"length({column}) < 10 OR regexp_full_match({column}, '[^0-9]*')"
            return f"({flag} AND ({told} OR {is_one_of(column, self._numbers)}))"
        if field.type is ColumnType.DATE:
            dates = tuple(day.isoformat() for day in self._void.dates)
            return f"({flag} OR {is_one_of(column, dates)})"
        if self.is_key(field) or shape is None:
            spoilt = [f"regexp_full_match({column}, {literal(f'(?i){p}')})" for p in self._patterns]
            return f"({' OR '.join([flag, *spoilt])}{self._spared(field)})"
        # What fits a format is a value: NA is an ethnic category.
        return f"({flag} AND NOT regexp_full_match({column}, {literal(shape)}))"

    def _spared(self, field: CatalogueField) -> str:
        """SQL that takes a word out again that is a value in a column of this class."""
        words = self._void.spared.get(field.class_, ()) if self._void else ()
        listed = ", ".join(map(literal, words))
        return f") AND (upper({identifier(field.name)}) NOT IN ({listed})" if words else ""

    @property
    def _patterns(self) -> tuple[str, ...]:
        return self._void.patterns if self._void else ()

    @property
    def _numbers(self) -> tuple[str, ...]:
        return self._void.numbers if self._void else ()

    def among(self, unit: str) -> str:
        """An expression that finds a placeholder among values, each between two units.

        It may find more, and never less: whatever it finds is looked at closely.
        """
        if self._void is None:
            return ""
        spaced = [f"{BLANK}*".join(word) for word in sorted(self._void.words)]
        again = self._void.repeated_from - 1
        repeated = [f"0(?:{BLANK}*0)*"] + [
            f"{character}(?:{BLANK}*{character}){{{again},}}"
            for character in string.digits[1:] + string.ascii_uppercase
        ]
        found = "|".join([*spaced, *repeated, *(f"(?:{p})" for p in self._patterns)])
        return f"{unit}(?:{BLANK}+|{BLANK}*(?:{found}){BLANK}*){unit}"

    def usual(self, column: str) -> str:
        """SQL that is true for a date that is near none of the void ones, and for no date."""
        early, late = self.around()
        tests = [f"{column} > DATE {literal(early.isoformat())}"] if early else []
        tests += [f"{column} < DATE {literal(late.isoformat())}"] if late else []
        return f"coalesce({' AND '.join(tests)}, true)" if tests else "true"

    def around(self) -> tuple[date | None, date | None]:
        """Give the last void date before all usual ones, and the first behind them."""
        listed = sorted(self._void.dates) if self._void else []
        before, behind = [d for d in listed if d < PIVOT], [d for d in listed if d >= PIVOT]
        return (before[-1] if before else None), (behind[0] if behind else None)


def is_free(field: CatalogueField) -> bool:
    """Return whether a column holds free text, in which every word is one."""
    return field.scan and field.identifier is None


def is_one_of(value: str, words: tuple[str, ...]) -> str:
    """Return SQL that finds a word without spaces in a list.

    Of `IN` with many values the engine makes a join, of a list of them one a row.
    """
    listed = literal(" ".join(("", *words, "")))
    return f"contains({listed}, ' ' || {value} || ' ')"


def begins_with(codes: tuple[str, ...]) -> str:
    """An expression that finds a clinical code that begins as one of these, anywhere in a text.

    A full stop may stand behind its third character.
    """
    forms = (re.escape(c[:3]) + (rf"\.?{re.escape(c[3:])}" if c[3:] else "") for c in codes)
    return f"(?:{'|'.join(sorted(set(forms)))})"
