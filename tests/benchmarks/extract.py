"""An extract: 2.5 of 10 million rows, sorted by token, against a plain sorted copy of them.

A million rows are made and landed by the real landing; nine more editions have the same rows,
of other people (`Bench.replicate`). Both sides read the same encrypted editions with the same
engine and the same limits, write the same rows with the same columns, and sort by the person;
the copy writes what is there, and does not scan, tokenise, reduce or count. `extract` is measured
as it was first, where the person's token was the only pseudonym; `extract once` is the same where
records have a key, and of one that is there twice one is released (what the guard costs, for none
is); `extract cells` is the demo's line, in which three more fields are pseudonyms, so that the copy
has words where it has text.
"""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.preparations.adapters.preparation import prepare
from tests.benchmarks.measure import Result, turns
from tests.benchmarks.plane import AS_READ, LIMITS, LINE, PERSONS_ONLY, RULES, Bench

ROWS_AN_EDITION = 1_000_000
EDITIONS = 10
ROUNDS = 5


def run(scale: float, scratch: Path) -> list[Result]:
    bench = Bench.create(scratch / "haven")
    bench.submission(int(ROWS_AN_EDITION * scale))
    edition, _ = bench.land()
    key = RecordKey.of(RULES, AS_READ)
    editions = [edition, *bench.replicate(edition, EDITIONS - 1)]
    return [
        _measured(bench, editions, name="extract", fields=PERSONS_ONLY, goal=1.45),
        _measured(bench, editions, name="extract once", fields=PERSONS_ONLY, record=key),
        _measured(bench, editions, name="extract cells", fields=LINE),
    ]


def _measured(
    bench: Bench,
    editions: Sequence[UUID],
    *,
    name: str,
    fields: Mapping[str, str],
    record: RecordKey | None = None,
    goal: float | None = None,
) -> Result:
    plan, made = bench.plan(editions, fields, record), bench.directory / "made"
    rows = {"extract": 0, "copy": 0}

    def extract() -> None:
        rows["extract"] = prepare(
            plan,
            target=made / "extract.parquet",
            scratch=bench.directory / "scratch",
            limits=LIMITS,
            report=lambda *_: None,
        ).rows

    def copy() -> None:
        rows["copy"] = bench.copy_rows(editions, made / "copy.parquet", fields)

    found = turns(extract, copy, rounds=ROUNDS)
    assert rows["extract"] == rows["copy"], rows
    seconds, plain = statistics.median(found.contender), statistics.median(found.floor)
    return Result(
        name=name,
        ratio=found.ratio,
        goal=goal,
        better="lower",
        told=f"{rows['extract']:,} rows sorted by token, {len(plan.columns) + 2} columns:"
        f" {seconds:.1f} s, plain sorted copy {plain:.1f} s; {found.spread};"
        f" {found.cpu_ratio:.2f} of its CPU",
    )
