"""Standards 7, 8 and 16: which data, for whom, and by which law."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse, warn
from applications.domain.rules import Ceiling
from applications.domain.sections import (
    Confidentiality,
    Kind,
    LineAnswer,
    LineConfidentiality,
    LineField,
    Minimisation,
    Objections,
    OptOut,
    OptOutReason,
    Route,
    Sensitivity,
)
from catalogue import DataSet, FieldClass, Treatment
from statements.vocabulary import Classification


def lines(case: Case) -> Iterator[Finding]:
    """At least one; numbers, and keys of purpose, data set and classification, once each."""
    section = case.answers.of(Minimisation)
    if section is None:
        return
    if not section.lines:
        yield refuse("NO_LINE", 7, "/sections/7/lines", "No data are asked for.")
    yield from _repeated("LINE_NUMBER_TWICE", [f"line {line.number}" for line in section.lines])
    yield from _repeated(
        "LINE_TWICE",
        [f"{line.purpose} {line.data_set} {line.classification}" for line in section.lines],
    )
    for pointer, line in case.answers.numbered_lines():
        if line.periods.first > line.periods.last:
            yield refuse(
                "PERIOD_REVERSED",
                7,
                f"{pointer}/periods",
                f"The period of line {line.number} ends before it begins.",
            )


def catalogue(case: Case) -> Iterator[Finding]:
    """The data set exists, in the version and for the months asked for."""
    for pointer, line in case.answers.numbered_lines():
        data_set = case.data_set(line)
        if data_set is None:
            yield refuse(
                "DATA_SET_UNKNOWN",
                7,
                f"{pointer}/data_set",
                f"The catalogue has no {line.data_set} {line.catalogue_version or ''}".rstrip()
                + ".",
            )
            continue
        periods = data_set.periods
        if line.periods.first < periods.earliest:
            yield refuse(
                "PERIOD_NOT_AVAILABLE",
                7,
                f"{pointer}/periods/from",
                f"{line.data_set} begins with {periods.earliest}.",
                offer=periods.earliest,
            )
        if periods.latest is not None and line.periods.last > periods.latest:
            yield refuse(
                "PERIOD_NOT_AVAILABLE",
                7,
                f"{pointer}/periods/to",
                f"{line.data_set} ends with {periods.latest}.",
                offer=periods.latest,
            )
        if (
            data_set.sensitivity == Sensitivity.SENSITIVE.value
            and line.sensitivity is Sensitivity.NON_SENSITIVE
        ):
            yield refuse(
                "SENSITIVITY_UNDERSTATED",
                7,
                f"{pointer}/sensitivity",
                f"{line.data_set} is sensitive.",
                offer=Sensitivity.SENSITIVE.value,
            )


def groups(case: Case) -> Iterator[Finding]:
    """A group narrows a data set that has groups; none in the catalogue has, so none is asked for.

    The decision denies a line with a group, since no permit can say so yet.
    """
    for pointer, line in case.answers.numbered_lines():
        if line.group:
            yield refuse(
                "GROUP_UNKNOWN", 7, f"{pointer}/group", f"{line.data_set} has no such group."
            )


def fields(case: Case) -> Iterator[Finding]:
    """Each field has a reason (A19), is in the catalogue, and leaves in a form it may leave in."""
    for pointer, line in case.answers.numbered_lines():
        if not line.fields:
            yield refuse(
                "NO_FIELD", 7, f"{pointer}/fields", f"Line {line.number} asks for no field."
            )
        yield from _repeated(
            "FIELD_TWICE",
            [f"{field.name} in line {line.number}" for field in line.fields],
            f"{pointer}/fields",
        )
        data_set = case.data_set(line)
        ceiling = case.rules.ceiling(line.purpose, line.recipient_environment.kind)
        for position, field in enumerate(line.fields):
            at = f"{pointer}/fields/{position}"
            if not field.reason:
                yield refuse(
                    "FIELD_WITHOUT_REASON",
                    7,
                    f"{at}/reason",
                    f"{field.name} in line {line.number} has no reason.",
                )
            if data_set is not None:
                yield from _form(line, field, data_set, ceiling, at)


def _form(
    line: LineAnswer, field: LineField, data_set: DataSet, ceiling: Ceiling | None, pointer: str
) -> Iterator[Finding]:
    try:
        column = data_set.releasable(field.name)
    except KeyError:
        yield refuse(
            "FIELD_UNKNOWN",
            7,
            f"{pointer}/name",
            f"{data_set.data_set} {data_set.version} has no field {field.name}.",
        )
        return
    if column.class_ is FieldClass.SEN and line.sensitivity is Sensitivity.NON_SENSITIVE:
        yield refuse(
            "SENSITIVITY_UNDERSTATED",
            7,
            f"{pointer}/name",
            f"{field.name} is sensitive; line {line.number} says that it is not.",
        )
    is_bare = (
        column.identifier is not None
        and column.class_ is not FieldClass.STAFF
        and field.treatment == Treatment.AS_IS.value
    )
    if is_bare:
        allowed = ceiling.identifiers if ceiling else frozenset()
        if line.classification is not Classification.IDENTIFIABLE or (
            column.identifier not in allowed
        ):
            yield refuse(
                "FIELD_ABOVE_CEILING",
                7,
                f"{pointer}/treatment",
                f"{field.name} never leaves as it is for purpose {line.purpose} as "
                f"{line.classification}.",
            )
    elif field.treatment not in {treatment.value for treatment in column.treatments}:
        offer = ", ".join(treatment.value for treatment in column.treatments)
        yield refuse(
            "TREATMENT_NOT_ALLOWED",
            7,
            f"{pointer}/treatment",
            f"{field.name} does not leave in the form {field.treatment}.",
            offer=offer or None,
        )


def justifications(case: Case) -> Iterator[Finding]:
    """Why no less will do; more words for identifiable, sensitive and children's data."""
    section = case.answers.of(Minimisation)
    if section is None:
        return
    is_sensitive = any(line.sensitivity is Sensitivity.SENSITIVE for line in section.lines)
    needed = {
        "less_intrusive_form": True,
        "identifiable_justification": case.is_identifiable,
        "sensitive_justification": is_sensitive,
        "under_16_justification": section.includes_under_16,
    }
    for name, is_needed in needed.items():
        if is_needed and not getattr(section, name):
            yield refuse(
                "JUSTIFICATION_MISSING",
                7,
                f"/sections/7/{name}",
                f"{name.replace('_', ' ').capitalize()} is needed and empty.",
            )


def populations(case: Case) -> Iterator[Finding]:
    """A line says whose population it is about (ruling 7): the commissioners' own."""
    for pointer, line in case.answers.numbered_lines():
        population, at = line.population, f"{pointer}/population"
        if population.rule == "national":
            if population.commissioners:
                yield refuse(
                    "POPULATION_CONTRADICTS",
                    7,
                    f"{at}/commissioners",
                    "A national population names no commissioners.",
                )
            continue
        if not population.commissioners:
            yield refuse(
                "POPULATION_MISSING", 7, f"{at}/commissioners", "No commissioner is named."
            )
        data_set = case.data_set(line)
        if not population.reasons and line.classification.is_record_level:
            yield refuse(
                "REASONS_MISSING",
                7,
                f"{at}/reasons",
                f"Line {line.number} names no Reason for Access.",
            )
        if data_set is not None:
            absent = [letter for letter in population.reasons if letter not in data_set.population]
            if absent and len(absent) == len(population.reasons):
                yield refuse(
                    "REASONS_UNUSABLE",
                    7,
                    f"{at}/reasons",
                    f"{line.data_set} knows none of these Reasons for Access; no row would belong "
                    "to anybody.",
                    offer=", ".join(data_set.population),
                )
            elif absent:
                # Harmless: no row of it has that reason.
                yield warn(
                    "REASON_NOT_IN_DATA_SET",
                    7,
                    f"{at}/reasons",
                    f"{line.data_set} knows no Reason for Access {', '.join(absent)}.",
                )
        yield from _owners(case, line, at)


def _owners(case: Case, line: LineAnswer, pointer: str) -> Iterator[Finding]:
    controllers = case.answers.controllers
    for ods in line.population.commissioners:
        if ods in controllers or case.facts is None:
            continue
        known = case.facts.commissioners.get(ods)
        if known is None:
            yield refuse(
                "ORGANISATION_UNKNOWN",
                7,
                f"{pointer}/commissioners",
                f"{ods} is in no loaded list.",
            )
        elif line.population.rule != "list" and not {known.legal_entity, known.parent} & set(
            controllers
        ):
            # A sub-ICB location is a population of its ICB (ruling 4). A predecessor is one
            # by a transfer instrument, which agreements looks for when it decides.
            yield warn(
                "POPULATION_NOT_OWN",
                7,
                f"{pointer}/commissioners",
                f"{ods} is not known to be a part of a controller; without a transfer "
                "instrument its rows are not released.",
            )


def environments(case: Case) -> Iterator[Finding]:
    """Data land with a party, where the purpose allows, in a form it allows (domain.md 4.2)."""
    parties = case.answers.parties
    for pointer, line in case.answers.numbered_lines():
        environment = line.recipient_environment
        at = f"{pointer}/recipient_environment"
        if environment.organisation not in parties:
            yield refuse(
                "RECIPIENT_NOT_A_PARTY",
                7,
                f"{at}/organisation",
                f"{environment.organisation} receives data and is neither controller nor "
                "processor.",
            )
        ceiling = case.rules.ceiling(line.purpose, environment.kind)
        if ceiling is None:
            yield refuse(
                "ENVIRONMENT_NOT_ALLOWED",
                7,
                f"{at}/kind",
                f"Data for purpose {line.purpose} do not land in {environment.kind.value}.",
            )
        elif line.classification not in ceiling.forms:
            yield refuse(
                "FORM_NOT_ALLOWED",
                7,
                f"{pointer}/classification",
                f"{line.classification} is not allowed for purpose {line.purpose} in "
                f"{environment.kind.value}.",
            )


def consultation(case: Case) -> Iterator[Finding]:
    """Talk to the CSU or DSCRO first; to leave it out needs a reason (ruling 16, A28)."""
    section = case.answers.of(Minimisation)
    if section is None or case.kind not in {Kind.NEW, Kind.AMENDMENT}:
        return
    consulted = section.consultation
    asked = consulted.organisation
    if (
        asked is not None
        and case.facts is not None
        and case.facts.of(asked).organisation is None
        and case.facts.commissioners.get(asked) is None
    ):
        yield refuse(
            "ORGANISATION_UNKNOWN",
            7,
            "/sections/7/consultation/organisation",
            f"{asked} is in no loaded list; name the CSU or DSCRO by its code of ODS.",
        )
    if consulted.organisation and consulted.on:
        return
    if consulted.reason_not_consulted:
        yield warn(
            "NOT_CONSULTED",
            7,
            "/sections/7/consultation",
            "No CSU or DSCRO was consulted; a reason is given.",
        )
    else:
        yield refuse(
            "NOT_CONSULTED_WITHOUT_REASON",
            7,
            "/sections/7/consultation/reason_not_consulted",
            "No consultation of a CSU or DSCRO is recorded, and no reason why not.",
        )


def redirections(case: Case) -> Iterator[Finding]:
    """What another service answers is not opened here (A26)."""
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
            yield from _not_upheld(line, opt_out, routes.get(line.number), pointer)


def _not_upheld(
    line: LineAnswer, opt_out: OptOut, route: Route | None, pointer: str
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
            if not opt_out.exemption_letter:
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
        elif ceiling is not None and ceiling.routes and answer.route not in ceiling.routes:
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
    """Each line states the power, from the vocabulary (domain.md 3.3), that fits its route."""
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


def _repeated(
    code: str, names: Sequence[str], pointer: str = "/sections/7/lines"
) -> Iterator[Finding]:
    for name, times in Counter(names).items():
        if times > 1:
            yield refuse(code, 7, pointer, f"{name} stands {times} times.")
