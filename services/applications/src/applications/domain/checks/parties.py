"""Standards 2, 3 and 5: who the parties are, and what stands behind each."""

from collections import Counter
from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse, warn
from applications.domain.sections.parties import Controllers, Processors, Security
from common.field import company_numbers
from common.security.principal import BODY


def controllers(case: Case) -> Iterator[Finding]:
    """Check for a controller; each is a legal entity with its bases (Standard 2; A17)."""
    section = case.answers.of(Controllers)
    if section is None:
        return
    if not section.controllers:
        yield refuse("NO_CONTROLLER", 2, "/sections/2/controllers", "There is no controller.")
    yield from _twice([c.ods for c in section.controllers], 2, "/sections/2/controllers")
    for position, controller in enumerate(section.controllers):
        pointer = f"/sections/2/controllers/{position}"
        if not controller.gdpr_article_6:
            yield refuse(
                "ARTICLE_6_MISSING",
                2,
                f"{pointer}/gdpr_article_6",
                f"{controller.ods} names no basis under article 6.",
            )
        yield from _exists(case, controller.ods, 2, pointer)
        organisation = case.facts.of(controller.ods).organisation if case.facts else None
        if organisation and organisation.legal_entity != controller.ods:
            yield refuse(
                "NOT_A_LEGAL_ENTITY",
                2,
                f"{pointer}/ods",
                f"{controller.ods} is a part of {organisation.legal_entity}, "
                "which is the legal entity.",
                offer=organisation.legal_entity,
            )


def contracts(case: Case) -> Iterator[Finding]:
    """Check that every controller's framework contract is in force (A02, A03).

    It covers the same legal entity, or passed to it by a transfer instrument. The Body itself
    needs none (ruling 14).
    """
    section = case.answers.of(Controllers)
    if section is None or case.facts is None or not case.needs_contract:
        return
    for position, controller in enumerate(section.controllers):
        if controller.ods == BODY:
            continue
        pointer = f"/sections/2/controllers/{position}"
        found = case.facts.of(controller.ods).contracts
        if not found:
            yield refuse(
                "DSFC_NOT_IN_FORCE",
                2,
                f"{pointer}/ods",
                f"{controller.ods} has no framework contract in force.",
            )
            continue
        references = [contract.reference for contract in found]
        named = controller.contract_reference
        if named is not None and named not in references:
            yield refuse(
                "CONTRACT_NOT_IN_FORCE",
                2,
                f"{pointer}/contract_reference",
                f"{named} is not a contract in force of {controller.ods}.",
                offer=references[0],
            )


def processors(case: Case) -> Iterator[Finding]:
    """Check that each works on documented instructions, and is not a controller as well (A16)."""
    section = case.answers.of(Processors)
    if section is None:
        return
    yield from _twice([p.ods for p in section.processors], 3, "/sections/3/processors")
    for position, processor in enumerate(section.processors):
        pointer = f"/sections/3/processors/{position}"
        if not processor.documented_instructions:
            yield refuse(
                "INSTRUCTIONS_NOT_CONFIRMED",
                3,
                f"{pointer}/documented_instructions",
                f"It is not confirmed that {processor.ods} works on documented instructions.",
            )
        if processor.ods in case.answers.controllers:
            yield refuse(
                "CONTROLLER_AND_PROCESSOR",
                3,
                f"{pointer}/ods",
                f"{processor.ods} cannot be controller and processor of the same flow.",
            )
        yield from _exists(case, processor.ods, 3, pointer)


def assurance(case: Case) -> Iterator[Finding]:
    """Check that every party has evidence that is accepted that day (domain.md 2.6; A13 to A15)."""
    section = case.answers.of(Security)
    if section is None:
        return
    named = {evidence.ods for evidence in section.evidence}
    for ods, pointer in case.parties:
        if ods == BODY:
            continue
        if ods not in named:
            yield refuse(
                "ASSURANCE_NOT_NAMED",
                5,
                "/sections/5/evidence",
                f"No evidence of security is named for {ods}.",
            )
        if case.facts is None:
            continue
        fact = case.facts.of(ods).assurance
        if not fact.accepted:
            yield refuse(
                "ASSURANCE_NOT_ACCEPTED",
                5,
                pointer,
                f"The security assurance of {ods} is not accepted: {fact.reason}.",
            )
        elif fact.has_plan and fact.plan_until is None:
            yield refuse(
                "PLAN_WITHOUT_END",
                5,
                pointer,
                f"The improvement plan of {ods} has no time frame.",
            )
        elif fact.has_plan:
            yield warn(
                "ASSURANCE_UNDER_PLAN",
                5,
                pointer,
                f"{ods} is accepted under its improvement plan, which becomes a special condition.",
            )
        if fact.accepted and fact.needs_review and case.is_identifiable:
            yield warn(
                "ASSURANCE_TO_BE_REVIEWED",
                5,
                pointer,
                f"The Body has not reviewed the latest toolkit of {ods}; "
                "a later review becomes a special condition.",
            )


def _exists(case: Case, ods: str, standard: int, pointer: str) -> Iterator[Finding]:
    """Check that codes are listed; who is not in ODS goes by company number (1.3, 3.2)."""
    is_number = company_numbers.is_meant(ods)
    if is_number and company_numbers.load().read(ods, case.day) is None:
        yield refuse(
            "COMPANY_NUMBER_MALFORMED",
            standard,
            f"{pointer}/ods",
            f"{ods} is too long for a code of ODS and no company number. Write the number as "
            "Companies House has it: 8 digits with their zeros, or a prefix such as SC and 6.",
        )
        return
    if case.facts is None:
        return
    organisation = case.facts.of(ods).organisation
    if organisation is None:
        yield refuse(
            "ORGANISATION_UNKNOWN",
            standard,
            f"{pointer}/ods",
            f"{ods} is in no loaded list. Write its code of ODS; who is not in ODS is named by "
            "company number, once the Body has recorded it.",
        )
    elif not organisation.is_open_on(case.day):
        yield refuse(
            "ORGANISATION_CLOSED", standard, f"{pointer}/ods", f"{ods} is not open on this day."
        )


def _twice(codes: list[str], standard: int, pointer: str) -> Iterator[Finding]:
    for ods, times in Counter(codes).items():
        if times > 1:
            yield refuse("PARTY_TWICE", standard, pointer, f"{ods} is listed {times} times.")
