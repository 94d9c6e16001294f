"""`make bench`: ratios against a floor that runs in the same minute, on the same machine.

Absolute times move with the machine; the ratio of two jobs that take turns does not, much.
Each benchmark prints `name: ratio (goal R)` and says what it took turns with.

    make bench
    make bench ONLY=kernel
    make bench ARGS="--scale 0.1"     # a tenth of the rows, for a look
"""

import json
import logging
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import structlog
import typer

from tests.benchmarks.measure import Result

NAMES = (
    *("kernel", "landing", "extract", "memory", "decision", "download", "tables", "buckets"),
    *("agreements", "people", "csds"),
)
ROOT = Path(__file__).parents[2]

Benchmark = Callable[[float, Path], list[Result]]


def main(
    only: Annotated[str | None, typer.Option(help=f"One of {', '.join(NAMES)}.")] = None,
    scale: Annotated[float, typer.Option(help="Of the rows and bytes; goals are for 1.")] = 1.0,
    output: Annotated[Path, typer.Option(help="Where the numbers go.")] = ROOT / "var" / "bench",
) -> None:
    """Measure, and print a line a benchmark."""
    if only is not None and only not in NAMES:
        raise typer.BadParameter(f"one of {', '.join(NAMES)}", param_hint="--only")
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    output.mkdir(parents=True, exist_ok=True)
    for name in [only] if only else NAMES:
        run: Benchmark = import_module(f"tests.benchmarks.{name}").run
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=output) as scratch:
            results = run(scale, Path(scratch))
        for result in results:
            typer.echo(result.line())
            typer.echo(f"    {result.told}", err=True)
        record = {"scale": scale, "machine": machine(), "at": datetime.now(UTC).isoformat()}
        record["results"] = [result.as_json() for result in results]
        (output / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def machine() -> Mapping[str, str]:
    """What the numbers were measured on."""
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": cpu[0] if cpu else platform.processor(),
        "cores": str(len(cpu)),
        "python": sys.version.split()[0],
        "system": platform.platform(),
    }


if __name__ == "__main__":
    typer.run(main)
