"""What agreements can be told, beside what every service can."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings

IMPORT_BYTES_MAX = 67_108_864
"""The largest list or map that is taken in: all postcodes of England fit."""


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(
        **{**ServiceSettings.model_config, "env_prefix": "AGREEMENTS_"}
    )

    port: Annotated[int, Field(ge=0, le=65_535)] = 8402
    database_url: Annotated[str, Field(repr=False)] = "sqlite:///var/agreements.db"
    client_id: str = "agreements"

    announce_seconds: Annotated[float, Field(gt=0, le=3600)] = 5
    """How soon others hear of a state that only the passing of time changed."""
