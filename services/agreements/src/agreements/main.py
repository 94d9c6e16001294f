"""The composition root: the only module that knows every other one."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

import structlog
from fastapi import FastAPI
from sqlalchemy import Engine

from agreements.adapters import events, reference, rules
from agreements.adapters.applications import HttpSnapshots
from agreements.adapters.attestations import Attestations
from agreements.adapters.db.decisions import SqlDecisionLogs
from agreements.adapters.db.repository import SqlUnitOfWork
from agreements.adapters.db.seals import Sealer
from agreements.adapters.workers import Announcer
from agreements.api.removal import Pause
from agreements.api.routes import router
from agreements.domain.organisation import BODY
from agreements.settings import Settings
from agreements.use_cases.access.decider import Decider
from agreements.use_cases.context import Context
from common import http
from common.audit import CheckpointWorker
from common.clock import Clock
from common.db import engine as engines
from common.db import migrate
from common.db.clock import DatabaseClock
from common.messaging import of_settings
from common.messaging.consumer import Consumer
from common.messaging.port import EventLog
from common.messaging.relay import Relay
from common.security.client import ServiceTokens
from common.security.jwks import Jwks, fetch_from
from common.security.keys import Signer
from common.security.principal import Principal
from common.security.roles import Role
from common.security.tokens import JwksTokenVerifier, TokenVerifier
from common.web.app import create
from common.workers import Worker

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PACKAGE = "agreements"
SUMMARY = "Organisations, contracts, agreements, relationships, breaches, and the decision"
VERSION = "1.0.0"


@dataclass(frozen=True)
class Parts:
    """The outside world, made from settings; the API and the workers have one each."""

    settings: Settings
    clock: Clock | None = None
    made_verifier: TokenVerifier | None = None
    haven_keys: Callable[[], Jwks] | None = None

    @cached_property
    def engine(self) -> Engine:
        return engines.from_settings(self.settings)

    @cached_property
    def legal_clock(self) -> Clock:
        return self.clock or DatabaseClock(self.engine)

    @cached_property
    def signer(self) -> Signer:
        return Signer(self.settings.signing_key_file)

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.signer, self.settings.former_keys())

    @cached_property
    def verifier(self) -> TokenVerifier:
        return self.made_verifier or JwksTokenVerifier(
            self.settings.issuer, self.settings.jwks_url, self.legal_clock
        )

    @cached_property
    def uow(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine, self.legal_clock, self.sealer)

    @cached_property
    def decision_logs(self) -> SqlDecisionLogs:
        return SqlDecisionLogs(self.engine, self.sealer)

    @cached_property
    def decider(self) -> Decider:
        return Decider(self.decision_logs, self.legal_clock)

    @cached_property
    def attestations(self) -> Attestations:
        haven = self.settings.service_urls["pseudonymisation"]
        keys = self.haven_keys or fetch_from(f"{haven}/.well-known/jwks.json")
        return Attestations(keys, clock=self.legal_clock)

    @cached_property
    def applications(self) -> http.Client:
        return http.client(
            self.settings.service_urls["applications"],
            timeout_seconds=self.settings.remote_timeout_seconds,
        )

    @cached_property
    def snapshots(self) -> HttpSnapshots:
        tokens = ServiceTokens(
            self.settings.token_url,
            self.settings.client_id,
            self.settings.client_key_file,
            Role.SERVICE_AGREEMENTS,
            clock=self.legal_clock,
        )
        return HttpSnapshots(self.applications, tokens)

    @cached_property
    def event_log(self) -> EventLog:
        if not self.settings.kafka_bootstrap:
            log.warning("event_log_embedded", path=str(self.settings.event_log))
        return of_settings.event_log(self.settings)

    def context(self, role: Role) -> Context:
        """Return the context of what happens without a caller: an event, the passing of time."""
        return Context(
            uow=self.uow,
            clock=self.legal_clock,
            principal=Principal(
                subject=self.settings.client_id,
                client_id=self.settings.client_id,
                organisation=BODY,
                role=role,
                token_id="",  # nobody's token: nothing here came over HTTP
                expires_at=datetime.max.replace(tzinfo=UTC),
                audience=self.settings.own_audience,
            ),
            reference=reference.load(),
        )

    def close(self) -> None:
        if "decider" in vars(self):
            self.decider.stop()
        if "event_log" in vars(self):
            self.event_log.close()
        if "applications" in vars(self):
            self.applications.close()
        self.engine.dispose()


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    pause: Pause = asyncio.sleep,
    haven_keys: Callable[[], Jwks] | None = None,
) -> FastAPI:
    """Make the app.

    `clock`, `verifier`, `pause` (which waits for leases) and `haven_keys` (by which attestations
    are verified) are for tests.
    """
    settings = settings or Settings()
    app = create(
        title="Agreements",
        version=VERSION,
        summary=SUMMARY,
        settings=settings,
        lifespan=_lifespan(lambda: Parts(settings, clock, verifier, haven_keys), pause),
    )
    app.include_router(router)
    return app


def workers(settings: Settings, *, clock: Clock | None = None) -> Sequence[Worker]:
    """Return all that runs beside the API."""
    parts = Parts(settings, clock)
    return [*relays(parts), *consumers(parts), *jobs(parts)]


def relays(parts: Parts) -> Sequence[Worker]:
    return [Relay(parts.engine, parts.event_log)]


def consumers(parts: Parts) -> Sequence[Consumer]:
    return [
        Consumer(
            PACKAGE,
            parts.event_log,
            events.TOPICS,
            events.handlers(parts.context(Role.SERVICE_AGREEMENTS), parts.snapshots),
            engine=parts.engine,
        )
    ]


def jobs(parts: Parts) -> Sequence[Worker]:
    settings = parts.settings
    return [
        Announcer(parts.context(Role.SYSTEM_CLOCK), every_seconds=settings.announce_seconds),
        CheckpointWorker(
            parts.engine,
            signer=parts.signer,
            directory=settings.checkpoint_dir,
            log=PACKAGE,
            clock=parts.legal_clock,
            every_seconds=settings.checkpoint_seconds,
        ),
    ]


def state(parts: Parts, pause: Pause) -> Mapping[str, Any]:
    """Return what the endpoints find in `request.state`."""
    return {
        "settings": parts.settings,
        "clock": parts.legal_clock,
        "engine": parts.engine,
        "verifier": parts.verifier,
        "uow": parts.uow,
        "reference": reference.load(),
        "signer": parts.signer,
        "pause": pause,
        "rules": rules.load(),
        "decider": parts.decider,
        "decision_logs": parts.decision_logs,
        "attestations": parts.attestations,
        "readiness": {"migrations": partial(migrate.ensure_current, parts.engine, PACKAGE)},
    }


def _lifespan(
    make: Callable[[], Parts], pause: Pause
) -> Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        parts = make()
        try:
            yield state(parts, pause)
        finally:
            parts.close()

    return run
