"""Which data sets of patient level substantiate which aggregate: dated data, beside their files.

The sums of both are held against each other by provider, month and the keys that both have. What
differs by more than a tolerance is told; nothing is refused for it (domain.md 0.1).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Self

from pydantic import Field, model_validator

from catalogue.model import DataSet
from catalogue.words import NUMBERS, Name, Strict, Text, versions_of, without


class Compared(Strict):
    """One measure: of the aggregate, and of the data sets whose sum it should be."""

    measure: Name
    """Of the same name in all of them."""
    parts: Annotated[tuple[Name, ...], Field(min_length=1)]
    share: Annotated[Decimal, Field(ge=0, le=1)]
    """Of the aggregate: what differs by no more is no difference."""
    floor: Annotated[Decimal, Field(ge=0)]
    """In the unit of the measure: so much is no difference, whatever share it is."""

    def differs(self, aggregate: Decimal, parts: Decimal) -> bool:
        apart = abs(aggregate - parts)
        return apart > self.floor and apart > self.share * abs(aggregate)


class Substantiation(Strict):
    """One aggregate, from a first to a last day of its months, both included."""

    aggregate: Name
    keys: tuple[Name, ...]
    """Columns that all of them have, besides provider and month."""
    compared: Annotated[tuple[Compared, ...], Field(min_length=1)]
    source: Text
    assumed: bool = False
    """The keys or tolerances are not from a published text."""
    valid_from: date
    valid_to: date | None = None

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        ends_early = self.valid_to is not None and self.valid_to < self.valid_from
        problems = ["valid_to is before valid_from"] if ends_early else []
        if any(self.aggregate in one.parts for one in self.compared):
            problems.append(f"{self.aggregate} does not substantiate itself")
        return without(self, problems)

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Name the aggregate, and then each of its parts once."""
        parts = (part for one in self.compared for part in one.parts)
        return tuple(dict.fromkeys((self.aggregate, *parts)))

    def measures_of(self, data_set: str) -> tuple[str, ...]:
        """Name what is summed of one of them."""
        return tuple(
            one.measure for one in self.compared if data_set in {self.aggregate, *one.parts}
        )

    def holds(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


class Substantiations(Strict):
    """One version of the rules."""

    version: Annotated[int, Field(ge=1)]
    rules: tuple[Substantiation, ...]

    def of(self, data_set: str, on: date) -> Substantiation | None:
        """The rule that a data set is part of on a day, as the aggregate or a part of it."""
        return next((r for r in self.rules if data_set in r.data_sets and r.holds(on)), None)

    def problems_with(self, data_sets: Iterable[DataSet]) -> Iterator[str]:
        """Say which data sets or columns of the rules nobody has described."""
        known: dict[str, list[DataSet]] = {}
        for described in data_sets:
            known.setdefault(described.data_set, []).append(described)
        for rule in self.rules:
            for name in rule.data_sets:
                if name not in known:
                    yield f"there is no data set {name}"
                for described in known.get(name, ()):
                    yield from _misfits(rule, described)


def _misfits(rule: Substantiation, described: DataSet) -> Iterator[str]:
    fields: Mapping[str, object] = described.by_name
    yield from (f"{described.data_set} has no {n}" for n in rule.keys if n not in fields)
    for name in rule.measures_of(described.data_set):
        if name not in fields or described.by_name[name].type not in NUMBERS:
            yield f"{described.data_set} has no number {name}"


@cache
def substantiations() -> Substantiations:
    """Give the newest version."""
    found = versions_of(Substantiations, "substantiations")
    return max(found, key=lambda one: one.version)
