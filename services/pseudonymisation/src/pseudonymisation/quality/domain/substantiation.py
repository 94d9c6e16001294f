"""Whether patient level substantiates the aggregate: sums held against each other. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from catalogue import Compared, Substantiation
from pseudonymisation.intake.domain.measures import Sums

Key = tuple[str | None, ...]
Cell = tuple[str, str, Key]
"""A provider, a month, and the values of the keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Sums that differ by more than the tolerance of the day."""

    provider: str
    month: str
    key: Mapping[str, str | None]
    """Empty: of the whole month."""
    measure: str
    aggregate: Decimal
    patient_level: Decimal
    missing: tuple[str, ...]
    """Data sets that should be part of it, of which the provider has nothing in the month."""


def differences(
    rule: Substantiation, landed: Mapping[str, Sequence[Sums]]
) -> tuple[Difference, ...]:
    """Hold the sums of what is landed, by data set, against each other.

    Of a month that the aggregate or all of its parts do not have nothing is said: it is the landing
    board that tells what has not come.
    """
    return tuple(
        difference for one in rule.compared for difference in _of_measure(rule, one, landed)
    )


def _of_measure(
    rule: Substantiation, one: Compared, landed: Mapping[str, Sequence[Sums]]
) -> Iterator[Difference]:
    aggregate = _added(landed.get(rule.aggregate, ()), one.measure)
    by_part = {part: _added(landed.get(part, ()), one.measure) for part in one.parts}
    there = {part: {cell[:2] for cell in sums} for part, sums in by_part.items()}
    patients: dict[Cell, Decimal] = {}
    for sums in by_part.values():
        for cell, total in sums.items():
            patients[cell] = patients.get(cell, Decimal(0)) + total
    both = {cell[:2] for cell in aggregate} & {cell[:2] for cell in patients}
    for cell in sorted({*aggregate, *patients}, key=_order):
        provider, month, key = cell
        if (provider, month) not in both or not rule.holds(date.fromisoformat(f"{month}-01")):
            continue
        said, found = aggregate.get(cell, Decimal(0)), patients.get(cell, Decimal(0))
        if one.differs(said, found):
            yield Difference(
                provider=provider,
                month=month,
                key=dict(zip(rule.keys, key, strict=True)) if key else {},
                measure=one.measure,
                aggregate=said,
                patient_level=found,
                missing=tuple(p for p in one.parts if (provider, month) not in there[p]),
            )


def _added(sums: Iterable[Sums], measure: str) -> dict[Cell, Decimal]:
    """Add up by provider, month and key; and by provider and month alone."""
    found: dict[Cell, Decimal] = {}
    for one in sums:
        total = one.totals.get(measure)
        if total is None:
            continue
        for key in ((), one.key):
            cell = (one.provider, one.month, key)
            found[cell] = found.get(cell, Decimal(0)) + total
    return found


def _order(cell: Cell) -> tuple[str, str, tuple[str, ...]]:
    provider, month, key = cell
    return (provider, month, tuple(value or "" for value in key))
