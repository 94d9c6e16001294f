"""What every service can be told. Each service adds its own in `<service>.settings`.

Read once, in `main` or `cli`, and handed down; nothing else reads the environment. The
defaults are those of the embedded way to run (design.md section 9), save `environment`,
which has none: who forgets it must not get development's. Production refuses the rest.
"""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from common.tls.development import of_development

SECRETS = Path("/run/secrets")  # where images find them


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class ServiceSettings(BaseSettings):
    """Subclass it with `model_config = SettingsConfigDict(env_prefix="APPLICATIONS_")`."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # a wrong password must not be printed
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
    )

    environment: Environment
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8400
    log_level: str = "INFO"

    database_url: Annotated[str, Field(repr=False)] = "sqlite:///var/service.db"
    database_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    statement_timeout_seconds: Annotated[float, Field(gt=0)] = 30
    lock_timeout_seconds: Annotated[float, Field(gt=0)] = 5
    idle_transaction_timeout_seconds: Annotated[float, Field(gt=0)] = 20

    kafka_bootstrap: list[str] = []
    """Empty: events go to the embedded log."""
    kafka_authority_file: Path | None = None
    """Mutual TLS with the brokers: all three files, or none."""
    kafka_certificate_file: Path | None = None
    kafka_key_file: Path | None = None

    tls_certificate_file: Path | None = None
    """TLS with whoever asks: the certificate with those between, and its key; both, or none."""
    tls_key_file: Path | None = None
    tls_authority_file: Path | None = None
    """Whom other services' certificates must be from; without it whom the public trusts."""
    issuer_authority_file: Path | None = None
    """The same for the issuer's."""
    tls_by_mesh: bool = False
    """A proxy beside each service (a mesh) encrypts: services speak plain HTTP to it."""

    event_log: Path | None = Path("var/events.db")
    """The embedded log's SQLite file, shared by the services."""

    issuer: str = "http://127.0.0.1:8400"
    jwks_url: str = "http://127.0.0.1:8400/jwks.json"
    token_url: str = "http://127.0.0.1:8400/oauth2/token"  # noqa: S105 - where, not what
    assertion_audience: str | None = None
    """Whom a client's assertion is meant for: `token_url`, unless said; Keycloak wants `issuer`."""
    client_id: str = "service"
    audience: str | None = None
    """What access tokens for this service name as `aud`; the client id, unless said."""
    client_key_file: Path = Path("var/keys/client.jwk")
    """The private key with which this service asks for tokens (private_key_jwt)."""
    signing_key_file: Path = Path("var/keys/signing.jwk")
    """The private key with which this service signs what others verify."""
    checkpoint_dir: Path = Path("var/checkpoints")
    """Outside the database: what is here shows when the database was changed."""
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 60
    service_urls: dict[str, str] = {
        "applications": "http://127.0.0.1:8401",
        "agreements": "http://127.0.0.1:8402",
        "pseudonymisation": "http://127.0.0.1:8403",
        "preparations": "http://127.0.0.1:8413",
        "dissemination": "http://127.0.0.1:8404",
    }

    body_bytes_max: Annotated[int, Field(gt=0)] = 1_048_576

    # Connections (docs/limits.md): before anybody has said who they are.
    request_line_bytes_max: Annotated[int, Field(ge=256, le=65_536)] = 8_192
    """Bytes of a request's path with its query; more is answered 414."""
    header_bytes_max: Annotated[int, Field(ge=1_024, le=1_048_576)] = 32_768
    """Bytes of all headers of a request; more is answered 431."""
    header_count_max: Annotated[int, Field(ge=10, le=1_000)] = 100
    """Headers of a request; more are answered 431."""
    header_seconds_max: Annotated[float, Field(gt=0, le=300)] = 10
    """Seconds from a connection's or a request's beginning until its headers are there; 408."""
    body_progress_bytes: Annotated[int, Field(ge=1)] = 1_024
    body_progress_seconds: Annotated[float, Field(gt=0, le=3600)] = 30
    """A body brings so many bytes in so many seconds, or is answered 408, however long it is."""
    response_stall_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    """Seconds for which a client may take nothing of an answer. Downloads have their own limit."""
    idle_seconds_max: Annotated[float, Field(gt=0, le=3600)] = 30
    """Seconds for which a connection is kept open without a request."""
    pipelined_max: Annotated[int, Field(ge=1, le=1_000)] = 16
    """Requests on a connection that may wait for the answer to one before."""
    connections_max: Annotated[int, Field(ge=1, le=50_000)] = 512
    """Connections to one port; the idle make room for the new, and else there is a 503."""
    connections_per_peer_max: Annotated[int, Field(ge=1, le=50_000)] = 256
    """Of them from one address. Raise it to all where a proxy stands before the service."""

    request_threads: Annotated[int, Field(ge=1, le=500)] = 40
    remote_timeout_seconds: Annotated[float, Field(gt=0)] = 5
    graceful_shutdown_seconds: Annotated[int, Field(gt=0)] = 20
    """Below the pod's terminationGracePeriodSeconds."""

    kill_at: str | None = None
    """A point of `common.faults`. Development only."""

    @property
    def own_audience(self) -> str:
        """Return what access tokens for this service name as `aud`."""
        return self.audience or self.client_id

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - it is left out
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look into no file of variables, and into the environment where it has one of ours.

        To look for each setting, nested ones too, takes most of the time of making settings.
        """
        prefix = (settings_cls.model_config.get("env_prefix") or "").upper()
        if not any(name.upper().startswith(prefix) for name in os.environ):
            return init_settings, file_secret_settings
        return init_settings, env_settings, file_secret_settings

    @model_validator(mode="after")
    def _knows_every_variable(self) -> Self:
        # pydantic-settings passes over variables that it does not know: a misspelt limit
        # would silently be the default.
        prefix = (self.model_config.get("env_prefix") or "").upper()
        if not prefix:
            return self
        known = {f"{prefix}{name}".upper() for name in type(self).model_fields}
        unknown = sorted(
            name
            for name in os.environ
            if name.upper().startswith(prefix) and name.upper().split("__")[0] not in known
        )
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _knows_kafka_wholly_or_not(self) -> Self:
        files = (self.kafka_authority_file, self.kafka_certificate_file, self.kafka_key_file)
        if any(files) and not all(files):
            raise ValueError("mutual TLS needs authority, certificate and key")
        return self

    @model_validator(mode="after")
    def _knows_who_encrypts(self) -> Self:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise ValueError("TLS needs certificate and key")
        if self.tls_by_mesh and self.tls_certificate_file is not None:
            raise ValueError("tls_by_mesh means plain HTTP here: give no certificate")
        return self

    @model_validator(mode="after")
    def _refuses_development_in_production(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        plain = [n for n, url in self.service_urls.items() if not url.startswith("https://")]
        tried = of_development(
            [
                self.tls_certificate_file,
                self.tls_authority_file,
                self.issuer_authority_file,
                self.kafka_certificate_file,
                self.kafka_authority_file,
            ]
        )
        mesh = "(tls_by_mesh says that a proxy encrypts)"
        wrong = [
            name
            for name, is_wrong in {
                "database_url needs PostgreSQL": not self.database_url.startswith("postgresql"),
                "kafka_bootstrap is empty": not self.kafka_bootstrap,
                "issuer is not https": not self.issuer.startswith("https://"),
                "jwks_url is not https": not self.jwks_url.startswith("https://"),
                "token_url is not https": not self.token_url.startswith("https://"),
                f"tls_certificate_file is not set {mesh}": not (
                    self.tls_by_mesh or self.tls_certificate_file
                ),
                f"service_urls are not https: {', '.join(plain)} {mesh}": bool(plain)
                and not self.tls_by_mesh,
                f"certificates of `dsfc keys` are for a try: {', '.join(map(str, tried))}": bool(
                    tried
                ),
                "kill_at is for tests": self.kill_at is not None,
            }.items()
            if is_wrong
        ]
        if wrong:
            raise ValueError(f"not in production: {'; '.join(wrong)}")
        return self
