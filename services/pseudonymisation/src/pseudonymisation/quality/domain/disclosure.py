"""Which figures may be public: counts and rates under a data set's disclosure rule (domain.md 7).

Pure; whole numbers only. A figure is what stands in the statement: a number, `*` where it is
hidden, or a dash where there is nothing to say.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from pseudonymisation.quality.domain.rates import Rate

HIDDEN: Final = "*"
NOTHING: Final = "-"
TO: Final = 5
"""What counts are rounded to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallNumbers:
    """How one disclosure rule hides small numbers from a day on."""

    rule: str
    valid_from: date
    smallest: int
    largest: int
    """The counts between them are hidden, they themselves too."""
    basis: Literal["rounded", "unrounded"]
    records_min: int
    source: str

    def count(self, number: int) -> str:
        """Return a count of records as it is shown: hidden by the raw count, rounded after."""
        return HIDDEN if self._is_small(number) else str(_rounded(number))

    def percentage(self, rate: Rate) -> str:
        """Return a rate in whole per cent, half up.

        Hidden where its part, its whole or what is missing from it is small; what is missing may be
        nothing. Of too few records there is no rate.
        """
        if rate.whole < max(self.records_min, 1):
            return NOTHING
        without = rate.whole - rate.part
        if self._is_small(rate.part) or self._is_small(rate.whole):
            return HIDDEN
        if without and self._is_small(without):
            return HIDDEN
        part, whole = rate.part, rate.whole
        if self.basis == "rounded":
            part, whole = _rounded(part), _rounded(whole)
        return str(min((200 * part + whole) // (2 * whole), 100))

    def _is_small(self, number: int) -> bool:
        if number < 0:
            raise ValueError("a count is not negative")
        return self.smallest <= number <= self.largest


def _rounded(number: int) -> int:
    return TO * ((number + TO // 2) // TO)


def of_day(rules: Iterable[SmallNumbers], name: str, on: date) -> SmallNumbers | None:
    """Return how a disclosure rule hides small numbers on a day; None: nothing is stated."""
    begun = [one for one in rules if one.rule == name and one.valid_from <= on]
    return max(begun, key=lambda one: one.valid_from, default=None)
