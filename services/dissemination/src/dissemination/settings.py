"""What dissemination can be told, beside what every service can."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(
        **{**ServiceSettings.model_config, "env_prefix": "DISSEMINATION_"}
    )

    port: Annotated[int, Field(ge=0, le=65_535)] = 8404
    database_url: Annotated[str, Field(repr=False)] = "sqlite:///var/dissemination.db"
    client_id: str = "dissemination"

    release_store: str = "var/release"
    """A directory, or `s3://bucket/prefix`; the safe haven writes it, we read."""
    release_credentials_file: Path | None = None
    """AWS credentials that may read the release store's bucket, and nothing else; without it
    those of the workload."""

    decision_timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 5
    """How long agreements may take to answer before there is no decision."""

    lease_guard_seconds: Annotated[float, Field(ge=0, lt=0.5)] = 0.01
    """A lease is taken to end so much earlier than it was given."""

    pause_seconds_max: Annotated[float, Field(ge=0, le=600)] = 30
    """How long a stream waits while agreements is away, before it is cut."""

    stall_seconds_max: Annotated[float, Field(gt=0, le=3600)] = 120
    """How long a client may take nothing, before its stream is cut."""

    progress_seconds: Annotated[float, Field(gt=0, le=30)] = 10
    """How often a stream writes down how far it is."""

    streams_max: Annotated[int, Field(ge=1, le=1000)] = 64
    """Downloads at once; each may hold two blocks of 4 MiB."""

    table_checks_max: Annotated[int, Field(ge=1, le=16)] = 2
    """Checks of tables at once, each in a process of its own."""

    table_check_seconds: Annotated[float, Field(gt=0, le=60)] = 10
    """How long a check may search; with starting and proving it is ended after thrice as long."""

    table_check_bytes: Annotated[int, Field(ge=134_217_728)] = 268_435_456
    """Address space that a check may have; 5,000 cells take less than 160 MiB."""

    driver_threads: Annotated[int, Field(ge=1, le=32)] = 2
    driver_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    """How often the driver looks for extracts to move, without having been woken."""

    claim_seconds: Annotated[float, Field(gt=0, le=600)] = 5
    """How long a worker has an extract to itself before another may go on with it."""

    order_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 1
    """How often standing orders are looked at whose turn has come, without having been woken."""

    order_sweep_seconds: Annotated[float, Field(gt=0, le=86_400)] = 900
    """How often each standing order has a turn though nothing happened: events can be lost."""

    sweep_seconds: Annotated[float, Field(gt=0, le=3600)] = 15

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if self.decision_timeout_seconds > self.remote_timeout_seconds:
            raise ValueError("decision_timeout_seconds is longer than remote_timeout_seconds")
        return self
