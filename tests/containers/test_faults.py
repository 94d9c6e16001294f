"""What may happen to containers, and what must hold all the same.

A recipient asks and downloads without end; containers are restarted and killed meanwhile. Nothing
is lost, nothing is there twice, and every log is whole. And where dissemination cannot reach
agreements, a stream waits, and ends where permission was taken away meanwhile (S1).
"""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.containers.stack import (
    PARTS,
    PROJECT,
    SERVICES,
    WORKERS,
    address,
    container,
    python,
    run,
    wait_healthy,
)
from tests.containers.world import Recipient, World, rows, wrong_in
from tests.faults.slow import Download
from tests.running import until

KILLS, KILLS_LONG = 5, 20
SEED = 160
"""Of every day: agreements, the workers of the haven, Kafka, PostgreSQL and dissemination."""
STREAMS = 5
"""Under each of two agreements."""
FIRST_BYTES = 100_000

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1_800), pytest.mark.usefixtures("stack")]

HOLD = """
import sys, time, httpx
agreement, token = sys.argv[1:]
answer = httpx.post(
    f"http://127.0.0.1:8402/v1/agreements/{agreement}/holds",
    json={"reason": "A report was sent astray."},
    headers={"Authorization": f"Bearer {token}"},
    timeout=60,
)
print(answer.status_code, time.time(), answer.text)
"""


def nothing_is_lost(recipient: Recipient, *, at_least: int) -> None:
    """Each extract was released once, each file is in the register and in the ledger once."""
    files = [str(file.id) for extract in recipient.released for file in extract.files]
    assert len(recipient.released) >= at_least
    assert {extract.state.lower() for extract in recipient.released} == {"released"}
    assert len(files) == len(set(files)) == 2 * len(recipient.released)
    register = [
        str(line.model_dump()["file_id"])
        for line in recipient.suite.public().dissemination.register()
    ]
    assert [register.count(file) for file in files] == [1] * len(files)

    def held() -> bool:
        ledger = [row["file_id"] for row in rows("agreements", "SELECT file_id FROM holding")]
        return [ledger.count(file) for file in files] == [1] * len(files)

    until(held, what="agreements heard of every file once")
    for service in SERVICES:
        assert wrong_in(service) == "[]", service


def test_all_are_restarted_one_after_the_other_under_load_and_nothing_is_lost(
    world: World, tmp_path: Path
) -> None:
    with Recipient(world.suite, world.agreement, tmp_path) as recipient:
        until(lambda: recipient.released or recipient.failure)
        for service in (*SERVICES, *WORKERS):
            before = len(recipient.released)
            run("docker", "restart", "--time", "30", container(service))
            wait_healthy(service)
            until(lambda before=before: len(recipient.released) > before or recipient.failure)
    nothing_is_lost(recipient, at_least=len(SERVICES) + len(WORKERS))


def test_killed_at_any_moment_nothing_is_lost(
    world: World, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    is_long = request.config.getoption("--long", default=False)
    kills, seed = (KILLS_LONG, random.randrange(1_000_000)) if is_long else (KILLS, SEED)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with Recipient(world.suite, world.agreement, tmp_path) as recipient:
        until(lambda: recipient.released or recipient.failure)
        for _ in range(kills):
            before = len(recipient.released)
            victim = chance.choice((*SERVICES, *WORKERS, *PARTS))
            time.sleep(chance.uniform(0, 3))
            print(f"killed: {victim}")
            run("docker", "kill", container(victim))
            run("docker", "start", container(victim))
            wait_healthy(victim)
            until(lambda before=before: len(recipient.released) > before or recipient.failure)
    nothing_is_lost(recipient, at_least=kills)


@pytest.mark.scenario("B03")
def test_cut_off_from_agreements_streams_wait_and_end_where_permission_was_taken_away(
    world: World,
) -> None:
    """S1 through a partition: agreements cannot be reached, and takes permission away meanwhile."""
    where = f"http://{address('dissemination')}:8404/v1/files"
    handler = world.token("agreements", "body-breach-1")
    network = f"{PROJECT}_inside"
    with ExitStack() as stack:

        def streams(file: str, client: str) -> list[Download]:
            token = world.token("dissemination", client)
            return [
                stack.enter_context(
                    Download(f"{where}/{file}/content", token, receive_bytes=65_536)
                )
                for _ in range(STREAMS)
            ]

        ours = streams(world.large, "csu-0df-analytics")
        theirs = streams(world.other_large, "csu-0cx-analytics")
        for stream in (*ours, *theirs):
            assert stream.status == 200
            stream.read(FIRST_BYTES)
        agreements = container("agreements")
        run("docker", "network", "disconnect", network, agreements)
        try:
            _each((*ours, *theirs), Download.read_until_it_pauses)
            paused = [stream.received for stream in (*ours, *theirs)]
            status, _, answer = python("agreements", HOLD, world.agreement, handler).split(" ", 2)
            assert status == "200", answer
            held = [stream.held() for stream in ours]
        finally:
            run("docker", "network", "connect", "--alias", "agreements", network, agreements)
        _each((*ours, *theirs), Download.read_to_the_end)

    for stream, before, known in zip(ours, paused, held, strict=False):
        assert stream.received - before <= known, "a byte left after the answer"
        assert stream.received < stream.length
    assert [stream.received == stream.length for stream in theirs] == [True] * STREAMS
    wait_healthy("agreements")
    _lift(world)


def _each(streams: Sequence[Download], act: Callable[[Download], object]) -> None:
    """Let all act at the same time; raise what one of them raised."""
    with ThreadPoolExecutor(len(streams)) as threads:
        list(threads.map(act, streams))


def _lift(world: World) -> None:
    one, two = (world.suite.client(f"body-breach-{n}").agreements for n in (1, 2))
    (hold,) = one.get(f"/v1/agreements/{world.agreement}")["holds"]
    one.approve_lift(hold["id"], "The mail was recalled unread.")
    assert two.approve_lift(hold["id"], "The recipient confirmed deletion.").lifted_at is not None
