"""How the stack ends: the last of the folder, for what it stops stays stopped."""

import threading
import time

import pytest

from tests.containers.stack import PARTS, SERVICES, WORKERS, address, compose, run, told
from tests.containers.world import World
from tests.faults.slow import Download

GRACE_SECONDS_MAX = 45.0

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1_800), pytest.mark.usefixtures("stack")]


def test_told_to_stop_everything_ends_by_itself_with_a_download_under_way(world: World) -> None:
    where = f"http://{address('dissemination')}:8404/v1/files/{world.large}/content"
    with Download(where, world.token("dissemination"), receive_bytes=65_536) as download:
        download.read(100_000)
        ended: list[str] = []
        reader = threading.Thread(target=lambda: ended.append(download.read_to_the_end(pause=0.1)))
        reader.start()
        began = time.monotonic()
        run(*compose(), "stop", "dissemination", seconds=200)
        took = time.monotonic() - began
        reader.join()

    assert ended
    assert took < GRACE_SECONDS_MAX
    assert _exit_codes("dissemination") == {"dissemination": 0}
    (delivery,) = world.deliveries(world.large)[-1:]
    assert delivery["ended_at"] is not None
    assert delivery["bytes"] >= download.received

    run(*compose(), "stop", seconds=200)
    names = (*SERVICES, *WORKERS, *PARTS)
    assert _exit_codes(*names) == dict.fromkeys(names, 0)


def _exit_codes(*services: str) -> dict[str, int]:
    return {name: told(name)["State"]["ExitCode"] for name in services}
