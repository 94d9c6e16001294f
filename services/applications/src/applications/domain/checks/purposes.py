"""Standards 9 to 12: what for, what is done, what comes of it, who gains."""

from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse
from applications.domain.sections.forms import Kind
from applications.domain.sections.parties import Controllers
from applications.domain.sections.purposes import Benefits, Objective, Outcomes, Processing
from applications.domain.sections.terms import SubLicence
from common.security.principal import BODY
from statements.bridging import BRIDGING_FILE
from statements.vocabulary import EnvironmentKind, Purpose


def objectives(case: Case) -> Iterator[Finding]:
    """Check that a purpose has one aim and one article 6 basis, and lines name purposes."""
    section = case.answers.of(Objective)
    if section is None:
        return
    pointer = "/sections/9/purposes"
    if not section.purposes:
        yield refuse("NO_PURPOSE", 9, pointer, "No purpose is named.")
    codes = [purpose.code for purpose in section.purposes]
    if len(set(codes)) < len(codes):
        yield refuse("PURPOSE_TWICE", 9, pointer, "A purpose is named twice.")
    for position, purpose in enumerate(section.purposes):
        if not purpose.objective:
            yield refuse(
                "OBJECTIVE_MISSING",
                9,
                f"{pointer}/{position}/objective",
                f"Purpose {purpose.code} has no aim.",
            )
        if not purpose.gdpr_article_6:
            yield refuse(
                "ARTICLE_6_MISSING",
                9,
                f"{pointer}/{position}/gdpr_article_6",
                f"Purpose {purpose.code} names no basis under article 6.",
            )
    for at, line in case.answers.numbered_lines():
        if line.purpose not in codes:
            yield refuse(
                "PURPOSE_NOT_NAMED",
                9,
                f"{at}/purpose",
                f"Line {line.number} is for {line.purpose}, which section 9 does not name.",
            )
    if _in_public_interest(case) and not section.public_interest:
        yield refuse(
            "PUBLIC_INTEREST_MISSING",
            9,
            "/sections/9/public_interest",
            "A basis of public interest under article 9 has to be explained.",
        )


def _in_public_interest(case: Case) -> bool:
    controllers = case.answers.of(Controllers)
    return any(
        basis.public_interest
        for controller in (controllers.controllers if controllers else ())
        for written in controller.gdpr_article_9
        if (basis := case.rules.bases.article_9.find(written, case.day)) is not None
    )


def flows(case: Case) -> Iterator[Finding]:
    """Check that nodes are parties or the Body; onward only under a sub-licence (Standard 10)."""
    section, sub_licence = case.answers.of(Processing), case.answers.of(SubLicence)
    if section is None:
        return
    if not section.activities:
        yield refuse(
            "ACTIVITIES_MISSING",
            10,
            "/sections/10/activities",
            "Nothing says what is done with the data.",
        )
    known = {BODY, *case.answers.parties}
    for position, flow in enumerate(section.flows):
        pointer = f"/sections/10/flows/{position}"
        if flow.onward:
            if sub_licence is None or not sub_licence.sub_licence:
                yield refuse(
                    "ONWARD_WITHOUT_SUB_LICENCE",
                    10,
                    f"{pointer}/onward",
                    "Data go on to others only under a sub-licence (section 18).",
                )
            continue
        for end, name in ((flow.source, "from"), (flow.target, "to")):
            if end not in known:
                yield refuse(
                    "FLOW_NOT_BETWEEN_PARTIES",
                    10,
                    f"{pointer}/{name}",
                    f"{end} is neither a party nor the Body.",
                )


def linkage(case: Case) -> Iterator[Finding]:
    """Check that only its own data sets are linked, and the risk is answered (ruling 11)."""
    section = case.answers.of(Processing)
    asked = {line.data_set for line in case.answers.lines}
    for position, link in enumerate(section.linkage if section else ()):
        pointer = f"/sections/10/linkage/{position}"
        absent = sorted(set(link.data_sets) - asked)
        if link.key == BRIDGING_FILE and asked.intersection(link.data_sets):
            absent = []  # the others are those of the other agreement
        if absent:
            yield refuse(
                "LINKED_DATA_SET_NOT_ASKED_FOR",
                10,
                f"{pointer}/data_sets",
                f"No line asks for {', '.join(absent)}.",
            )
        if not link.mitigation:
            yield refuse(
                "MITIGATION_MISSING",
                10,
                f"{pointer}/mitigation",
                "Nothing says how re-identification by linkage is prevented.",
            )


def re_identification(case: Case) -> Iterator[Finding]:
    """Check that only GP practices re-identify, and only to stratify risk."""
    section = case.answers.of(Processing)
    if section is None:
        return
    by_practice = any(
        line.purpose is Purpose.RS
        and line.recipient_environment.kind is EnvironmentKind.GP_PRACTICE
        for line in case.answers.lines
    )
    if section.re_identification and not by_practice:
        yield refuse(
            "RE_IDENTIFICATION",
            10,
            "/sections/10/re_identification",
            "Only a GP practice may re-identify, its own patients, in risk stratification.",
        )
    if not section.re_identification and not section.no_re_identification_statement:
        yield refuse(
            "STATEMENT_MISSING",
            10,
            "/sections/10/no_re_identification_statement",
            "It is not stated that nobody will try to re-identify.",
        )
    if not section.substantive_staff_only and not section.other_staff_arrangement:
        yield refuse(
            "STAFF_ARRANGEMENT_MISSING",
            10,
            "/sections/10/other_staff_arrangement",
            "Others than substantive staff need a contractual arrangement.",
        )


def outputs(case: Case) -> Iterator[Finding]:
    """Check that each output has the disclosure rule of a data set that is asked for.

    None is record-level without a sub-licence.
    """
    section, sub_licence = case.answers.of(Outcomes), case.answers.of(SubLicence)
    if section is None:
        return
    asked = [case.data_set(line) for line in case.answers.lines]
    rules = sorted({data_set.disclosure_rule for data_set in asked if data_set is not None})
    if not section.outputs:
        yield refuse("NO_OUTPUT", 11, "/sections/11/outputs", "No output is named.")
    for position, output in enumerate(section.outputs):
        pointer = f"/sections/11/outputs/{position}"
        if output.level.is_record_level:
            if sub_licence is None or not sub_licence.sub_licence:
                yield refuse(
                    "RECORD_LEVEL_OUTPUT",
                    11,
                    f"{pointer}/level",
                    "An output at the level of records needs a sub-licence.",
                )
        elif not output.disclosure_rule:
            yield refuse(
                "DISCLOSURE_RULE_MISSING",
                11,
                f"{pointer}/disclosure_rule",
                "The output names no disclosure rule.",
            )
        if output.disclosure_rule and output.disclosure_rule not in rules:
            yield refuse(
                "DISCLOSURE_RULE_UNKNOWN",
                11,
                f"{pointer}/disclosure_rule",
                "No data set that is asked for has this disclosure rule.",
                offer=", ".join(rules) or None,
            )


def benefits(case: Case) -> Iterator[Finding]:
    """Check for a measurable benefit, and what the former term brought (Standard 12; A10)."""
    section = case.answers.of(Benefits)
    if section is None:
        return
    if not any(b.description and b.measure and b.due for b in section.benefits):
        yield refuse(
            "NO_MEASURABLE_BENEFIT",
            12,
            "/sections/12/benefits",
            "No benefit has a measure and a date.",
        )
    follows = case.kind in {Kind.RENEWAL, Kind.EXTENSION}
    has_yielded = any(y.description for y in section.yielded)
    if follows and not has_yielded and not section.why_none_yielded:
        yield refuse(
            "YIELDED_BENEFITS_MISSING",
            12,
            "/sections/12/yielded",
            "Nothing says what the former term brought, nor why it brought nothing.",
        )
