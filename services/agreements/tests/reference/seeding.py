"""Puts a plain world into a database, through the repositories that the service itself uses."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine

import catalogue as catalogues
from agreements.db.repository import SqlUnitOfWork
from agreements.db.seals.chain import Sealer
from agreements.records.domain.agreement import Circumstances as StateFacts
from agreements.records.domain.lists.layouts.maps import MapKind
from agreements.records.domain.lists.maps import MapSnapshot
from agreements.records.domain.parties.environment import EnvironmentClient, RecipientEnvironment
from agreements.records.domain.parties.registration import Publication
from common.audit import Entry
from common.ids import new_id
from common.security.keys import Signer, generate_jwk
from dsfc_testing.clock import FakeClock
from services.agreements.tests.reference.facts_of import facts_of
from services.agreements.tests.reference.world import Json
from statements.vocabulary import EnvironmentKind

BEFORE = datetime(2018, 1, 1, tzinfo=UTC)
"""When we came to know all of it."""


def entry(at: datetime = BEFORE) -> Entry:
    return Entry(
        at=at,
        action="seeded",
        resource="world",
        subject="test",
        client_id="test",
        organisation="X26",
        role="reference-data-manager",
    )


def on_the_catalogue(world: Json) -> Json:
    """Let the lines name a published data set, with fields that it has."""
    digest = catalogues.load().get("SUS_APC", "1.0").digest
    for version in (world["agreement"] or {"versions": []})["versions"]:
        for line in version["snapshot"]["lines"]:
            line["catalogue_digest"] = digest
            for field in line["fields"]:
                field["name"] = FIELDS.get(field["name"], field["name"])
    return world


FIELDS = {"Diagnosis": "Der_Diagnosis_All", "Der_LSOA": "Der_Postcode_LSOA_2011_Code"}


SEALER = Sealer(Signer(generate_jwk()))
"""Whose seals the service under test takes for its own."""


def seed(
    engine: Engine, world: Json, *, at: datetime = BEFORE, sealer: Sealer = SEALER
) -> SqlUnitOfWork:
    """Store all facts of the world; ids of environments and maps are kept."""
    uow = SqlUnitOfWork(engine, FakeClock(at), sealer)
    facts = facts_of(world)
    audit = entry(at)

    def fresh(rows: Any) -> list[Any]:
        return [replace(row, id=new_id()) for row in rows]

    with uow.writing() as tx:
        tx.organisations.save(
            *fresh(o for f in facts.organisations.values() for o in f), audit=audit
        )
        for instrument in fresh(facts.instruments):
            tx.instruments.add(instrument, audit=audit)
        tx.contracts.save(*fresh(facts.contracts), audit=audit)
        tx.assurance.save(
            *_current(fresh(e for rows in facts.assurance.values() for e in rows)), audit=audit
        )
        registrations = fresh(r for f in facts.registrations.values() for r in f)
        tx.ico_registrations.save(
            *{(r.organisation, r.number): r for r in registrations}.values(), audit=audit
        )
        tx.section_251_approvals.save(*fresh(facts.approvals.values()), audit=audit)
        tx.publications.save(
            *(
                Publication(id=new_id(), data_set=d, period=p, published_on=day)
                for (d, p), day in facts.publications.items()
            ),
            audit=audit,
        )
        for relationship in fresh(facts.relationships):
            tx.relationships.save(relationship, audit=audit)
        for environment in world["environments"]:
            tx.environments.save(
                RecipientEnvironment(
                    id=UUID(environment["id"]),
                    organisation=environment["organisation"],
                    kind=EnvironmentKind(environment["kind"]),
                ),
                audit=audit,
            )
            tx.environment_clients.save(
                *(
                    EnvironmentClient(
                        id=new_id(), environment_id=UUID(environment["id"]), client_id=client
                    )
                    for client in environment["clients"]
                ),
                audit=audit,
            )
        tx.listed_environments.save(*fresh(facts.listed), audit=audit)
        for found in world["maps"]:
            snapshot = MapSnapshot(
                id=UUID(found["id"]),
                kind=MapKind(found["kind"]),
                valid_from=found["valid_from"],
                digest=found["id"],
                entries=0,
                bytes=0,
            )
            tx.maps.add(snapshot, b"", audit=audit)
        if facts.agreement is not None:
            tx.agreements.save(facts.agreement.settle(at, StateFacts()), audit=audit)
            tx.domain_transfers.save(*fresh(facts.domain_transfers), audit=audit)
    return uow


def _current(evidence: list[Any]) -> list[Any]:
    """At present one entry an organisation, kind and reference is held true."""
    found: dict[tuple[str, str, str], Any] = {}
    for e in evidence:
        found[e.organisation, e.kind.value, e.reference] = e
    return list(found.values())
