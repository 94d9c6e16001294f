"""The service over HTTP on SQLite; the repositories are tested on both engines elsewhere.

The app is made once, since FastAPI takes its time; what is behind it is new for each test.
"""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from agreements import main
from dsfc_testing import safety
from services.agreements.tests.service import Service, settings


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture(scope="session")
def app_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    directory = tmp_path_factory.mktemp("agreements")
    app = main.create_app(settings(f"sqlite:///{directory / 'unused.db'}", directory))
    with TestClient(app) as client:
        client.event_hooks["response"].append(safety.look_at)
        yield client


@pytest.fixture
def service(migrated, app_client, sqlite_url, clock, identities, tmp_path) -> Iterator[Service]:
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
def seeded(service: Service) -> Service:
    return service.with_organisations()
