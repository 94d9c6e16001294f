"""An aggregate made of the files of patient level that substantiate it (docs/adr/0055).

Its sums agree with theirs, but for those that are planted: these are off by more than the
tolerance, and told in `Planted`. Memory grows with the number of keys, not of rows.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final

import catalogue
from catalogue import Catalogue, Compared, DataSet, Substantiation, substantiations
from dsfc_cli.synthetic.rows import Planted

Key = tuple[str, ...]
"""Provider, first day of the month, and the keys of the rule."""
OFF_BY: Final = Decimal("1.5")
"""Times the sum, and twice the floor: whatever the tolerance, it is more."""
HUNDREDTH: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which columns of a data set say the key of a row."""

    data_set: DataSet
    keys: tuple[str, ...]

    @classmethod
    def of(cls, data_set: DataSet, rule: Substantiation) -> "_Shape":
        provider = data_set.population["P"].field or ""
        return cls(data_set, (provider, data_set.periods.field, *rule.keys))

    @property
    def labels(self) -> Sequence[str]:
        return [self.data_set.by_name[name].label for name in self.keys]


def aggregate(
    name: str,
    parts: Mapping[str, Path],
    *,
    path: Path,
    disagreeing: int = 0,
    on: date,
    known: Catalogue | None = None,
) -> Planted:
    """Write the aggregate of files by the name of their data set; tell what was planted.

    Raises ValueError where no rule says how it is substantiated on a day, where a file is of no
    part of it, or where fewer keys are there than are to disagree.
    """
    known = known or catalogue.load()
    rule = substantiations().of(name, on)
    if rule is None or rule.aggregate != name:
        raise ValueError(f"Nothing substantiates {name}.")
    if strange := sorted(set(parts) - set(rule.data_sets[1:])):
        raise ValueError(f"{', '.join(strange)} substantiates no {name}.")
    sums: dict[Key, dict[str, Decimal]] = {}
    for part, file in sorted(parts.items()):
        measures = rule.measures_of(part)
        for key, found in _rows(_Shape.of(known.get(part), rule), measures, file):
            held = sums.setdefault(key, {one.measure: Decimal(0) for one in rule.compared})
            for measure, value in found.items():
                held[measure] += value
    if disagreeing > len(sums):
        raise ValueError(f"There are only {len(sums)} keys; {disagreeing} cannot disagree.")
    planted = Planted(rows=len(sums))
    for key in islice(sorted(sums), disagreeing):
        planted.disagreements.append(_spoil(rule, key, sums[key]))
    _write(_Shape.of(known.get(name), rule), sums, path)
    return planted


def _rows(
    shape: _Shape, measures: Iterable[str], file: Path
) -> Iterator[tuple[Key, dict[str, Decimal]]]:
    by_label = {measure: shape.data_set.by_name[measure].label for measure in measures}
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            provider, day, *keys = (row[label] for label in shape.labels)
            key = (provider, f"{day[:7]}-01", *keys)
            yield key, {m: Decimal(row[label] or 0) for m, label in by_label.items()}


def _spoil(rule: Substantiation, key: Key, held: dict[str, Decimal]) -> dict[str, str]:
    """Put a sum of the aggregate wrong; say which, and what both are."""
    compared: Compared = rule.compared[-1]
    before = held[compared.measure]
    after = (before * OFF_BY + 2 * compared.floor).quantize(HUNDREDTH)
    if not compared.differs(after, before):
        raise ValueError(f"{compared.measure} cannot be put wrong.")
    held[compared.measure] = after
    provider, month, *keys = key
    return {
        "provider": provider,
        "month": month[:7],
        **dict(zip(rule.keys, keys, strict=True)),
        "measure": compared.measure,
        "aggregate": str(after),
        "patient_level": str(before),
    }


def _write(shape: _Shape, sums: Mapping[Key, Mapping[str, Decimal]], path: Path) -> None:
    """Write a row a key; columns of which nothing is known are there, and empty."""
    fields = [f for f in shape.data_set.fields if f.column == "required" or f.name in shape.keys]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([field.label for field in fields])
        for key, held in sorted(sums.items()):
            said = dict(zip(shape.keys, key, strict=True))
            said |= {measure: str(value) for measure, value in held.items()}
            writer.writerow([said.get(field.name, "") for field in fields])
