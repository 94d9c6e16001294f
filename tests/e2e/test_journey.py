"""The demo is the journey of design.md section 3; here it is told on other parts than the default.

On the default, and with a file of one's own, `test_readme` tells it as the README says.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dsfc_cli.house.suite import Suite

CHAPTERS = {str(number) for number in range(1, 9)}
OUTSIDE = CHAPTERS - {"1", "8"}
"""What is claimed from outside: the first says what is there, the last looks into databases."""

pytestmark = pytest.mark.timeout(280)


def run_demo(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dsfc_cli.main", "demo", "--directory", str(directory)]
    return subprocess.run(
        [*command, *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=270,
        env=os.environ | {"COLUMNS": "200"},
    )


def tell(directory: Path, *options: str) -> list[dict[str, object]]:
    told = run_demo(directory, *options)
    assert told.returncode == 0, told.stdout[-6000:] + told.stderr[-3000:]
    steps: list[dict[str, object]] = json.loads((directory / "journey.json").read_text("utf-8"))
    return steps


def holds_to_the_end(steps: list[dict[str, object]]) -> None:
    assert all(step["holds"] for step in steps)
    assert {str(step["step"]).partition(".")[0] for step in steps} >= CHAPTERS - {"1"}


@pytest.mark.long
def test_twice_against_a_suite_that_runs_elsewhere(tmp_path: Path) -> None:
    """From outside, by its profile: nothing but addresses and keys, and what was played before."""
    with Suite(tmp_path / "suite") as suite:
        profile = suite.write_profile()
        for name in ("first", "second"):
            steps = tell(tmp_path / name, "--against", str(profile), "--rows", "60000")

            assert all(step["holds"] for step in steps)
            assert {str(step["step"]).partition(".")[0] for step in steps} == OUTSIDE


def test_a_profile_that_is_none_is_said_in_one_line(tmp_path: Path) -> None:
    told = run_demo(tmp_path / "demo", "--against", str(tmp_path / "profile.json"))

    assert told.returncode == 1
    assert "`dsfc up` and `dsfc keys` write a profile" in " ".join(told.stdout.split())
    assert "Traceback" not in told.stdout + told.stderr


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.postgresql
@pytest.mark.xdist_group("kafka")
@pytest.mark.usefixtures("kafka_bootstrap")  # skips where there is no broker to be had
def test_on_kafka_and_postgresql(tmp_path: Path) -> None:
    options = ("--events", "kafka", "--database", "postgresql", "--rows", "60000")

    holds_to_the_end(tell(tmp_path / "demo", *options))
