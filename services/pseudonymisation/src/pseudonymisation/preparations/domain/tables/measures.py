"""What is printed beside a count: percentages, means, full-time equivalents, ratios.

Each is hidden with the count that it rests on, so that the proof of the counts is the proof of all
(docs/adr/0067). Where somebody who has such a number can tell a count exactly, the proof is made
against a reader who does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from catalogue import CountOf, Statistic
from disclosure import HIDDEN, NOT_APPLICABLE, Dimension, Rule
from disclosure.outputs import Column, Kind
from disclosure.structure import totals

Labels = tuple[str, ...]
MILLIONTHS: Final = 1_000_000
"""In which sums of decimals are added up: in whole numbers, the same in any order."""
KINDS: Final[Mapping[str, Kind]] = {
    "percentage": Kind.PERCENTAGE,
    "fte": Kind.NUMBER,
    "expected": Kind.NUMBER,
    "ratio": Kind.NUMBER,
    "mean": Kind.NUMBER,
    "median": Kind.NUMBER,
}
SUMMED: Final = frozenset({"fte", "expected", "ratio"})
VALUED: Final = frozenset({"mean", "median"})


@dataclass(frozen=True, kw_only=True)
class Values:
    """What was found beside the counts, by the labels of all axes."""

    sums: Mapping[str, Mapping[Labels, int]] = field(default_factory=dict)
    """By column, in millionths."""
    found: Mapping[str, Mapping[Labels, Mapping[int, int]]] = field(default_factory=dict)
    """By column how often each value is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a printed line's numbers stand: what is counted, what is not, and both."""

    counted: tuple[int, ...]
    others: tuple[int, ...]
    all: tuple[int, ...]


def tells_exact(measure: CountOf, rule: Rule) -> bool:
    """Say whether a number beside a count may tell it exactly."""
    return any(
        one.form != "percentage" or rule.percentages == "unrounded" for one in measure.beside
    )


class NumbersBeside:
    """The numbers beside the counts of one table."""

    def __init__(
        self,
        measure: CountOf,
        values: Values,
        dimensions: Sequence[Dimension],
        leaves: Sequence[Mapping[str, int]],
    ) -> None:
        self._measure = measure
        self._dimensions = tuple(dimensions)
        self._leaves = tuple(leaves)
        self._sums = {name: self._summed(of) for name, of in values.sums.items()}
        self._found = {name: self._gathered(of) for name, of in values.found.items()}

    def columns(self) -> list[Column]:
        """Return the columns of the numbers, after that of the count."""
        of_all = [Column(name="of", kind=Kind.COUNT, title="Of")] if self._shares else []
        return of_all + [
            Column(name=one.name, kind=KINDS[one.form], title=one.title)
            for one in self._measure.beside
        ]

    def texts(
        self,
        at: Places,
        texts: npt.NDArray[np.object_],
        cells: npt.NDArray[np.int64],
        rule: Rule | None,
        *,
        hides_complement: bool,
    ) -> list[str]:
        """Return the texts of one line. `rule` is None where numbers are shown as they are."""
        told = [str(texts[at.all])] if self._shares else []
        for one in self._measure.beside:
            if one.form == "percentage":
                text = _percentage(at, texts, cells, rule, hides_complement=hides_complement)
            else:
                text = str(texts[at.counted])
                if text not in {HIDDEN, NOT_APPLICABLE}:
                    text = self._number(one, at, int(cells[at.counted]), rule)
            told.append(text)
        return told

    @property
    def _shares(self) -> bool:
        return any(one.form == "percentage" for one in self._measure.beside)

    def _number(self, one: Statistic, at: Places, count: int, rule: Rule | None) -> str:
        column = one.column or ""
        if one.form in VALUED:
            return _of_values(one.form, self._found[column].get(at.counted, {}))
        whole = at.all if one.form in {"expected", "ratio"} else at.counted
        total = Decimal(int(self._sums[column][whole])) / MILLIONTHS
        if one.form == "fte":
            base = None if rule is None else rule.fte_base
            return _plain(total, "0.01") if base is None else _plain(_stepped(total, base), "0.01")
        if one.form == "expected":
            return _plain(total, "0.1")
        return NOT_APPLICABLE if total == 0 else _plain(count / total, "0.0001")

    def _place(self, labels: Labels) -> tuple[int, ...]:
        return tuple(of[label] for of, label in zip(self._leaves, labels, strict=True))

    def _summed(self, of: Mapping[Labels, int]) -> npt.NDArray[np.int64]:
        found = np.zeros([len(d.leaves) for d in self._dimensions], np.int64)
        for labels, amount in of.items():
            found[self._place(labels)] += amount
        return totals(self._dimensions, found)

    def _gathered(
        self, of: Mapping[Labels, Mapping[int, int]]
    ) -> dict[tuple[int, ...], dict[int, int]]:
        found: dict[tuple[int, ...], dict[int, int]] = {}
        above = [
            [[n for n in line if n < len(d.nodes)] for line in d.above.tolist()]
            for d in self._dimensions
        ]
        for labels, values in of.items():
            nodes = [lines[at] for lines, at in zip(above, self._place(labels), strict=True)]
            for cell in product(*nodes):
                held = found.setdefault(cell, {})
                for value, count in values.items():
                    held[value] = held.get(value, 0) + count
        return found


def _percentage(
    at: Places,
    texts: npt.NDArray[np.object_],
    cells: npt.NDArray[np.int64],
    rule: Rule | None,
    *,
    hides_complement: bool,
) -> str:
    part, rest, whole = (str(texts[place]) for place in (at.counted, at.others, at.all))
    if HIDDEN in {part, whole} or (hides_complement and rest == HIDDEN):
        return HIDDEN
    if NOT_APPLICABLE in {part, whole}:
        return NOT_APPLICABLE
    if rule is not None and rule.percentages == "rounded":
        numbers = int(part), int(whole)
    else:
        numbers = int(cells[at.counted]), int(cells[at.all])
    if numbers[1] == 0:
        return NOT_APPLICABLE
    return f"{(200 * numbers[0] + numbers[1]) // (2 * numbers[1])}%"


def _of_values(form: str, values: Mapping[int, int]) -> str:
    number = sum(values.values())
    if not number:
        return NOT_APPLICABLE
    if form == "mean":
        total = sum(value * count for value, count in values.items())
        return _plain(Decimal(total) / number, "0.1")
    low, high = (_nth(values, (number - 1) // 2), _nth(values, number // 2))
    return _plain(Decimal(low + high) / 2, "0.1")


def _nth(values: Mapping[int, int], n: int) -> int:
    for value in sorted(values):
        n -= values[value]
        if n < 0:
            return value
    raise IndexError(n)


def _stepped(value: Decimal, base: Decimal) -> Decimal:
    return (value / base).quantize(Decimal(1), ROUND_HALF_UP) * base


def _plain(value: Decimal, step: str) -> str:
    """Write a number to so many places, without zeros behind it."""
    text = f"{value.quantize(Decimal(step), ROUND_HALF_UP):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
