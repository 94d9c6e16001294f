"""The composition root: the only module that knows every other one."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import FastAPI
from sqlmodel import Session

from agreements.db import written
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.decisions.reads import as_sealed
from agreements.db.repository import SqlUnitOfWork
from agreements.db.seals.chain import Sealer
from agreements.db.tables import metadata
from agreements.decision.adapters import rules
from agreements.decision.adapters.attestations import SignedAttestations
from agreements.decision.api.routes import access, linkage
from agreements.decision.use_cases.decider import Decider
from agreements.flows.api.routes import router as flows_router
from agreements.flows.use_cases import context as flows
from agreements.records.adapters import events, reference
from agreements.records.adapters.applications import HttpSnapshots
from agreements.records.adapters.dissemination import HttpReleases
from agreements.records.adapters.workers import Announcer
from agreements.records.api.removal import Pause
from agreements.records.api.routes import router
from agreements.records.use_cases.context import Context, World
from agreements.settings import Settings
from common import service
from common.clock import Clock
from common.db.mending import Mending
from common.messaging.consumer import Consumer
from common.security.jwks import Jwks
from common.security.principal import of_service
from common.security.roles import Role
from common.security.tokens import TokenVerifier
from common.service.cli import ServiceCommands
from common.workers import Worker

PACKAGE = "agreements"
SUMMARY = "Organisations, contracts, agreements, relationships, breaches, and the decision"


@dataclass(frozen=True)
class Parts(service.Parts):
    """The outside world, made from settings; the API and the workers have one each."""

    PACKAGE = PACKAGE
    ROLE = Role.SERVICE_AGREEMENTS

    settings: Settings
    haven_keys: Callable[[], Jwks] | None = None

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.signer, self.settings.former_keys())

    @cached_property
    def uow(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self.engine, self.legal_clock, self.sealer, as_sealed(self.sealer))

    @cached_property
    def decision_logs(self) -> SqlDecisionLogs:
        return SqlDecisionLogs(self.engine, self.sealer)

    @cached_property
    def decider(self) -> Decider:
        return self.closing(Decider(self.decision_logs, self.legal_clock), Decider.stop)

    @cached_property
    def attestations(self) -> SignedAttestations:
        keys = self.haven_keys or self.keys_of("pseudonymisation")
        return SignedAttestations(keys, clock=self.legal_clock)

    @cached_property
    def snapshots(self) -> HttpSnapshots:
        return HttpSnapshots(self.remote("applications"), self.tokens)

    @cached_property
    def releases(self) -> HttpReleases:
        return HttpReleases(self.remote("dissemination"), self.tokens)

    @cached_property
    def world(self) -> World:
        return World(uow=self.uow, clock=self.legal_clock, reference=reference.load())

    @cached_property
    def flows(self) -> flows.FlowWorld:
        uow, clock = self.uow, self.legal_clock
        return flows.FlowWorld(uow=uow, clock=clock, reference=reference.load(), flows=uow)

    def context(self, role: Role) -> Context:
        """Return the context of what happens without a caller: an event, the passing of time."""
        return self.world.on_behalf_of(
            of_service(self.settings.client_id, role, audience=self.settings.own_audience)
        )

    def state(self) -> Mapping[str, Any]:
        return {
            **super().state(),
            "uow": self.uow,
            "context": self.world,
            "flows": self.flows,
            "reference": reference.load(),
            "rules": rules.load(),
            "decider": self.decider,
            "decision_logs": self.decision_logs,
            "attestations": self.attestations,
            "releases": self.releases,
        }


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
    return service.create_app(
        settings,
        lambda: Parts(settings, clock, verifier, haven_keys=haven_keys),
        title="Agreements",
        summary=SUMMARY,
        routers=[
            access.gate,
            access.router,
            access.well_known,
            linkage.router,
            router,
            flows_router,
        ],
        state=lambda _: {"pause": pause},
    )


def workers(settings: Settings, *, clock: Clock | None = None) -> Sequence[Worker]:
    """Return all that runs beside the API."""
    parts = Parts(settings, clock)
    return service.workers(parts, consumers=consumers(parts), jobs=jobs(parts))


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
    context = parts.context(Role.SYSTEM_CLOCK)
    return [Announcer(context, every_seconds=parts.settings.announce_seconds)]


@contextmanager
def _writing(parts: Parts) -> Iterator[Session]:
    with parts.uow.writing() as tx:
        yield tx.session


MENDING: Mending[Parts] = Mending(
    transaction=_writing, columns=written.MENDABLE, write=written.mend
)

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
