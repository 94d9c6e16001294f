"""Rules that change with time, as data: which one holds is asked with a day.

They are read from `applications/reference/*.yaml` by an adapter; nothing here knows a date.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol, TypeVar

from applications.domain.sections.forms import Route, Territory
from common.clock import is_between
from common.field.legal_bases import LegalBases
from statements.vocabulary import Classification, EnvironmentKind, Purpose


class Dated(Protocol):
    @property
    def valid_from(self) -> date | None: ...

    @property
    def valid_to(self) -> date | None: ...


D = TypeVar("D", bound=Dated)


def on(day: date, rules: Sequence[D]) -> D | None:
    """Return the one that holds on that day; both ends inclusive, None is open."""
    return next((one for one in rules if is_between(day, one.valid_from, one.valid_to)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardVersion:
    version: str
    title: str
    valid_from: date
    valid_to: date | None = None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    number: int
    section: int | None
    """Where an application answers it; None where there is no section of its own."""
    versions: tuple[StandardVersion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthRule:
    version: str
    valid_from: date | None
    valid_to: date | None
    start_months_ahead_max: int
    term_months_max: Mapping[str, int]


class AdvisoryRule(StrEnum):
    ALL_BUT_SUPPRESSED = "all_but_suppressed"
    BY_TRIAGE = "by_triage"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryBody:
    body: str
    valid_from: date | None
    valid_to: date | None
    rule: AdvisoryRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    code: str
    title: str
    route: Route | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    purpose: Purpose
    environments: frozenset[EnvironmentKind]
    forms: frozenset[Classification]
    identifiers: frozenset[str]
    routes: frozenset[Route]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    data_set: str
    applicant: str
    """A regular expression that the whole code of the applicant matches."""
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceForm:
    """How a body that gives references writes them; `pattern` is met by the normal form."""

    pattern: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    standards: tuple[Standard, ...]
    lengths: tuple[LengthRule, ...]
    advisory: tuple[AdvisoryBody, ...]
    powers: Mapping[str, Power]
    ceilings: tuple[Ceiling, ...]
    territories: Mapping[Territory, frozenset[str]]
    """Countries of each; a territory that is not here covers the world."""
    redirections: tuple[Redirection, ...]
    bases: LegalBases
    countries: frozenset[str]
    """ISO 3166-1; the United Kingdom by its parts."""
    section_251_forms: tuple[ReferenceForm, ...]
    review_months: int
    """By when evidence that was not reviewed yet has to be."""

    def ceiling(self, purpose: Purpose, environment: EnvironmentKind) -> Ceiling | None:
        for ceiling in self.ceilings:
            if ceiling.purpose is purpose and environment in ceiling.environments:
                return ceiling
        return None
