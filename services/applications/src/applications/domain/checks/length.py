"""Standard 1: how long (domain.md 2.5; A04 to A09)."""

import calendar
from collections.abc import Iterator
from datetime import date, timedelta

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse, warn
from applications.domain.rules import on
from applications.domain.sections.data import Confidentiality
from applications.domain.sections.forms import Kind, Route
from applications.domain.sections.parties import Length
from applications.domain.sections.purposes import Commercial
from applications.domain.sections.terms import SubLicence

ONE_DAY = timedelta(days=1)
START, END = "/sections/1/start", "/sections/1/end"


def months_later(day: date, months: int) -> date:
    """Return the same day of a later month, or its last where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def last_day(first: date, months: int) -> date:
    """Return the last day of a term of that many months: ends are inclusive (A06).

    A term that begins on 29 February ends on the 28th, leap year or not.
    """
    after = months_later(first, months)
    return after if after.day < first.day else after - ONE_DAY


def order(case: Case) -> Iterator[Finding]:
    length = case.answers.of(Length)
    if length and length.end < length.start:
        yield refuse("END_BEFORE_START", 1, END, "The end lies before the start.")


def start(case: Case) -> Iterator[Finding]:
    """Not in the past, and not too far ahead.

    A late renewal keeps the start that leaves no gap (ruling 8), so the past is for new ones.
    """
    length, rule = case.answers.of(Length), on(case.day, case.rules.lengths)
    if length is None or case.kind not in {Kind.NEW, Kind.RENEWAL}:
        return
    if rule is None:
        yield refuse("RULE_UNKNOWN", 1, START, "No length rule holds on this day.")
        return
    if case.kind is Kind.NEW and length.start < case.day:
        yield refuse(
            "START_IN_PAST",
            1,
            START,
            "A new agreement does not start before the day it is applied for.",
            offer=case.day.isoformat(),
        )
    latest = months_later(case.day, rule.start_months_ahead_max)
    if length.start > latest:
        yield refuse(
            "START_TOO_FAR",
            1,
            START,
            f"The start is more than {rule.start_months_ahead_max} months ahead.",
            offer=latest.isoformat(),
        )


def longest(case: Case, length: Length) -> date | None:
    """Return the last day that the term allows, whatever caps it besides."""
    rule = on(case.day, case.rules.lengths)
    if rule is None:
        return None
    terms = rule.term_months_max
    months = [terms.get(length.category.value, terms["default"])]
    commercial, sub_licence = case.answers.of(Commercial), case.answers.of(SubLicence)
    if commercial and commercial.commercial:
        months.append(terms["commercial"])
    if sub_licence and sub_licence.sub_licence:
        months.append(terms["sub_licence"])
    # An extension is signed anew: its term counts from the expected signature.
    first = case.day if case.kind is Kind.EXTENSION else length.start
    return last_day(first, min(months))


def contract_end(case: Case) -> date | None:
    """Return the first end of the contracts that the controllers have in force."""
    if case.facts is None or not case.needs_contract:
        return None
    ends = []
    for ods in case.answers.controllers:
        # Of several that count for one controller, the one that lasts longest.
        contracts = case.facts.of(ods).contracts
        if contracts and all(c.end is not None for c in contracts):
            ends.append(max(c.end for c in contracts if c.end is not None))
    return min(ends, default=None)


def term(case: Case) -> Iterator[Finding]:
    """Maximum length by category, commercial use and sub-licence; ends with the contract."""
    length = case.answers.of(Length)
    if length is None or case.kind in {Kind.AMENDMENT, Kind.SIMPLE_CHANGE}:
        return
    latest, contract = longest(case, length), contract_end(case)
    ends = [end for end in (latest, contract) if end is not None]
    offer = min(ends).isoformat() if ends else None
    if latest is not None and length.end > latest:
        yield refuse("TERM_TOO_LONG", 1, END, "The term is longer than allowed.", offer=offer)
    if contract is not None and length.end > contract:
        yield refuse(
            "CONTRACT_ENDS_FIRST",
            1,
            END,
            "A controller's framework contract ends before the agreement would.",
            offer=offer,
        )


def support(case: Case) -> Iterator[Finding]:
    """Section 251 caps the line that relies on it; all lines capped refuse (ruling 5, A08)."""
    length, answered = case.answers.of(Length), case.answers.of(Confidentiality)
    if length is None or answered is None:
        return
    expiries = {
        line.line: line.section_251.expires
        for line in answered.lines
        if line.route is Route.SECTION_251 and line.section_251
    }
    numbers = {line.number for line in case.answers.lines}
    capped = {n: end for n, end in expiries.items() if n in numbers and end < length.end}
    if not capped:
        return
    if capped.keys() == numbers:
        yield refuse(
            "S251_ENDS_FIRST",
            1,
            END,
            "Every line relies on support under section 251 that ends before the agreement would.",
            offer=max(capped.values()).isoformat(),
        )
        return
    for position, line in enumerate(answered.lines):
        if line.line in capped:
            yield warn(
                "LINE_CAPPED_BY_S251",
                16,
                f"/sections/16/lines/{position}/section_251/expires",
                f"Line {line.line} ends with the support that it relies on.",
                offer=capped[line.line].isoformat(),
            )


def continuity(case: Case) -> Iterator[Finding]:
    """Check that what follows an agreement begins at its end, or keeps its term (2.3, A09)."""
    length = case.answers.of(Length)
    agreement = case.facts.agreement if case.facts else None
    if length is None or agreement is None or case.kind is Kind.NEW:
        return
    if case.kind is Kind.RENEWAL:
        following = agreement.end + ONE_DAY
        if length.start != following:
            yield refuse(
                "GAP_BEFORE_RENEWAL",
                1,
                START,
                "A renewal starts on the day after the agreement's end.",
                offer=following.isoformat(),
            )
        return
    if length.start != agreement.start:
        yield refuse(
            "START_CHANGED",
            1,
            START,
            f"The start stays what it was; {case.kind.in_words} does not move it.",
            offer=agreement.start.isoformat(),
        )
    if case.kind is Kind.EXTENSION and length.end <= agreement.end:
        yield refuse("NOT_EXTENDED", 1, END, "An extension ends later than the agreement.")
    if case.kind in {Kind.AMENDMENT, Kind.SIMPLE_CHANGE} and length.end != agreement.end:
        yield refuse(
            "END_CHANGED",
            1,
            END,
            "The end stays what it was; another end is an extension or a renewal.",
            offer=agreement.end.isoformat(),
        )
