"""Landing: an encrypted upload to an encrypted edition, against CSV to Parquet and nothing else.

Landing opens the upload, numbers and judges each line, seals identifiers, masks text, derives,
looks up both maps, writes encrypted Parquet, and reads it once more for the report.
"""

import statistics
from pathlib import Path

from tests.benchmarks.measure import Result, turns
from tests.benchmarks.plane import DATA_SET, Bench

ROWS = 1_000_000
ROUNDS = 5


def run(scale: float, scratch: Path) -> list[Result]:
    bench = Bench.create(scratch / "haven")
    rows = int(ROWS * scale)
    bench.submission(rows)

    def landed() -> None:
        edition, outcome = bench.land()
        assert outcome.landed + sum(outcome.left_out.values()) + outcome.quarantined == rows
        bench.objects.delete(f"editions/{edition}/1.parquet")

    found = turns(landed, bench.copy_csv, rounds=ROUNDS)
    seconds, plain = statistics.median(found.contender), statistics.median(found.floor)
    return [
        Result(
            name="landing",
            ratio=found.ratio,
            goal=None,
            better="lower",
            told=f"seconds of {DATA_SET.data_set} x {rows:,}: landed {rows / seconds:,.0f} rows/s,"
            f" plain CSV to Parquet {rows / plain:,.0f} rows/s; {found.spread};"
            f" {found.cpu_ratio:.2f} of its CPU",
        )
    ]
