"""S3: `kill -9` at each of K1 to K8, then a restart (design.md section 10).

Each time a real process gets a real SIGKILL at the named point; a run that never reached its
point fails, for then the process is still alive. Afterwards either nothing was released, or
it was released once: one decision, one manifest, one audit leaf, one register line a file, and
no object that no row names.

The guards, by the point at which their absence shows:
K1, K2 the driver that goes on with unfinished extracts; K3, K4 attempts under keys of their own and
the sweep; K5 the inbox and the poll; K6 the release decision that is the same for the same file;
K7 the one transaction of a release; K8 the delivery that is logged before its first byte.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from dsfc_cli.suite import Suite
from dsfc_client import DsfcError, Extract
from tests.running import Scene, scene

pytestmark = [pytest.mark.xdist_group("kill-points"), pytest.mark.timeout(280)]

POINTS = {
    "K1": "dissemination",
    "K2": "dissemination",
    "K3": "pseudonymisation",
    "K4": "pseudonymisation",
    "K5": "dissemination",
    "K6": "dissemination",
    "K7": "dissemination",
}
DIE_SECONDS_MAX = 60.0


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    root = tmp_path_factory.mktemp("kill-points")
    with scene(Suite(root / "state"), root, rows=2_000) as running:
        yield running


def restart(played: Scene, service: str, **settings: str) -> None:
    if service in played.suite._processes:
        played.suite.stop_service(service)
    played.suite.start_service(service, **settings)
    played.suite.wait_ready([service])


def wait_killed(played: Scene, service: str) -> None:
    process = played.suite.process(service)
    until = time.monotonic() + DIE_SECONDS_MAX
    while process.poll() is None:
        assert time.monotonic() < until, f"{service} never reached its point"
        time.sleep(0.05)
    assert process.returncode == -signal.SIGKILL
    played.suite.stop_service(service)


def ask(played: Scene) -> Extract | None:
    """Ask; the service may die before it answers."""
    try:
        return played.ask()
    except DsfcError:
        return None


def settled(played: Scene, known: set[str]) -> Extract:
    """The extract that was not known before, once it has come to an end."""
    csu = played.csu.dissemination
    until = time.monotonic() + DIE_SECONDS_MAX
    while True:
        new = [e for e in csu.extracts() if str(e.id) not in known]
        if new and new[0].state.upper() in {"RELEASED", "FAILED"}:
            return new[0]
        assert time.monotonic() < until, f"it came to no end: {new}"
        time.sleep(0.1)


def register_lines(played: Scene, file_id: str) -> int:
    lines = played.suite.public().dissemination.register()
    return sum(str(line.file_id) == file_id for line in lines)


def release_leaves(played: Scene, file_id: str) -> int:
    """Leaves of dissemination's audit log that tell of the release of this file."""
    import sqlite3

    database = played.suite.directory / "dissemination.db"
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT entry FROM audit_leaf").fetchall()
    return sum("released" in entry and file_id in entry for (entry,) in rows)


def objects(played: Scene) -> set[str]:
    root = played.suite.directory / "objects" / "release"
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}


def named_files(played: Scene) -> set[str]:
    """Ids of the files that rows of dissemination name."""
    return {str(f.id) for e in played.csu.dissemination.extracts() for f in e.files}


@pytest.mark.parametrize("point", list(POINTS))
def test_a_kill_leaves_nothing_released_or_one_release(played: Scene, point: str) -> None:
    service = POINTS[point]
    known = {str(e.id) for e in played.csu.dissemination.extracts()}
    restart(played, service, KILL_AT=point)

    ask(played)
    wait_killed(played, service)
    restart(played, service)
    extract = settled(played, known)

    assert extract.state.upper() == "RELEASED" or extract.code, extract
    for file in extract.files:
        assert register_lines(played, str(file.id)) == 1
        assert release_leaves(played, str(file.id)) == 1
        target = played.suite.directory / f"{point}.csv"
        assert played.csu.dissemination.download(file.id, target).exists()
    orphans = {o for o in objects(played) if not any(f in o for f in named_files(played))}
    assert orphans == set(), "an object that no row names"


def test_a_kill_after_the_first_chunk_leaves_a_delivery_on_record(played: Scene) -> None:
    extract = played.released()
    file = extract.files[0]
    restart(played, "dissemination", KILL_AT="K8")

    url = f"{played.suite.urls['dissemination']}/v1/files/{file.id}/content"
    with (
        pytest.raises(httpx.TransportError),
        httpx.stream("GET", url, headers={"Authorization": f"Bearer {played.token()}"}) as response,
    ):
        for _ in response.iter_bytes():
            pass
    wait_killed(played, "dissemination")
    restart(played, "dissemination")

    deliveries = played.csu.dissemination.get("/v1/deliveries", file_id=str(file.id))["items"]
    assert len(deliveries) == 1, "logged before the first byte"
    target = Path(played.suite.directory / "K8.csv")
    assert played.csu.dissemination.download(file.id, target).exists()
    assert register_lines(played, str(file.id)) == 1
