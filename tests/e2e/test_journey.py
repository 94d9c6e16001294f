"""The demo is the journey of design.md section 3; here it is told on other parts than the default.

On the default, and with a file of one's own, `test_readme` tells it as the README says.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHAPTERS = {str(number) for number in range(1, 9)}

pytestmark = pytest.mark.timeout(280)


def tell(directory: Path, *options: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "dsfc_cli.main", "demo", "--directory", str(directory)]
    told = subprocess.run(
        [*command, *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=270,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-3000:]
    steps: list[dict[str, object]] = json.loads((directory / "journey.json").read_text("utf-8"))
    return steps


def holds_to_the_end(steps: list[dict[str, object]]) -> None:
    assert all(step["holds"] for step in steps)
    assert {str(step["step"]).partition(".")[0] for step in steps} >= CHAPTERS - {"1"}


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.postgresql
@pytest.mark.xdist_group("kafka")
@pytest.mark.usefixtures("kafka_bootstrap")  # skips where there is no broker to be had
def test_on_kafka_and_postgresql(tmp_path: Path) -> None:
    options = ("--events", "kafka", "--database", "postgresql", "--rows", "60000")

    holds_to_the_end(tell(tmp_path / "demo", *options))
