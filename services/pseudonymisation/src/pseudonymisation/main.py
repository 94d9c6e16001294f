"""The composition root: the only module that knows every other one."""

import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import structlog
from fastapi import FastAPI
from sqlalchemy import Engine

import catalogue
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
from common.security import keys
from common.security.client import ServiceTokens
from common.security.jwks import Jwks, fetch_from
from common.security.keys import SignedVerifier, Signer
from common.security.roles import Role
from common.security.tokens import JwksTokenVerifier, TokenVerifier
from common.settings import Environment
from common.web.app import create
from common.workers import Worker
from pseudonymisation.adapters import events, keystore, rules
from pseudonymisation.adapters.agreements import HttpMaps, HttpSubmissionRights
from pseudonymisation.adapters.db import preparation_repository, repository
from pseudonymisation.adapters.metrics import Measured
from pseudonymisation.adapters.plane.extracts import EnginePlane
from pseudonymisation.adapters.plane.intake import SealedHaven
from pseudonymisation.adapters.plane.objects import Objects
from pseudonymisation.adapters.plane.sealing import PERSON
from pseudonymisation.adapters.plane.session import Limits as EngineLimits
from pseudonymisation.adapters.release_store import release_store
from pseudonymisation.adapters.runner import Runner
from pseudonymisation.api import editions, opt_out_checks, opt_outs, preparations, submissions
from pseudonymisation.api import keys as public_keys
from pseudonymisation.api.dependencies import Uploads
from pseudonymisation.settings import Settings
from pseudonymisation.use_cases import domains
from pseudonymisation.use_cases import preparations as preparation_use_cases
from pseudonymisation.use_cases.context import Context, Limits
from pseudonymisation.use_cases.landings import LandingJobs
from pseudonymisation.use_cases.ports import Maps, SubmissionRights
from pseudonymisation.use_cases.preparing import PreparationJobs

log: structlog.stdlib.BoundLogger = structlog.get_logger()

PACKAGE: Final = "pseudonymisation"
SUMMARY: Final = "The safe haven: submissions, keys, pseudonyms, prepared extracts"
VERSION: Final = "1.0.0"


@dataclass(frozen=True)
class Woken:
    """Set by the API when there is work, for the workers in the same process."""

    landing: threading.Event = field(default_factory=threading.Event)
    preparation: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Parts:
    """The outside world, made from settings; each app and the workers have one.

    What is not from settings is for tests: a clock, a verifier, agreements' answers and keys.
    """

    settings: Settings
    clock: Clock | None = None
    woken: Woken = field(default_factory=Woken)
    made_verifier: TokenVerifier | None = None
    made_maps: Maps | None = None
    made_rights: SubmissionRights | None = None
    permit_keys: Callable[[], Jwks] | None = None

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
        settings = self.settings
        return self.made_verifier or JwksTokenVerifier(
            settings.issuer, settings.jwks_url, self.legal_clock
        )

    @cached_property
    def event_log(self) -> EventLog:
        """Kafka, or the embedded log; the latter says so."""
        if not self.settings.kafka_bootstrap:
            log.warning("event_log_embedded", path=str(self.settings.event_log))
        return of_settings.event_log(self.settings)

    @cached_property
    def catalogue(self) -> catalogue.Catalogue:
        return catalogue.load()

    @cached_property
    def remotes(self) -> Mapping[str, http.Client]:
        settings = self.settings
        return {
            name: http.client(url, timeout_seconds=settings.remote_timeout_seconds)
            for name, url in (
                ("issuer", settings.token_url),
                ("agreements", settings.service_urls["agreements"]),
            )
        }

    @cached_property
    def tokens(self) -> ServiceTokens:
        return ServiceTokens(
            self.settings.token_url,
            self.settings.client_id,
            self.settings.client_key_file,
            Role.SERVICE_PSEUDONYMISATION,
            clock=self.legal_clock,
            remote=self.remotes["issuer"],
        )

    @cached_property
    def objects(self) -> Objects:
        return Objects(self.settings.landing_store)

    @cached_property
    def keys(self) -> keystore.KeyStore:
        wrapping = keystore.FileWrapping(self.settings.key_encryption_key_file)
        return keystore.KeyStore(self.settings.key_store, wrapping)

    @cached_property
    def scratch(self) -> Path:
        return self.settings.scratch or self.settings.landing_store / "scratch"

    @cached_property
    def engine_limits(self) -> EngineLimits:
        settings = self.settings
        return EngineLimits(
            memory_bytes=settings.engine_memory_bytes,
            threads=settings.engine_threads,
            spill_bytes=settings.engine_spill_bytes,
        )

    @cached_property
    def maps(self) -> Maps:
        directory = self.settings.landing_store / "maps"
        return self.made_maps or HttpMaps(self.remotes["agreements"], self.tokens, directory)

    @cached_property
    def rights(self) -> SubmissionRights:
        return self.made_rights or HttpSubmissionRights(self.remotes["agreements"], self.tokens)

    @cached_property
    def intake(self) -> Context:
        settings = self.settings
        return Context(
            uow=repository.unit_of_work(self.engine),
            clock=self.legal_clock,
            catalogue=self.catalogue,
            haven=SealedHaven(
                objects=self.objects,
                keys=self.keys,
                scratch=self.scratch / "landings",
                limits=self.engine_limits,
                quarantine_entries_max=settings.quarantine_entries_max,
            ),
            maps=self.maps,
            rights=self.rights,
            limits=Limits(
                claim=timedelta(seconds=settings.landing_claim_seconds),
                patience=timedelta(hours=settings.landing_patience_hours),
                keep_uploads=timedelta(days=settings.keep_uploads_days),
                orphans=timedelta(hours=settings.orphan_hours),
            ),
            check_age=rules.check_age,
            wake=self.woken.landing.set,
        )

    @cached_property
    def preparation_uow(self) -> Any:
        return preparation_repository.unit_of_work(self.engine)

    @cached_property
    def preparations(self) -> preparation_use_cases.Outside:
        agreements = self.settings.service_urls["agreements"]
        jwks = self.permit_keys or fetch_from(f"{agreements}/.well-known/jwks.json")
        return preparation_use_cases.Outside(
            uow=self.preparation_uow,
            clock=self.legal_clock,
            catalogue=self.catalogue,
            permits=SignedVerifier(keys.PERMIT, jwks, clock=self.legal_clock),
            wake=self.woken.preparation.set,
        )

    @cached_property
    def landing_jobs(self) -> LandingJobs:
        return LandingJobs(self.intake)

    @cached_property
    def preparation_jobs(self) -> PreparationJobs:
        return PreparationJobs(
            uow=self.preparation_uow,
            clock=self.legal_clock,
            catalogue=self.catalogue,
            keys=self.keys,
            plane=EnginePlane(
                landing=self.objects,
                scratch=self.scratch / "preparations",
                limits=self.engine_limits,
            ),
            store=release_store(self.settings.release_store),
            attest=lambda claims: keys.issue(
                self.signer, keys.ATTESTATION, claims, at=self.legal_clock.now()
            ),
            claim_seconds=self.settings.preparation_claim_seconds,
        )

    def check_keys(self) -> None:
        """:raises KeyUnavailable: where the haven's own key cannot be had"""
        self.keys.ensure(PERSON)

    def close(self) -> None:
        """Let go of what was used."""
        for name, part in vars(self).items():
            match name:
                case "remotes":
                    for remote in part.values():
                        remote.close()
                case "engine":
                    part.dispose()
                case "event_log":
                    part.close()


MakeParts = Callable[[], Parts]


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    woken: Woken | None = None,
    parts: MakeParts | None = None,
) -> FastAPI:
    """Make the intake's app: submissions, editions, lists of opt-outs, public keys."""
    settings = settings or Settings()
    app = create(
        title="Pseudonymisation: intake",
        version=VERSION,
        summary=SUMMARY,
        settings=settings,
        lifespan=_intake(parts or (lambda: Parts(settings, clock, woken or Woken()))),
    )
    for router in (
        submissions.router,
        editions.router,
        opt_outs.router,
        opt_out_checks.router,
        public_keys.router,
    ):
        app.include_router(router)
    return app


def create_preparations_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    woken: Woken | None = None,
    parts: MakeParts | None = None,
) -> FastAPI:
    """Make the app of the second port, which dissemination alone may reach."""
    settings = settings or Settings()
    app = create(
        title="Pseudonymisation: preparations",
        version=VERSION,
        summary="Extracts prepared inside the safe haven, by permit only",
        settings=settings,
        lifespan=_preparations(parts or (lambda: Parts(settings, clock, woken or Woken()))),
    )
    app.include_router(preparations.router)
    app.include_router(preparations.landed_router)
    return app


def prepare_development(settings: Settings) -> None:
    """Make what a first start in development lacks; production is given it."""
    if settings.environment is Environment.DEVELOPMENT:
        keystore.generate_key_encryption_key(settings.key_encryption_key_file)


def workers(
    settings: Settings, *, clock: Clock | None = None, woken: Woken | None = None
) -> Sequence[Worker]:
    """Make everything that runs beside the API."""
    parts = Parts(settings, clock, woken or Woken())
    return shared(parts, [*relays(parts), *consumers(parts), *jobs(parts)])


def shared(parts: Parts, running: Sequence[Worker]) -> Sequence[Worker]:
    """Let the last of them that stops close the parts."""
    names: set[str] = set()
    return [_Sharing(worker, parts, names) for worker in running]


def relays(parts: Parts) -> Sequence[Worker]:
    return [Relay(parts.engine, parts.event_log)]


def consumers(parts: Parts) -> Sequence[Consumer]:
    ctx = domains.Context(uow=parts.preparation_uow, clock=parts.legal_clock, keys=parts.keys)
    return [
        Consumer(
            PACKAGE,
            parts.event_log,
            events.TOPICS,
            events.handlers(ctx),
            engine=parts.engine,
        )
    ]


def jobs(parts: Parts) -> Sequence[Worker]:
    settings = parts.settings
    kinds: Sequence[tuple[str, Any, threading.Event, int]] = (
        ("landing", parts.landing_jobs, parts.woken.landing, settings.landing_threads),
        (
            "preparation",
            parts.preparation_jobs,
            parts.woken.preparation,
            settings.preparation_threads,
        ),
    )
    return [
        *(
            Runner(
                f"{name}-{number}",
                jobs_,
                wake=wake,
                poll_seconds=settings.job_poll_seconds,
                sweep_seconds=settings.sweep_seconds if number == 0 else None,
            )
            for name, jobs_, wake, threads in kinds
            for number in range(threads)
        ),
        CheckpointWorker(
            parts.engine,
            signer=parts.signer,
            directory=settings.checkpoint_dir,
            log=PACKAGE,
            clock=parts.legal_clock,
            every_seconds=settings.checkpoint_seconds,
        ),
    ]


class _Sharing:
    """A worker that shares the parts with others; the last to stop lets go of them."""

    def __init__(self, worker: Worker, parts: Parts, running: set[str]) -> None:
        self.name = worker.name
        self._worker = worker
        self._parts = parts
        self._running = running
        running.add(worker.name)

    def run(self, stop: threading.Event) -> None:
        try:
            self._worker.run(stop)
        finally:
            if stop.is_set():  # otherwise it failed, and is started again
                self._running.discard(self.name)
                if not self._running:
                    self._parts.close()


Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]


def _state(parts: Parts) -> dict[str, Any]:
    return {
        "settings": parts.settings,
        "clock": parts.legal_clock,
        "engine": parts.engine,
        "verifier": parts.verifier,
    }


def _intake(make: MakeParts) -> Lifespan:
    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        parts = make()
        measured = Measured(app.state.metrics.meter)
        measured.watch(parts.engine, parts.legal_clock)
        try:
            yield _state(parts) | {
                "context": parts.intake,
                "signer": parts.signer,
                "uploads": Uploads(
                    uploads_max=parts.settings.uploads_max,
                    stall_seconds=parts.settings.upload_stall_seconds,
                ),
                "readiness": {
                    "migrations": partial(migrate.ensure_current, parts.engine, PACKAGE),
                    "landing store": parts.objects.check,
                    "key store": parts.check_keys,
                },
            }
        finally:
            measured.watch(None, None)
            parts.close()

    return run


def _preparations(make: MakeParts) -> Lifespan:
    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        parts = make()
        try:
            yield _state(parts) | {
                "preparations": parts.preparations,
                "readiness": {
                    "migrations": partial(migrate.ensure_current, parts.engine, PACKAGE),
                    "key store": parts.check_keys,
                },
            }
        finally:
            parts.close()

    return run
