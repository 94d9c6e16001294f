"""Dates stand in the order that their meaning has (docs/adr/0028)."""

from collections.abc import Iterator
from datetime import date

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse
from applications.domain.sections.data import Confidentiality, Minimisation
from applications.domain.sections.forms import Route
from applications.domain.sections.parties import Length
from applications.domain.sections.purposes import Benefits, Outcomes
from applications.domain.sections.terms import Transparency


def order(case: Case) -> Iterator[Finding]:
    """Check that past dates are past, and that what is to come is within the agreement."""
    for standard, pointer, day in _happened(case):
        if day > case.day:
            yield refuse(
                "DATE_IN_FUTURE",
                standard,
                pointer,
                "What has happened does not lie after today.",
                offer=case.day.isoformat(),
            )
    length = case.answers.of(Length)
    if length is None:
        return
    for standard, pointer, day in _expected(case):
        if day < length.start:
            yield refuse(
                "DATE_BEFORE_START",
                standard,
                pointer,
                "What comes of the data does not lie before the agreement's start.",
                offer=length.start.isoformat(),
            )
    support = case.answers.of(Confidentiality)
    for position, answer in enumerate(support.lines if support else ()):
        if (
            answer.route is Route.SECTION_251
            and answer.section_251 is not None
            and answer.section_251.expires < max(length.start, case.day)
        ):
            yield refuse(
                "S251_LAPSED",
                16,
                f"/sections/16/lines/{position}/section_251/expires",
                f"Support for line {answer.line} ends before the line could begin.",
            )


def _happened(case: Case) -> Iterator[tuple[int, str, date]]:
    data, benefits = case.answers.of(Minimisation), case.answers.of(Benefits)
    notice = case.answers.of(Transparency)
    if data is not None and data.consultation.on is not None:
        yield 7, "/sections/7/consultation/on", data.consultation.on
    for position, yielded in enumerate(benefits.yielded if benefits else ()):
        if yielded.on is not None:
            yield 12, f"/sections/12/yielded/{position}/on", yielded.on
    if notice is not None and notice.last_checked is not None:
        yield 19, "/sections/19/last_checked", notice.last_checked


def _expected(case: Case) -> Iterator[tuple[int, str, date]]:
    outcomes, benefits = case.answers.of(Outcomes), case.answers.of(Benefits)
    for position, output in enumerate(outcomes.outputs if outcomes else ()):
        if output.target is not None:
            yield 11, f"/sections/11/outputs/{position}/target", output.target
    for position, benefit in enumerate(benefits.benefits if benefits else ()):
        if benefit.due is not None:
            yield 12, f"/sections/12/benefits/{position}/due", benefit.due
