"""S1 at the instant of an expiry: nothing has to happen, and no byte leaves any more.

The services' clock is set ahead, to shortly before midnight in London; leases are timed by another.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from common.clock import SystemClock, end_of, legal_day
from common.security.client import ServiceTokens
from common.security.roles import Role
from tests.faults.slow import RECEIVE_BYTES, Download
from tests.running import MAY, Scene, scene

pytestmark = [pytest.mark.xdist_group("expiry"), pytest.mark.timeout(300)]

BEFORE = timedelta(seconds=4)
"""So long the stream goes on after the clock was set."""
LATE_SECONDS_MAX = 60.0
"""The machine may be busy: what left after the instant is counted in bytes."""
NEAR_MIDNIGHT = timedelta(minutes=5)
"""Where the day ends by itself before the test does, it goes by the next one."""
CHUNK_BYTES_MIN = 65_536
"""What a sender that the scheduler freezes between look and write may still emit."""


@pytest.fixture(scope="module")
def clock_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clock") / "seconds-ahead"
    path.write_text("0", "ascii")
    return path


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, clock_file: Path) -> Iterator[Scene]:
    # A stream that started "hours ago" is not to be swept as one whose process died.
    quiet = {"dissemination": {"SWEEP_SECONDS": "3600"}}
    with scene(tmp_path_factory, "expiry", settings=quiet, clock_file=clock_file) as running:
        yield running


@pytest.mark.scenario("R07")
def test_a_stream_ends_at_the_instant_at_which_the_relationship_does(
    played: Scene, clock_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1. Guard: what a replica remembers holds until `turns_at` only (`PermissionCache.find`).

    That the lease is cut to that instant (`leases.lease`) shows in `test_leases_and_permits`, and
    the watchdog at its end in `test_door`: here the next renewal, half a lease later, ends it too.
    """
    file = played.released(periods=[MAY]).files[0]
    keeps = played.stage.actor("body-contracts").agreements
    (relationship,) = keeps.get("/v1/relationships")["items"]
    last_day = legal_day(SystemClock().now() + NEAR_MIDNIGHT)
    keeps.post(f"/v1/relationships/{relationship['id']}/ending", {"last_day": last_day.isoformat()})
    url = played.url("dissemination", f"/v1/files/{file.id}/content")
    token = played.token()

    def ahead(_self: SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(clock_file.read_text("ascii")))

    monkeypatch.setattr(SystemClock, "now", ahead)  # the issuer is in this process
    with Download(url, token) as download:
        assert download.status == 200
        download.read(1_000)
        instant = time.monotonic() + BEFORE.total_seconds()  # or a moment later
        seconds = (end_of(last_day) - BEFORE - datetime.now(UTC)).total_seconds()
        staged = clock_file.with_name("staged")
        staged.write_text(str(seconds), "ascii")
        staged.replace(clock_file)

        assert download.read_to_the_end(pause=0.03) == "reset"
        ended = time.monotonic()

    assert instant - 0.1 < ended < instant + LATE_SECONDS_MAX, "not before, nor long after"
    assert download.after(instant) <= CHUNK_BYTES_MIN + 8 * RECEIVE_BYTES
    assert download.received < download.length
    again = ServiceTokens(
        f"{played.suite.urls['issuer']}/oauth2/token",
        "csu-0df-analytics",
        played.suite.identities.key_file("csu-0df-analytics"),
        Role.CSU_SYSTEM,
        clock=SystemClock(),
    ).token("dissemination")
    refused = httpx.get(url, headers={"Authorization": f"Bearer {again}"}, timeout=60)
    assert (refused.status_code, refused.json()["code"]) == (403, "LCR_MISSING")
