"""Landing: an encrypted upload to an encrypted edition, against CSV to Parquet and nothing else.

Landing opens the upload, numbers and judges each line, seals identifiers, masks text, derives,
looks up both maps, writes encrypted Parquet, and reads it once more for the report.

`landing pandas` is the way of a file from its upload to an edition, against what an analyst
writes in its place: read all as text, one `hmac` for each number that differs, write Parquet.
"""

import hmac
import os
import statistics
from pathlib import Path

import pandas as pd

from tests.benchmarks.measure import Result, turns
from tests.benchmarks.plane import DATA_SET, Bench

ROWS = 1_000_000
ROUNDS = 5
NUMBER = str(DATA_SET.person.nhs_number)


def run(scale: float, scratch: Path) -> list[Result]:
    bench = Bench.create(scratch / "haven")
    rows = int(ROWS * scale)
    bench.submission(rows)

    def landed() -> None:
        edition, outcome = bench.land()
        assert outcome.landed + sum(outcome.left_out.values()) + outcome.quarantined == rows
        bench.objects.delete(f"editions/{edition}/1.parquet")

    def received_and_landed() -> None:
        bench.receive()
        landed()

    copied = turns(landed, bench.copy_csv, rounds=ROUNDS)
    scripted = turns(received_and_landed, lambda: by_script(bench), rounds=ROUNDS)
    seconds, plain = statistics.median(copied.contender), statistics.median(copied.floor)
    whole, script = statistics.median(scripted.contender), statistics.median(scripted.floor)
    return [
        Result(
            name="landing",
            ratio=copied.ratio,
            goal=2.5,
            better="lower",
            told=f"seconds of {DATA_SET.data_set} x {rows:,}: landed {rows / seconds:,.0f} rows/s,"
            f" plain CSV to Parquet {rows / plain:,.0f} rows/s; {copied.spread};"
            f" {copied.cpu_ratio:.2f} of its CPU",
        ),
        Result(
            name="landing pandas",
            ratio=scripted.ratio,
            goal=0.7,
            better="lower",
            told=f"upload to edition {whole:.1f} s, a script of pandas {script:.1f} s;"
            f" {scripted.spread}; {scripted.cpu_ratio:.2f} of its CPU",
        ),
    ]


def by_script(bench: Bench) -> None:
    """What an analyst writes: no quarantine, no scan, nothing sealed or derived, no log."""
    key = os.urandom(32)
    frame = pd.read_csv(bench.csv, dtype=str)
    numbers = frame[NUMBER].dropna().unique()
    tokens = {number: hmac.digest(key, number.encode(), "sha256").hex() for number in numbers}
    frame["token"] = frame[NUMBER].map(tokens)
    frame = frame.drop(columns=[NUMBER])
    frame.to_parquet(bench.directory / "made" / "script.parquet", compression="zstd")
