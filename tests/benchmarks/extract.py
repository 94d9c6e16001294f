"""An extract: 2.5 of 10 million rows, sorted by token, against a plain sorted copy of them.

A million rows are made and landed by the real landing; nine more editions have the same rows,
of other people (`Bench.replicate`). Both sides read the same encrypted editions with the same
engine and the same limits, write the same rows with the same columns, and sort by the person;
the copy writes what is there, and does not scan, tokenise, reduce or count.
"""

import statistics
from pathlib import Path

from pseudonymisation.adapters.plane.preparation import prepare
from tests.benchmarks.measure import Result, turns
from tests.benchmarks.plane import LIMITS, Bench

ROWS_AN_EDITION = 1_000_000
EDITIONS = 10
ROUNDS = 5


def run(scale: float, scratch: Path) -> list[Result]:
    bench = Bench.create(scratch / "haven")
    bench.submission(int(ROWS_AN_EDITION * scale))
    edition, _ = bench.land()
    editions = [edition, *bench.replicate(edition, EDITIONS - 1)]
    plan, made = bench.plan(editions), bench.directory / "made"
    rows = {"extract": 0, "copy": 0}

    def extract() -> None:
        rows["extract"] = prepare(
            plan,
            target=made / "extract.parquet",
            scratch=bench.directory / "scratch",
            limits=LIMITS,
            beat=lambda *_: None,
        ).rows

    def copy() -> None:
        rows["copy"] = bench.copy_rows(editions, made / "copy.parquet")

    found = turns(extract, copy, rounds=ROUNDS)
    assert rows["extract"] == rows["copy"], rows
    seconds, plain = statistics.median(found.contender), statistics.median(found.floor)
    return [
        Result(
            name="extract",
            ratio=found.ratio,
            goal=1.45,
            better="lower",
            told=f"{rows['extract']:,} of {int(ROWS_AN_EDITION * scale) * EDITIONS:,} rows sorted"
            f" by token: {seconds:.1f} s, plain sorted copy {plain:.1f} s; {found.spread};"
            f" {found.cpu_ratio:.2f} of its CPU",
        )
    ]
