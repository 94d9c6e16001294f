"""Standards 13 to 15 and 17 to 19: on which terms."""

import re
from collections import Counter
from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse
from applications.domain.sections.parties import Controllers
from applications.domain.sections.purposes import Commercial, Objective
from applications.domain.sections.terms import (
    OURS,
    Consent,
    Ethics,
    SpecialConditions,
    SubLicence,
    Transparency,
)

WEB_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
    r"(?::[0-9]{1,5})?(?:/[!-~]*)?"
)


def commercial(case: Case) -> Iterator[Finding]:
    """Never for marketing, insurance or money alone (A18); its term is Standard 1's."""
    section = case.answers.of(Commercial)
    if section is None:
        return
    for name in ("solely_commercial", "marketing", "insurance"):
        if getattr(section, name):
            yield refuse(
                "COMMERCIAL_PURPOSE_REFUSED",
                13,
                f"/sections/13/{name}",
                f"Data are not given for a purpose that is {name.replace('_', ' ')}.",
            )
    if (section.controller_charges or section.party_gains) and not section.commercial:
        yield refuse(
            "COMMERCIAL_UNDERSTATED",
            13,
            "/sections/13/commercial",
            "Somebody charges or gains: the purpose is commercial.",
        )
    if section.commercial and not section.benefit_to_health:
        yield refuse(
            "BENEFIT_TO_HEALTH_MISSING",
            13,
            "/sections/13/benefit_to_health",
            "A commercial purpose needs a benefit to health or care in England and Wales.",
        )


def conditions(case: Case) -> Iterator[Finding]:
    """Check special conditions: own id, owned by a party, not overdue (Standard 14)."""
    section = case.answers.of(SpecialConditions)
    if section is None:
        return
    for name, times in Counter(c.id for c in section.conditions).items():
        if times > 1:
            yield refuse(
                "CONDITION_TWICE", 14, "/sections/14/conditions", f"{name} stands {times} times."
            )
    parties = case.answers.parties
    for position, condition in enumerate(section.conditions):
        pointer = f"/sections/14/conditions/{position}"
        if condition.id.startswith(OURS):
            yield refuse(
                "CONDITION_ID_TAKEN",
                14,
                f"{pointer}/id",
                f"Ids that begin with {OURS} are given by the security rule.",
            )
        if condition.owner not in parties:
            yield refuse(
                "OWNER_NOT_A_PARTY",
                14,
                f"{pointer}/owner",
                f"{condition.owner} is neither controller nor processor.",
            )
        if condition.due < case.day:
            yield refuse(
                "CONDITION_OVERDUE",
                14,
                f"{pointer}/due",
                f"Condition {condition.id} is due before the agreement could start.",
            )


def ethics(case: Case) -> Iterator[Finding]:
    """Identifiable research has an approval; "not required" is said, never left blank."""
    section = case.answers.of(Ethics)
    if section is None:
        return
    if section.outcome == "approved" and not section.reference:
        yield refuse(
            "ETHICS_REFERENCE_MISSING",
            15,
            "/sections/15/reference",
            "An approval has a reference.",
        )
    if section.research and case.is_identifiable and section.outcome != "approved":
        yield refuse(
            "ETHICS_APPROVAL_MISSING",
            15,
            "/sections/15/outcome",
            "Research on identifiable data needs ethical approval.",
        )


def consent(case: Case) -> Iterator[Finding]:
    """Check that where consent is the basis: which form, and how one withdraws (Standard 17)."""
    section = case.answers.of(Consent)
    if section is None:
        return
    controllers, objective = case.answers.of(Controllers), case.answers.of(Objective)
    law = case.rules.bases
    written = [
        *(
            (law.article_6, basis)
            for controller in (controllers.controllers if controllers else ())
            for basis in controller.gdpr_article_6
        ),
        *(
            (law.article_9, basis)
            for controller in (controllers.controllers if controllers else ())
            for basis in controller.gdpr_article_9
        ),
        *(
            (law.article_6, purpose.gdpr_article_6)
            for purpose in (objective.purposes if objective else ())
        ),
    ]
    is_basis = any(
        (found := known.find(basis, case.day)) is not None and found.consent
        for known, basis in written
    )
    if is_basis != section.relied_on:
        yield refuse(
            "CONSENT_CONTRADICTS",
            17,
            "/sections/17/relied_on",
            "Consent is a basis in sections 2 or 9 and not here, or here and not there.",
        )
    if section.relied_on:
        for name in ("form_version", "withdrawal_process"):
            if not getattr(section, name):
                yield refuse(
                    "CONSENT_INCOMPLETE",
                    17,
                    f"/sections/17/{name}",
                    f"{name.replace('_', ' ').capitalize()} is needed where consent is relied on.",
                )


def sub_licence(case: Case) -> Iterator[Finding]:
    """Check a sub-licence, where there is one, for all that goes with it (Standard 18)."""
    section = case.answers.of(SubLicence)
    if section is None or not section.sub_licence:
        return
    for name in type(section).model_fields:
        if name != "sub_licence" and not getattr(section, name):
            yield refuse(
                "SUB_LICENCE_INCOMPLETE",
                18,
                f"/sections/18/{name}",
                f"A sub-licence needs its {name.replace('_', ' ')}.",
            )


def transparency(case: Case) -> Iterator[Finding]:
    """Check that a compliant public notice exists for the life of the agreement (Standard 19)."""
    section = case.answers.of(Transparency)
    if section is not None and not section.confirmed:
        yield refuse(
            "NOTICE_NOT_CONFIRMED",
            19,
            "/sections/19/confirmed",
            "It is not confirmed that a compliant public notice exists.",
        )


def notice(case: Case) -> Iterator[Finding]:
    """Check that the notice has an address of the web; nobody here fetches it."""
    section = case.answers.of(Transparency)
    if section is not None and section.notice_url and not WEB_ADDRESS.fullmatch(section.notice_url):
        yield refuse(
            "NOTICE_ADDRESS_MALFORMED",
            19,
            "/sections/19/notice_url",
            "The address of a notice begins with https:// or http:// and a host's name.",
        )
