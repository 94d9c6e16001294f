"""A haven that takes in files, on a fresh SQLite database."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.db import engine as engines
from common.db import migrate
from services.pseudonymisation.tests.submitting import Intake


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database at the head revision, to be copied."""
    path = tmp_path_factory.mktemp("template") / "haven.db"
    engine = engines.create(f"sqlite:///{path}")
    migrate.upgrade(engine, "pseudonymisation")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture
def landing() -> str:
    """Say where what was landed lies; `submitting.in_both_stores` says it otherwise."""
    return "directory"


@pytest.fixture
def landing_changes(landing: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the settings of that store. A bucket's folder is under `landing` all the same."""
    if landing == "directory":
        return {}
    bucket, gateway = request.getfixturevalue("s3_bucket"), request.getfixturevalue("s3_gateway")
    (tmp_path / "landing").symlink_to(gateway.directory / bucket.removeprefix("s3://"))
    return {"landing_store": bucket, "scratch": tmp_path / "scratch"}


@pytest.fixture
def intake(
    tmp_path: Path, migrated_file: Path, clock, identities, landing_changes
) -> Iterator[Intake]:
    """The intake's port, served; its workers are run by hand."""
    shutil.copyfile(migrated_file, tmp_path / "service.db")
    url = f"sqlite:///{tmp_path / 'service.db'}"
    with Intake(tmp_path, url, clock, identities, landing_changes).serving() as intake:
        yield intake
