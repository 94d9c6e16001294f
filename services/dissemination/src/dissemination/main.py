"""The composition root: the only module that knows every other one."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine

import catalogue
from common import http
from common.audit import CheckpointWorker
from common.clock import Clock, SystemClock
from common.db import engine as engines
from common.db import migrate
from common.db.clock import DatabaseClock
from common.messaging import of_settings
from common.messaging.consumer import Consumer
from common.messaging.port import EventLog
from common.messaging.relay import Relay
from common.security.client import ServiceTokens
from common.security.keys import Signer
from common.security.roles import Role
from common.security.tokens import JwksTokenVerifier, TokenVerifier
from common.web.app import create
from common.workers import Worker
from dissemination.adapters import events
from dissemination.adapters.agreements import HttpAgreements
from dissemination.adapters.db import repository
from dissemination.adapters.preparations import HttpPreparations
from dissemination.adapters.sealing import LOG, SigningKey
from dissemination.adapters.store import ObstoreReleases
from dissemination.adapters.workers import DeliverySweeper, ExtractDriver
from dissemination.api.dependencies import Streams
from dissemination.api.door import Limits
from dissemination.api.routes import router
from dissemination.settings import Settings
from dissemination.use_cases.context import Context

PACKAGE = "dissemination"
SUMMARY = "Extracts, delivery and registers: the only door out"
VERSION = "1.0.0"


@dataclass(frozen=True)
class Parts:
    """The outside world, made from settings; the API and the workers have one each."""

    settings: Settings
    clock: Clock | None = None
    woken: threading.Event | None = None

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
        return JwksTokenVerifier(self.settings.issuer, self.settings.jwks_url, self.legal_clock)

    @cached_property
    def store(self) -> ObstoreReleases:
        return ObstoreReleases(self.settings.release_store)

    @cached_property
    def tokens(self) -> ServiceTokens:
        return ServiceTokens(
            self.settings.token_url,
            self.settings.client_id,
            self.settings.client_key_file,
            Role.SERVICE_DISSEMINATION,
            clock=self.legal_clock,
            remote=self.remotes["issuer"],
        )

    @cached_property
    def event_log(self) -> EventLog:
        return of_settings.event_log(self.settings)

    @cached_property
    def remotes(self) -> Mapping[str, http.Client]:
        settings = self.settings
        return {
            "issuer": http.client(
                settings.token_url, timeout_seconds=settings.decision_timeout_seconds
            ),
            "agreements": http.client(
                settings.service_urls["agreements"],
                timeout_seconds=settings.decision_timeout_seconds,
            ),
            "preparations": http.client(
                settings.service_urls["preparations"],
                timeout_seconds=settings.remote_timeout_seconds,
            ),
        }

    @cached_property
    def context(self) -> Context:
        timer = SystemClock()
        woken = self.woken or threading.Event()
        return Context(
            uow=repository.build(self.engine, timer),
            clock=self.legal_clock,
            timer=timer,
            agreements=HttpAgreements(self.remotes["agreements"], self.tokens),
            preparations=HttpPreparations(self.remotes["preparations"], self.tokens),
            store=self.store,
            sealing=SigningKey(
                self.signer, self.engine, self.settings.checkpoint_dir, self.legal_clock
            ),
            wake=woken.set,
            lease_guard_seconds=self.settings.lease_guard_seconds,
            claim=timedelta(seconds=self.settings.claim_seconds),
        )

    def close(self) -> None:
        """Let go of what was used."""
        for name, part in vars(self).items():
            match name:
                case "remotes":
                    for remote in part.values():
                        remote.close()
                case "engine":
                    part.dispose()
                case "event_log" | "store":
                    part.close()


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    woken: threading.Event | None = None,
) -> FastAPI:
    """Make the app. `woken` is set when the driver has something to do."""
    settings = settings or Settings()
    app = create(
        title="Dissemination",
        version=VERSION,
        summary=SUMMARY,
        settings=settings,
        lifespan=_lifespan(settings, clock, woken),
    )
    app.include_router(router)
    return app


def workers(
    settings: Settings,
    *,
    clock: Clock | None = None,
    woken: threading.Event | None = None,
) -> Sequence[Worker]:
    """Make everything that runs beside the API."""
    parts = Parts(settings, clock, woken or threading.Event())
    return shared(parts, [*relays(parts), *consumers(parts), *jobs(parts)])


def shared(parts: Parts, running: Sequence[Worker]) -> Sequence[Worker]:
    """Let the last of them that stops close the parts."""
    shares = _Shares(parts)
    return [_Sharing(worker, shares) for worker in (*running, _UntilTheEnd())]


def relays(parts: Parts) -> Sequence[Worker]:
    return [Relay(parts.engine, parts.event_log)]


def consumers(parts: Parts) -> Sequence[Consumer]:
    return [
        Consumer(
            PACKAGE,
            parts.event_log,
            events.TOPICS,
            events.handlers(parts.context),
            engine=parts.engine,
        )
    ]


def jobs(parts: Parts) -> Sequence[Worker]:
    settings = parts.settings
    woken = parts.woken or threading.Event()
    return [
        *(
            ExtractDriver(
                parts.context, woken, number=number, poll_seconds=settings.driver_poll_seconds
            )
            for number in range(settings.driver_threads)
        ),
        DeliverySweeper(parts.context, every_seconds=settings.sweep_seconds),
        CheckpointWorker(
            parts.engine,
            signer=parts.signer,
            directory=settings.checkpoint_dir,
            log=LOG,
            clock=parts.legal_clock,
            every_seconds=settings.checkpoint_seconds,
        ),
    ]


class _Shares:
    """Who uses the parts; when all are told to stop, the last to let go closes them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._held = 0
        self._closed = False

    @contextmanager
    def held(self, stop: threading.Event) -> Iterator[None]:
        with self._lock:
            self._held += 1
        try:
            yield
        finally:
            with self._lock:
                self._held -= 1
                # One that failed lets go too, and may be started again while nobody stops.
                if stop.is_set() and self._held == 0 and not self._closed:
                    self._closed = True
                    self._parts.close()


class _Sharing:
    """A worker that holds the parts as long as it runs."""

    def __init__(self, worker: Worker, shares: _Shares) -> None:
        self.name = worker.name
        self._worker = worker
        self._shares = shares

    def run(self, stop: threading.Event) -> None:
        with self._shares.held(stop):
            self._worker.run(stop)


class _UntilTheEnd:
    """Holds the parts until all are told to stop, also where every other worker fails."""

    name = "parts"

    def run(self, stop: threading.Event) -> None:
        stop.wait()


def _lifespan(
    settings: Settings, clock: Clock | None, woken: threading.Event | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        parts = Parts(settings, clock, woken)
        limits = Limits(
            pause_seconds_max=settings.pause_seconds_max,
            stall_seconds_max=settings.stall_seconds_max,
            progress_seconds=settings.progress_seconds,
        )
        try:
            yield {
                "settings": settings,
                "clock": parts.legal_clock,
                "engine": parts.engine,
                "verifier": parts.verifier,
                "context": parts.context,
                "signer": parts.signer,
                "catalogue": catalogue.load(),
                "streams": Streams(settings.streams_max, parts.store, limits),
                "readiness": {
                    "migrations": partial(migrate.ensure_current, parts.engine, PACKAGE),
                    "release store": parts.store.check,
                },
            }
        finally:
            parts.close()

    return run
