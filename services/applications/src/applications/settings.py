"""What this service can be told; the defaults are those of the embedded way to run."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="APPLICATIONS_")

    port: Annotated[int, Field(ge=0, le=65_535)] = 8401
    database_url: Annotated[str, Field(repr=False)] = "sqlite:///var/applications.db"
    client_id: str = "applications"
    data_quality_url: Annotated[str | None, Field(pattern=r"^https?://")] = None
    """Where applicants read the public statement of data quality: an address that they can reach.
    By default that of pseudonymisation as this service knows it."""

    @property
    def statement_url(self) -> str:
        return self.data_quality_url or f"{self.service_urls['pseudonymisation']}/v1/data-quality"
