"""docker-compose.tls.yml: the same stack, and all of ours encrypted. The last of the folder."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.stack import (
    OVER_TLS,
    PARTS,
    SERVICES,
    TLS_PROFILE,
    WORKERS,
    address,
    compose,
    down,
    execute,
    needs_an_engine,
    python,
    run,
    told,
    up,
    wait_healthy,
)

PORTS = (8401, 8402, 8403, 8404)
PUBLISHED = """
import sys
from pathlib import Path
from common.messaging.envelope import Message
from common.messaging.errors import EventLogUnavailable
from common.messaging.kafka import KafkaLog, KafkaTls

secrets = Path("/run/secrets")
tls = KafkaTls(
    authority=secrets / "ca.crt", certificate=secrets / "tls.crt", key=secrets / "tls.key"
)
log = KafkaLog(["kafka:9094"], tls=tls, send_seconds=20)
try:
    log.append(Message(topic=sys.argv[1], key=b"key", value=b"{}", headers={}))
except EventLogUnavailable:
    print("refused")
else:
    print("taken")
"""

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1_800)]


@pytest.fixture(scope="module", autouse=True)
def stack_over_tls(request: pytest.FixtureRequest) -> Iterator[None]:
    """The stack made anew with both files, after all tests of the other."""
    needs_an_engine()
    if request.config.getoption("--kept", default=False):
        yield
        return
    try:
        up(OVER_TLS, build=False)
        for workers in WORKERS:
            wait_healthy(workers)
        yield
    finally:
        down()


def test_the_journey_holds_from_outside_over_tls(tmp_path: Path) -> None:
    demo = (sys.executable, "-m", "dsfc_cli.main", "demo", "--against", str(TLS_PROFILE))

    run(*demo, "--directory", str(tmp_path), seconds=600)

    steps = json.loads((tmp_path / "journey.json").read_text("utf-8"))
    assert len(steps) > 30
    assert all(step["holds"] for step in steps)


@pytest.mark.parametrize(("service", "port"), list(zip(SERVICES, PORTS, strict=True)))
def test_nobody_is_answered_in_clear(service: str, port: int) -> None:
    """Guards: the certificate in the settings of every API."""
    script = f"exec 3<>/dev/tcp/{address(service)}/{port}"
    script += " && printf 'GET /livez HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3 && head -c 4 <&3"

    assert "HTTP" not in execute("agreements", script).stdout


def test_the_broker_takes_from_a_service_what_is_its_own_to_say() -> None:
    assert python("agreements", PUBLISHED, "agreements.agreement").strip() == "taken"
    assert python("applications", PUBLISHED, "agreements.agreement").strip() == "refused"


def test_who_shows_the_broker_no_certificate_is_not_heard() -> None:
    shown = "openssl s_client -connect kafka:9094 -CAfile /run/secrets/ca.crt"
    with_none = execute("agreements", f"{shown} -brief -ign_eof </dev/null", seconds=30)
    with_own = execute(
        "agreements",
        f"{shown} -cert /run/secrets/tls.crt -key /run/secrets/tls.key -brief </dev/null",
        seconds=30,
    )

    assert "certificate required" in with_none.stderr or with_none.returncode != 0
    assert with_own.returncode == 0, with_own.stderr


def test_over_tls_everything_ends_by_itself() -> None:
    run(*compose(), *OVER_TLS, "stop", seconds=200)

    names = (*SERVICES, *WORKERS, *PARTS)
    assert {name: told(name)["State"]["ExitCode"] for name in names} == dict.fromkeys(names, 0)
