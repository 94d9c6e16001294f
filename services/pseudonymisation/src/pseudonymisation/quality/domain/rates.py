"""Rates of counts, in whole numbers, half up; no float is rounded (domain.md 7.2)."""

from dataclasses import dataclass
from functools import reduce
from typing import Self

from pseudonymisation.intake.domain.measures import FieldMeasure


@dataclass(frozen=True, slots=True)
class Rate:
    """A part of a whole; of nothing there is no rate."""

    part: int
    whole: int

    @property
    def share(self) -> float | None:
        """Return it from 0 to 1, with four decimals."""
        if self.whole == 0:
            return None
        return (20_000 * self.part + self.whole) // (2 * self.whole) / 10_000

    @property
    def text(self) -> str:
        """Return it in per cent with one decimal, or a dash.

        What is not whole is never shown as whole, nor what is not nothing as nothing.
        """
        if self.whole == 0:
            return "–"
        tenths = (2_000 * self.part + self.whole) // (2 * self.whole)
        if 0 < self.part < self.whole:
            tenths = min(max(tenths, 1), 999)
        return f"{tenths // 10}.{tenths % 10}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldTotals:
    """The counts of a field over several editions."""

    judged: int = 0
    valid: int = 0
    missing: int = 0
    withheld: int = 0

    @classmethod
    def of(cls, measures: FieldMeasure) -> Self:
        return cls(
            judged=measures.judged,
            valid=measures.valid,
            missing=measures.missing,
            withheld=measures.withheld,
        )

    @classmethod
    def over(cls, several: "list[FieldTotals]") -> "FieldTotals":
        return reduce(lambda one, other: one + other, several, cls())

    def __add__(self, other: "FieldTotals") -> "FieldTotals":
        return FieldTotals(
            judged=self.judged + other.judged,
            valid=self.valid + other.valid,
            missing=self.missing + other.missing,
            withheld=self.withheld + other.withheld,
        )

    @property
    def completeness(self) -> Rate:
        """Return how many of the values that could be given were given."""
        expected = self.judged - self.withheld
        return Rate(expected - self.missing, expected)

    @property
    def validity(self) -> Rate:
        """Return how many of the values that were given are what the rules say."""
        return Rate(self.valid, self.judged - self.withheld - self.missing)
