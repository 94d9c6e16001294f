"""S6: with agreements, a key or a store away the answer is no, in a defined time.

Nothing is half-written meanwhile, what was there before stays, and all goes on once it is back.
The database of a service: `test_replicas`.
"""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dsfc_cli.synthetic import generate
from dsfc_client import ExtractFile, Failed
from tests.faults.slow import Download
from tests.running import DATA_SET, DAYS, MAY, Scene, scene, until

pytestmark = [pytest.mark.xdist_group("away"), pytest.mark.timeout(300)]

DECISION_SECONDS = 3.0
"""How long dissemination waits for agreements here: a busy one is not to be taken for away."""
MARGIN_SECONDS = 20.0
"""The machine may be busy."""
JUNE = "2018-06"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    settings = {"dissemination": {"DECISION_TIMEOUT_SECONDS": str(DECISION_SECONDS)}}
    with scene(tmp_path_factory, "away", settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def file(played: Scene) -> ExtractFile:
    return played.released(periods=[MAY]).files[0]


def written(played: Scene, service: str) -> Mapping[str, int]:
    """How many rows each table of a service has, once what was asked of it before is over."""
    until(lambda: played.all_heard(of=[service]), what="something was not heard")
    under_way = "SELECT 1 FROM delivery WHERE outcome = 'under_way'"
    until(
        lambda: not played.rows("dissemination", under_way),
        what="the end of a delivery was not written down",
    )
    tables = played.rows(service, "SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        name: played.rows(service, f'SELECT count(*) FROM "{name}"')[0][0] for (name,) in tables
    }


def bearer(played: Scene, audience: str, who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {played.token(audience, played.stage.actor(who))}"}


def content(played: Scene, file: ExtractFile) -> str:
    return played.url("dissemination", f"/v1/files/{file.id}/content")


def is_ready(played: Scene, service: str) -> bool:
    return httpx.get(played.url(service, "/readyz"), timeout=60).is_success


@contextmanager
def frozen(played: Scene, service: str) -> Iterator[None]:
    """A process that takes connections and says nothing."""
    process = played.suite.process(service)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)
        played.suite.wait_ready([service])


@contextmanager
def killed(played: Scene, service: str) -> Iterator[None]:
    played.suite.stop_service(service, number=signal.SIGKILL)
    try:
        yield
    finally:
        played.suite.start_service(service)
        played.suite.wait_ready([service])


@contextmanager
def moved(path: Path) -> Iterator[None]:
    """A file or directory that is not where it was."""
    elsewhere = path.with_name(f"{path.name}.elsewhere")
    path.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(path)


@contextmanager
def read_only(root: Path) -> Iterator[None]:
    """A directory, and all below it, that nobody may write into."""
    directories = [Path(at) for at, _, _ in os.walk(root)]
    for path in directories:
        path.chmod(0o500)  # from above: below it nothing comes or goes any more
    try:
        yield
    finally:
        for path in directories:
            path.chmod(0o700)


@pytest.mark.parametrize("how", [frozen, killed])
def test_without_agreements_nothing_is_asked_for_and_nothing_is_fetched(
    played: Scene, file: ExtractFile, how: Any
) -> None:
    """S6. Guards: the limit of dissemination's patience (`decision_timeout_seconds`), and that
    whatever is not a yes or a no is no decision (`HttpAgreements`)."""
    headers = bearer(played, "dissemination", "csu-0df-analytics")
    before = written(played, "dissemination")
    with how(played, "agreements"):
        for ask in (
            lambda: httpx.post(
                played.url("dissemination", "/v1/extracts"),
                json=played.body(),
                headers=headers,
                timeout=30,
            ),
            lambda: httpx.get(content(played, file), headers=headers, timeout=30),
        ):
            began = time.monotonic()
            answer = ask()
            assert time.monotonic() - began < DECISION_SECONDS + MARGIN_SECONDS
            assert (answer.status_code, answer.json()["code"]) == (503, "DECISION_UNAVAILABLE")
            assert "application/problem+json" in answer.headers["content-type"]
        assert written(played, "dissemination") == before

    until(lambda: httpx.get(content(played, file), headers=headers, timeout=60).status_code == 200)


def test_a_restart_of_agreements_pauses_a_download_and_does_not_cut_it(
    played: Scene, file: ExtractFile
) -> None:
    """S6. Guards: `LeasedConnection.ready`: no byte passes without a lease, and `_renewed`,
    which waits for the next one."""
    with Download(content(played, file), played.token(), 32_768) as download:
        with killed(played, "agreements"):
            download.read_until_it_pauses()

        assert download.read_to_the_end() == "clean"
        assert download.received == download.length


def test_without_its_key_encryption_key_the_haven_prepares_nothing(played: Scene) -> None:
    """S6. Guards: `FileWrapping._keys`, which reads the file each time; `_available_key`, which
    makes a preparation of it that failed."""
    objects = played.objects()
    with moved(played.state / "keys" / "haven.kek"):
        assert not is_ready(played, "pseudonymisation")
        asked = played.ask()
        with pytest.raises(Failed) as failed:
            played.csu.dissemination.wait(asked.id, timeout_seconds=60)

        assert (failed.value.code, failed.value.detail) == (
            "KEY_UNAVAILABLE",
            "A key could not be read. Ask again later.",
        )
        assert failed.value.result.files == ()
        assert played.objects() == objects

    assert played.released().files


def test_without_its_key_store_the_haven_takes_nothing_in(played: Scene, tmp_path: Path) -> None:
    """S6. Guard: `KeyStore._there`, which takes a store that is away for no empty one."""
    small = _small(played, tmp_path)
    before = written(played, "pseudonymisation")["edition"]
    with moved(played.state / "haven-keys"):
        assert not is_ready(played, "pseudonymisation")
        submission, answer = _upload(played, small)

        assert (answer.status_code, answer.json()["code"]) == (503, "KEY_UNAVAILABLE")
        assert not (played.state / "haven-keys").exists(), "it is not made anew, empty"

    assert written(played, "pseudonymisation")["edition"] == before
    # It was not the file's fault: the same submission takes it now.
    assert _sent(played, submission, small).status_code == 202
    landed(played, submission)


def test_an_empty_directory_in_the_place_of_its_key_store_is_not_taken_for_a_new_one(
    played: Scene, tmp_path: Path
) -> None:
    """Guard: the ledger of keys. Otherwise people would get other tokens from now on (ADR 102)."""
    small = _small(played, tmp_path, rows=22)
    store = played.state / "haven-keys"
    with moved(store):
        store.mkdir()
        assert not is_ready(played, "pseudonymisation")
        _, answer = _upload(played, small)
        asked = played.ask()
        with pytest.raises(Failed) as failed:
            played.csu.dissemination.wait(asked.id, timeout_seconds=60)

        assert (answer.status_code, answer.json()["code"]) == (503, "KEY_UNAVAILABLE")
        assert "restore it from a backup" in answer.json()["detail"]
        assert failed.value.code == "KEY_UNAVAILABLE"
        assert list(store.rglob("*.key")) == []
        shutil.rmtree(store)

    assert played.released().files


def test_into_a_landing_store_that_is_read_only_nothing_is_taken(
    played: Scene, tmp_path: Path
) -> None:
    """S6. Guards: `Objects.check` and `_translated`."""
    small = _small(played, tmp_path, rows=21)
    with read_only(played.state / "objects" / "landing"):
        assert not is_ready(played, "pseudonymisation")
        submission, answer = _upload(played, small)

        assert (answer.status_code, answer.json()["code"]) == (503, "OBJECT_STORE_UNAVAILABLE")

    assert _sent(played, submission, small).status_code == 202
    landed(played, submission)


def test_into_a_release_store_that_is_read_only_nothing_is_released(played: Scene) -> None:
    """S6. Guard: `release_store._translated`, which makes a preparation of it that failed."""
    objects = played.objects()
    with read_only(played.state / "objects" / "release"):
        asked = played.ask()
        with pytest.raises(Failed) as failed:
            played.csu.dissemination.wait(asked.id, timeout_seconds=60)

        assert failed.value.code == "RELEASE_STORE_UNAVAILABLE"

    assert played.objects() == objects
    assert played.released().files


def test_out_of_a_release_store_that_is_away_nothing_is_fetched(
    played: Scene, file: ExtractFile
) -> None:
    """S6. Guard: `ObstoreReleases._opened`."""
    headers = bearer(played, "dissemination", "csu-0df-analytics")
    with moved(played.state / "objects" / "release"):
        assert not is_ready(played, "dissemination")
        answer = httpx.get(content(played, file), headers=headers, timeout=60)

        assert (answer.status_code, answer.json()["code"]) == (503, "OBJECT_STORE_UNAVAILABLE")

    until(lambda: httpx.get(content(played, file), headers=headers, timeout=60).status_code == 200)


def test_a_file_waits_for_the_maps_and_is_landed_when_they_are_back(
    played: Scene, tmp_path: Path
) -> None:
    """S6. Guard: `LandingJobs._try_to_land`, to which what is away is no fault of the file's."""
    small = _small(played, tmp_path, rows=22)
    submission = _announced(played)  # who may send is asked of agreements
    with killed(played, "agreements"):
        assert _sent(played, submission, small).status_code == 202
        provider = played.stage.actor("provider-r0a").pseudonymisation
        waiting = until(lambda: _with_code(provider.submission(submission)))
        assert (waiting.state.lower(), waiting.code) == ("received", "DEPENDENCY_UNAVAILABLE")

    try_again_now(played, submission)
    landed(played, submission)


def landed(played: Scene, submission: str) -> None:
    provider = played.stage.actor("provider-r0a").pseudonymisation
    done = provider.wait(submission, timeout_seconds=60)
    assert done.state.lower() == "accepted", done


def try_again_now(played: Scene, submission: str) -> None:
    """Bring the next try forward: it waits for ten seconds and more."""
    with closing(sqlite3.connect(played.state / "pseudonymisation.db", timeout=10)) as database:
        database.execute(
            "UPDATE submission SET claimed_until = '2000-01-01 00:00:00.000000' WHERE id = ?",
            [submission.replace("-", "")],
        )
        database.commit()


def _with_code(submission: Any) -> Any:
    return submission if submission.code else None


def _small(played: Scene, directory: Path, *, rows: int = 20) -> Path:
    """A file of a month that has not been submitted: so small that another may replace it."""
    path = directory / "small.csv"
    first, last = DAYS[MAY]
    generate(
        DATA_SET,
        rows=rows,
        seed=rows,
        first=first.replace(month=6, day=1),
        last=last.replace(month=6, day=30),
        world=played.world,
        path=path,
    )
    return path


def _upload(played: Scene, path: Path, *, period: str = JUNE) -> tuple[str, httpx.Response]:
    submission = _announced(played, period=period)
    return submission, _sent(played, submission, path)


def _announced(played: Scene, *, period: str = JUNE) -> str:
    headers = bearer(played, "pseudonymisation", "provider-r0a")
    opened = httpx.post(
        played.url("pseudonymisation", "/v1/submissions"),
        json={"data_set": DATA_SET, "period": period},
        headers=headers,
        timeout=60,
    )
    assert opened.status_code == 201, opened.text
    return str(opened.json()["id"])


def _sent(played: Scene, submission: str, path: Path) -> httpx.Response:
    return httpx.put(
        played.url("pseudonymisation", f"/v1/submissions/{submission}/content"),
        content=path.read_bytes(),
        headers=bearer(played, "pseudonymisation", "provider-r0a") | {"Content-Type": "text/csv"},
        timeout=60,
    )
