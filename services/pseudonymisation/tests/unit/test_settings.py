"""What is refused at the start, and in which words."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from pseudonymisation.settings import Settings


@pytest.fixture(autouse=True)
def development(monkeypatch):
    monkeypatch.setenv("PSEUDONYMISATION_ENVIRONMENT", "development")


def test_a_landing_store_in_a_bucket_needs_a_place_on_this_machine(monkeypatch):
    monkeypatch.setenv("PSEUDONYMISATION_LANDING_STORE", "s3://landing/prefix")

    with pytest.raises(ValidationError, match="set scratch to a directory"):
        Settings()

    monkeypatch.setenv("PSEUDONYMISATION_SCRATCH", "/var/lib/dsfc/scratch")
    settings = Settings()
    assert settings.local == Path("/var/lib/dsfc/scratch")
    assert settings.map_directory == Path("/var/lib/dsfc/scratch/maps")


def test_in_a_directory_all_of_it_is_below_the_landing_store(monkeypatch):
    monkeypatch.setenv("PSEUDONYMISATION_LANDING_STORE", "/var/lib/dsfc/landing")

    settings = Settings()

    assert settings.local == Path("/var/lib/dsfc/landing/scratch")
    assert settings.map_directory == Path("/var/lib/dsfc/landing/maps")


def test_the_landing_store_is_in_no_other_kind_of_store(monkeypatch):
    monkeypatch.setenv("PSEUDONYMISATION_LANDING_STORE", "https://landing.example")
    monkeypatch.setenv("PSEUDONYMISATION_SCRATCH", "/var/lib/dsfc/scratch")

    with pytest.raises(ValidationError, match="a directory, or s3://bucket/prefix"):
        Settings()
