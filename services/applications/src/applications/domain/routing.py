"""Whether an advisory body has to see an application, and which (domain.md 2.2, A22, A23).

The rule decides, not the officer: what it wants to see is referred, what it does not is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from applications.domain.rules import AdvisoryBody, AdvisoryRule, on
from applications.domain.sections.forms import Kind
from statements.vocabulary import Classification


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """What the case officer found, or that the case follows a precedent."""

    novel: bool = False
    contentious: bool = False
    complex: bool = False
    precedent: str = ""
    """Reference of the precedent that it follows."""
    reason: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        found = {"novel": self.novel, "contentious": self.contentious, "complex": self.complex}
        return tuple(word for word, is_so in found.items() if is_so)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvisoryRoute:
    body: str | None
    """Who would advise on that day; None before there was anybody."""
    because: tuple[str, ...]
    """Why it has to be seen; empty where it need not be."""

    @property
    def is_needed(self) -> bool:
        return self.body is not None and bool(self.because)


def route(
    bodies: Sequence[AdvisoryBody],
    *,
    day: date,
    kind: Kind,
    classifications: Sequence[Classification],
    commercial: bool,
    triage: Triage,
) -> AdvisoryRoute:
    body = on(day, bodies)
    if body is None or kind is Kind.SIMPLE_CHANGE:  # a typo needs no advice (domain.md 2.3)
        return AdvisoryRoute(body=body.body if body else None, because=())
    because: list[str] = ["commercial"] if commercial else []
    match body.rule:
        case AdvisoryRule.ALL_BUT_SUPPRESSED:
            if set(classifications) - {Classification.AGGREGATE_SUPPRESSED}:
                because.append("not_only_suppressed_aggregates")
        case AdvisoryRule.BY_TRIAGE:
            because.extend(triage.words)
    return AdvisoryRoute(body=body.body, because=tuple(because))
