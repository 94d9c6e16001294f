"""The composition root: the only module that knows every other one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from fastapi import FastAPI
from sqlmodel import Session

from catalogue import Catalogue
from catalogue.flows.fetching import with_flows
from common import service
from common.clock import Clock, SystemClock
from common.db.mending import Mending
from common.messaging.consumer import Consumer
from common.organisations import RemoteCodes
from common.security.roles import Role
from common.service import WakeSignals
from common.service.cli import ServiceCommands
from common.service.parts import Readiness
from common.workers import Worker
from dissemination.adapters import events
from dissemination.adapters.agreements import HttpAgreements
from dissemination.adapters.preparations import HttpPreparations
from dissemination.adapters.sealing import SigningKey
from dissemination.adapters.store import ObstoreReleases
from dissemination.adapters.table_checks import TableChecks
from dissemination.adapters.workers import DeliverySweeper, Turns
from dissemination.api.dependencies import Streams
from dissemination.api.routes import router
from dissemination.api.stream.leased_response import Limits
from dissemination.db import log, repository
from dissemination.db.tables import metadata
from dissemination.settings import Settings
from dissemination.use_cases import driver, order_rounds
from dissemination.use_cases.context import Context

PACKAGE = "dissemination"
SUMMARY = "Extracts, delivery and registers: the only way out"
EXTRACTS = "extracts"
"""What the API wakes the driver for."""
ORDERS = "standing orders"
"""What API and consumer wake the rounds for."""


@dataclass(frozen=True)
class Parts(service.Parts):
    """The outside world, made from settings; the API and the workers have one each."""

    PACKAGE = PACKAGE
    ROLE = Role.SERVICE_DISSEMINATION

    settings: Settings

    @property
    def token_timeout_seconds(self) -> float:
        return self.settings.decision_timeout_seconds

    @cached_property
    def store(self) -> ObstoreReleases:
        settings = self.settings
        store = ObstoreReleases(settings.release_store, settings.release_credentials_file)
        return self.closing(store, ObstoreReleases.close)

    @cached_property
    def catalogue(self) -> Catalogue:
        return with_flows(
            lambda: self.as_ourselves("agreements", self.remote("agreements")),
            self.engine,
            self.legal_clock.now,
        )

    @cached_property
    def context(self) -> Context:
        settings, timer = self.settings, SystemClock()
        agreements = self.remote("agreements", timeout_seconds=settings.decision_timeout_seconds)
        preparations = self.remote("preparations")
        return Context(
            uow=repository.build(self.engine, timer, settings.checkpoint_dir),
            clock=self.legal_clock,
            timer=timer,
            agreements=HttpAgreements(self.as_ourselves("agreements", agreements)),
            codes=RemoteCodes(agreements, self.tokens),
            preparations=HttpPreparations(self.as_ourselves("pseudonymisation", preparations)),
            store=self.store,
            sealing=SigningKey(self.signer, self.engine, settings.checkpoint_dir, self.legal_clock),
            wake=self.wakes[EXTRACTS].set,
            wake_orders=self.wakes[ORDERS].set,
            order_sweep=timedelta(seconds=settings.order_sweep_seconds),
            lease_guard_seconds=settings.lease_guard_seconds,
            claim=timedelta(seconds=settings.claim_seconds),
        )

    def readiness(self) -> Readiness:
        return {**super().readiness(), "release store": self.store.check}

    def state(self) -> Mapping[str, Any]:
        settings = self.settings
        limits = Limits(
            pause_seconds_max=settings.pause_seconds_max,
            stall_seconds_max=settings.stall_seconds_max,
            progress_seconds=settings.progress_seconds,
        )
        return {
            **super().state(),
            "context": self.context,
            "catalogue": self.catalogue,
            "checks": TableChecks(
                at_once=settings.table_checks_max,
                seconds=settings.table_check_seconds,
                memory_bytes=settings.table_check_bytes,
            ),
            "streams": Streams(settings.streams_max, self.store, limits),
        }


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    wakes: WakeSignals | None = None,
) -> FastAPI:
    """Make the app. `wakes` wake the driver in the same process when it has something to do."""
    settings = settings or Settings()
    return service.create_app(
        settings,
        lambda: Parts(settings, clock, wakes=wakes or WakeSignals()),
        title="Dissemination",
        summary=SUMMARY,
        routers=[router],
    )


def workers(
    settings: Settings, *, clock: Clock | None = None, wakes: WakeSignals | None = None
) -> Sequence[Worker]:
    """Return all that runs beside the API."""
    parts = Parts(settings, clock, wakes=wakes or WakeSignals())
    return service.workers(parts, consumers=consumers(parts), jobs=jobs(parts))


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
    return [
        *(
            Turns(
                f"extract-driver-{number}",
                partial(driver.turn, ctx=parts.context),
                parts.wakes[EXTRACTS],
                poll_seconds=settings.driver_poll_seconds,
            )
            for number in range(settings.driver_threads)
        ),
        Turns(
            "order-rounds",
            partial(order_rounds.turn, known=parts.catalogue, ctx=parts.context),
            parts.wakes[ORDERS],
            poll_seconds=settings.order_poll_seconds,
        ),
        DeliverySweeper(parts.context, every_seconds=settings.sweep_seconds),
    ]


@contextmanager
def _writing(parts: Parts) -> Iterator[Session]:
    with repository.build(parts.engine, parts.legal_clock).writing() as tx:
        yield tx.session


MENDING: Mending[Parts] = Mending(transaction=_writing, columns=log.MENDABLE, log=log.log_mending)

SERVICE = ServiceCommands(
    summary=SUMMARY,
    metadata=metadata,
    settings=Settings,
    parts=Parts,
    apps={"api": create_app},
    bindings=lambda settings, wakes: [
        (create_app(settings, wakes=wakes), settings.host, settings.port)
    ],
    workers=lambda settings, wakes: workers(settings, wakes=wakes),
    consumers=consumers,
    mending=MENDING,
)
