"""Until when an answer stays yes, as far as the facts of today tell.

For those who plan, not for the gate: a lease never relies on it. The instants at which a fact may
turn are gathered generously; one too many only costs a question more.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from uuid import UUID

from agreements.decision.domain.decide import Permission, decide
from agreements.decision.domain.facts import AgreementFacts, Present
from agreements.decision.domain.question import Fetch, Question, Release
from agreements.records.domain.parties.assurance import judge
from common.clock import end_of, legal_day, start_of

LOOKS_MAX = 500
"""An agreement has a few dozen dates; beyond this many the answer is "at least until then"."""


def until(question: Question, facts: AgreementFacts, present: Present) -> datetime:
    """Return the first instant at which what is allowed now no longer is.

    Where no end is in sight, the last instant that was looked at.
    """
    at = present.at
    for _ in range(LOOKS_MAX):
        following = next_turn(question, facts, at)
        if following is None:
            break
        at = following
        decision = decide(question, facts, replace(present, at=at))
        if not isinstance(decision, Permission):
            break
    return at


def next_turn(question: Question, facts: AgreementFacts, at: datetime) -> datetime | None:
    """Return the first instant after `at` at which a fact may turn."""
    ahead = (instant for instant in _instants(question, facts, legal_day(at)) if instant > at)
    return min(ahead, default=None)


def _instants(question: Question, facts: AgreementFacts, day: date) -> Iterator[datetime]:
    yield from facts.instants
    made = _list_date(question)
    if made is not None:
        for age in facts.rules.list_ages:
            yield end_of(made + timedelta(days=age.days_max))
    for found in _dates(facts):
        yield start_of(found)
        yield end_of(found)
    for row in facts.rules.uses.rows:
        yield start_of(row.valid_from)
        if row.valid_to is not None:
            yield end_of(row.valid_to)
    for evidence in facts.assurance.values():
        for identifiable in (False, True):
            judged = judge(
                evidence, day=day, identifiable=identifiable, rules=facts.assurance_rules
            )
            if judged.until is not None:
                yield end_of(judged.until)


def _list_date(question: Question) -> date | None:
    """Return of which day the list is that a file was made with, where one is asked about."""
    match question:
        case Fetch():
            return question.holding.file.opt_out.list_date
        case Release():
            return question.file.opt_out.list_date
        case _:
            return None


def _dates(value: object) -> Iterator[date]:
    """Find every civil date in a value, however deep."""
    match value:
        case datetime() | str() | Enum() | UUID():
            return
        case date():
            yield value
        case dict():
            for entry in value.values():
                yield from _dates(entry)
        case tuple() | list() | frozenset():
            for entry in value:
                yield from _dates(entry)
        case _ if is_dataclass(value):
            for part in fields(value):
                if not part.name.startswith("_"):
                    yield from _dates(getattr(value, part.name))
        case _:
            return
