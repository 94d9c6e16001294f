"""docker-compose.yml, started as a user starts it, and what a test may do to it.

It runs where published ports and the addresses of containers can be reached: on Linux, beside the
engine (`.ci/containers/engine.sh inside DIR make containers` where the engine has a namespace of
its own).
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
WORKERS = tuple(f"{service}-workers" for service in SERVICES)
PARTS = ("postgres", "kafka", "keycloak", "objects")
PROFILE = ROOT / "var" / "compose" / "profile.json"
TLS_PROFILE = PROFILE.with_name("profile-tls.json")
OVER_TLS = ("--file", "docker-compose.yml", "--file", "docker-compose.tls.yml")
PROJECT = "dsfc-test"
UP_SECONDS_MAX, HEALTHY_SECONDS_MAX = 1_500, 300
WORKING_SECONDS = 5
"""Workers have no port and no health check: they run, and have for so long."""


def run(*command: str, seconds: float = 300, check: bool = True) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=seconds, cwd=ROOT
    )
    assert not check or done.returncode == 0, (
        f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    )
    return done.stdout


@cache
def compose() -> Sequence[str]:
    """Compose as a plugin, or as the distribution's command."""
    plugin = subprocess.run(
        ["docker", "compose", "version"], check=False, capture_output=True, timeout=60
    )
    found = ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]
    return [*found, "--project-name", PROJECT]


def needs_an_engine() -> None:
    if shutil.which("docker") is None or shutil.which(compose()[0]) is None:
        pytest.fail("make containers needs docker with compose")


def up(files: Sequence[str] = (), *, build: bool = True) -> None:
    """Make the stack from nothing and wait until all is healthy; `files` are options of compose.

    Without `build` with the images that are there: a test before has built them.
    """
    down()
    run(sys.executable, "-m", "dsfc_cli.main", "keys")
    if build:
        run(*compose(), *files, "build", seconds=UP_SECONDS_MAX)
    began = time.monotonic()
    run(*compose(), *files, "up", "--detach", seconds=UP_SECONDS_MAX)
    for service in (*SERVICES, *PARTS):
        wait_healthy(service)
    print(f"healthy {time.monotonic() - began:.0f} s after its start")  # docs/operations.md


def down() -> None:
    container.cache_clear()
    run(*compose(), *OVER_TLS, "down", "--volumes", "--remove-orphans", check=False)


@cache
def container(service: str) -> str:
    """Return the id of a service's container, also of one that has ended; the same until `down`.

    Asked for at every look, and compose takes most of a second of a core to tell it.
    """
    found = run(*compose(), "ps", "--quiet", service).split()
    assert len(found) == 1, service
    return found[0]


def told(service: str) -> Mapping[str, Any]:
    """Return what the engine says of a service's container."""
    found: Mapping[str, Any] = json.loads(run("docker", "inspect", container(service)))[0]
    return found


def address(service: str, network: str = "inside") -> str:
    """Return where a container is, without the engine's proxy between."""
    where: str = told(service)["NetworkSettings"]["Networks"][f"{PROJECT}_{network}"]["IPAddress"]
    return where


def execute(
    service: str, script: str, *, seconds: float = 60, shell: str = "bash"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "exec", container(service), shell, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def python(service: str, script: str, *arguments: str, seconds: float = 120) -> str:
    """Run a script in a service's container, with all that its image has."""
    return run(
        "docker", "exec", container(service), "python", "-c", script, *arguments, seconds=seconds
    )


def is_well(service: str) -> bool:
    state = told(service)["State"]
    is_working = service not in WORKERS or _runs_for(state) >= WORKING_SECONDS
    return (
        bool(state["Running"])
        and is_working
        and state.get("Health", {}).get("Status", "healthy") == "healthy"
    )


def _runs_for(state: Mapping[str, Any]) -> float:
    """Return for how many seconds a container runs, since it was started last."""
    started = datetime.fromisoformat(f"{state['StartedAt'][:19]}+00:00")  # Docker says nanoseconds
    return (datetime.now(UTC) - started).total_seconds()


def wait_healthy(service: str) -> None:
    end = time.monotonic() + HEALTHY_SECONDS_MAX
    while not is_well(service):
        assert time.monotonic() < end, f"{service}: {told(service)['State']}"
        time.sleep(1)
