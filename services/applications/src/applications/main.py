"""The composition root: the only module that knows every other one."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine

import catalogue
from applications.adapters import events, reference
from applications.adapters.agreements import HttpAgreements
from applications.adapters.db.repository import CONSUMER, unit_of_work
from applications.api.routes import reference_router, router
from applications.settings import Settings
from applications.use_cases.context import World
from applications.use_cases.ports import Agreements
from common import http
from common.audit import CheckpointWorker
from common.clock import Clock
from common.db import engine as engines
from common.db import migrate
from common.db.clock import DatabaseClock
from common.messaging.consumer import Consumer
from common.messaging.of_settings import event_log as open_event_log
from common.messaging.port import EventLog
from common.messaging.relay import Relay
from common.security.client import ServiceTokens
from common.security.keys import Signer
from common.security.roles import Role
from common.security.tokens import JwksTokenVerifier, TokenVerifier
from common.web.app import create
from common.workers import Worker

PACKAGE = "applications"
SUMMARY = "DARS: applications for data, the 20 Standards, review and decision"
VERSION = "1.0.0"


@dataclass(frozen=True)
class Parts:
    """The outside world, made from settings; the API and the workers have one each.

    What is given takes the place of what the settings would make.
    """

    settings: Settings
    clock: Clock | None = None
    given_verifier: TokenVerifier | None = None
    given_agreements: Agreements | None = None

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
    def verifier(self) -> TokenVerifier:
        return self.given_verifier or JwksTokenVerifier(
            self.settings.issuer, self.settings.jwks_url, self.legal_clock
        )

    @cached_property
    def event_log(self) -> EventLog:
        return open_event_log(self.settings)

    @cached_property
    def remote(self) -> http.Client:
        return http.client(
            self.settings.service_urls["agreements"],
            timeout_seconds=self.settings.remote_timeout_seconds,
        )

    @cached_property
    def agreements(self) -> Agreements:
        settings = self.settings
        return self.given_agreements or HttpAgreements(
            self.remote,
            ServiceTokens(
                settings.token_url,
                settings.client_id,
                settings.client_key_file,
                Role.SERVICE_APPLICATIONS,
                clock=self.legal_clock,
            ),
        )

    @cached_property
    def world(self) -> World:
        return World(
            uow=unit_of_work(self.engine),
            clock=self.legal_clock,
            agreements=self.agreements,
            rules=reference.load(),
            data_sets=catalogue.load(),
        )

    def close(self) -> None:
        self.remote.close()
        self.engine.dispose()


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    agreements: Agreements | None = None,
) -> FastAPI:
    """Make the app."""
    settings = settings or Settings()
    parts = Parts(settings, clock, verifier, agreements)
    app = create(
        title="Applications",
        version=VERSION,
        summary=SUMMARY,
        settings=settings,
        lifespan=_lifespan(parts),
    )
    app.include_router(router)
    app.include_router(reference_router)
    return app


def workers(settings: Settings, *, clock: Clock | None = None) -> Sequence[Worker]:
    """Make everything that runs beside the API."""
    parts = Parts(settings, clock)
    return [*relays(parts), *consumers(parts), *jobs(parts)]


def relays(parts: Parts) -> Sequence[Worker]:
    return [Relay(parts.engine, parts.event_log, clock=parts.legal_clock)]


def consumers(parts: Parts) -> Sequence[Consumer]:
    return [
        Consumer(
            CONSUMER,
            parts.event_log,
            [events.AGREEMENT_TOPIC],
            events.handlers(unit_of_work(parts.engine)),
            engine=parts.engine,
            clock=parts.legal_clock,
        )
    ]


def jobs(parts: Parts) -> Sequence[Worker]:
    return [
        CheckpointWorker(
            parts.engine,
            signer=parts.signer,
            directory=parts.settings.checkpoint_dir,
            log=PACKAGE,
            clock=parts.legal_clock,
            every_seconds=parts.settings.checkpoint_seconds,
        )
    ]


def _lifespan(parts: Parts) -> Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        try:
            yield {
                "settings": parts.settings,
                "clock": parts.legal_clock,
                "engine": parts.engine,
                "verifier": parts.verifier,
                "signer": parts.signer,
                "world": parts.world,
                "readiness": {"migrations": partial(migrate.ensure_current, parts.engine, PACKAGE)},
            }
        finally:
            parts.close()

    return run
