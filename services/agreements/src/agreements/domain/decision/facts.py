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

from agreements.domain.agreement import Agreement
from agreements.domain.assurance import Assurance, AssuranceRules
from agreements.domain.codes import NO_RULES, CodeRules
from agreements.domain.contract import Contract
from agreements.domain.decision.document import Document
from agreements.domain.decision.held import HeldFile
from agreements.domain.decision.recalls import Recall
from agreements.domain.decision.rules import Category, Rules
from agreements.domain.decision.standing import Standing
from agreements.domain.organisation import Organisation, TransferInstrument
from agreements.domain.registration import IcoRegistration, Section251Approval
from agreements.domain.relationship import Relationship
from catalogue import Capped, Shown
from common.clock import end_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasableColumn:
    """A column as the catalogue describes it, by treatment: in which row of 4.2 it stands."""

    field_class: str
    categories: Mapping[str, Category]
    """By each treatment in which the column may leave at all."""
    scanned: bool
    """Free text or a code, in which personal data are found in practice (domain.md 8.6)."""
    is_text: bool = False
    """A text or code of the provider's file that identifies nobody by itself."""
    shown: Mapping[str, Shown] = field(default_factory=dict)
    """By each treatment, what the column tells as far as caps go (domain.md 8.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingRulesFacts:
    """One version of the rules by which files of a data set are taken in (docs/adr/0021)."""

    version: int
    digest: str
    valid_from: date
    safe_from: int
    """Editions of earlier versions, or of none, are not released any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetFacts:
    """One version of one data set, as far as decisions rest on it."""

    data_set: str
    version: str
    digest: str
    columns: Mapping[str, ReleasableColumn]
    reasons: frozenset[str]
    """Letters of Reasons for Access that it can give; none: it is not about anybody's people."""
    mapped: Mapping[str, str]
    """Of these letters, those that need a map, and which."""
    waits_for_publication: bool
    disclosure_rule: str
    """By which tables that are made from it are protected (domain.md 7.1)."""
    landing_rules: tuple[LandingRulesFacts, ...] = ()

    def is_safely_landed(self, digest: str | None, day: date) -> bool:
        """Say whether what was landed by rules of that digest, or by none, may be given that day.

        Rules that are not known here are not safe: nobody can say what they let through.
        """
        begun = [r for r in self.landing_rules if r.valid_from <= day]
        if not begun:
            return digest is None
        safe_from = max(begun, key=lambda r: r.version).safe_from
        return any(r.digest == digest and r.version >= safe_from for r in self.landing_rules)


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
class Facts:
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
    catalogue: Mapping[str, DataSetFacts]
    """By digest."""
    code_rules: CodeRules = NO_RULES
    """How codes are read (ruling 23)."""
    broken: tuple[str, ...] = ()
    """Registers whose rows are not what was sealed. Where there are any, nothing else is here."""
    recalls: tuple[Recall, ...] = ()
    """What the haven took back: what was made with it is void."""
    alternatives: tuple["Alternative", ...] = ()
    """As the facts would be, for each list that waits and changes any of them."""
    _standing: dict[date, Standing] = field(default_factory=dict, repr=False, compare=False)
    capped: dict[tuple[date, int, str], Mapping[str, Capped]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `LineCase.capped` found: by day, the line's identity, and the data set's digest."""

    def standing(self, day: date) -> Standing:
        """Return who stands for whom on the day; found once a day, since decisions are many."""
        found = self._standing.get(day)
        if found is None:
            found = Standing(day, self.organisations, self.instruments, self.code_rules)
            self._standing.clear()
            self._standing[day] = found
        return found

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
    facts: Facts


Reservation = tuple[UUID, str, str]
"""Environment, data set and month, for which one opt-out treatment is reserved (ruling 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a decision rests on besides facts: the clock, and earlier decisions."""

    at: datetime
    last_decision_at: datetime | None
    reserved: Mapping[Reservation, str]
    """The opt-out treatments that earlier permits and files have taken."""
    held: tuple[HeldFile, ...] = ()
    """Files of the data set that the environment was given before, where they count."""
    is_void: bool = False
    """The file that is asked for was made void: another took its place before anybody had it."""
