"""What agreements can be told, beside what every service can."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from common.errors import KeyUnavailable
from common.settings import ServiceSettings

IMPORT_BYTES_MAX = 67_108_864
"""The largest list or map that is taken in: all postcodes of England fit."""
DIRECTORY_BYTES_MAX = 4 << 30
"""The largest postcode directory; an edition has some 1.3 GB."""


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(
        **{**ServiceSettings.model_config, "env_prefix": "AGREEMENTS_"}
    )

    port: Annotated[int, Field(ge=0, le=65_535)] = 8402
    database_url: Annotated[str, Field(repr=False)] = "sqlite:///var/agreements.db"
    client_id: str = "agreements"

    former_keys_file: Path | None = None
    """Public keys (JWKS) with which seals and receipts were signed before the present one."""

    announce_seconds: Annotated[float, Field(gt=0, le=3600)] = 5
    """How soon others hear of a state that only the passing of time changed."""

    def former_keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the public keys of `former_keys_file`. Raises KeyUnavailable."""
        if self.former_keys_file is None:
            return ()
        try:
            found = json.loads(self.former_keys_file.read_text(encoding="utf-8"))["keys"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KeyUnavailable("The file of former keys cannot be read.") from error
        return [dict(key) for key in found]
