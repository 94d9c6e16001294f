"""S3 in buckets: `kill -9` while an object is being written to a real S3 server.

The write stands still in its middle, the process gets its SIGKILL, the connection ends. Nothing is
named by then, nothing that is left can be fetched, and after a restart the work is done again.

The guards: an upload has its name only when it is completed (`BucketObjects.created`,
`BucketStore.put`), the claims of jobs, which run out, and the client that goes on.
"""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dsfc_testing import half_way
from dsfc_testing.half_way import HalfWay
from dsfc_testing.s3_gateway import Gateway
from tests.books import released_once
from tests.faults.test_kill_points import extracts, restart, settled, wait_killed
from tests.running import APRIL, MAY, Scene, scene, until

LANDING, RELEASE = "killed-landing", "killed-release"
UPLOADING = ".sgwtmp"
"""Where the server keeps what has no name yet."""
STOPPED_SECONDS_MAX = 120

pytestmark = [
    pytest.mark.s3,
    pytest.mark.xdist_group("s3"),
    pytest.mark.timeout(300),
]


@dataclass(frozen=True, slots=True)
class Buckets:
    """A suite whose stores are buckets, and what stands before them."""

    played: Scene
    gateway: Gateway
    network: HalfWay

    def named(self, bucket: str) -> frozenset[str]:
        """Keys of the objects that there are."""
        root = self.gateway.directory / bucket
        return frozenset(
            path.relative_to(root).as_posix()
            for at, folders, names in os.walk(root)
            if UPLOADING not in folders or not folders.remove(UPLOADING)
            for path in (Path(at, name) for name in names)
        )

    def kill_in_the_middle(self, service: str = "pseudonymisation") -> None:
        assert self.network.stopped.wait(STOPPED_SECONDS_MAX), "nothing was written there"
        self.played.suite.process(service).send_signal(signal.SIGKILL)
        wait_killed(self.played, service)

    def another_file(self, month: str) -> Path:
        """A file of that month with a record less: the same one would be refused."""
        lines = self.played.input_of(month).read_bytes().splitlines(keepends=True)
        path = self.played.state / f"another-{month}.csv"
        path.write_bytes(b"".join(lines[:-1]))
        return path

    def rows(self, query: str) -> frozenset[str]:
        return frozenset(key for (key,) in self.played.rows("pseudonymisation", query) if key)


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory, s3_gateway: Gateway) -> Iterator[Buckets]:
    scratch = tmp_path_factory.mktemp("scratch")
    for name in (LANDING, RELEASE):
        (s3_gateway.directory / name).mkdir()
    stores = {"RELEASE_STORE": f"s3://{RELEASE}"}
    settings = {
        "pseudonymisation": stores
        | {
            "LANDING_STORE": f"s3://{LANDING}",
            "SCRATCH": str(scratch),
            "LANDING_CLAIM_SECONDS": "1",
            "PREPARATION_CLAIM_SECONDS": "1",
            "SWEEP_SECONDS": "1",
        },
        "dissemination": stores,
    }
    with half_way.before(s3_gateway.endpoint) as network, pytest.MonkeyPatch.context() as told:
        for name, value in (s3_gateway.environment | {"AWS_ENDPOINT_URL": network.url}).items():
            told.setenv(name, value)
        with scene(tmp_path_factory, "kill-in-buckets", settings=settings) as played:
            # What was landed before lies in a directory: moved, as an operator moves it.
            played.suite.stop_service("pseudonymisation")
            landed = played.state / "objects" / "landing"
            code, said = played.suite.run("pseudonymisation", "move-landing", "--from", str(landed))
            assert code == 0, said
            shutil.rmtree(landed)
            restart(played, "pseudonymisation")
            yield Buckets(played, s3_gateway, network)


@pytest.mark.long
def test_a_worker_killed_while_it_writes_an_edition_leaves_none_and_lands_it_again(
    buckets: Buckets,
) -> None:
    played = buckets.played
    before = buckets.named(LANDING)
    buckets.network.stop_at(rb"PUT /killed-landing/editions/")
    provider = played.stage.actor("provider-r0a").pseudonymisation
    opened = provider.submit("SUS_APC", APRIL, buckets.another_file(APRIL))

    buckets.kill_in_the_middle()
    left = buckets.named(LANDING) - before
    assert {key.partition("/")[0] for key in left} <= {"uploads", "quarantine"}
    assert not left & buckets.rows("SELECT object_key FROM edition")
    restart(played, "pseudonymisation")
    done = provider.wait(opened.id, timeout_seconds=120)

    assert done.state.lower() == "accepted", done
    editions = buckets.rows("SELECT object_key FROM edition")
    until(
        lambda: {key for key in buckets.named(LANDING) if key.startswith("editions/")} == editions,
        what="an edition that no row names",
    )


@pytest.mark.long
def test_a_haven_killed_while_a_file_comes_leaves_no_half_of_it_and_the_client_goes_on(
    buckets: Buckets,
) -> None:
    """A part of an upload in several: what was sent of it has no name."""
    played = buckets.played
    before = buckets.named(LANDING)
    buckets.network.stop_at(rb"PUT /killed-landing/uploads/[^ ]*partNumber=")
    provider = played.stage.actor("provider-r0a").pseudonymisation
    opened = provider.open_submission("SUS_APC", MAY)
    file = buckets.another_file(MAY)
    sent: list[object] = []
    sending = threading.Thread(target=lambda: sent.append(provider.upload(opened.id, file)))
    sending.start()

    buckets.kill_in_the_middle()
    left = buckets.named(LANDING) - before
    restart(played, "pseudonymisation")
    sending.join(200)
    done = provider.wait(opened.id, timeout_seconds=120)

    assert left == frozenset()
    assert sent
    assert done.state.lower() == "accepted", done


@pytest.mark.long
def test_a_worker_killed_while_it_writes_an_extract_releases_it_once(buckets: Buckets) -> None:
    played = buckets.played
    until(played.all_heard, what="something was not heard")
    known, before = extracts(played), buckets.named(RELEASE)
    buckets.network.stop_at(rb"PUT /killed-release/")
    played.ask()

    buckets.kill_in_the_middle()
    (extract_id,) = extracts(played) - known
    assert buckets.named(RELEASE) == before
    assert played.rows("pseudonymisation", "SELECT 1 FROM prepared_file") == []
    restart(played, "pseudonymisation")
    extract = settled(played, extract_id)

    assert extract.state.upper() == "RELEASED", extract.code
    (file,) = extract.files
    released_once(played, str(file.id))
    target = played.state / "after.csv"
    assert played.csu.dissemination.download(file.id, target).exists()
    named = buckets.rows("SELECT object_key FROM prepared_file")
    until(lambda: buckets.named(RELEASE) == named, what="an object that no row names")


def test_what_stands_between_stopped_where_it_was_told_and_nowhere_else() -> None:
    """The tests above rest on it."""
    network = HalfWay("http://127.0.0.1:1")
    network.stop_at(rb"PUT /a/")
    head = b"PUT /a/key HTTP/1.1\r\nContent-Length: 10\r\n\r\n"

    assert network.allowed(b"PUT /b/key HTTP/1.1\r\nContent-Length: 10\r\n\r\n") is None
    assert network.allowed(head + b"12345") == len(head) + 5
    assert network.allowed(head + b"12345") is None, "once"
