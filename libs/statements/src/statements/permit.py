"""A permit: leave to have one extract prepared, and what exactly may be in it (design.md 5).

Signed by agreements, for the safe haven alone. A member that the haven does not know may be a
restriction, so that the permit is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field, JsonValue

from catalogue import Treatment
from common.ids import digest_of
from statements.filters import Filters
from statements.form import CLOSED, Form
from statements.line import AgreementVersion, Line, MapVersions, OptOutGround
from statements.tables import PermittedTable, columns_of, repeated
from statements.vocabulary import (
    AGGREGATES,
    GROUP_SIZE_LEAST,
    RECORD_FORMATS,
    CapName,
    Classification,
    FormatName,
    Identifier,
    LegalRoute,
    OptOutSource,
    OptOutTreatment,
    PopulationRule,
    Reason,
    TreatmentName,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedField:
    __pydantic_config__ = CLOSED

    name: str
    treatment: TreatmentName


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    __pydantic_config__ = CLOSED

    rule: PopulationRule
    codes: tuple[str, ...]
    """Commissioners, with predecessors by a transfer instrument. Empty only for `national`."""
    reasons: tuple[Reason, ...]
    map_versions: MapVersions

    @property
    def is_national(self) -> bool:
        return self.rule == "national"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFacts:
    """A pseudonym domain: in one, tokens of one person are equal; between two they are not.

    Controllers, unversioned agreement, purpose, recipient environment, opt-out treatment and the
    data sets that the agreement links (design.md section 7; domain.md 8.2).
    """

    __pydantic_config__ = CLOSED

    id: str
    """The digest of the rest."""
    controllers: tuple[str, ...]
    agreement: str
    purpose: str
    environment: str
    opt_out: OptOutTreatment
    data_sets: tuple[str, ...]

    @classmethod
    @lru_cache(maxsize=4096)  # as many as agreements have lines, each asked for again and again
    def of(
        cls,
        *,
        controllers: tuple[str, ...],
        agreement: str,
        purpose: str,
        environment: str,
        opt_out: OptOutTreatment,
        data_sets: tuple[str, ...],
    ) -> "DomainFacts":
        """Name the domain that these make."""
        unnamed = cls(
            id="",
            controllers=controllers,
            agreement=agreement,
            purpose=purpose,
            environment=environment,
            opt_out=opt_out,
            data_sets=data_sets,
        )
        return replace(unnamed, id=digest_of(unnamed.as_json()))

    @staticmethod
    def stored(facts: Mapping[str, Any]) -> "DomainFacts":
        """Read back what `as_json` wrote. Raises Malformed."""
        return DOMAIN.of({"id": digest_of(dict(facts)), **facts})

    def as_json(self) -> dict[str, JsonValue]:
        """Write what makes it: all but its name."""
        return {
            "controllers": list(self.controllers),
            "agreement": self.agreement,
            "purpose": self.purpose,
            "environment": self.environment,
            "opt_out": self.opt_out,
            "data_sets": list(self.data_sets),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainGoesOn:
    """A domain that is not where it began any more: another environment has it (docs/adr/0163)."""

    __pydantic_config__ = CLOSED

    environment: str
    """The environment that has it now, and in which the file lands."""
    times: int
    """How often it went on so far: who knows of a later time takes no permit of an earlier one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    __pydantic_config__ = CLOSED

    applied: Annotated[bool, Field(description="Whether who opted out is left out.")]
    list_age_days_max: Annotated[
        int, Field(description="How old the list may be by which it is known who did, in days.")
    ]
    by: Annotated[
        OptOutSource, Field(description="How it is known: by a list, or by the national check.")
    ] = "list"
    ground: OptOutGround | None = None
    """Why they are upheld, or are not; None: a permit of before November 2026 does not say."""

    @staticmethod
    def read(claims: Mapping[str, Any]) -> "OptOut":
        """Read it out of a permit's claims. Raises Malformed."""
        return OPT_OUT.of(claims.get("opt_out") or {})

    def accepts(self, list_date: date, *, today: date) -> bool:
        """Say whether a list of that day is new enough (domain.md 4.3)."""
        return 0 <= (today - list_date).days <= self.list_age_days_max


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedCaps:
    """What is to be done to which fields, because of what else is told of the same people."""

    __pydantic_config__ = CLOSED

    rule: str
    columns: Mapping[str, CapName]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermittedBridge:
    """Leave to pair the tokens of the permit's domain with those of another (docs/adr/0195)."""

    __pydantic_config__ = CLOSED

    agreement: AgreementVersion
    line: Line
    population: Population
    domain: DomainFacts
    goes_on: DomainGoesOn | None = None
    filters: Filters = ()
    """Whose people are paired: of rows that pass each of the other line's filters."""
    disclosure_rule: str

    @property
    def environment(self) -> str:
        """Return the recipient environment that has the other domain."""
        return self.domain.environment if self.goes_on is None else self.goes_on.environment


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldEditions:
    """What the recipient environment was given of a month.

    Of the line's own data set of editions that are replaced since; of one that is linked with it
    whatever it was (docs/adr/0249).
    """

    __pydantic_config__ = CLOSED

    month: str
    editions: tuple[str, ...]
    """None: of another data set."""
    lists: tuple[str, ...]
    """What decided who was left out, as an attestation names it."""
    data_set: str = ""
    """Another one, with equal tokens. Empty: the line's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Its claims, less those that whoever signs adds and whoever verifies judges."""

    __pydantic_config__ = CLOSED

    id: Annotated[UUID, Field(alias="jti")]
    client_id: Annotated[str, Field(alias="sub")]
    """Who asked dissemination for the extract."""
    request_digest: Annotated[str, Field(alias="req")]
    extract_id: Identifier
    decision_id: UUID
    epoch: int
    agreement: AgreementVersion
    line: Line
    fields: tuple[PermittedField, ...]
    periods: tuple[str, ...]
    formats: tuple[FormatName, ...]
    population: Population
    domain: DomainFacts
    opt_out: OptOut
    disclosure_rule: str
    caps: Annotated[PermittedCaps | None, Field()] = field(default=None, hash=False)
    """None: nothing is hidden of these fields but what they hide of one another."""
    filters: Filters = ()
    """Which rows may be in it: those that pass each. None: all of the population."""
    table: PermittedTable | None = None
    """Leave for one table, and for no record; None: for records, and for no table."""
    route: LegalRoute | None = None
    """By which people's identity is in it; None: it is not."""
    changes_since: Identifier | None = None
    """Leave for its change set besides, since that extract; None: for none."""

    min_group_size: int | None = None
    """How many people of a file at least share what could single them out; None: no limit."""

    registered_with: tuple[str, ...] = ()
    """The practice whose patients alone may be in it, by its codes; none: whoever's."""

    goes_on: DomainGoesOn | None = None
    """Where the domain goes on by a transfer; None: it is where it began."""

    bridge: PermittedBridge | None = None
    """Leave for pairs of tokens, and for no record; None: for records or a table, and no pairs."""

    held_beside: tuple[HeldEditions, ...] = ()
    """Beside which nothing is prepared that would tell who objected (docs/adr/0214)."""

    @property
    def environment(self) -> str:
        """Return the recipient environment in which it lands."""
        return self.domain.environment if self.goes_on is None else self.goes_on.environment

    @property
    def identified(self) -> tuple[str, ...]:
        """Return the fields that leave as people's identity."""
        return tuple(f.name for f in self.fields if f.treatment == Treatment.IDENTIFIED)

    @staticmethod
    def read(claims: Mapping[str, Any]) -> "Permit":
        """Read verified claims. Raises Malformed."""
        return FORM.of({name: value for name, value in claims.items() if name not in JUDGED})

    def claims(self) -> dict[str, JsonValue]:
        return FORM.claims(self)

    def of_the_other(self) -> "Permit":
        """Say the same from the other side of the bridge: its line, with this one as the other."""
        if (other := self.bridge) is None:
            raise ValueError("the permit is for no bridging file")
        return replace(
            self,
            agreement=other.agreement,
            line=other.line,
            population=other.population,
            domain=other.domain,
            goes_on=other.goes_on,
            filters=other.filters,
            disclosure_rule=other.disclosure_rule,
            bridge=PermittedBridge(
                agreement=self.agreement,
                line=self.line,
                population=self.population,
                domain=self.domain,
                goes_on=self.goes_on,
                filters=self.filters,
                disclosure_rule=self.disclosure_rule,
            ),
        )

    def claims_of_its_own(self) -> dict[str, JsonValue]:
        """Return those of its claims that another permit of the same permission has otherwise.

        Its id is not among them: whoever signs adds it.
        """
        own: dict[str, JsonValue] = {
            "sub": self.client_id,
            "req": self.request_digest,
            "extract_id": self.extract_id,
            "decision_id": str(self.decision_id),
            "epoch": self.epoch,
            "periods": [*self.periods],
            "formats": [*self.formats],
        }
        if self.changes_since is not None:
            own["changes_since"] = self.changes_since
        return own

    def contradictions(self) -> Iterator[str]:
        """Name the members that contradict others, or themselves."""
        found = {
            "domain.id": self.domain.id != digest_of(self.domain.as_json()),
            "domain.agreement": self.domain.agreement != self.agreement.reference,
            "domain.purpose": self.domain.purpose != self.line.purpose,
            "domain.data_sets": self.line.data_set not in self.domain.data_sets,
            "domain.opt_out": (self.domain.opt_out == "applied") != self.opt_out.applied,
            "population.codes": self.population.is_national == bool(self.population.codes),
            "population.reasons": not self.population.is_national and not self.population.reasons,
            "periods": not self.periods or len(set(self.periods)) != len(self.periods),
            "fields": len({f.name for f in self.fields}) != len(self.fields)
            or not (self.fields or self.table or self.bridge),
            "table": (self.table is not None) != (self.line.classification in AGGREGATES)
            or (self.table is not None and self._is_of_other_columns(self.table)),
            "changes_since": self.changes_since is not None
            and (self.table is not None or self.changes_since == self.extract_id),
            "filters": len({f.column for f in self.filters}) != len(self.filters),
            "min_group_size": self.min_group_size is not None
            and (self.table is not None or self.min_group_size < GROUP_SIZE_LEAST),
            "goes_on": self.goes_on is not None and self.goes_on.times < 1,
            "registered_with": bool(self.registered_with) and self.table is not None,
            "held_beside": bool(self.held_beside) and not self.opt_out.applied,
            "route": (self.route is not None) != bool(self.identified)
            or (self.route is not None and self.line.classification != Classification.IDENTIFIABLE),
            "formats": not self.formats
            or len(set(self.formats)) != len(self.formats)
            or (self.table is None and not RECORD_FORMATS.issuperset(self.formats)),
        }
        yield from (name for name, contradicts in found.items() if contradicts)
        if self.bridge is not None and self._bridges_what_it_must_not(self.bridge):
            yield "bridge"

    def _bridges_what_it_must_not(self, other: PermittedBridge) -> bool:
        """Say whether it is for more than pairs, or not of two domains of one recipient."""
        of_records = Classification.PSEUDO_ANONYMISED
        return (
            bool(self.fields or self.table or self.changes_since or self.registered_with)
            or {self.line.classification, other.line.classification} != {of_records}
            or other.domain.id in {self.domain.id, ""}
            or other.domain.id != digest_of(other.domain.as_json())
            or other.domain.agreement != other.agreement.reference
            or other.domain.purpose != other.line.purpose
            or other.line.data_set not in other.domain.data_sets
            or other.domain.opt_out != self.domain.opt_out
            or other.environment != self.environment
            or other.population.is_national == bool(other.population.codes)
        )

    def _is_of_other_columns(self, table: PermittedTable) -> bool:
        named = tuple(f.name for f in self.fields)
        return named != columns_of(table.dimensions) or any(repeated(table.dimensions))


JUDGED: Final = frozenset({"iss", "aud", "azp", "iat", "exp"})
FORM = Form(Permit)
DOMAIN = Form(DomainFacts)
OPT_OUT = Form(OptOut)
