"""Peak memory of the same extract at 1, 10 and 40 million rows, and of landing 1 and 10 million.

Each is made in a process of its own, which says its high-water mark (`VmHWM`: of itself alone,
where `ru_maxrss` still knows the parent's). A quarter of the rows comes out each time, sorted.
Editions are made as in `extract`; one of a million rows, ten, and forty of them. What is landed
is a file of good records, one of which every row has to be looked at closely (`suspects`), and
one of which every row is refused.

    python -m tests.benchmarks.memory <haven> <edition> ...      # what the child does
    python -m tests.benchmarks.memory <haven>                    # land what was received
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from pseudonymisation.preparations.adapters.preparation import prepare
from tests.benchmarks.measure import Result
from tests.benchmarks.plane import LIMITS, Bench

ROWS_AN_EDITION = 1_000_000
SIZES = (1, 10, 40)
LANDED = (1, 10)
CLOSE = "I10, seen at the café in Feb 1971"
"""A text that has to be looked at closely whoever's record it is in: a letter is no ASCII."""
NO_DATE = "2018-02-30"
MEGABYTE = 1_000_000


class Peak(NamedTuple):
    """What one process told."""

    bytes: int
    """The most of memory that it ever had."""
    rows: int
    """That were landed, or came out."""
    entries: int = 0
    """Reasons that are told one by one."""


def run(scale: float, scratch: Path) -> list[Result]:
    return [_extracts(scale, scratch / "haven"), *_landings(scale, scratch)]


def _extracts(scale: float, directory: Path) -> Result:
    bench = Bench.create(directory)
    bench.submission(int(ROWS_AN_EDITION * scale))
    edition, _ = bench.land()
    editions = [edition, *bench.replicate(edition, max(SIZES) - 1)]
    peaks, rows = {}, {}
    for size in SIZES:
        peaks[size], rows[size], _ = _child(bench, editions[:size])
    told = ", ".join(
        f"{int(size * ROWS_AN_EDITION * scale):,} rows ({rows[size]:,} out)"
        f" {peaks[size] / MEGABYTE:,.0f} MB"
        for size in SIZES
    )
    return Result(
        name="memory",
        ratio=peaks[40] / peaks[10],
        goal=1.2,
        better="lower",
        told=f"{told}; the engine's limit is {LIMITS.memory_bytes / MEGABYTE:,.0f} MB",
    )


def _landings(scale: float, scratch: Path) -> list[Result]:
    """Land one million and ten, of each kind."""
    told: dict[str, list[Peak]] = {}
    for size in LANDED:
        rows = int(size * ROWS_AN_EDITION * scale)
        for kind, found in landing_peaks(scratch / f"landed-{size}", rows).items():
            told.setdefault(kind, []).append(found)
    return [
        Result(
            name=f"memory landing{kind}",
            ratio=peaks[1].bytes / peaks[0].bytes,
            goal=1.1,
            better="lower",
            told=", ".join(
                f"{int(size * ROWS_AN_EDITION * scale):,} rows ({peak.rows:,} landed)"
                f" {peak.bytes / MEGABYTE:,.0f} MB"
                for size, peak in zip(LANDED, peaks, strict=True)
            ),
        )
        for kind, peaks in told.items()
    ]


def landing_peaks(
    directory: Path, rows: int, kinds: Sequence[str] = ("", " suspects", " refused")
) -> dict[str, Peak]:
    """Land so many rows of each kind; tell the most of memory that it took, and what was landed."""
    bench = Bench.create(directory)
    bench.submission(rows)
    peaks = {}
    for kind in kinds:
        if kind == " suspects":
            bench.spoil("Der_Diagnosis_All", CLOSE)
        elif kind == " refused":
            bench.spoil("Admission_Date", NO_DATE)
        peaks[kind] = _child(bench, ())
    return peaks


def _child(bench: Bench, editions: Sequence[UUID]) -> Peak:
    command = [sys.executable, "-m", "tests.benchmarks.memory", str(bench.directory)]
    done = subprocess.run(
        [*command, *map(str, editions)], check=True, stdout=subprocess.PIPE, text=True
    )
    told = json.loads(done.stdout)
    return Peak(told["peak_bytes"], told["rows"], told.get("entries", 0))


def main(directory: Path, editions: Sequence[UUID]) -> None:
    bench = Bench.found(directory)
    if not editions:
        landed, rows = bench.land()
        bench.objects.delete(f"editions/{landed}/1.parquet")
        told = {"rows": rows.landed, "entries": len(rows.entries)}
        json.dump({"peak_bytes": peak_bytes(), **told}, sys.stdout)
        return
    target = bench.directory / "made" / "extract.parquet"
    outcome = prepare(
        bench.plan(editions),
        target=target,
        scratch=bench.directory / "scratch",
        limits=LIMITS,
        report=lambda *_: None,
    )
    target.unlink()
    json.dump({"peak_bytes": peak_bytes(), "rows": outcome.rows}, sys.stdout)


def peak_bytes() -> int:
    """The most of memory that this process ever had."""
    status = Path("/proc/self/status").read_text("ascii").splitlines()
    line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), [UUID(id_) for id_ in sys.argv[2:]])
