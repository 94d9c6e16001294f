"""The service over HTTP on SQLite; the repositories are tested on both engines elsewhere.

The app is made once, since FastAPI takes its time; what is behind it is new for each test. The
list of organisations, with which most tests begin, is taken in once a process: later tests have a
copy of the database and of the keys that sealed it.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import make_url

from agreements import main
from common.security.keys import Signer, generate_jwk
from dsfc_testing import safety
from services.agreements.tests.service import KEYS, Service, settings

SEEDED = "seeded.db"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def haven() -> Signer:
    """The key of pseudonymisation."""
    return Signer(generate_jwk())


@pytest.fixture(scope="session")
def app_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    directory = tmp_path_factory.mktemp("agreements")
    app = main.create_app(settings(f"sqlite:///{directory / 'unused.db'}", directory))
    with TestClient(app) as client:
        client.event_hooks["response"].append(safety.look_at)
        yield client


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a database with organisations and its keys lie, once there is one."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def service(
    migrated, app_client, sqlite_url, clock, identities, tmp_path, kept, request
) -> Iterator[Service]:
    if {"seeded", "house_of"} & {*request.fixturenames} and (kept / SEEDED).exists():
        shutil.copyfile(kept / SEEDED, make_url(sqlite_url).database)
        for name in KEYS:
            shutil.copy(kept / name, tmp_path / name)
    else:
        migrated("agreements")
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    parts = main.Parts(settings(sqlite_url, tmp_path), clock, identities.verifier())
    app_client.app_state.clear()
    app_client.app_state.update({**parts.state(), "pause": pause})
    yield Service(app_client, clock, identities, parts, pauses)
    parts.close()


@pytest.fixture
def seeded(service: Service, kept: Path, sqlite_url: str, tmp_path: Path) -> Service:
    if not (kept / SEEDED).exists():
        service.with_organisations().pauses.clear()
        for name in KEYS:
            shutil.copy(tmp_path / name, kept / name)
        with (
            closing(sqlite3.connect(make_url(sqlite_url).database)) as database,
            closing(sqlite3.connect(kept / "unfinished.db")) as copy,
        ):
            database.backup(copy)
        (kept / "unfinished.db").rename(kept / SEEDED)
    return service
