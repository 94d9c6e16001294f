"""The composition root: the only module that knows every other one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from fastapi import FastAPI
from sqlmodel import Session

from applications.adapters import events, reference
from applications.adapters.agreements import HttpAgreements
from applications.api.routes.applications import reference_router, router
from applications.db.repository import CONSUMER, log_mending, unit_of_work
from applications.db.tables import metadata
from applications.settings import Settings
from applications.use_cases.context import World
from applications.use_cases.ports import Agreements
from catalogue import Catalogue
from catalogue.flows.fetching import with_flows
from common import service
from common.clock import Clock
from common.db.mending import Mending
from common.db.unit_of_work import UnitOfWork
from common.messaging.consumer import Consumer
from common.organisations import Codes
from common.security.roles import Role
from common.security.tokens import TokenVerifier
from common.service.cli import ServiceCommands
from common.workers import Worker

PACKAGE = "applications"
SUMMARY = "DARS: applications for data, the 20 Standards, review and decision"


@dataclass(frozen=True)
class Parts(service.Parts):
    """The outside world, made from settings; the API and the workers have one each."""

    PACKAGE = PACKAGE
    ROLE = Role.SERVICE_APPLICATIONS

    settings: Settings
    given_agreements: Agreements | None = None

    @cached_property
    def agreements(self) -> Agreements:
        return self.given_agreements or HttpAgreements(self.remote("agreements"), self.tokens)

    @cached_property
    def catalogue(self) -> Catalogue:
        return with_flows(
            lambda: self.as_ourselves("agreements", self.remote("agreements")),
            self.engine,
            self.legal_clock.now,
        )

    @cached_property
    def world(self) -> World:
        return World(
            uow=unit_of_work(self.engine, self.settings.checkpoint_dir),
            clock=self.legal_clock,
            agreements=self.agreements,
            rules=reference.load(),
            data_sets=self.catalogue,
            codes=self.codes,
            data_quality_url=self.settings.statement_url,
        )


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    agreements: Agreements | None = None,
    codes: Codes | None = None,
) -> FastAPI:
    """Make the app."""
    settings = settings or Settings()
    return service.create_app(
        settings,
        lambda: Parts(settings, clock, verifier, given_agreements=agreements, given_codes=codes),
        title="Applications",
        summary=SUMMARY,
        routers=[router, reference_router],
        state=lambda parts: {"context": parts.world},
    )


def workers(settings: Settings, *, clock: Clock | None = None) -> Sequence[Worker]:
    """Return all that runs beside the API."""
    parts = Parts(settings, clock)
    return service.workers(parts, consumers=consumers(parts), jobs=[])


def consumers(parts: Parts) -> Sequence[Consumer]:
    return [
        Consumer(
            CONSUMER,
            parts.event_log,
            [events.AGREEMENT_TOPIC],
            events.handlers(unit_of_work(parts.engine), parts.legal_clock),
            engine=parts.engine,
            clock=parts.legal_clock,
        )
    ]


@contextmanager
def _writing(parts: Parts) -> Iterator[Session]:
    with UnitOfWork(parts.engine, lambda session: session).writing() as session:
        yield session


MENDING: Mending[Parts] = Mending(
    transaction=_writing,
    columns={
        "application": frozenset({"title", "sections", "record"}),
        "application_step": frozenset({"detail"}),
    },
    log=log_mending,
)
"""Snapshots are named by their hash: what is in one is mended by handing in again."""

SERVICE = ServiceCommands(
    summary=SUMMARY,
    metadata=metadata,
    settings=Settings,
    parts=Parts,
    apps={"api": create_app},
    bindings=lambda settings, _: [(create_app(settings), settings.host, settings.port)],
    workers=lambda settings, _: workers(settings),
    consumers=consumers,
    mending=MENDING,
)
