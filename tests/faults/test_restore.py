"""A backup is put back into a suite that has nothing (docs/kubernetes.md, "Restore").

Dumps of the four databases by PostgreSQL's own `pg_dump`, the keys, the checkpoints and the stores
are all that is taken over. What was released is served again, what was landed is read, people
keep their tokens; and where a part is missing or too old, the answer is no.
"""

import csv
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from common.audit import verify
from common.audit.checkpoints import path_of
from common.ids import digest
from dsfc_cli.house.suite import SERVICES
from dsfc_client import ExtractFile, Failed, Problem
from dsfc_testing.postgresql import Server
from pseudonymisation.engine.keystore import generate_key_encryption_key
from tests.forking import ForkingSuite
from tests.running import APRIL, CSU, Scene, play, quick, scene_of, until

pytestmark = [
    pytest.mark.long,
    pytest.mark.postgresql,
    pytest.mark.xdist_group("restore"),
    pytest.mark.timeout(300),
]

TAKEN_OVER = ("keys", "haven-keys", "checkpoints", "objects", "identities", "events.db")
"""In this order; beside the databases."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was kept of a suite that is gone."""

    state: Path
    inputs: Path
    facts: Mapping[str, object]
    dumps: Mapping[str, Path]
    earlier: Mapping[str, Path]
    """Of before the release."""

    file: ExtractFile
    tokens: frozenset[str]


@dataclass(frozen=True, slots=True)
class Restored:
    scene: Scene
    backup: Backup
    server: Server

    def again(self, service: str, **settings: str) -> dict[str, str]:
        """Start a service anew with other settings; what of `/readyz` fails, by its check."""
        self.scene.suite.stop_service(service)
        self.scene.suite.start_service(service, **settings)
        return until(lambda: self._answered(service), what=f"{service} says nothing")[0]

    def _answered(self, service: str) -> tuple[dict[str, str]] | None:
        try:
            answer = httpx.get(self.scene.url(service, "/readyz"), timeout=30)
        except httpx.TransportError:
            return None
        return ({} if answer.is_success else answer.json()["failed"],)


def tokens_of(path: Path) -> frozenset[str]:
    """The pseudonyms of the people in an extract."""
    with path.open(encoding="utf-8", newline="") as file:
        return frozenset(row["Token"] for row in csv.DictReader(file))


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory, postgresql_server: Server) -> Backup:
    directory = tmp_path_factory.mktemp("before")
    suite = ForkingSuite(directory / "state", server=postgresql_server, settings=quick(None))
    with suite:
        facts = play(suite, directory / "input", csus=[CSU], months=[APRIL])
        played = scene_of(suite, directory / "input", facts)
        earlier = {
            service: postgresql_server.dump(
                suite.database_url(service), directory / f"{service}.earlier"
            )
            for service in ("agreements", "dissemination")
        }
        file = played.released().files[0]
        target = played.csu.dissemination.download(file.id, directory / "extract.csv")
    dumps = {
        service: postgresql_server.dump(suite.database_url(service), directory / f"{service}.dump")
        for service in SERVICES
    }
    return Backup(
        directory / "state",
        directory / "input",
        facts,
        dumps,
        earlier,
        file,
        tokens_of(target),
    )


@pytest.fixture
def restored(backup: Backup, tmp_path: Path, postgresql_server: Server) -> Iterator[Restored]:
    state = tmp_path / "state"
    state.mkdir()
    for name in TAKEN_OVER:
        kept = backup.state / name
        (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, state / name)
    suite = ForkingSuite(state, server=postgresql_server, settings=quick(None))
    for service in SERVICES:
        suite._databases[service] = postgresql_server.restore(backup.dumps[service])
    with suite:
        yield Restored(scene_of(suite, backup.inputs, backup.facts), backup, postgresql_server)


def test_what_was_released_is_served_and_what_was_landed_is_read(
    restored: Restored, tmp_path: Path
) -> None:
    played, backup = restored.scene, restored.backup
    download = played.csu.dissemination.download
    before = download(backup.file.id, tmp_path / "before.csv")
    anew = download(played.released().files[0].id, tmp_path / "anew.csv")

    assert digest(before.read_bytes()) == backup.file.digest
    assert tokens_of(before) == tokens_of(anew) == backup.tokens, "the domain has its key"
    for service in SERVICES:
        jwks = httpx.get(played.url(service, "/.well-known/jwks.json"), timeout=30).json()
        checkpoints = path_of(played.state / "checkpoints", service)
        report = verify(played.suite.database_url(service), checkpoints, jwks, log=service)
        assert [str(finding) for finding in report.findings] == []


def test_a_database_that_is_older_than_its_checkpoints_does_not_serve(restored: Restored) -> None:
    """Guard: `ensure_extends` in readiness. What was released is in a log that is not there."""
    earlier = restored.server.restore(restored.backup.earlier["dissemination"])

    assert restored.again("dissemination", DATABASE_URL=earlier) == {
        "audit log": "AUDIT_LOG_BROKEN"
    }


def test_agreements_from_before_a_release_do_not_let_its_file_out(
    restored: Restored, tmp_path: Path
) -> None:
    """Why agreements is never older than dissemination: it knows of no such file."""
    earlier = restored.server.restore(restored.backup.earlier["agreements"])
    empty = tmp_path / "no-checkpoints"
    empty.mkdir()
    assert restored.again("agreements", DATABASE_URL=earlier, CHECKPOINT_DIR=str(empty)) == {}

    with pytest.raises(Problem) as refused:
        restored.scene.csu.dissemination.download(restored.backup.file.id, tmp_path / "no.csv")

    assert refused.value.code == "AGREEMENT_NOT_FOUND", "as of a file of somebody else's"
    assert not (tmp_path / "no.csv").exists()
    assert restored.scene.csu.agreements.agreement(restored.scene.reference)


def test_with_another_key_encryption_key_nothing_is_prepared(
    restored: Restored, tmp_path: Path
) -> None:
    other = tmp_path / "other.kek"
    generate_key_encryption_key(other)
    restored.again("pseudonymisation", KEY_ENCRYPTION_KEY_FILE=str(other))
    played = restored.scene

    asked = played.ask().id
    with pytest.raises(Failed, match="KEY_UNAVAILABLE"):
        played.csu.dissemination.wait(asked, timeout_seconds=120)

    assert not played.csu.dissemination.extract(asked).files
