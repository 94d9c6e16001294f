"""What is refused at the start, and in which words."""

import pytest
from pydantic import ValidationError

from pseudonymisation.settings import Settings


def test_the_landing_store_is_no_bucket(monkeypatch):
    monkeypatch.setenv("PSEUDONYMISATION_ENVIRONMENT", "development")
    monkeypatch.setenv("PSEUDONYMISATION_LANDING_STORE", "s3://landing/prefix")

    with pytest.raises(ValidationError, match="a bucket can be the release store only"):
        Settings()
