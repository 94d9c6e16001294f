"""S3: SIGKILL at every named point of this service, then a restart.

A real process of `dissemination serve --all` is killed by its own hand at the point. It is
forked from one that has imported everything, since twelve cold starts would be twelve times
two seconds; the fork has neither threads nor connections. What the dead one left is looked
at through a second process' eyes: the test's own API on the same database.
"""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest

from common.ids import digest
from common.testing.clock import FakeClock
from dissemination.adapters.db.tables import DeliveryRow, ExtractRow, RegisterLineRow, ReleaseRow

MIB = 1_048_576

ZYGOTE = """
import json, os, sys
import alembic.command, obstore, uvloop
import dissemination.cli as cli
for line in sys.stdin:
    told = json.loads(line)
    if "wait" in told:
        print(os.waitstatus_to_exitcode(os.waitpid(told["wait"], 0)[1]), flush=True)
        continue
    pid = os.fork()
    if pid == 0:
        os.environ.update(told["env"])
        log = os.open(told["log"], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(log, 1), os.dup2(log, 2)
        cli.serve(all_=True)
        os._exit(0)
    print(pid, flush=True)
"""


@pytest.fixture(scope="module")
def zygote():
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", ZYGOTE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


class Victim:
    def __init__(self, zygote, house, port, tmp_path):
        self._zygote, self._house, self._port = zygote, house, port
        self._log = tmp_path / "victim.log"
        self._pid = None
        self.url = f"http://127.0.0.1:{port}"

    def _tell(self, **told):
        self._zygote.stdin.write(json.dumps(told) + "\n")
        self._zygote.stdin.flush()
        return int(self._zygote.stdout.readline())

    def start(self, until, *, kill_at=None):
        settings = self._house.settings.model_dump(mode="json", exclude_unset=True)
        settings |= {"port": self._port} | ({"kill_at": kill_at} if kill_at else {})
        env = {
            f"DISSEMINATION_{name}".upper(): value if isinstance(value, str) else json.dumps(value)
            for name, value in settings.items()
        }
        self._pid = self._tell(env=env, log=str(self._log))
        until(self._answers)

    def _answers(self):
        try:
            return httpx.get(f"{self.url}/livez").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self):
        return httpx.post(
            f"{self.url}/v1/extracts",
            json=self._house.question,
            headers={"Authorization": f"Bearer {self._house.token()}"},
            timeout=30,
        )

    def was_killed(self):
        """Whether it died at its point: a run that never reached it fails."""
        status, self._pid = self._tell(wait=self._pid), None
        assert status == -signal.SIGKILL, self._log.read_text()[-4000:]

    def stop(self):
        if self._pid is not None:
            os.kill(self._pid, signal.SIGTERM)
            self._tell(wait=self._pid)


@pytest.fixture
def house(build_house):
    return build_house(
        workers=False,
        clock=FakeClock(datetime.now(UTC)),
        claim_seconds=0.5,
        # Both processes commit in one file; on a slow disk one may wait for the other.
        driver_poll_seconds=0.2,
    )


@pytest.fixture
def victim(zygote, house, tmp_path, free_port):
    victim = Victim(zygote, house, free_port(), tmp_path)
    yield victim
    victim.stop()


def released_once(house, extract_id):
    """S2 and S3: one release decision that counts, one manifest, leaf and register line."""
    extract = house.settled(extract_id, "released")
    (file,) = extract["files"]
    assert [str(r.file_id) for r in house.rows(ReleaseRow.file_id)] == [file["id"]]
    assert [str(r.file_id) for r in house.rows(RegisterLineRow.file_id)] == [file["id"]]
    assert house.actions(file["id"]).count("file-released") == 1
    assert [e["type"] for e in house.events(extract_id)].count(
        "dissemination.extract-released.v1"
    ) == 1
    assert len(house.agreements.holdings) == len(house.haven.jobs) == 1
    assert digest(house.call("GET", file["content"]).content) == file["digest"]
    return file


def nothing_released(house):
    assert house.rows(ReleaseRow.file_id) == house.rows(RegisterLineRow.file_id) == []
    assert "file-released" not in house.actions()
    for job in house.haven.jobs.values():
        for file in job["files"] or []:
            assert house.call("GET", f"/v1/files/{file['id']}/content").status_code == 404


def the_extract(house):
    ((extract_id, state),) = house.rows(ExtractRow.id, ExtractRow.state)
    return str(extract_id), state


def test_k1_after_the_row_of_the_request(house, victim, until):
    victim.start(until, kill_at="K1")
    with pytest.raises(httpx.TransportError):
        victim.ask()
    victim.was_killed()
    extract_id, state = the_extract(house)
    assert (state, house.haven.puts) == ("requested", 0)
    nothing_released(house)

    victim.start(until)

    released_once(house, extract_id)


def test_k2_after_the_haven_took_the_job(house, victim, until):
    victim.start(until, kill_at="K2")
    victim.ask()
    victim.was_killed()
    extract_id, state = the_extract(house)
    assert (state, house.haven.puts) == ("requested", 1)
    nothing_released(house)

    victim.start(until)

    released_once(house, extract_id)
    assert house.haven.puts == 2


def test_k5_after_the_event_was_consumed(house, victim, until, wake_up):
    house.haven.prepares = False
    victim.start(until, kill_at="K5")
    extract_id = victim.ask().json()["id"]
    house.settled(extract_id, "preparing")
    house.publish(wake_up(extract_id))
    victim.was_killed()
    nothing_released(house)
    house.haven.prepare(next(iter(house.haven.jobs)))

    victim.start(until)

    released_once(house, extract_id)


def test_k6_after_the_decision_to_release(house, victim, until):
    victim.start(until, kill_at="K6")
    victim.ask()
    victim.was_killed()
    extract_id, state = the_extract(house)
    assert (state, house.agreements.count("release")) == ("prepared", 1)
    nothing_released(house)

    victim.start(until)

    released_once(house, extract_id)
    assert house.agreements.count("release") == 2


def test_k7_after_the_release_was_committed(house, victim, until):
    victim.start(until, kill_at="K7")
    victim.ask()
    victim.was_killed()
    extract_id, _ = the_extract(house)

    victim.start(until)

    file = released_once(house, extract_id)
    size = house.call("GET", file["manifest"]).json()["manifest"]["audit"]["size"]
    path = house.settings.checkpoint_dir / "dissemination.checkpoints"
    until(lambda: path.exists() and signed_size(path) >= size)
    assert house.agreements.count("release") == 1


def signed_size(checkpoints):
    from dissemination.domain.attestation import Attestation

    lines = checkpoints.read_text().splitlines()
    return max(Attestation.read(line).claims["size"] for line in lines) if lines else 0


def test_k8_after_the_first_chunk(house, victim, until):
    house.haven.content = os.urandom(8 * MIB)
    victim.start(until)
    extract_id = victim.ask().json()["id"]
    file = house.settled(extract_id, "released")["files"][0]
    victim.stop()
    victim.start(until, kill_at="K8")

    got = bytearray()
    with pytest.raises(httpx.TransportError):
        download(victim, file, house.token(), into=got)
    victim.was_killed()
    assert len(got) <= MIB
    assert house.deliveries(file)[0]["outcome"] == "under_way"
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE delivery SET alive_at = '2000-01-01 00:00:00.000000'")

    victim.start(until)

    ended = house.ended(file)
    assert (ended["outcome"], ended["code"]) == ("cut", "OUTCOME_UNKNOWN")
    rest = house.call("GET", file["content"], headers={"Range": f"bytes={len(got)}-"})
    assert digest(bytes(got) + rest.content) == file["digest"]
    assert len(house.rows(DeliveryRow.id)) == 2


def download(victim, file, token, *, into):
    with httpx.stream(
        "GET", f"{victim.url}{file['content']}", headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        for chunk in answer.iter_raw():
            into.extend(chunk)
