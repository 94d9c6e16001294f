"""A haven for tests of preparations: all real but the clock, and agreements, whose key we hold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import duckdb
from sqlalchemy import Engine, select, text
from sqlmodel import Session

import catalogue
from catalogue import Catalogue, DataSet
from common import audit
from common.audit.entries import entry_for
from common.db import engine as engines
from common.db import replacement as columns
from common.ids import digest_of, new_id
from common.replacement import Change, ReplacementStatus, State
from common.security.keys import (
    ATTESTATION,
    PERMIT,
    PREVIEW,
    KeyUse,
    SignedVerifier,
    Signer,
    generate_jwk,
    issue,
)
from common.security.principal import Principal
from common.security.roles import Role
from dsfc_testing.clock import FakeClock
from pseudonymisation.db import preparation_tables, tables
from pseudonymisation.db.landed import pinned
from pseudonymisation.db.opt_outs import to_check, to_list
from pseudonymisation.db.people.records import people_unit_of_work
from pseudonymisation.db.preparations import preparation_unit_of_work
from pseudonymisation.engine.keystore import FileWrapping, KeyStore, generate_key_encryption_key
from pseudonymisation.engine.objects import DirectoryObjects, Objects
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.people.adapters.registered_practices import RegisteredPractices
from pseudonymisation.people.adapters.rules import reidentification_rule
from pseudonymisation.preparations.adapters.extract_engine import DuckDbExtractEngine
from pseudonymisation.preparations.adapters.release_store import DirectoryStore
from pseudonymisation.preparations.adapters.tables.table_engine import TableEngine
from pseudonymisation.preparations.domain.preparation import Preparation
from pseudonymisation.preparations.use_cases import domains
from pseudonymisation.preparations.use_cases.preparations import (
    PreparationContext,
    accept,
    get,
    judge,
)
from pseudonymisation.preparations.use_cases.preparing import PreparationJobs
from services.pseudonymisation.tests.landed import LIMITS, Haven, Record, land, list_of
from statements.handed import RequestedExtract

CATALOGUE = catalogue.load()
SUS = CATALOGUE.get("SUS_APC")
LANDED_BY = date(2026, 11, 26)
RULES, _ = CATALOGUE.intake_of(SUS, LANDED_BY)
FIELDS = {"Sex": "as_is", "Admission_Date": "month", "Hospital_Spell_No": "pseudonym"}


class StoredKeys(Haven):
    """Landing's keys, out of the real key store."""

    store: KeyStore

    def key(self, name: str) -> bytes:
        return self.store.ensure(name)


CHANGED = "changed"
KEYS_KEPT = timedelta(days=30)
"""How long the key of a domain is kept of which nothing is held any more."""


def changed(resource: str, logged: dict[str, Any], *, at: datetime) -> audit.Entry:
    return entry_for(
        ITSELF, at=at, action=CHANGED, resource=resource, on_behalf_of=None, detail=logged
    )


def editions_are(engine: Engine, what: str, **values: Any) -> None:
    """Let editions be others than they were landed as, in the log as well: they always were so."""
    with Session(engines.writing(engine)) as session:
        session.execute(text(f"UPDATE edition SET {what}"), values)
        rows = session.execute(select(tables.EditionRow)).scalars().all()
        entries = [
            changed(f"editions/{row.id}", {"row": pinned(row).digest}, at=row.landed_at)
            for row in rows
        ]
        audit.append(session, entries)
        session.commit()


@dataclass
class World:
    """One haven in a directory, on one database."""

    directory: Path
    engine: Engine
    clock: FakeClock
    catalogue: Catalogue = CATALOGUE
    data_set: DataSet = SUS
    agreements: Signer = field(default_factory=lambda: Signer(generate_jwk()))
    own: Signer = field(default_factory=lambda: Signer(generate_jwk()))
    seed: int = 1
    """Of the search that protects a table: which others it hides is its choice."""
    landed_in: Objects | None = None
    """Where what was landed is read, if not in the directory; its files lie there all the same."""

    def __post_init__(self) -> None:
        for name in ("landing", "release", "keys", "scratch"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        kek = self.directory / "kek"
        generate_key_encryption_key(kek)
        self.keys = KeyStore(self.directory / "keys", FileWrapping(kek))
        self.landing = StoredKeys(self.directory / "landing")
        self.landing.store = self.keys
        self.uow = preparation_unit_of_work(self.engine)
        self.store = DirectoryStore(self.directory / "release")
        self.jobs = PreparationJobs(
            uow=self.uow,
            clock=self.clock,
            catalogue=self.catalogue,
            keys=self.keys,
            engine=TableEngine(
                records=DuckDbExtractEngine(
                    landing=self.landed_in or DirectoryObjects(self.directory / "landing"),
                    scratch=self.directory / "scratch",
                    limits=LIMITS,
                ),
                scratch=self.directory / "scratch",
                limits=LIMITS,
                seed=lambda: self.seed,
            ),
            store=self.store,
            attest=lambda claims: issue(self.own, ATTESTATION, claims, at=self.clock.now()),
            registrations=RegisteredPractices(
                uow=people_unit_of_work(self.engine),
                clock=self.clock,
                keys=self.keys,
                rule=reidentification_rule,
            ),
            keys_kept=KEYS_KEPT,
        )
        self.preparing = PreparationContext(
            uow=self.uow,
            clock=self.clock,
            catalogue=self.catalogue,
            judge=self.jobs.judge,
            permits=SignedVerifier(PERMIT, self.agreements.jwks, clock=self.clock),
            previews=SignedVerifier(PREVIEW, self.agreements.jwks, clock=self.clock),
        )

    # --- what was landed --------------------------------------------------------------------------

    def land(
        self, records: Sequence[Record], *, period: str = "2018-04", provider: str = "RH8"
    ) -> UUID:
        id_ = new_id()
        landed = land(self.landing, self.data_set, records, id_=id_)
        rules = self.catalogue.rules_of(self.data_set.data_set, LANDED_BY)
        first, _, last = period.partition("/")
        with Session(self.engine) as session:
            number = session.execute(
                text("SELECT count(*) FROM edition WHERE provider = :p"), {"p": provider}
            ).scalar_one()
        row = tables.EditionRow(
            id=id_,
            version=1,
            data_set=self.data_set.data_set,
            catalogue_version=self.data_set.version,
            catalogue_digest=self.data_set.digest,
            period=period,
            period_first=first,
            period_last=last or first,
            provider=provider,
            number=number + 1,
            status="current",
            submission_id=uuid4(),
            object_key=str(landed.path.relative_to(self.directory / "landing")),
            rows=len(records),
            bytes=landed.path.stat().st_size,
            practice_map_id=str(UUID(int=1)),
            postcode_map_id=str(UUID(int=2)),
            landing_rules_version=None if rules is None else rules.version,
            landing_rules_digest=None if rules is None else rules.digest,
            landed_at=self.clock.now(),
            **standing(State.ACCEPTED, len(records), at=self.clock.now()),
        )
        self.recorded(f"editions/{id_}", row, {"row": pinned(row).digest})
        return id_

    def opt_out(
        self,
        numbers: Sequence[str],
        *,
        on: date,
        state: State = State.ACCEPTED,
        digest: str = "sha256:" + "0" * 64,
    ) -> UUID:
        id_ = new_id()
        landed = list_of(self.landing, numbers, id_=id_)
        row = tables.OptOutListRow(
            id=id_,
            list_date=on,
            people=len(numbers),
            digest=digest,
            object_key=str(landed.path.relative_to(self.directory / "landing")),
            imported_at=self.clock.now(),
            imported_by="X26",
            version=1,
            **standing(state, len(numbers), at=self.clock.now()),
        )
        self.recorded(f"opt-out-lists/{id_}", row, to_list(row).logged)
        return id_

    def recorded(self, resource: str, row: Any, logged: dict[str, Any]) -> None:
        """Store a row with the leaf of its change, as the intake does."""
        with Session(engines.writing(self.engine)) as session:
            session.add(row)
            audit.append(session, [changed(resource, logged, at=self.clock.now())])
            session.commit()

    def check(
        self,
        cleared: Sequence[str] | None,
        *,
        editions: Sequence[UUID],
        purpose: str = "COM",
        opened_at: datetime | None = None,
        state: State = State.ACCEPTED,
    ) -> UUID:
        """A national check of April, with its reply, or with none."""
        id_, reply_id, at = new_id(), new_id(), opened_at or self.clock.now()
        reply = None if cleared is None else list_of(self.landing, cleared, id_=reply_id)
        key = None if reply is None else str(reply.path.relative_to(self.directory / "landing"))
        row = tables.OptOutCheckRow(
            id=id_,
            version=1,
            data_set=SUS.data_set,
            periods=["2018-04"],
            purpose=purpose,
            editions=[str(edition) for edition in editions],
            people=4,
            object_key=f"opt-outs/{id_}/request.parquet",
            opened_at=at,
            opened_by="X26",
            cleared=None if cleared is None else len(cleared),
            reply_id=None if cleared is None else reply_id,
            reply_digest=None if cleared is None else "sha256:" + "0" * 64,
            reply_key=key,
            replied_at=None if cleared is None else at,
            replied_by=None if cleared is None else "X26",
            reply_state=None if cleared is None else state.value,
            recalled_at=at if state is State.TAKEN_BACK else None,
        )
        self.recorded(f"opt-out-checks/{id_}", row, to_check(row).logged)
        return reply_id

    # --- what agreements gives --------------------------------------------------------------------

    def request(self, **more: Any) -> dict[str, Any]:
        return {
            "extract_id": str(new_id()),
            "agreement": "DARS-NIC-123456-A1B2C",
            "purpose": "COM",
            "data_set": self.data_set.data_set,
            "classification": "PSEUDO_ANONYMISED",
            "periods": ["2018-04"],
            "fields": list(FIELDS),
            "formats": ["parquet"],
        } | more

    def claims(self, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        domain = {
            "controllers": ["02P"],
            "agreement": request["agreement"],
            "purpose": request["purpose"],
            "environment": "environment-1",
            "opt_out": "applied" if more.get("opt_out", {}).get("applied") else "not_applied",
            "data_sets": [self.data_set.data_set],
        }
        is_of_somebody = bool(self.data_set.population)
        return {
            "jti": str(new_id()),
            "sub": "csu-0df",
            "req": digest_of(request),
            "extract_id": request["extract_id"],
            "decision_id": str(new_id()),
            "epoch": 7,
            "agreement": {
                "reference": request["agreement"],
                "version": "v0.0",
                "document_hash": "sha256:" + "1" * 64,
            },
            "line": {
                "number": 1,
                "purpose": request["purpose"],
                "data_set": request["data_set"],
                "catalogue_version": self.data_set.version,
                "catalogue_digest": self.data_set.digest,
                "classification": request["classification"],
                "sensitivity": "NON_SENSITIVE",
            },
            "fields": [{"name": n, "treatment": FIELDS.get(n, "as_is")} for n in request["fields"]],
            "periods": request["periods"],
            "formats": request["formats"],
            "population": {
                "rule": "own" if is_of_somebody else "national",
                "codes": ["02P"] if is_of_somebody else [],
                "reasons": ["G", "H", "R", "C"] if is_of_somebody else [],
                "map_versions": {"practice": [str(UUID(int=1))], "postcode": [str(UUID(int=2))]},
            },
            "domain": {"id": digest_of(domain), **domain},
            "opt_out": {"applied": False, "list_age_days_max": 7},
            "disclosure_rule": self.data_set.disclosure_rule,
        } | more

    def permit(self, claims: dict[str, Any], use: KeyUse = PERMIT) -> str:
        return issue(self.agreements, use, claims, at=self.clock.now())

    # --- what dissemination and the worker do -----------------------------------------------------

    def principal(self, client_id: str = "dissemination") -> Principal:
        return Principal(
            subject=client_id,
            client_id=client_id,
            organisation="X26",
            role=Role.SERVICE_DISSEMINATION,
            token_id="t",
            expires_at=self.clock.now(),
            audience="pseudonymisation",
        )

    def context(self, client_id: str = "dissemination") -> PreparationContext:
        return self.preparing.on_behalf_of(self.principal(client_id))

    def accept(self, **more: Any) -> Preparation:
        """Accept a permit for a request; `request` and claims by name."""
        return accept(*self.asked(**more), ctx=self.context())[0]

    def asked(self, use: KeyUse = PERMIT, **more: Any) -> tuple[UUID, str, RequestedExtract]:
        """A permit with its id, and the request that it is for."""
        request = more.pop("request", None) or self.request()
        claims = self.claims(request, **more)
        asked = RequestedExtract.model_validate(request)
        return UUID(claims["jti"]), self.permit(claims, use), asked

    def judge(self, use: KeyUse = PERMIT, **more: Any) -> None:
        """Raises Refused where it would wait for its next edition."""
        judge(*self.asked(use, **more), ctx=self.context())

    def work(self) -> None:
        """Do what a worker does until there is nothing to do."""
        while claim := self.jobs.claim():
            self.jobs.run(claim)

    def prepare(self, **more: Any) -> Preparation:
        accepted = self.accept(**more)
        self.work()
        return get(accepted.id, ctx=self.context())

    def attested(self, file: Any) -> dict[str, Any]:
        return SignedVerifier(ATTESTATION, self.own.jwks, clock=self.clock).verify(file.attestation)

    def rows_of(self, file: Any) -> list[tuple[Any, ...]]:
        path = self.directory / "release" / file.object_key
        return duckdb.sql(f"SELECT * FROM '{path}'").fetchall()

    def close_domains(
        self, agreement: str = "DARS-NIC-123456-A1B2C", *, settled: bool = False
    ) -> int:
        ctx = domains.DomainContext(uow=self.uow, clock=self.clock, keys=self.keys)
        return domains.close_domains_of(agreement, settled=settled, ctx=ctx)

    def domains_go_on(self, began_in: str, environment: str, times: int) -> int:
        ctx = domains.DomainContext(uow=self.uow, clock=self.clock, keys=self.keys)
        where = {"began_in": began_in, "environment": environment, "times": times}
        return domains.go_on("DARS-NIC-123456-A1B2C", **where, ctx=ctx)

    # --- what is stored ---------------------------------------------------------------------------

    def objects(self) -> list[str]:
        return list(self.store.keys("preparations"))

    def events(self) -> list[dict[str, Any]]:
        with Session(self.engine) as session:
            rows = session.execute(text("SELECT event FROM outbox ORDER BY seq"))
            return [json.loads(row[0]) for row in rows]

    def leaves(self) -> list[dict[str, Any]]:
        with Session(self.engine) as session:
            rows = session.execute(text('SELECT entry FROM audit_leaf ORDER BY "index"'))
            leaves = [json.loads(row[0]) for row in rows]
        return [leaf for leaf in leaves if leaf["action"] != CHANGED]

    def actions(self) -> list[str]:
        return [leaf["action"] for leaf in self.leaves()]


def standing(state: State, rows: int, *, at: datetime) -> dict[str, Any]:
    """Columns of what replaced nothing, and stands so."""
    change = Change(before=0, after=rows, added=rows, removed=0)
    return columns.values_of(
        ReplacementStatus(state=state, change=change, proposed_by="X26", proposed_at=at)
    )


def world(
    directory: Path,
    engine: Engine,
    clock: FakeClock,
    *,
    data_set: DataSet = SUS,
    known: Catalogue = CATALOGUE,
    landed_in: Objects | None = None,
) -> World:
    assert preparation_tables.PreparationRow.metadata is tables.metadata
    tables.metadata.create_all(engine)
    return World(directory, engine, clock, known, data_set, landed_in=landed_in)
