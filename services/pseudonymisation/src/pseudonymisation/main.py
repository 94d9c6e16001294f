"""The composition root: the only module that knows every other one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from catalogue.flows import CatalogueWithFlows, fetching
from common import http, service
from common.clock import Clock
from common.errors import KeyUnavailable
from common.jobs import ClaimTimes, runners
from common.messaging.consumer import Consumer
from common.security import keys
from common.security.jwks import Jwks
from common.security.keys import SignedVerifier
from common.security.roles import Role
from common.service import WakeSignals
from common.service.cli import ServiceCommands
from common.service.parts import Readiness
from common.settings import Environment
from common.workers import Worker
from pseudonymisation.db.held.logged import Logged
from pseudonymisation.db.intake import intake_unit_of_work
from pseudonymisation.db.people.records import people_unit_of_work
from pseudonymisation.db.preparations import preparation_unit_of_work
from pseudonymisation.db.quality.records import quality_unit_of_work
from pseudonymisation.db.tables import metadata
from pseudonymisation.engine import keystore
from pseudonymisation.engine.custody.backups import Backups
from pseudonymisation.engine.custody.daily import KeyBackupWorker
from pseudonymisation.engine.custody.ledger import Ledger
from pseudonymisation.engine.objects import Objects, landing_store
from pseudonymisation.engine.sealing import PERSON
from pseudonymisation.engine.session import EngineLimits, share_memory
from pseudonymisation.intake.adapters import rules
from pseudonymisation.intake.adapters.agreements import HttpMaps, HttpSubmissionRights
from pseudonymisation.intake.adapters.intake import SealedHaven
from pseudonymisation.intake.adapters.metrics import IntakeMetrics
from pseudonymisation.intake.adapters.publications import HttpPublications
from pseudonymisation.intake.api.dependencies import FileChecks, Uploads
from pseudonymisation.intake.api.routes import (
    editions,
    file_checks,
    opt_out_checks,
    opt_outs,
    submissions,
    tables,
    uploads,
)
from pseudonymisation.intake.use_cases.context import IntakeContext, IntakeLimits
from pseudonymisation.intake.use_cases.landings import LandingJobs
from pseudonymisation.intake.use_cases.ports import Maps, Publications, SubmissionRights
from pseudonymisation.people.adapters.agreements import HttpDirectCare, HttpReleases
from pseudonymisation.people.adapters.landed_people import LandedPeople
from pseudonymisation.people.adapters.registered_practices import RegisteredPractices
from pseudonymisation.people.adapters.released_files import ReleasedFiles
from pseudonymisation.people.adapters.rules import (
    invoice_match_rule,
    reidentification_rule,
    risk_scores_rule,
    subject_access_rule,
)
from pseudonymisation.people.adapters.sealed_people import SealedPeople
from pseudonymisation.people.api.routes import (
    invoice_matches,
    registrations,
    reidentifications,
    risk_scores,
    subject_access,
)
from pseudonymisation.people.use_cases.context import PeopleContext
from pseudonymisation.people.use_cases.ports import DirectCare, Releases
from pseudonymisation.people.use_cases.sweeping import PeopleJobs
from pseudonymisation.preparations.adapters import events
from pseudonymisation.preparations.adapters.extract_engine import DuckDbExtractEngine
from pseudonymisation.preparations.adapters.release_store import release_store
from pseudonymisation.preparations.adapters.tables.table_engine import TableEngine
from pseudonymisation.preparations.api.routes import keys as public_keys
from pseudonymisation.preparations.api.routes import preparations
from pseudonymisation.preparations.use_cases import domains, shown_tables
from pseudonymisation.preparations.use_cases.ports import ReleaseStore
from pseudonymisation.preparations.use_cases.preparations import PreparationContext
from pseudonymisation.preparations.use_cases.preparing import PreparationJobs
from pseudonymisation.quality.adapters import rules as quality_rules
from pseudonymisation.quality.api.routes import board, reports, statement, summary
from pseudonymisation.quality.use_cases.context import QualityContext
from pseudonymisation.settings import Settings

PACKAGE: Final = "pseudonymisation"
SUMMARY: Final = "The safe haven: submissions, keys, pseudonyms, prepared extracts"
LANDING, PREPARATION, PEOPLE = "landing", "preparation", "people"
"""What the API wakes workers for."""


@dataclass(frozen=True)
class Parts(service.Parts):
    """The outside world, made from settings; each app and the workers have one.

    What is given takes the place of what the settings would make: tests use it.
    """

    PACKAGE = PACKAGE
    ROLE = Role.SERVICE_PSEUDONYMISATION

    settings: Settings
    given_maps: Maps | None = None
    given_rights: SubmissionRights | None = None
    given_publications: Publications | None = None
    given_direct_care: DirectCare | None = None
    given_releases: Releases | None = None
    permit_keys: Callable[[], Jwks] | None = None

    @cached_property
    def catalogue(self) -> CatalogueWithFlows:
        ask, now = lambda: self.as_ourselves("agreements", self.agreements), self.legal_clock.now
        return fetching.with_flows(ask, self.engine, now)

    @cached_property
    def agreements(self) -> http.Client:
        return self.remote("agreements")

    @cached_property
    def objects(self) -> Objects:
        settings = self.settings
        return landing_store(settings.landing_store, settings.landing_credentials_file)

    @cached_property
    def releases(self) -> ReleaseStore:
        settings = self.settings
        return release_store(settings.release_store, settings.release_credentials_file)

    @cached_property
    def keys(self) -> keystore.KeyStore:
        settings = self.settings
        return keystore.KeyStore(
            settings.key_store,
            keystore.FileWrapping(settings.key_encryption_key_file),
            ledger=None if settings.key_backup_dir is None else self.key_ledger,
            is_by_order=settings.key_custodians_file is not None,
        )

    @property
    def key_ledger(self) -> Ledger:
        return Ledger(self._key_backup_dir())

    @property
    def key_backups(self) -> Backups:
        keep = timedelta(days=self.settings.keep_key_backups_days)
        return Backups(self._key_backup_dir(), keep=keep)

    def _key_backup_dir(self) -> Path:
        if self.settings.key_backup_dir is None:
            raise KeyUnavailable("key_backup_dir is not set: nothing is known of the keys.")
        return self.settings.key_backup_dir

    @cached_property
    def scratch(self) -> Path:
        return self.settings.local

    @cached_property
    def engine_limits(self) -> EngineLimits:
        share_memory()  # before there are threads with heaps of their own
        settings = self.settings
        return EngineLimits(
            memory_bytes=settings.engine_memory_bytes,
            threads=settings.engine_threads,
            spill_bytes=settings.engine_spill_bytes,
        )

    @cached_property
    def maps(self) -> Maps:
        directory = self.settings.map_directory
        return self.given_maps or HttpMaps(self.agreements, self.tokens, directory)

    @cached_property
    def rights(self) -> SubmissionRights:
        return self.given_rights or HttpSubmissionRights(self.agreements, self.tokens)

    @cached_property
    def publications(self) -> Publications:
        return self.given_publications or HttpPublications(
            self.agreements, self.tokens, self.legal_clock.now
        )

    @cached_property
    def logged(self) -> Logged:
        return Logged(self.settings.checkpoint_dir)

    @cached_property
    def intake(self) -> IntakeContext:
        settings = self.settings
        return IntakeContext(
            uow=intake_unit_of_work(self.engine, self.logged),
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
            publications=self.publications,
            codes=self.codes,
            limits=IntakeLimits(
                claims=ClaimTimes(duration=timedelta(seconds=settings.landing_claim_seconds)),
                patience=timedelta(hours=settings.landing_patience_hours),
                keep_uploads=timedelta(days=settings.keep_uploads_days),
                keep_partial=timedelta(hours=settings.keep_partial_hours),
                orphans=timedelta(hours=settings.orphan_hours),
            ),
            check_rule=rules.check_rule,
            wake=self.wakes[LANDING].set,
        )

    @cached_property
    def quality(self) -> QualityContext:
        return QualityContext(
            uow=quality_unit_of_work(self.engine, self.logged),
            clock=self.legal_clock,
            catalogue=self.catalogue.at_hand(),
            codes=self.codes,
            publications=self.publications,
            rights=self.rights,
            small_numbers=quality_rules.small_numbers(),
            due_rules=quality_rules.due_rules(),
            shrink_rule=quality_rules.shrink_rule,
        )

    @cached_property
    def people(self) -> PeopleContext:
        return PeopleContext(
            uow=people_unit_of_work(self.engine, self.logged),
            clock=self.legal_clock,
            codes=self.codes,
            haven=SealedPeople(
                objects=self.objects,
                keys=self.keys,
                scratch=self.scratch / "people",
                limits=self.engine_limits,
            ),
            agreements=self.given_direct_care or HttpDirectCare(self.agreements, self.tokens),
            catalogue=self.catalogue.at_hand(),
            landed_rows=LandedPeople(
                objects=self.objects,
                keys=self.keys,
                scratch=self.scratch / "people",
                limits=self.engine_limits,
                catalogue=self.catalogue.at_hand(),
            ),
            prepared_rows=ReleasedFiles(store=self.releases, keys=self.keys),
            releases=self.given_releases or HttpReleases(self.agreements, self.tokens),
            rule=reidentification_rule,
            subject_access_rule=subject_access_rule,
            invoice_match_rule=invoice_match_rule,
            risk_scores_rule=risk_scores_rule,
            intake=self.intake,
        )

    @cached_property
    def people_jobs(self) -> PeopleJobs:
        return PeopleJobs(self.people)

    @cached_property
    def preparation_uow(self) -> Any:
        return preparation_unit_of_work(self.engine, self.logged)

    @cached_property
    def preparations(self) -> PreparationContext:
        jwks = self.permit_keys or self.keys_of("agreements")
        return PreparationContext(
            uow=self.preparation_uow,
            clock=self.legal_clock,
            catalogue=self.catalogue,
            permits=SignedVerifier(keys.PERMIT, jwks, clock=self.legal_clock),
            previews=SignedVerifier(keys.PREVIEW, jwks, clock=self.legal_clock),
            judge=self.preparation_jobs.judge,
            wake=self.wakes[PREPARATION].set,
        )

    @cached_property
    def landing_jobs(self) -> LandingJobs:
        return LandingJobs(self.intake)

    @cached_property
    def table_engine(self) -> TableEngine:
        scratch = self.scratch / "preparations"
        return TableEngine(
            records=DuckDbExtractEngine(
                landing=self.objects, scratch=scratch, limits=self.engine_limits
            ),
            scratch=scratch,
            limits=self.engine_limits,
        )

    @cached_property
    def preparation_jobs(self) -> PreparationJobs:
        return PreparationJobs(
            uow=self.preparation_uow,
            clock=self.legal_clock,
            catalogue=self.catalogue,
            keys=self.keys,
            engine=self.table_engine,
            store=self.releases,
            attest=lambda claims: keys.issue(
                self.signer, keys.ATTESTATION, claims, at=self.legal_clock.now()
            ),
            registrations=RegisteredPractices(
                uow=self.people.uow,
                clock=self.legal_clock,
                keys=self.keys,
                rule=reidentification_rule,
            ),
            keys_kept=timedelta(days=self.settings.keep_domain_keys_days),
            claims=ClaimTimes(duration=timedelta(seconds=self.settings.preparation_claim_seconds)),
        )

    def check_keys(self) -> None:
        """Raise KeyUnavailable where the haven's own key cannot be had."""
        self.keys.ensure(PERSON)

    def readiness(self) -> Readiness:
        return {**super().readiness(), "key store": self.check_keys}


MakeParts = Callable[[], Parts]


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    wakes: WakeSignals | None = None,
    parts: MakeParts | None = None,
) -> FastAPI:
    """Make the intake's app: submissions, editions, lists of opt-outs, public keys."""
    settings = settings or Settings()
    return service.create_app(
        settings,
        parts or (lambda: Parts(settings, clock, wakes=wakes or WakeSignals())),
        title="Pseudonymisation: intake",
        summary=SUMMARY,
        routers=[
            submissions.router,
            tables.router,
            uploads.router,
            file_checks.router,
            editions.router,
            opt_outs.router,
            opt_out_checks.router,
            reports.router,
            statement.router,
            board.router,
            registrations.router,
            reidentifications.router,
            reidentifications.look_up_router,
            subject_access.router,
            invoice_matches.router,
            risk_scores.router,
            public_keys.router,
        ],
        state=_intake,
        while_served=_measured,
    )


def create_preparations_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    wakes: WakeSignals | None = None,
    parts: MakeParts | None = None,
) -> FastAPI:
    """Make the app of the second port, which dissemination alone may reach."""
    settings = settings or Settings()
    return service.create_app(
        settings,
        parts or (lambda: Parts(settings, clock, wakes=wakes or WakeSignals())),
        title="Pseudonymisation: preparations",
        summary="Extracts prepared inside the safe haven, by permit only",
        routers=[preparations.router, preparations.landed_router, summary.router],
        state=lambda made: {"preparations": made.preparations, "quality": made.quality},
    )


def _intake(parts: Parts) -> Mapping[str, Any]:
    settings = parts.settings
    return {
        "context": parts.intake,
        "quality": parts.quality,
        "people": parts.people,
        "uploads": Uploads(
            uploads_max=settings.uploads_max, stall_seconds=settings.upload_stall_seconds
        ),
        "file_checks": FileChecks(
            Uploads(
                uploads_max=settings.file_checks_max, stall_seconds=settings.upload_stall_seconds
            ),
            bytes_max=settings.file_check_bytes_max,
        ),
        "readiness": {**parts.readiness(), "landing store": parts.objects.check},
    }


@contextmanager
def _measured(app: FastAPI, parts: Parts) -> Iterator[None]:
    measured = IntakeMetrics(app.state.metrics.meter)
    measured.watch(parts.engine, parts.legal_clock)
    try:
        yield
    finally:
        measured.watch(None, None)


def prepare_development(settings: Settings) -> None:
    """Make what a first start in development lacks; production is given it."""
    if settings.environment is not Environment.DEVELOPMENT:
        return
    if not any(settings.key_store.rglob("*.key")):  # of which it would open none
        keystore.generate_key_encryption_key(settings.key_encryption_key_file)


def workers(
    settings: Settings, *, clock: Clock | None = None, wakes: WakeSignals | None = None
) -> Sequence[Worker]:
    """Return all that runs beside the API."""
    parts = Parts(settings, clock, wakes=wakes or WakeSignals())
    return service.workers(parts, consumers=consumers(parts), jobs=jobs(parts))


def consumers(parts: Parts) -> Sequence[Consumer]:
    ctx = domains.DomainContext(uow=parts.preparation_uow, clock=parts.legal_clock, keys=parts.keys)
    shown = shown_tables.ShownContext(uow=parts.preparation_uow, clock=parts.legal_clock)
    return [
        Consumer(
            PACKAGE,
            parts.event_log,
            events.TOPICS,
            events.handlers(ctx, shown),
            engine=parts.engine,
        )
    ]


def jobs(parts: Parts) -> Sequence[Worker]:
    settings = parts.settings
    pace = {"poll_seconds": settings.job_poll_seconds, "sweep_seconds": settings.sweep_seconds}
    return [
        *runners(
            LANDING,
            parts.landing_jobs,
            threads=settings.landing_threads,
            wake=parts.wakes[LANDING],
            **pace,
        ),
        *runners(
            PREPARATION,
            parts.preparation_jobs,
            threads=settings.preparation_threads,
            wake=parts.wakes[PREPARATION],
            **pace,
        ),
        *runners(PEOPLE, parts.people_jobs, threads=1, wake=parts.wakes[PEOPLE], **pace),
        *_key_backups(parts),
    ]


def _key_backups(parts: Parts) -> Sequence[Worker]:
    if parts.settings.key_backup_dir is None:
        return []
    clock, pace = parts.legal_clock, parts.settings.sweep_seconds
    return [KeyBackupWorker(lambda: parts.keys, lambda: parts.key_backups, clock, pace)]


SERVICE = ServiceCommands(
    summary=SUMMARY,
    metadata=metadata,
    settings=Settings,
    parts=Parts,
    apps={"intake": create_app, "preparations": create_preparations_app},
    bindings=lambda settings, wakes: [
        (create_app(settings, wakes=wakes), settings.host, settings.port),
        (
            create_preparations_app(settings, wakes=wakes),
            settings.preparations_host or settings.host,
            settings.preparations_port,
        ),
    ],
    workers=lambda settings, wakes: workers(settings, wakes=wakes),
    consumers=consumers,
    prepare=prepare_development,
)
