"""The settings of the safe haven, beside those of every service."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from common.settings import Environment, ServiceSettings

MEGABYTE = 1_000_000


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(
        **{**ServiceSettings.model_config, "env_prefix": "PSEUDONYMISATION_"}
    )

    port: Annotated[int, Field(ge=0, le=65_535)] = 8403
    """Intake: providers and DSCRO staff."""
    preparations_port: Annotated[int, Field(ge=0, le=65_535)] = 8413
    """Preparations: dissemination only, also by network policy."""
    preparations_host: str | None = None
    """The host of the preparations' port; by default `host`."""
    database_url: Annotated[str, Field(repr=False)] = "sqlite:///var/pseudonymisation.db"
    client_id: str = "pseudonymisation"

    landing_store: str = "var/landing"
    """Uploads, quarantine, editions, lists of opt-outs: all of it sealed. A directory, or
    `s3://bucket/prefix`."""
    landing_credentials_file: Path | None = None
    """AWS credentials of the landing store's bucket; without it those of the workload."""
    release_store: str = "var/release"
    """A directory, or `s3://bucket/prefix`; written here, read by dissemination."""
    release_credentials_file: Path | None = None
    """AWS credentials that may write the release store's bucket, and nothing else."""
    scratch: Path | None = None
    """Pipes, sealed spills, and sealed copies of what the engine reads out of a bucket; maps of
    practices and postcodes. By default in the landing store; on an encrypted disk of this machine
    where that is a bucket."""
    key_store: Path = Path("var/haven-keys")
    """Wrapped keys. On another disk, and in another backup, than database and objects."""
    key_encryption_key_file: Path = Path("var/keys/haven.kek")
    """What wraps them: a mounted secret; made at the first start in development."""
    key_custodians_file: Path | None = None
    """Names and public keys (JWKS) of those of whom two make and destroy keys. Without it the
    haven makes its own keys itself, which production does not let it."""
    key_backup_dir: Path | None = None
    """What is known of the keys, and their backups. On another disk than the key store."""
    keep_key_backups_days: Annotated[int, Field(ge=1, le=3_650)] = 90
    """Backups of a month are destroyed so long after its last day."""

    engine_memory_bytes: Annotated[int, Field(ge=200 * MEGABYTE)] = 1_000 * MEGABYTE
    """Memory of one landing or preparation."""
    engine_threads: Annotated[int, Field(ge=1, le=64)] = 2
    engine_spill_bytes: Annotated[int, Field(ge=0)] = 200_000 * MEGABYTE

    landing_threads: Annotated[int, Field(ge=1, le=16)] = 1
    preparation_threads: Annotated[int, Field(ge=1, le=16)] = 1
    """Files landed, and extracts prepared, in parallel in this process."""
    job_poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    sweep_seconds: Annotated[float, Field(gt=0, le=86_400)] = 60
    landing_claim_seconds: Annotated[float, Field(ge=0.5, le=3_600)] = 60
    preparation_claim_seconds: Annotated[float, Field(ge=0.5, le=3_600)] = 15
    """A worker without a sign of life for so long counts as lost."""
    landing_patience_hours: Annotated[float, Field(gt=0, le=720)] = 24
    """How long a submission waits for a service that is unavailable, before it is rejected."""

    uploads_max: Annotated[int, Field(ge=1, le=200)] = 16
    """Uploads in parallel in this process; each takes some mebibytes of memory."""
    upload_stall_seconds: Annotated[float, Field(gt=0, le=3_600)] = 60
    """An upload that sends nothing for so long is ended."""
    file_checks_max: Annotated[int, Field(ge=1, le=16)] = 1
    """Files checked before they are sent, in parallel in this process; each takes an engine."""
    file_check_bytes_max: Annotated[int, Field(ge=1 * MEGABYTE)] = 100 * MEGABYTE
    """Larger files are not checked here."""
    keep_uploads_days: Annotated[float, Field(ge=0, le=3_650)] = 30
    """How long uploads and quarantined rows are stored after the decision."""
    keep_partial_hours: Annotated[float, Field(gt=0, le=720)] = 72
    """An upload in parts that nobody goes on with is destroyed after so long."""
    keep_domain_keys_days: Annotated[float, Field(ge=0, le=36_500)] = 365
    """How long a domain's key is kept after all that was released in the domain is destroyed."""
    orphan_hours: Annotated[float, Field(ge=0, le=720)] = 24
    """An object that no row names is deleted after so long."""
    quarantine_entries_max: Annotated[int, Field(ge=0, le=1_000_000)] = 10_000
    """How many reasons are stored singly; the report counts all of them."""

    @property
    def local(self) -> Path:
        """Return the directory of this machine for what does not stay."""
        return self.scratch or Path(self.landing_store) / "scratch"

    @property
    def map_directory(self) -> Path:
        """Return where maps that were fetched are kept."""
        return (self.scratch or Path(self.landing_store)) / "maps"

    @field_validator("landing_store", "release_store", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        return str(value) if isinstance(value, Path) else value

    @model_validator(mode="after")
    def _looks_after_its_keys_in_production(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        without = [n for n in ("key_custodians_file", "key_backup_dir") if not getattr(self, n)]
        if without:
            raise ValueError(f"not in production: {', '.join(without)} not set")
        return self

    @model_validator(mode="after")
    def _has_a_place_on_this_machine(self) -> Self:
        if "://" in self.landing_store:
            if not self.landing_store.startswith("s3://"):
                raise ValueError("landing_store is a directory, or s3://bucket/prefix")
            if self.scratch is None:
                raise ValueError(
                    "landing_store is a bucket: set scratch to a directory on an encrypted disk of"
                    " this machine, for what the engine reads, writes and spills"
                )
        return self
