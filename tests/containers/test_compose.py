"""docker-compose.yml as a user starts it: the journey from outside, and what a container may do.

`make containers`, on a machine with an engine.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from tests.containers.stack import PROFILE, PROJECT, SERVICES, execute, python, run, told

REACHES = ("bash", "exec 3<>/dev/tcp/{host}/{port}")
REACHES_WITHOUT_BASH = ("sh", "wget -q -O /dev/null http://{host}:{port}/livez")
"""The S3 server's image has no other shell."""
REACH_SECONDS_MAX = 15
STRANGERS = (
    *("applications", "applications-workers", "agreements", "agreements-workers"),
    *("postgres", "kafka", "keycloak", "objects"),
)
"""To preparations."""

pytestmark = [
    pytest.mark.docker,
    pytest.mark.timeout(1_800),
    pytest.mark.usefixtures("stack"),
]


def reaches(service: str, host: str) -> bool:
    """Whether the second port answers; a network that is not shared drops what is sent."""
    shell, script = REACHES_WITHOUT_BASH if service == "objects" else REACHES
    try:
        done = execute(
            service, script.format(host=host, port=8413), seconds=REACH_SECONDS_MAX, shell=shell
        )
    except subprocess.TimeoutExpired:
        return False
    assert done.returncode not in (126, 127), "there is no shell to ask with"
    return done.returncode == 0


def test_the_journey_holds_from_outside_twice_with_keycloaks_tokens(tmp_path: Path) -> None:
    demo = (sys.executable, "-m", "dsfc_cli.main", "demo", "--against", str(PROFILE))
    for name in ("first", "second"):
        run(*demo, "--directory", str(tmp_path / name), seconds=600)

        steps = json.loads((tmp_path / name / "journey.json").read_text("utf-8"))
        assert len(steps) > 30
        assert all(step["holds"] for step in steps)


@pytest.fixture(scope="module")
def reached(stack: None) -> Mapping[tuple[str, str], bool]:
    """Who reaches preparations by which name or address: all ask at once, for most wait in vain."""
    networks = told("pseudonymisation")["NetworkSettings"]["Networks"]
    addresses = [network["IPAddress"] for network in networks.values()]
    asked = [
        ("dissemination", "preparations"),
        *product(STRANGERS, ("preparations", "pseudonymisation", *addresses)),
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        return dict(zip(asked, pool.map(lambda pair: reaches(*pair), asked), strict=True))


def test_preparations_are_reached_from_dissemination(
    reached: Mapping[tuple[str, str], bool],
) -> None:
    assert reached["dissemination", "preparations"]


@pytest.mark.parametrize("service", STRANGERS)
def test_preparations_are_reached_from_nowhere_else(
    service: str, reached: Mapping[tuple[str, str], bool]
) -> None:
    found = {host: answered for (who, host), answered in reached.items() if who == service}

    assert len(found) > 2
    assert not any(found.values()), found


@pytest.mark.parametrize("service", SERVICES)
def test_on_the_network_of_its_database_a_service_meets_no_other(service: str) -> None:
    """What is cut off from `inside` has its database, and nobody else."""
    network = f"{PROJECT}_{service}-database"
    found = json.loads(run("docker", "network", "inspect", network))[0]

    names = {
        member["Name"]
        .removeprefix(f"{PROJECT}_")
        .removeprefix(f"{PROJECT}-")
        .rstrip("-_0123456789")
        for member in found["Containers"].values()
    }
    assert found["Internal"]
    assert names == {service, f"{service}-workers", "postgres"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_connects_to_no_database_but_its_own(service: str) -> None:
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
    assert python(service, script).split() == [service]


@pytest.mark.parametrize(
    ("service", "credentials", "may"),
    [
        ("pseudonymisation", "landing", ["dsfc-landing: list, read, write, delete"]),
        ("pseudonymisation", "release", ["dsfc-release: list, read, write, delete"]),
        ("dissemination", "release", ["dsfc-release: list, read"]),
    ],
)
def test_credentials_of_a_store_open_no_other(
    service: str, credentials: str, may: list[str]
) -> None:
    """The journey was played: there are objects of both buckets to be read."""
    script = f"""
import obstore
from pathlib import Path
from obstore.exceptions import BaseError
from common.buckets import bucket

KEYS = {{"dsfc-landing": "tried/key", "dsfc-release": "tried/key"}}
def tried(url, what):
    store = bucket(url, Path("/run/secrets/{credentials}.credentials"))
    try:
        if what == "write":
            obstore.put(store, "tried/key", b"x")
        elif what == "delete":
            obstore.delete(store, "tried/key")
        elif what == "list":
            list(obstore.list(store))
        else:
            obstore.get(store, "tried/key")
    except FileNotFoundError:
        return True  # it was let look
    except (BaseError, OSError):
        return False
    return True

for name in KEYS:
    done = [what for what in ("list", "read", "write", "delete") if tried(f"s3://{{name}}", what)]
    if done:
        print(f"{{name}}: {{', '.join(done)}}")
"""
    assert python(service, script).splitlines() == may


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_nobody_and_writes_to_its_stores_alone(service: str) -> None:
    assert execute(service, "id -u; id -g").stdout.split() == ["10001", "10001"]
    for place in ("/app", "/opt/dsfc", "/run/secrets", "/etc"):
        assert execute(service, f"touch {place}/x").returncode != 0, place
    assert execute(service, "touch /var/lib/dsfc/x && rm /var/lib/dsfc/x").returncode == 0
    assert execute(service, "cat /run/secrets/client.jwk > /dev/null").returncode == 0


def test_an_image_says_what_it_holds() -> None:
    bill = json.loads(execute("agreements", "cat /opt/dsfc/sbom.cdx.json").stdout)
    provenance = json.loads(execute("agreements", "cat /opt/dsfc/provenance.json").stdout)

    names = {component["name"] for component in bill["components"]}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert {"fastapi", "sqlmodel", "dsfc-common"} <= names
    assert provenance["service"] == "agreements"


def test_built_anew_our_layer_is_the_same_file_by_file() -> None:
    """Paths, modes, owners, times and contents below /opt/dsfc: that which runs, and another."""
    anew = f"{PROJECT}/reproduced"
    stage = ("--no-cache", "--target", "code", "--build-arg", "SERVICE=agreements")
    run("docker", "build", *stage, "--tag", anew, ".", seconds=900)
    script = (
        "cd /opt/dsfc && find . -printf '%p %m %U:%G %T@\\n' | sort"
        " && find . -type f -print0 | sort -z | xargs -0 sha256sum"
    )
    listed = [
        run("docker", "run", "--rm", "--entrypoint", "sh", image, "-c", script).splitlines()
        for image in ("dsfc/agreements", anew)
    ]
    run("docker", "rmi", anew)

    assert len(listed[0]) > 100
    assert listed[0] == listed[1]
