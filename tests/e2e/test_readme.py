"""Every command and every example of the README, as it stands there."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.modes import left_to_others

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SAMPLE = ROOT.parent / "shared" / "data" / "dids_sample_495.csv"
PORTS = (8400, 8401, 8402, 8403, 8404, 8413)
READY_SECONDS_MAX = 240
CLAIMS_MAX = 60
"""Of the one journey; what is added is a chapter (CONTRIBUTING.md, "Time")."""
OURS = {"VIRTUAL_ENV", "MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS", "ARGS"}
"""What `make test` itself has set, and a user's shell has not."""

pytestmark = [pytest.mark.timeout(290), pytest.mark.xdist_group("readme")]


def blocks(language: str) -> Sequence[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> Sequence[str]:
    """Every line of a shell block, without what is said of it."""
    lines = "".join(blocks("sh")).splitlines()
    return [line.partition("  #")[0].strip() for line in lines if line.strip()]


MAKE = [command for command in commands() if command.startswith("make ")]
CALLS = [command for command in commands() if not command.startswith("make ")]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout with a `var/` of its own: everything else is a link to what is here."""
    copy = tmp_path_factory.mktemp("readme") / "checkout"
    copy.mkdir()
    for path in ROOT.iterdir():
        if path.name not in {"var", ".git"}:
            (copy / path.name).symlink_to(path)
    return copy


def environment() -> dict[str, str]:
    """A user's: tests run inside the virtual environment, whose Python has no uv."""
    inside = str(Path(sys.executable).parent)
    outside = [p for p in os.environ["PATH"].split(os.pathsep) if p != inside]
    known = {name: value for name, value in os.environ.items() if name not in OURS}
    more = {"PATH": os.pathsep.join(outside), "UV_NO_SYNC": "1", "COLUMNS": "200"}
    return known | more


def shell(command: str, cwd: Path, *, seconds: float = 280) -> str:
    told = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=cwd,
        env=environment(),
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
        umask=0,  # as generous as a user's may be
    )
    assert told.returncode == 0, f"{command}\n{told.stdout[-5000:]}\n{told.stderr[-3000:]}"
    return told.stdout


def test_the_readme_has_the_commands_that_are_run_here() -> None:
    assert MAKE == [
        "make demo",
        "make test",
        "make demo EVENTS=kafka",
        "make demo DATABASE=postgresql",
        'make demo ARGS="--data-set DIDS --submission FILE"',
        "make demo CHAPTER=lists",
        "make demo CHAPTER=csds",
        "make demo CHAPTER=data-sets",
        "make demo CHAPTER=purposes",
        "make demo CHAPTER=bridging",
        "make demo CHAPTER=agreements",
        "make demo CHAPTER=tables",
        "make up",
    ]
    assert len(CALLS) == 5
    assert len(blocks("python")) == 1
    in_containers = [line.partition("  #")[0].strip() for line in blocks("bash")[0].splitlines()]
    assert in_containers == [  # what tests/containers does, on a machine with an engine
        ".venv/bin/dsfc keys",
        "docker compose up --build --detach",
        "curl http://127.0.0.1:8404/readyz",
        ".venv/bin/dsfc demo --against var/compose/profile.json",
        "docker compose stop",
    ]
    ci = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert "make test" in ci, "what cannot be run inside itself is run by CI"


@pytest.mark.long
def test_make_demo(checkout: Path) -> None:
    told = shell("make demo", checkout)

    assert "claims hold" in told
    left = {p.name for p in (checkout / "var" / "demo").iterdir()}
    assert {
        *("extract.parquet", "extract.csv", "manifest.json", "register.csv", "register.json"),
        *("data-quality.json", "journey.json"),
    } <= left
    journey = (checkout / "var" / "demo" / "journey.json").read_text("utf-8")
    assert 0 < len(json.loads(journey)) <= CLAIMS_MAX
    assert left_to_others(checkout / "var") == set()


@pytest.mark.long
def test_make_demo_with_a_file_of_ones_own(checkout: Path) -> None:
    if not SAMPLE.exists():
        pytest.skip("the published sample is not beside this checkout")

    told = shell(MAKE[4].replace("FILE", str(SAMPLE)), checkout)

    assert "claims hold" in told
    own = {line.split(",")[0] for line in SAMPLE.read_text("utf-8").splitlines()[1:]}
    for path in (checkout / "var" / "demo").glob("*.*"):
        content = path.read_bytes().decode("utf-8", errors="ignore")
        assert not [number for number in own if number in content], path.name


@pytest.mark.long
@pytest.mark.parametrize("command", [MAKE[2], MAKE[3], MAKE[5]])
def test_make_demo_on_other_parts_and_in_chapters(command: str, checkout: Path) -> None:
    assert "claims hold" in shell(command, checkout)


@pytest.mark.long
def test_make_up_and_the_calls_and_the_client_behind_it(checkout: Path) -> None:
    with up(checkout) as said:
        answers = shell("\n".join(CALLS), checkout)
        assert '"items"' in answers
        assert "Synthetic sandbox" in answers

        (checkout / "example.py").write_text(blocks("python")[0], encoding="utf-8")
        shell("rm -f extract.parquet && .venv/bin/python example.py", checkout)
        assert (checkout / "extract.parquet").read_bytes()[:4] == b"PAR1"

        printed = [line.strip() for line in said.read_text("utf-8").splitlines()]
        next_ = [line for line in printed if line.startswith(("curl ", "TOKEN="))]
        assert len(next_) == 5, said.read_text("utf-8")
        shell(
            "rm -f extract.parquet\n"
            + "\n".join(f"{c} --fail" if c[0] == "c" else c for c in next_),
            checkout,
        )
        assert (checkout / "extract.parquet").read_bytes()[:4] == b"PAR1"
        assert left_to_others(checkout / "var") == set()


@contextmanager
def up(checkout: Path) -> Iterator[Path]:
    """`make up` as it stands, until it says that it is there; its output."""
    busy = [port for port in PORTS if _answers(port)]
    if busy:
        assert os.environ.get("CI") != "true", f"ports {busy} are in use"
        pytest.skip(f"SOMETHING LISTENS ON {busy}, where `make up` would")
    shutil.rmtree(checkout / "var" / "up", ignore_errors=True)
    said = checkout / "up.txt"
    with said.open("wb") as output:
        process = subprocess.Popen(
            ["make", "up"],
            cwd=checkout,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            umask=0,
        )
    try:
        until = time.monotonic() + READY_SECONDS_MAX
        while "Ctrl-C stops." not in said.read_text("utf-8"):
            assert process.poll() is None, said.read_text("utf-8")
            assert time.monotonic() < until, said.read_text("utf-8")
            time.sleep(0.2)
        yield said
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
