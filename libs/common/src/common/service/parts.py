"""The outside world of one process: made from settings when first used, closed in reverse order."""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import structlog
from sqlalchemy import Engine

from common import http
from common.audit import CheckpointWorker, ensure_extends
from common.clock import Clock
from common.db import engine as engines
from common.db import migrate
from common.db.clock import DatabaseClock
from common.messaging import of_settings
from common.messaging.port import EventLog
from common.messaging.relay import Relay
from common.organisations import Codes, RemoteCodes
from common.security.client import ServiceTokens
from common.security.jwks import Jwks, fetch_from
from common.security.keys import Signer
from common.security.roles import Role
from common.security.tokens import JwksTokenVerifier, TokenVerifier
from common.settings import ServiceSettings
from common.workers import Worker

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Part = TypeVar("Part")
Readiness = Mapping[str, Callable[[], object]]
"""What must succeed before the process takes requests, by name."""


class WakeSignals:
    """Events by which the API wakes a kind of worker in the same process."""

    def __init__(self) -> None:
        self._events: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def __getitem__(self, kind: str) -> threading.Event:
        with self._lock:
            return self._events.setdefault(kind, threading.Event())


@dataclass(frozen=True)
class Parts:
    """What every service has. The API and the workers of a process have one each.

    Subclasses add their own parts as cached properties. Whatever must be closed is made through
    `closing`. `clock`, `given_verifier` and `given_codes` take the place of what the settings would
    make: tests use them.
    """

    PACKAGE: ClassVar[str]
    ROLE: ClassVar[Role]

    settings: ServiceSettings
    clock: Clock | None = None
    given_verifier: TokenVerifier | None = None
    wakes: WakeSignals = field(default_factory=WakeSignals)
    given_codes: Codes | None = None
    _open: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    @cached_property
    def engine(self) -> Engine:
        return self.closing(engines.from_settings(self.settings), Engine.dispose)

    @cached_property
    def legal_clock(self) -> Clock:
        return self.clock or DatabaseClock(self.engine)

    @cached_property
    def signer(self) -> Signer:
        return Signer(self.settings.signing_key_file)

    @cached_property
    def verifier(self) -> TokenVerifier:
        settings = self.settings
        return self.given_verifier or JwksTokenVerifier(
            settings.issuer,
            fetch_from(settings.jwks_url, authority=settings.issuer_authority_file),
            self.legal_clock,
        )

    @cached_property
    def event_log(self) -> EventLog:
        if not self.settings.kafka_bootstrap:
            log.warning("event_log_embedded", path=str(self.settings.event_log))
        return self.closing(of_settings.event_log(self.settings), lambda opened: opened.close())

    @cached_property
    def tokens(self) -> ServiceTokens:
        """Access tokens with which this service calls others."""
        settings = self.settings
        return ServiceTokens(
            settings.token_url,
            settings.client_id,
            settings.client_key_file,
            self.ROLE,
            assertion_audience=settings.assertion_audience,
            clock=self.legal_clock,
            remote=self._client(
                settings.token_url, self.token_timeout_seconds, settings.issuer_authority_file
            ),
        )

    @cached_property
    def codes(self) -> Codes:
        """Codes of organisations, as agreements reads them."""
        return self.given_codes or RemoteCodes(self.remote("agreements"), self.tokens)

    @property
    def token_timeout_seconds(self) -> float:
        """Seconds for which an access token of our own is waited for."""
        return self.settings.remote_timeout_seconds

    def remote(self, service: str, *, timeout_seconds: float | None = None) -> http.Client:
        """Return a client of another service; its timeout is the settings' unless given."""
        settings = self.settings
        return self._client(
            settings.service_urls[service],
            timeout_seconds or settings.remote_timeout_seconds,
            settings.tls_authority_file,
        )

    def keys_of(self, service: str) -> Callable[[], Jwks]:
        """Return what fetches the keys with which another service signs."""
        settings = self.settings
        return fetch_from(
            f"{settings.service_urls[service]}/.well-known/jwks.json",
            authority=settings.tls_authority_file,
        )

    def as_ourselves(self, service: str, client: http.Client) -> http.Remote:
        """Return another service as it is called with our own tokens."""
        return http.Remote(client, partial(self.tokens.token, service))

    def _client(self, url: str, seconds: float, authority: Path | None) -> http.Client:
        client = http.client(url, timeout_seconds=seconds, authority=authority)
        return self.closing(client, http.Client.close)

    def readiness(self) -> Readiness:
        """Return the checks of `/readyz`. Each raises an `AppError` where it fails."""
        return {
            "migrations": partial(migrate.ensure_current, self.engine, self.PACKAGE),
            "audit log": partial(
                ensure_extends,
                self.engine,
                directory=self.settings.checkpoint_dir,
                log_name=self.PACKAGE,
            ),
        }

    def state(self) -> Mapping[str, Any]:
        """Return what endpoints find in `request.state`."""
        return {
            "settings": self.settings,
            "clock": self.legal_clock,
            "engine": self.engine,
            "verifier": self.verifier,
            "signer": self.signer,
            "readiness": self.readiness(),
        }

    def relay(self) -> Worker:
        """Return the worker that publishes this service's events."""
        return Relay(self.engine, self.event_log)

    def checkpoints(self) -> Worker:
        """Return the worker that signs the head of this service's audit log."""
        return CheckpointWorker(
            self.engine,
            signer=self.signer,
            directory=self.settings.checkpoint_dir,
            log=self.PACKAGE,
            clock=self.legal_clock,
            every_seconds=self.settings.checkpoint_seconds,
        )

    def closing(self, part: Part, close: Callable[[Part], object]) -> Part:
        """Have a part closed with the others, and return it."""
        self._open.callback(close, part)
        return part

    def close(self) -> None:
        """Close what was made, the last first."""
        self._open.close()
