"""docker-compose.yml as a user starts it: from `dsfc keys` to exit 0, and the journey from outside.

`make containers`, on a machine with an engine. Where published ports are not this machine's own (an
engine that .ci/containers/engine.sh started), DSFC_ENGINE is its directory.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
ENGINE = os.environ.get("DSFC_ENGINE")
PROJECT = "dsfc-test"
UP_SECONDS_MAX, HEALTHY_SECONDS_MAX = 1_500, 300
REACHES = "exec 3<>/dev/tcp/{host}/{port}"

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1_800), pytest.mark.xdist_group("compose")]


def run(*command: str, seconds: float = 300, check: bool = True) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=seconds, cwd=ROOT
    )
    assert not check or done.returncode == 0, (
        f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    )
    return done.stdout


def compose() -> Sequence[str]:
    """Compose as a plugin, or as the distribution's command."""
    plugin = subprocess.run(
        ["docker", "compose", "version"], check=False, capture_output=True, timeout=60
    )
    found = ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]
    return [*found, "--project-name", PROJECT]


def outside(*command: str, seconds: float = 600) -> str:
    """Run a command where published ports are."""
    if ENGINE is None:
        return run(*command, seconds=seconds)
    return run("bash", ".ci/containers/engine.sh", "inside", ENGINE, *command, seconds=seconds)


def container(service: str) -> str:
    found = run(*compose(), "ps", "--quiet", service).split()
    assert len(found) == 1, service
    return found[0]


def execute(service: str, script: str, *, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", "exec", container(service), "bash", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def reaches(service: str, host: str) -> bool:
    """Whether the second port answers; a network that is not shared drops what is sent."""
    try:
        return execute(service, REACHES.format(host=host, port=8413), seconds=5).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@pytest.fixture(scope="module")
def stack() -> Iterator[None]:
    """The stack, made from nothing and healthy; gone afterwards, with its volumes."""
    if shutil.which("docker") is None or shutil.which(compose()[0]) is None:
        pytest.fail("make containers needs docker with compose")
    run(*compose(), "down", "--volumes", "--remove-orphans", check=False)
    run(sys.executable, "-m", "dsfc_cli.main", "keys")
    run(*compose(), "build", seconds=UP_SECONDS_MAX)
    try:
        run(*compose(), "up", "--detach", seconds=UP_SECONDS_MAX)
        end = time.monotonic() + HEALTHY_SECONDS_MAX
        for service in (*SERVICES, "postgres", "kafka", "keycloak"):
            while health(service) != "healthy":
                assert time.monotonic() < end, f"{service} is {health(service)}"
                time.sleep(1)
        yield
    finally:
        run(*compose(), "down", "--volumes", check=False)


def health(service: str) -> str:
    told: str = json.loads(run("docker", "inspect", container(service)))[0]["State"]["Health"][
        "Status"
    ]
    return told


def test_the_journey_holds_from_outside_twice_with_keycloaks_tokens(
    stack: None, tmp_path: Path
) -> None:
    demo = (sys.executable, "-m", "dsfc_cli.main", "demo", "--against", "var/compose/profile.json")
    for name in ("first", "second"):
        outside(*demo, "--directory", str(tmp_path / name))

        steps = json.loads((tmp_path / name / "journey.json").read_text("utf-8"))
        assert len(steps) > 30
        assert all(step["holds"] for step in steps)


@pytest.mark.parametrize(
    "service",
    [
        "applications",
        "applications-workers",
        "agreements",
        "agreements-workers",
        "postgres",
        "kafka",
        "keycloak",
    ],
)
def test_preparations_are_reached_from_dissemination_alone(stack: None, service: str) -> None:
    told = json.loads(run("docker", "inspect", container("pseudonymisation")))[0]
    addresses = [net["IPAddress"] for net in told["NetworkSettings"]["Networks"].values()]

    for host in ("preparations", "pseudonymisation", *addresses):
        assert not reaches(service, host), host
    assert reaches("dissemination", "preparations")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_connects_to_no_database_but_its_own(stack: None, service: str) -> None:
    script = f"""
import pathlib, psycopg
address = pathlib.Path("/run/secrets/{service}_database_url").read_text().replace("+psycopg", "")
server = address.rpartition("/")[0]
for name in {(*SERVICES, "postgres", "template1")!r}:
    try:
        psycopg.connect(f"{{server}}/{{name}}", connect_timeout=10).close()
    except psycopg.OperationalError as error:
        assert "permission denied" in str(error), error
    else:
        print(name)
"""
    told = run("docker", "exec", container(service), "python", "-c", script)

    assert told.split() == [service]


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_nobody_and_writes_to_its_stores_alone(stack: None, service: str) -> None:
    assert execute(service, "id -u; id -g").stdout.split() == ["10001", "10001"]
    for place in ("/app", "/opt/dsfc", "/run/secrets", "/etc"):
        assert execute(service, f"touch {place}/x").returncode != 0, place
    assert execute(service, "touch /var/lib/dsfc/x && rm /var/lib/dsfc/x").returncode == 0
    assert execute(service, "cat /run/secrets/client.jwk > /dev/null").returncode == 0


def test_an_image_says_what_it_holds(stack: None) -> None:
    bill = json.loads(execute("agreements", "cat /opt/dsfc/sbom.cdx.json").stdout)
    provenance = json.loads(execute("agreements", "cat /opt/dsfc/provenance.json").stdout)

    names = {component["name"] for component in bill["components"]}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert {"fastapi", "sqlmodel", "dsfc-common"} <= names
    assert provenance["service"] == "agreements"


def test_built_anew_our_layer_is_the_same_file_by_file(stack: None) -> None:
    """Paths, modes, owners, times and contents below /opt/dsfc."""
    listed = []
    for tag in ("first", "second"):
        name = f"{PROJECT}/reproduced:{tag}"
        arguments = ("--build-arg", "SERVICE=agreements", "--build-arg", "PREFIX=AGREEMENTS")
        run("docker", "build", "--no-cache", *arguments, "--tag", name, ".", seconds=900)
        script = (
            "cd /opt/dsfc && find . -printf '%p %m %U:%G %T@\\n' | sort"
            " && find . -type f -print0 | sort -z | xargs -0 sha256sum"
        )
        command = ("docker", "run", "--rm", "--entrypoint", "sh", name, "-c", script)
        listed.append(run(*command).splitlines())
        run("docker", "rmi", name)

    assert len(listed[0]) > 100
    assert listed[0] == listed[1]


def test_told_to_stop_everything_ends_by_itself(stack: None) -> None:
    """The last of the module: what it stops stays stopped."""
    names = [*SERVICES, *(f"{service}-workers" for service in SERVICES), "postgres"]
    ids = {name: container(name) for name in names}
    run(*compose(), "stop", seconds=200)

    codes = {
        name: json.loads(run("docker", "inspect", found))[0]["State"]["ExitCode"]
        for name, found in ids.items()
    }
    assert codes == dict.fromkeys(names, 0)
