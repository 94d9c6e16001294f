"""The dated rules that a decision applies: data with a source, never code (design.md section 5).

They are read from `agreements/rules/*.yaml`. A row holds from `first` to `last`, both legal days
and inclusive; where no row of the day says something, it is not allowed.
"""

import calendar
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, TypeVar

from agreements.records.domain.oversight.waivers import OptOutWaiver
from agreements.records.domain.parties.organisation import OrganisationKind
from agreements.records.domain.terms.categories import Category
from catalogue import Caps, Uses
from common.clock import is_between
from common.field.legal_bases import LegalBases
from statements.vocabulary import EnvironmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """A row that holds for a time, and where it comes from."""

    first: date | None
    last: date | None
    source: str

    def holds_on(self, day: date) -> bool:
        return is_between(day, self.first, self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling(Dated):
    """What may leave at most, by purpose, classification and where the data land."""

    purpose: str
    classification: str
    environments: frozenset[EnvironmentKind]
    routes: frozenset[str]
    """Ways of meeting the duty of confidentiality by which such a line may be released."""
    categories: frozenset[Category]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutRule(Dated):
    """Whether opt-outs are upheld (domain.md 4.1 and 4.3). Null matches every value."""

    purpose: str | None
    data_set: str | None
    classification: str | None
    applied: bool
    """True: they must be. False: the line may leave them out."""
    by: Literal["list", "check"]
    """How it is known who objected: by a list of objectors, or by the national check (R12)."""
    excused_by: frozenset[str]
    """Reasons of a line for which a rule that says True need not be followed."""
    reason: str
    letter: str | None = None
    """The letter, with its date, on which a rule rests that waives them (ruling 27)."""


def waived(rule: OptOutRule, letter: OptOutWaiver) -> OptOutRule:
    """Return what holds in the rule's place on the days of a letter that is on record."""
    return replace(
        rule,
        first=letter.valid_from,
        last=letter.valid_to,
        source=letter.source,
        applied=False,
        excused_by=frozenset(),
        reason="waived by a letter of the Confidentiality Advisory Group",
        letter=letter.in_words,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAge(Dated):
    """How many days old the opt-out list of a file may be."""

    days_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Power(Dated):
    """A dissemination power of the HSCA 2012, and what it may carry (domain.md 3.3)."""

    code: str
    classifications: frozenset[str]
    routes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Support(Dated):
    """A section 251 reference of the seed: which flows it is about (domain.md 4.1)."""

    reference: str
    purposes: frozenset[str]
    environments: frozenset[EnvironmentKind]
    of: frozenset[OrganisationKind]
    """Kinds of organisations whose environments these are; none: any that may have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula(Dated):
    """When a publication is to be expected. It never opens the gate (domain.md 6.1)."""

    data_set: str
    months: int = 0
    day_of_month: int | None = None
    days: int = 0
    """Counted from the period's last day, where no day of the month is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRule(Dated):
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRule(Dated):
    """How old the proof of who asks may be, where a standing order is carried out."""

    days_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRule(Dated):
    """A kind of environment of which NHS England keeps a register (ruling 31)."""

    kind: EnvironmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionRule(Dated):
    """Who has an internal instruction in place of a contract with itself (ruling 14)."""

    organisation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRule:
    """A way of looking for personal data in texts and codes (domain.md 8.6)."""

    rule: str
    covers: Literal["marked", "texts"]
    """Fields that the catalogue marks, or every text that leaves as it is."""
    releases: bool
    """Whether files that were looked through in this way may still be released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Values that a clause may have; any other one cannot be evaluated, and so denies."""

    population_rules: frozenset[str]
    reasons: frozenset[str]
    opt_out_reasons: frozenset[str]
    routes: frozenset[str]
    sensitivities: frozenset[str]
    frequencies: frozenset[str]
    access_methods: frozenset[str]
    scan_rules: tuple[ScanRule, ...]
    contract_free: frozenset[str]
    """Classifications that need no framework contract (domain.md 3.1; A23)."""
    provider_classifications: frozenset[str]
    """What providers may receive (ruling 14)."""

    def scan_rule(self, name: str) -> ScanRule | None:
        return next((r for r in self.scan_rules if r.rule == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    vocabulary: Vocabulary
    ceilings: tuple[Ceiling, ...]
    opt_outs: tuple[OptOutRule, ...]
    list_ages: tuple[ListAge, ...]
    powers: tuple[Power, ...]
    supports: tuple[Support, ...]
    formulas: tuple[Formula, ...]
    leases: tuple[LeaseRule, ...]
    orders: tuple[OrderRule, ...]
    registers: tuple[RegisterRule, ...]
    instructed: tuple[InstructionRule, ...]
    bases: LegalBases
    caps: Caps
    """What columns of a line may not tell together (domain.md 8.3)."""
    uses: Uses
    """For what data sets are, beyond what their columns say (docs/adr/0048)."""
    digest: str
    """Of the files that they were read from: logged with each decision."""

    def ceiling(
        self, day: date, *, purpose: str, classification: str, environment: str
    ) -> Ceiling | None:
        return _only(
            c
            for c in self.ceilings
            if c.purpose == purpose
            and c.classification == classification
            and environment in c.environments
            and c.holds_on(day)
        )

    def opt_out(
        self, day: date, *, purpose: str, data_set: str, classification: str
    ) -> OptOutRule | None:
        """Return the first row that matches: the file lists the particular before the general."""
        return next(
            (
                rule
                for rule in self.opt_outs
                if rule.purpose in {None, purpose}
                and rule.data_set in {None, data_set}
                and rule.classification in {None, classification}
                and rule.holds_on(day)
            ),
            None,
        )

    def list_days_max(self, day: date) -> int | None:
        row = _only(r for r in self.list_ages if r.holds_on(day))
        return None if row is None else row.days_max

    def power(self, day: date, code: str) -> Power | None:
        return _only(p for p in self.powers if p.code == code and p.holds_on(day))

    def support(self, day: date, reference: str) -> Support | None:
        return _only(s for s in self.supports if s.reference == reference and s.holds_on(day))

    def formula(self, day: date, data_set: str) -> Formula | None:
        return _only(f for f in self.formulas if f.data_set == data_set and f.holds_on(day))

    def lease_seconds(self, day: date) -> float:
        """Return the longest lease of the day; none at all where no row says one."""
        row = _only(r for r in self.leases if r.holds_on(day))
        return 0.0 if row is None else row.seconds

    def order_days_max(self, day: date) -> int:
        """Return for how many days a token speaks for a standing order; none where no row says."""
        row = _only(r for r in self.orders if r.holds_on(day))
        return 0 if row is None else row.days_max

    def is_registered(self, day: date, kind: str) -> bool:
        """Say whether an environment of the kind has to be listed on the day."""
        return any(r.kind == kind and r.holds_on(day) for r in self.registers)

    def is_instructed(self, day: date, organisation: str) -> bool:
        """Say whether a controller has an internal instruction in place of a contract."""
        return any(r.organisation == organisation and r.holds_on(day) for r in self.instructed)

    def longest_lease_seconds(self) -> float:
        """Return the longest of any day: what a command that removes permission waits for."""
        return max((r.seconds for r in self.leases), default=0.0)


R = TypeVar("R", bound=Dated)


def _only(rows: Iterable[R]) -> R | None:
    """Return the row; None where there is none. Two would contradict, so they say nothing."""
    found = list(rows)
    return found[0] if len(found) == 1 else None


def expected_on(rules: Rules, data_set: str, month: str, day: date) -> date | None:
    """Return when a publication is to be expected, by the formula of the day; None where none is.

    Told to whoever is refused, and nothing else: only a recorded publication opens the gate
    (domain.md 6.1).
    """
    formula = rules.formula(day, data_set)
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        return None  # PERIOD_NOT_IN_DSA says so
    if formula is None:
        return None
    if formula.day_of_month is None:
        length = calendar.monthrange(first.year, first.month)[1]
        return first + timedelta(days=length - 1 + formula.days)
    years, month0 = divmod(first.month - 1 + formula.months, 12)
    return date(first.year + years, month0 + 1, formula.day_of_month)
