"""What a permit allows (design.md section 5), and whether the haven can do it.

The signature was verified before anything here is called. Agreements decided; the haven does
what the permit says and nothing besides, and refuses what its own catalogue never lets out,
whatever a permit says (domain.md R03).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as validated

from catalogue import DataSet, Treatment
from common.errors import Conflict, Forbidden, Refusal, Refused, Unprocessable
from common.ids import digest_of
from pseudonymisation.domain.tokens import DomainFacts


class PermitInvalid(Forbidden):
    code = "PERMIT_INVALID"
    title = "The permit cannot be accepted"


class PermitMismatch(Forbidden):
    code = "PERMIT_MISMATCH"
    title = "The permit is for another request"


class PermitUsed(Conflict):
    code = "PERMIT_USED"
    title = "The permit was used for something else"


class CatalogueUnknown(Unprocessable):
    code = "CATALOGUE_UNKNOWN"
    title = "The catalogue has no such version of the data set"


class NoEdition(Conflict):
    code = "NO_EDITION"
    title = "Nothing was landed for a period"


class EditionUnsafe(Conflict):
    """Made by landing rules that let somebody through who is not to be identified."""

    code = "EDITION_UNSAFE"
    title = "What was landed for a period is not released any more; it has to be landed anew"


RECORD_LEVEL: Final = "PSEUDO_ANONYMISED"
"""The only classification that the haven prepares in this form."""
REASONS: Final = "CGHPRS"
"""The letters of Reasons for Access, in the order in which they are written (domain.md 6.11)."""

_STRICT: Final = ConfigDict(extra="forbid")
"""A member that we do not know may be a restriction: then the answer is no."""


@validated(frozen=True, config=_STRICT)
class AgreementVersion:
    reference: str
    version: str
    document_hash: str


@validated(frozen=True, config=_STRICT)
class Line:
    number: int
    purpose: str
    data_set: str
    catalogue_version: str
    catalogue_digest: str
    classification: str
    sensitivity: str

    def as_json(self) -> dict[str, JsonValue]:
        return {
            "number": self.number,
            "purpose": self.purpose,
            "data_set": self.data_set,
            "catalogue_version": self.catalogue_version,
            "catalogue_digest": self.catalogue_digest,
            "classification": self.classification,
            "sensitivity": self.sensitivity,
        }


@validated(frozen=True, config=_STRICT)
class PermittedField:
    name: str
    treatment: Treatment


@validated(frozen=True, config=_STRICT)
class MapVersions:
    practice: tuple[str, ...]
    postcode: tuple[str, ...]


@validated(frozen=True, config=_STRICT)
class Population:
    rule: Literal["own", "union", "list", "national"]
    codes: tuple[str, ...]
    """Commissioners, with predecessors by a transfer instrument. Empty only for `national`."""
    reasons: tuple[Literal["S", "P", "G", "H", "R", "C"], ...]
    map_versions: MapVersions

    @property
    def is_national(self) -> bool:
        return self.rule == "national"


@validated(frozen=True, config=_STRICT)
class PermittedDomain:
    id: str
    controllers: tuple[str, ...]
    agreement: str
    purpose: str
    environment: str
    opt_out: Literal["applied", "not_applied"]
    data_sets: tuple[str, ...]

    @property
    def facts(self) -> DomainFacts:
        return DomainFacts(
            controllers=self.controllers,
            agreement=self.agreement,
            purpose=self.purpose,
            environment=self.environment,
            opt_out=self.opt_out,
            data_sets=self.data_sets,
        )


@validated(frozen=True, config=_STRICT)
class OptOut:
    applied: bool
    list_age_days_max: int
    by: Literal["list", "check"] = "list"
    """How it is known who is left out: by a list of objectors, or by a national check (R12)."""

    def accepts(self, list_date: date, *, today: date) -> bool:
        """Say whether a list of that day is new enough (domain.md 4.3)."""
        return 0 <= (today - list_date).days <= self.list_age_days_max


@validated(frozen=True, config=_STRICT)
class Permit:
    """Its claims, less those that the verifier judged."""

    id: UUID
    client_id: str
    """Who asked dissemination for the extract."""
    request_digest: str
    extract_id: UUID
    decision_id: str
    epoch: int
    agreement: AgreementVersion
    line: Line
    fields: tuple[PermittedField, ...]
    periods: tuple[str, ...]
    formats: tuple[Literal["parquet", "csv"], ...]
    population: Population
    domain: PermittedDomain
    opt_out: OptOut
    disclosure_rule: str

    @classmethod
    def read(cls, claims: Mapping[str, Any]) -> Self:
        """Read verified claims.

        :raises PermitInvalid: where it does not say what a permit says, or contradicts itself
        """
        members = {name: value for name, value in claims.items() if name not in _JUDGED}
        for name, claim in _RENAMED.items():
            members[name] = members.pop(claim, None)
        try:
            permit: Self = TypeAdapter(cls).validate_python(members)
        except ValidationError as error:
            where = sorted(
                {str(e["loc"][0]) for e in error.errors(include_input=False) if e["loc"]}
            )
            raise PermitInvalid(f"The permit is not well formed: {', '.join(where)}.") from None
        permit._demand_coherence()
        return permit

    def _demand_coherence(self) -> None:
        contradictions = {
            "domain.id": self.domain.id != self.domain.facts.id,
            "domain.agreement": self.domain.agreement != self.agreement.reference,
            "domain.purpose": self.domain.purpose != self.line.purpose,
            "domain.data_sets": self.line.data_set not in self.domain.data_sets,
            "domain.opt_out": (self.domain.opt_out == "applied") != self.opt_out.applied,
            "population.codes": self.population.is_national == bool(self.population.codes),
            "population.reasons": not self.population.is_national and not self.population.reasons,
            "periods": not self.periods or len(set(self.periods)) != len(self.periods),
            "fields": len({f.name for f in self.fields}) != len(self.fields) or not self.fields,
            "formats": not self.formats or len(set(self.formats)) != len(self.formats),
        }
        wrong = [name for name, contradicts in contradictions.items() if contradicts]
        if wrong:
            raise PermitInvalid(f"The permit contradicts itself: {', '.join(wrong)}.")

    def demand(self, request: Mapping[str, JsonValue]) -> None:
        """:raises PermitMismatch: unless it was given for this very request"""
        same = digest_of(dict(request)) == self.request_digest and (
            request.get("extract_id") == str(self.extract_id)
            and request.get("agreement") == self.agreement.reference
            and request.get("purpose") == self.line.purpose
            and request.get("data_set") == self.line.data_set
            and request.get("classification") == self.line.classification
        )
        if not same:
            raise PermitMismatch("The permit was given for another request.")

    def demand_releasable(self, data_set: DataSet) -> None:
        """Hold the fields against the catalogue's ceiling; all refusals are named.

        :raises Refused: with FIELD_NOT_IN_CATALOGUE or FORM_NOT_ALLOWED for each field
        """
        refusals = []
        if self.line.classification != RECORD_LEVEL:
            detail = "The haven prepares pseudonymised records only."
            refusals.append(Refusal("FORM_NOT_ALLOWED", detail, self.line.classification))
        for field in self.fields:
            column = data_set.releasables.get(field.name)
            if column is None:
                detail = "The data set has no such field."
                refusals.append(Refusal("FIELD_NOT_IN_CATALOGUE", detail, field.name))
            elif field.treatment not in column.treatments:
                detail = f"The field never leaves as {field.treatment}."
                refusals.append(Refusal("FORM_NOT_ALLOWED", detail, field.name))
        if refusals:
            raise Refused("The catalogue does not let this out.", refusals)


_JUDGED: Final = frozenset({"iss", "aud", "azp", "iat", "exp"})
_RENAMED: Final = {"id": "jti", "client_id": "sub", "request_digest": "req"}
