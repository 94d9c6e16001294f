"""Opt-outs, the duty of confidentiality and the powers, line by line."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from applications.domain.checks.case import Case
from applications.domain.checks.data.uses import by_statute
from applications.domain.findings import Finding, refuse
from applications.domain.sections.data import (
    Confidentiality,
    LineAnswer,
    LineConfidentiality,
    Objections,
    OptOut,
)
from applications.domain.sections.forms import OptOutReason, Route
from statements.vocabulary import Classification


def redirections(case: Case) -> Iterator[Finding]:
    """Check that what another service answers is not opened here (A26)."""
    for pointer, line in case.answers.numbered_lines():
        for redirection in case.rules.redirections:
            if redirection.data_set == line.data_set and re.fullmatch(
                redirection.applicant, case.organisation
            ):
                yield refuse(
                    "REDIRECTED",
                    7,
                    f"{pointer}/data_set",
                    f"{line.data_set} for one's own organisation comes from another service.",
                    offer=redirection.service,
                )


def objections(case: Case) -> Iterator[Finding]:
    """Opt-outs are upheld unless a reason holds (Standard 8; A21)."""
    section = case.answers.of(Objections)
    if section is None:
        return
    by_number = {line.number: line for line in case.answers.lines}
    routes = {line.line: line.route for line in _confidentiality(case)}
    yield from _numbers([o.line for o in section.lines], by_number, 8)
    for position, opt_out in enumerate(section.lines):
        line = by_number.get(opt_out.line)
        if line is not None and not opt_out.applied:
            pointer = f"/sections/8/lines/{position}"
            yield from _not_upheld(case, line, opt_out, routes.get(line.number), pointer)


def _not_upheld(
    case: Case, line: LineAnswer, opt_out: OptOut, route: Route | None, pointer: str
) -> Iterator[Finding]:
    match opt_out.reason:
        case None:
            yield refuse(
                "OPT_OUT_WITHOUT_REASON",
                8,
                f"{pointer}/reason",
                f"Opt-outs are not upheld in line {line.number}, and no reason is given.",
            )
        case OptOutReason.NO_IDENTIFYING_DATA:
            if line.classification is Classification.IDENTIFIABLE:
                yield refuse(
                    "OPT_OUT_REASON_CONTRADICTS",
                    8,
                    f"{pointer}/reason",
                    f"Line {line.number} is identifiable.",
                )
        case OptOutReason.CONSENT:
            if route is not Route.CONSENT:
                yield refuse(
                    "OPT_OUT_REASON_CONTRADICTS",
                    8,
                    f"{pointer}/reason",
                    f"Line {line.number} does not rest on consent (section 16).",
                )
        case OptOutReason.EXEMPTION:
            if not opt_out.exemption_letter and not by_statute(case, line):
                yield refuse(
                    "EXEMPTION_LETTER_MISSING",
                    8,
                    f"{pointer}/exemption_letter",
                    "An exemption needs the CAG letter that the controller holds.",
                )


def confidentiality(case: Case) -> Iterator[Finding]:
    """Identifiable data have exactly one route, with its evidence (Standard 16; A20)."""
    answered = _confidentiality(case)
    if case.answers.of(Confidentiality) is None:
        return
    by_number = {line.number: line for line in case.answers.lines}
    yield from _numbers([c.line for c in answered], by_number, 16)
    for number in sorted(by_number.keys() - {c.line for c in answered}):
        yield refuse(
            "CONFIDENTIALITY_MISSING",
            16,
            "/sections/16/lines",
            f"Nothing says how the duty of confidentiality is met in line {number}.",
        )
    for position, answer in enumerate(answered):
        line = by_number.get(answer.line)
        if line is not None:
            yield from _route(case, line, answer, f"/sections/16/lines/{position}")


def _route(
    case: Case, line: LineAnswer, answer: LineConfidentiality, pointer: str
) -> Iterator[Finding]:
    ceiling = case.rules.ceiling(line.purpose, line.recipient_environment.kind)
    if line.classification is Classification.IDENTIFIABLE:
        if answer.route in {Route.NONE, Route.NOT_IDENTIFIABLE}:
            yield refuse(
                "CONFIDENTIALITY_MISSING",
                16,
                f"{pointer}/route",
                f"Line {line.number} is identifiable, and nothing meets the duty of "
                "confidentiality.",
            )
        elif (
            ceiling is not None
            and ceiling.routes
            and answer.route not in ceiling.routes
            and not by_statute(case, line)
        ):
            yield refuse(
                "ROUTE_NOT_ALLOWED",
                16,
                f"{pointer}/route",
                f"Purpose {line.purpose} does not rest on {answer.route.value}.",
            )
    if answer.route is Route.SECTION_251:
        if answer.section_251 is None:
            yield refuse(
                "S251_REFERENCE_MISSING",
                16,
                f"{pointer}/section_251",
                f"Line {line.number} relies on section 251 and names no approval.",
            )
        elif answer.section_251.purpose is not line.purpose:
            yield refuse(
                "S251_OTHER_PURPOSE",
                16,
                f"{pointer}/section_251/purpose",
                f"The approval is for {answer.section_251.purpose}, the line for {line.purpose}.",
            )
    if answer.route in {Route.CONSENT, Route.OTHER_LAW} and not answer.evidence:
        yield refuse(
            "EVIDENCE_MISSING",
            16,
            f"{pointer}/evidence",
            f"{answer.route.value.replace('_', ' ').capitalize()} needs its evidence.",
        )


def powers(case: Case) -> Iterator[Finding]:
    """Check that each line states a power (domain.md 3.3) that fits its route."""
    routes = {line.line: line.route for line in _confidentiality(case)}
    for pointer, line in case.answers.numbered_lines():
        at = f"{pointer}/dissemination_power"
        power = case.rules.powers.get(line.dissemination_power)
        if power is None:
            yield refuse(
                "POWER_UNKNOWN",
                7,
                at,
                f"Line {line.number} names a power that is not in the vocabulary.",
                offer=", ".join(sorted(case.rules.powers)),
            )
            continue
        route = routes.get(line.number)
        if route is None:
            continue
        if power.route is not None and power.route is not route:
            yield refuse(
                "POWER_WITHOUT_BASIS",
                7,
                at,
                f"{power.title} stands on {power.route.value}; line {line.number} does not.",
            )
        fitting = sorted(p.code for p in case.rules.powers.values() if p.route is route)
        is_identifiable = line.classification is Classification.IDENTIFIABLE
        if is_identifiable and fitting and power.code not in fitting:
            yield refuse(
                "POWER_DOES_NOT_FIT",
                7,
                at,
                f"Identifiable data by {route.value} need another power.",
                offer=", ".join(fitting),
            )


def _confidentiality(case: Case) -> tuple[LineConfidentiality, ...]:
    section = case.answers.of(Confidentiality)
    return section.lines if section else ()


def _numbers(
    given: Sequence[int], known: dict[int, LineAnswer], standard: int
) -> Iterator[Finding]:
    pointer = f"/sections/{standard}/lines"
    for number, times in Counter(given).items():
        if number not in known:
            yield refuse("LINE_UNKNOWN", standard, pointer, f"Section 7 has no line {number}.")
        if times > 1:
            yield refuse(
                "LINE_TWICE", standard, pointer, f"Line {number} is answered {times} times."
            )
