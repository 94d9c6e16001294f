"""No service takes a database for its own before it has been migrated."""

import importlib

import pytest
from fastapi.testclient import TestClient

from common.db import migrate
from common.security import keys
from dsfc_cli.generated.contracts import SERVICES, apps_of

REGISTERS = {"agreements": "/v1/registers/contracts", "dissemination": "/v1/register"}
"""What anybody may read, out of the database."""


@pytest.fixture(params=SERVICES)
def service(request, database_url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prefix = request.param.upper()
    settings = importlib.import_module(f"{request.param}.settings").Settings.model_fields
    monkeypatch.setenv(f"{prefix}_DATABASE_URL", database_url)
    monkeypatch.setenv(f"{prefix}_ENVIRONMENT", "development")
    for key in ("signing_key_file", "client_key_file"):
        keys.generate(tmp_path / key)
        monkeypatch.setenv(f"{prefix}_{key.upper()}", str(tmp_path / key))
    for store in ("landing_store", "release_store", "key_store"):
        if store in settings:
            (tmp_path / store).mkdir()
            monkeypatch.setenv(f"{prefix}_{store.upper()}", str(tmp_path / store))
    return request.param


def failed(client: TestClient) -> dict[str, str]:
    return client.get("/readyz").json()["failed"]


def test_a_service_is_not_ready_before_its_database_is_migrated(service, database_url, make_engine):
    """Guard: `readiness` in each `main` has `migrate.ensure_current`."""
    apps = list(apps_of(service).values())
    for app in apps:
        with TestClient(app) as client:
            assert client.get("/livez").status_code == 200
            assert client.get("/readyz").status_code == 503
            assert failed(client)["migrations"] == "MIGRATIONS_PENDING"
            assert "database" not in failed(client)

    migrate.upgrade(make_engine(database_url), service)
    for app in apps:
        with TestClient(app) as client:
            answer = client.get("/readyz")
            assert answer.is_success or "migrations" not in answer.json()["failed"]


@pytest.mark.parametrize("service", sorted(REGISTERS), indirect=True)
def test_a_request_to_a_database_that_is_not_migrated_is_refused_for_now(
    service, database_url, make_engine
):
    """Guard: `db.unit_of_work.translated` knows a missing table from a bug."""
    with TestClient(apps_of(service)[service]) as client:
        answer = client.get(REGISTERS[service])
        assert (answer.status_code, answer.json()["code"]) == (503, "MIGRATIONS_PENDING")
        assert answer.headers["retry-after"]

        migrate.upgrade(make_engine(database_url), service)
        assert client.get(REGISTERS[service]).status_code == 200
