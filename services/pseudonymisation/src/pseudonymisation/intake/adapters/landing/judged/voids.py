"""Placeholders for "unknown": what stands in a cell and is no value (ruling 22).

Case does not count, nor what stands between letters and digits: `N/A`, `n.a.` and `Not known` are
words of the list, `0000-00-00` and `yyy` are one character again and again.
"""

import re
import string
from collections.abc import Callable
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalogue import CatalogueField, Check, ColumnType, Void
from pseudonymisation.engine.session import literal
from pseudonymisation.intake.adapters.landing.quotes import Mask

BLANK: Final = r"[[:punct:][:space:]\x{a0}]"
"""Of which a cell that holds nothing else says nothing."""
NUMBER_DIGITS: Final = 10
PIVOT: Final = date(1970, 1, 1)
"""Void dates lie before all usual ones, or behind them."""

Test = Callable[[pa.Array], Mask]
"""Says of texts that are there which are something."""


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

    @cached_property
    def _candidate(self) -> str:
        # In upper case some letters outside ASCII are those of a word.
        days = "|".join(day.isoformat() for day in self._void.dates) if self._void else ""
        return rf"\A(?i:{self.among}|{days})\z|[^\x00-\x7f]"

    def candidates(self, values: pa.Array) -> Mask:
        """Say which values may be placeholders, whatever their column. Null is none.

        The expression is long, and made again by each call: one call for many columns.
        """
        if self._void is None:
            return np.zeros(len(values), dtype=np.bool_)
        return mask_of(pc.match_substring_regex(values, self._candidate).fill_null(False))

    def test(self, field: CatalogueField, shape: str | None) -> Test | None:
        """Give what says which candidates are placeholders; None of a column in which none can be.

        They are in normal form. `shape` is that of the column's values, where it has one.
        """
        if self._void is None or is_free(field):
            return None
        if field.check is Check.NHS_NUMBER:
            return self._no_number
        if field.type is ColumnType.DATE:
            listed = pa.array([day.isoformat() for day in self._void.dates], pa.string())
            return lambda values: (
                self._placeholders(values) | mask_of(pc.is_in(values, value_set=listed))
            )
        if self.is_key(field) or shape is None:
            return lambda values: self._spoilt(values) & ~self._spared(values, field)
        # What fits a format is a value: NA is an ethnic category.
        whole = rf"\A(?:{shape})\z"
        return lambda values: (
            self._placeholders(values) & ~mask_of(pc.match_substring_regex(values, whole))
        )

    def _placeholders(self, values: pa.Array) -> Mask:
        """Say which are a word of the list, noughts, or one character again and again."""
        words = frozenset(self._void.words if self._void else ())
        again = self._void.repeated_from if self._void else 0
        bare = pc.utf8_upper(pc.replace_substring_regex(values, f"{BLANK}+", ""))
        found = (
            not text or text in words or _is_repeated(text, again) for text in bare.to_pylist()
        )
        return np.fromiter(found, np.bool_, len(values))

    def _no_number(self, values: pa.Array) -> Mask:
        """Ten times one digit is no word, but a wrong number; noughts are."""
        told = mask_of(pc.less(pc.utf8_length(values), NUMBER_DIGITS))
        told |= mask_of(pc.match_substring_regex(values, r"\A[^0-9]*\z"))
        numbers = self._void.numbers if self._void else ()
        told |= mask_of(pc.is_in(values, value_set=pa.array(numbers, pa.string())))
        return told & self._placeholders(values)

    def _spoilt(self, values: pa.Array) -> Mask:
        found = self._placeholders(values)
        for pattern in self._patterns:
            found |= mask_of(pc.match_substring_regex(values, rf"(?i)\A(?:{pattern})\z"))
        return found

    def _spared(self, values: pa.Array, field: CatalogueField) -> Mask:
        """Say which are words that are values in a column of this class."""
        words = self._void.spared.get(field.class_, ()) if self._void else ()
        return mask_of(pc.is_in(pc.utf8_upper(values), value_set=pa.array(words, pa.string())))

    @property
    def _patterns(self) -> tuple[str, ...]:
        return self._void.patterns if self._void else ()

    @property
    def among(self) -> str:
        """An expression that a placeholder matches, whatever its case, if it is all of ASCII.

        Others may match it too: whatever does is looked at closely.
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
        return f"{BLANK}+|{BLANK}*(?:{found}){BLANK}*"

    def around(self) -> tuple[date | None, date | None]:
        """Give the last void date before all usual ones, and the first behind them."""
        listed = sorted(self._void.dates) if self._void else []
        before, behind = [d for d in listed if d < PIVOT], [d for d in listed if d >= PIVOT]
        return (before[-1] if before else None), (behind[0] if behind else None)


def _is_repeated(text: str, again: int) -> bool:
    return len(set(text)) == 1 and (text[0] == "0" or len(text) >= again)


def mask_of(values: pa.Array) -> Mask:
    """Give booleans without nulls as a mask."""
    mask: Mask = values.to_numpy(zero_copy_only=False).astype(np.bool_)
    return mask


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
