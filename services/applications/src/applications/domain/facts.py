"""What the machine checks need of agreements. A missing fact refuses (design.md section 5)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

from pydantic import JsonValue

from common.clock import is_between


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFact:
    ods: str
    name: str
    legal_entity: str
    """Its own code, or that of the entity which it is a part of (ruling 4)."""
    parent: str | None = None
    kind: str = ""
    """What sort of organisation it is; empty where the list does not say."""
    valid_from: date | None = None
    valid_to: date | None = None

    def is_open_on(self, day: date) -> bool:
        return is_between(day, self.valid_from, self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFact:
    """A framework contract in force that day which counts for the organisation that was asked.

    Also a predecessor's, where a transfer instrument passes it on (ruling 4, A03): agreements
    says which count; it names there the legal entity that signed.
    """

    reference: str
    organisation: str
    legal_name: str
    start: date
    end: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFact:
    """Evidence of a party's security that the Body has on record, accepted or not."""

    kind: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssuranceFact:
    """What agreements judges of one party's evidence that day (domain.md 2.6)."""

    accepted: bool
    reason: str
    needs_review: bool = False
    """Accepted for identifiable data only with the condition of a later review."""
    kind: str | None = None
    reference: str | None = None
    plan_until: date | None = None
    """The end of the accepted improvement plan, where the evidence rests on one (A14)."""
    has_plan: bool = False
    recorded: tuple[EvidenceFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationFact:
    number: str
    name: str
    valid_to: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalFact:
    """Support under section 251 that the Body has on record."""

    reference: str
    purposes: frozenset[str]
    controllers: frozenset[str] | None
    """None: not limited to named controllers."""
    valid_from: date
    valid_to: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementFact:
    """The agreement that an amendment, renewal or extension is about."""

    reference: str
    version: str
    """The one in force, or the latest drafted."""
    highest: str
    """The highest number of its versions, also of those that wait for signatures."""
    is_under_way: bool
    """False: it was ended, or closed, and nothing can be drafted under its reference any more."""
    start: date
    end: date
    controllers: tuple[str, ...]
    snapshot: Mapping[str, JsonValue] | None = None
    """What the version in force was drafted from, wherever it was approved: here, by an import, or
    from a template. None where nobody asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyFacts:
    organisation: OrganisationFact | None = None
    contracts: tuple[ContractFact, ...] = ()
    assurance: AssuranceFact = field(
        default_factory=lambda: AssuranceFact(accepted=False, reason="no evidence")
    )
    registrations: tuple[RegistrationFact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementsFacts:
    parties: Mapping[str, PartyFacts] = field(default_factory=dict)
    commissioners: Mapping[str, OrganisationFact | None] = field(default_factory=dict)
    """Those that the lines' populations name."""
    agreement: AgreementFact | None = None
    approvals: tuple[ApprovalFact, ...] = ()

    def read_by(self, own: Callable[[str], str]) -> Self:
        """Return the same with what agreements keeps as it was written, under own codes."""
        return replace(
            self,
            agreement=None
            if self.agreement is None
            else replace(
                self.agreement, controllers=tuple(own(c) for c in self.agreement.controllers)
            ),
            approvals=tuple(
                approval
                if approval.controllers is None
                else replace(approval, controllers=frozenset(own(c) for c in approval.controllers))
                for approval in self.approvals
            ),
        )

    def of(self, ods: str) -> PartyFacts:
        return self.parties.get(ods, PartyFacts())
