"""S3: `kill -9` at each of K1 to K8, then a restart (design.md section 10).

A real process gets a real SIGKILL at the named point; a run that never reached its point fails,
for then the process is still alive. What the dead one left is looked at before the restart:
nothing is released before K7, and nothing that lies in the store can be fetched. After it the
extract is released once: one decision, one holding, one manifest, one audit leaf, one register line
a file, and no object that no row names.

The guards, by the point at which their absence shows: K1, K2 the driver that goes on with what the
database says is unfinished; K3, K4 objects under an attempt's own key, and the sweep of those that
no row names; K5 the driver that does not depend on the event; K6 the release decision, which is the
same for the same file; K7 the one transaction of a release; K8 the delivery that is written down
before its first byte.
"""

import signal
from collections.abc import Iterator
from pathlib import PurePosixPath

import httpx
import pytest

from dsfc_client import DsfcError, Extract
from tests.books import released_once
from tests.running import MAY, Scene, scene, until

pytestmark = [pytest.mark.xdist_group("kill-points"), pytest.mark.timeout(300)]

POINTS = {
    "K1": "dissemination",
    "K2": "dissemination",
    "K3": "pseudonymisation",
    "K4": "pseudonymisation",
    "K5": "dissemination",
    "K6": "dissemination",
    "K7": "dissemination",
}
FIRST = {"K5": {"DRIVER_POLL_SECONDS": "60"}}
"""What makes the point come first: the driver asks the haven by itself, and may be ahead of K5's
event."""
RELEASED_BEFORE = {"K5": {0, 1}, "K7": {1}}
"""How many files may be released when the process dies; none elsewhere. A driver that is ahead of
the event has released properly, and what the dead event leaves is the same."""
LEFT_BEHIND = {"K3", "K4", "K5", "K6", "K7"}
"""Where something lies in the store by then. At K1 and K2 it may or may not: the driver can be
ahead of the answer, and the haven goes on with what it was given."""
QUICK = {"K3", "K7"}
"""One of each service in `make test`; all of them are long by nature."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    quick = {"pseudonymisation": {"PREPARATION_CLAIM_SECONDS": "1", "SWEEP_SECONDS": "1"}}
    with scene(tmp_path_factory, "kill-points", settings=quick) as running:
        yield running


def restart(played: Scene, service: str, **settings: str) -> None:
    if service in played.suite._processes:
        played.suite.stop_service(service)
    played.suite.start_service(service, **settings)
    played.suite.wait_ready([service])


def wait_killed(played: Scene, service: str) -> None:
    process = played.suite.process(service)
    until(lambda: process.poll() is not None, what=f"{service} never reached its point")
    assert process.returncode == -signal.SIGKILL
    played.suite.stop_service(service)


def ask(played: Scene) -> None:
    """Ask; the service may die before it answers."""
    try:
        played.csu.dissemination.request(played.body())
    except DsfcError:
        return


def released_files(played: Scene, extract_id: str) -> list[str]:
    return [
        file
        for (file,) in played.rows(
            "dissemination",
            "SELECT file_id FROM release WHERE extract_id = ?",
            extract_id.replace("-", ""),
        )
    ]


def extracts(played: Scene) -> set[str]:
    """Ids in the database, in which they have no hyphens."""
    return {row for (row,) in played.rows("dissemination", "SELECT id FROM extract")}


def settled(played: Scene, extract_id: str) -> Extract:
    """The extract, once it has come to an end."""

    def look() -> Extract | None:
        try:
            found = played.csu.dissemination.extract(extract_id)
        except DsfcError:
            return None
        return found if found.state.upper() in {"RELEASED", "FAILED"} else None

    return until(look, what="it came to no end")


def cannot_be_fetched(played: Scene, keys: frozenset[str]) -> bool:
    """Whether none of these objects can be fetched by the id that its name gives away."""
    headers = {"Authorization": f"Bearer {played.token()}"}
    ids = {PurePosixPath(key).name.partition(".")[0] for key in keys}
    return all(
        httpx.get(
            played.url("dissemination", f"/v1/files/{id_}/content"),
            headers=headers,
            timeout=60,
        ).status_code
        == 404
        for id_ in ids
    )


def named_objects(played: Scene) -> frozenset[str]:
    found = played.rows("pseudonymisation", "SELECT object_key FROM prepared_file")
    return frozenset(key for (key,) in found)


@pytest.mark.parametrize(
    "point",
    [pytest.param(point, marks=() if point in QUICK else pytest.mark.long) for point in POINTS],
)
def test_a_kill_leaves_nothing_released_or_one_release(played: Scene, point: str) -> None:
    service = POINTS[point]
    # An event of what came before, still on its way, would be the death of whom it reaches.
    until(played.all_heard, what="something was not heard")
    known, objects = extracts(played), played.objects()
    restart(played, service, KILL_AT=point, **FIRST.get(point, {}))

    ask(played)
    wait_killed(played, service)

    (extract_id,) = extracts(played) - known
    files = released_files(played, extract_id)
    assert len(files) in RELEASED_BEFORE.get(point, {0})
    left = played.objects() - objects
    assert left or point not in LEFT_BEHIND, "not the point it is"
    if service == "pseudonymisation":
        assert cannot_be_fetched(played, left)
        assert not left & named_objects(played)

    restart(played, service)
    if service == "pseudonymisation":  # what it does anew has other names
        assert cannot_be_fetched(played, left)
    extract = settled(played, extract_id)

    assert extract.state.upper() == "RELEASED", extract.code
    (file,) = extract.files
    released_once(played, str(file.id))
    target = played.state / f"{point}.csv"
    assert played.csu.dissemination.download(file.id, target).exists()
    until(lambda: played.objects() == named_objects(played), what="an object that no row names")


def test_a_kill_after_the_first_chunk_leaves_a_delivery_on_record(played: Scene) -> None:
    file = played.released(periods=[MAY]).files[0]
    restart(played, "dissemination", KILL_AT="K8")

    url = played.url("dissemination", f"/v1/files/{file.id}/content")
    got = bytearray()
    with pytest.raises(httpx.TransportError):
        fetch(url, played.token(), into=got)
    wait_killed(played, "dissemination")

    (delivery,) = played.rows(
        "dissemination",
        "SELECT outcome FROM delivery WHERE file_id = ?",
        str(file.id).replace("-", ""),
    )
    assert delivery == ("under_way",), "written down before the first byte"
    assert len(got) <= 1_048_576

    restart(played, "dissemination")
    target = played.state / "K8.csv"
    target.with_name("K8.csv.part").write_bytes(got)
    assert played.csu.dissemination.download(file.id, target).stat().st_size > len(got)
    released_once(played, str(file.id))


def fetch(url: str, token: str, *, into: bytearray) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.stream("GET", url, headers=headers, timeout=60) as answer:
        for part in answer.iter_raw():
            into += part


def test_after_all_kills_every_log_is_whole(played: Scene) -> None:
    from typer.testing import CliRunner

    from dsfc_cli.main import app

    told = CliRunner().invoke(app, ["audit", "verify", "--directory", str(played.state), "--json"])

    assert told.exit_code == 0, told.output
