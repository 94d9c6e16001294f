"""What is known of one agreement and of all that its decisions rest on.

Everything here changes only with the fact epoch, so it is cached under it; dates and instants are
inside, so the same facts serve every instant. What changes with decisions themselves, or with the
clock, is in `Present`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from uuid import UUID

from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.organisations_on_day import OrganisationsOnDay
from agreements.decision.domain.rules import Rules
from agreements.records.domain.agreement import Agreement
from agreements.records.domain.contract import Contract
from agreements.records.domain.oversight.instructions import InternalInstruction
from agreements.records.domain.oversight.waivers import OptOutWaiver
from agreements.records.domain.parties.assurance import Assurance, AssuranceRules
from agreements.records.domain.parties.codes import NO_RULES, CodeRules
from agreements.records.domain.parties.domain_transfer import (
    DomainTransfer,
    Succession,
    succession,
)
from agreements.records.domain.parties.environment import ListedEnvironment
from agreements.records.domain.parties.organisation import Organisation, TransferInstrument
from agreements.records.domain.parties.registration import IcoRegistration, Section251Approval
from agreements.records.domain.parties.relationship import Relationship
from agreements.records.domain.recalls import Recall
from agreements.records.domain.terms.data_sets import DataSetFacts
from catalogue import Capped
from common.clock import end_of, legal_day
from statements.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFacts:
    """A recipient environment and the clients that belong to it."""

    id: UUID
    organisation: str
    kind: str
    clients: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFacts:
    """A practice or postcode map: governs from its first day until the next one does."""

    id: UUID
    kind: str
    valid_from: date
    is_in_force: bool = True
    takes_from: frozenset[str] = frozenset()
    """Commissioners who lose people by what waits for a second person (ruling 20)."""


@dataclass(frozen=True, kw_only=True)
class AgreementFacts:
    reference: str
    rules: Rules
    assurance_rules: AssuranceRules
    agreement: Agreement | None = None
    documents: Mapping[UUID, Document]
    """By version of the agreement."""
    organisations: Mapping[str, tuple[Organisation, ...]]
    """By code: every stretch of time in which it means something."""
    instruments: tuple[TransferInstrument, ...]
    contracts: tuple[Contract, ...]
    relationships: tuple[Relationship, ...]
    assurance: Mapping[str, tuple[Assurance, ...]]
    registrations: Mapping[str, tuple[IcoRegistration, ...]]
    approvals: Mapping[str, Section251Approval]
    publications: Mapping[tuple[str, str], date]
    """By data set and period: on which day it was published."""
    environments: tuple[EnvironmentFacts, ...]
    maps: tuple[MapFacts, ...]
    listed: tuple[ListedEnvironment, ...]
    """What the registers of the lines' kinds of environments say, on whatever day."""
    catalogue: Mapping[str, DataSetFacts]
    """By digest."""
    code_rules: CodeRules = NO_RULES
    """How codes are read (ruling 23)."""
    broken: tuple[str, ...] = ()
    """Registers whose rows are not what was sealed. Where there are any, nothing else is here."""
    recalls: tuple[Recall, ...] = ()
    """What the haven took back: what was made with it is void."""
    waivers: tuple[OptOutWaiver, ...] = ()
    """Letters that are on record, whatever became of them: by which opt-outs are not upheld."""
    instructions: tuple[InternalInstruction, ...] = ()
    """Of the Body, where it is a controller: for this agreement, whatever became of them."""
    destroyed: frozenset[UUID] = frozenset()
    """Holdings of the agreement's files whose destruction two people accepted."""
    domain_transfers: tuple[DomainTransfer, ...] = ()
    """Of the agreement's pseudonym domains: which go on in which environment (docs/adr/0163)."""
    alternatives: tuple["Alternative", ...] = ()
    """As the facts would be, for each list that waits and changes any of them."""
    _on_day: dict[date, OrganisationsOnDay] = field(default_factory=dict, repr=False, compare=False)
    capped: dict[tuple[date, int, str], Mapping[str, Capped]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `LineCase.capped` found: by day, the line's identity, and the data set's digest."""

    def organisations_on(self, day: date) -> OrganisationsOnDay:
        """Return who stands for whom on the day; found once a day, since decisions are many."""
        found = self._on_day.get(day)
        if found is None:
            found = OrganisationsOnDay(day, self.organisations, self.instruments, self.code_rules)
            self._on_day.clear()
            self._on_day[day] = found
        return found

    def linked_with(self, data_set: str) -> frozenset[str]:
        """Return the data sets whose tokens are its own, itself among them, by any version."""
        return frozenset({data_set}).union(
            *(one.linked_with(data_set) for one in self.documents.values() if one.linked)
        )

    def party(self, environment_id: UUID, at: datetime) -> frozenset[str]:
        """Return who has a file of the agreement that lands in an environment.

        Its owner, controllers and processors, and to whom the standing of any of them passed.
        """
        agreement = self.agreement
        if agreement is None:
            return frozenset()
        version = agreement.governing(at) or agreement.shown(at)
        owners = [e.organisation for e in self.environments if e.id == environment_id]
        organisations = self.organisations_on(legal_day(at))
        named = {
            organisations.own(code)
            for code in (*owners, *version.controllers(), *version.processors())
        }
        return frozenset(named).union(*map(organisations.holders, named))

    @cached_property
    def domain_succession(self) -> Succession:
        """Return which environment has whose pseudonym domains."""
        return succession(self.domain_transfers)

    @cached_property
    def instants(self) -> tuple[datetime, ...]:
        """Return, in order, the instants inside a day at which a fact begins or ends to hold.

        All other facts are of civil dates and turn at midnight in London.
        """
        agreement = self.agreement
        versions = () if agreement is None else agreement.versions
        holds = () if agreement is None else agreement.holds
        found = (
            None if agreement is None else agreement.terminated_at,
            *(c.in_force_from() for c in self.contracts),
            *(c.terminated_at for c in self.contracts),
            *(r.activated_at for r in self.relationships),
            *(v.effective_from() for v in versions),
            *(h.set_at for h in holds),
            *(h.lifted_at for h in holds),
            *(c.fulfilled_at for v in versions for c in v.conditions),
            *(i for alternative in self.alternatives for i in alternative.facts.instants),
        )
        return tuple(sorted({instant for instant in found if instant is not None}))

    def turns_at(self, at: datetime, day: date) -> datetime:
        """Return the first instant after `at` at which any fact may turn.

        Midnight in London is one always: it costs a lease nothing, and forgets no fact.
        """
        midnight = end_of(day)
        return next((i for i in self.instants if at < i < midnight), midnight)


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """The facts as they would be if a list that waits were in force (ruling 20)."""

    waiting: str
    """What waits, in words."""
    facts: AgreementFacts


Reservation = tuple[UUID, str, str]
"""Environment, data set and month, for which one opt-out treatment is reserved (ruling 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a decision rests on besides facts: the clock, and earlier decisions."""

    at: datetime
    last_decision_at: datetime | None
    reserved: Mapping[Reservation, str]
    """The opt-out treatments that earlier permits and files have taken."""
    elsewhere: tuple[HeldFile, ...] = ()
    """With people's identity, what other environments were given of the months."""
    held: tuple[HeldFile, ...] = ()
    """Files of the data set that the environment was given before, where they count."""
    broken: tuple[str, ...] = ()
    """What of it is not what this service recorded and sealed."""
    is_void: bool = False
    """The file that is asked for was made void: another took its place before anybody had it."""
    bridged: frozenset[frozenset[str]] = frozenset()
    """Pairs of pseudonym domains of which another bridging file was released."""
