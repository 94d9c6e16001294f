"""Permits: leave to have one extract prepared, and what exactly may be in it.

A permit is a signed statement for pseudonymisation, given to dissemination alone; we keep what it
said, because what the haven later attests is held against it (design.md section 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue

from agreements.domain.hold import LineKey
from common.ids import digest_of

LIFETIME = timedelta(seconds=60)
"""From decision to acceptance by the haven; the preparation itself may last longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedField:
    name: str
    treatment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudonymDomain:
    """Within which tokens of one person are equal, and outside of which they are not.

    Controllers, unversioned agreement, purpose, recipient environment, opt-out treatment and the
    data sets that the agreement links (design.md section 7; domain.md 8.2).
    """

    controllers: tuple[str, ...]
    agreement: str
    purpose: str
    environment: str
    opt_out: str
    data_sets: tuple[str, ...]

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "controllers": list(self.controllers),
            "agreement": self.agreement,
            "purpose": self.purpose,
            "environment": self.environment,
            "opt_out": self.opt_out,
            "data_sets": list(self.data_sets),
        }

    @property
    def id(self) -> str:
        return _domain_id(self)


@lru_cache(maxsize=4096)
def _domain_id(domain: PseudonymDomain) -> str:
    """There are as many as agreements have lines, and each is asked for again and again."""
    return digest_of(domain.as_json())


def treatment_of(applied: bool) -> str:  # noqa: FBT001  it is the one thing that it is about
    """Name an opt-out treatment, as it stands in domains and reservations."""
    return "applied" if applied else "not_applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What was permitted, to whom, by which line. Times are the legal clock's."""

    id: UUID
    decision_id: UUID
    epoch: int
    extract_id: str
    request_digest: str
    client_id: str
    organisation: str
    environment_id: UUID
    agreement: str
    version: str
    document_hash: str
    line_number: int
    key: LineKey
    catalogue_version: str
    catalogue_digest: str
    sensitivity: str
    fields: tuple[PermittedField, ...]
    periods: tuple[str, ...]
    formats: tuple[str, ...]
    population_rule: str
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    practice_maps: tuple[str, ...]
    postcode_maps: tuple[str, ...]
    domain: PseudonymDomain
    opt_outs_applied: bool
    list_days_max: int
    disclosure_rule: str
    issued_at: datetime
    opt_out_by: Literal["list", "check"] = "list"
    """How the haven is to know who objected; `list` is not written, and so says what it did."""

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + LIFETIME

    def claims(self) -> dict[str, JsonValue]:
        """Write what the haven is told; who signs adds issuer, audience and times."""
        return {
            "sub": self.client_id,
            "req": self.request_digest,
            "extract_id": self.extract_id,
            "decision_id": str(self.decision_id),
            "epoch": self.epoch,
            "agreement": {
                "reference": self.agreement,
                "version": self.version,
                "document_hash": self.document_hash,
            },
            "line": {
                "number": self.line_number,
                "purpose": self.key.purpose,
                "data_set": self.key.data_set,
                "catalogue_version": self.catalogue_version,
                "catalogue_digest": self.catalogue_digest,
                "classification": self.key.classification,
                "sensitivity": self.sensitivity,
            },
            "fields": [{"name": f.name, "treatment": f.treatment} for f in self.fields],
            "periods": list(self.periods),
            "formats": list(self.formats),
            "population": {
                "rule": self.population_rule,
                "codes": list(self.codes),
                "reasons": list(self.reasons),
                "map_versions": {
                    "practice": list(self.practice_maps),
                    "postcode": list(self.postcode_maps),
                },
            },
            "domain": {"id": self.domain.id, **self.domain.as_json()},
            "opt_out": {
                "applied": self.opt_outs_applied,
                "list_age_days_max": self.list_days_max,
                **({"by": "check"} if self.opt_out_by == "check" else {}),
            },
            "disclosure_rule": self.disclosure_rule,
        }


def from_claims(
    claims: Mapping[str, Any],
    *,
    permit_id: UUID,
    organisation: str,
    environment_id: UUID,
    issued_at: datetime,
) -> Permit:
    """Read back what `claims` wrote."""
    line, population, domain = claims["line"], claims["population"], claims["domain"]
    return Permit(
        id=permit_id,
        decision_id=UUID(claims["decision_id"]),
        epoch=claims["epoch"],
        extract_id=claims["extract_id"],
        request_digest=claims["req"],
        client_id=claims["sub"],
        organisation=organisation,
        environment_id=environment_id,
        agreement=claims["agreement"]["reference"],
        version=claims["agreement"]["version"],
        document_hash=claims["agreement"]["document_hash"],
        line_number=line["number"],
        key=LineKey(line["purpose"], line["data_set"], line["classification"]),
        catalogue_version=line["catalogue_version"],
        catalogue_digest=line["catalogue_digest"],
        sensitivity=line["sensitivity"],
        fields=tuple(PermittedField(**field) for field in claims["fields"]),
        periods=tuple(claims["periods"]),
        formats=tuple(claims["formats"]),
        population_rule=population["rule"],
        codes=tuple(population["codes"]),
        reasons=tuple(population["reasons"]),
        practice_maps=tuple(population["map_versions"]["practice"]),
        postcode_maps=tuple(population["map_versions"]["postcode"]),
        domain=PseudonymDomain(
            controllers=tuple(domain["controllers"]),
            agreement=domain["agreement"],
            purpose=domain["purpose"],
            environment=domain["environment"],
            opt_out=domain["opt_out"],
            data_sets=tuple(domain["data_sets"]),
        ),
        opt_outs_applied=claims["opt_out"]["applied"],
        list_days_max=claims["opt_out"]["list_age_days_max"],
        disclosure_rule=claims["disclosure_rule"],
        issued_at=issued_at,
        opt_out_by="check" if claims["opt_out"].get("by") == "check" else "list",
    )


def request_digest(
    *,
    extract_id: str,
    agreement: str,
    key: LineKey,
    periods: tuple[str, ...],
    fields: tuple[str, ...],
    formats: tuple[str, ...],
) -> str:
    """Return what binds a permit to one request: the haven computes it anew."""
    return digest_of(
        {
            "extract_id": extract_id,
            "agreement": agreement,
            "purpose": key.purpose,
            "data_set": key.data_set,
            "classification": key.classification,
            "periods": list(periods),
            "fields": list(fields),
            "formats": list(formats),
        }
    )
