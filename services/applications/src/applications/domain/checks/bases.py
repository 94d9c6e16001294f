"""Standards 2 and 9: legal bases, from the closed lists of the day (docs/adr/0028)."""

from collections.abc import Iterator

from applications.domain.checks.case import Case
from applications.domain.findings import Finding, refuse, warn
from applications.domain.sections.parties import Controller, Controllers
from applications.domain.sections.purposes import Objective
from common.field.legal_bases import BasisList


def controllers(case: Case) -> Iterator[Finding]:
    """Check that bases and conditions are known to the law, and each basis has its own."""
    section = case.answers.of(Controllers)
    for position, controller in enumerate(section.controllers if section else ()):
        pointer = f"/sections/2/controllers/{position}"
        bases = case.rules.bases
        for name, code, known, written in (
            ("gdpr_article_6", "ARTICLE_6_UNKNOWN", bases.article_6, controller.gdpr_article_6),
            ("gdpr_article_9", "ARTICLE_9_UNKNOWN", bases.article_9, controller.gdpr_article_9),
            (
                "dpa_2018_schedule_1",
                "SCHEDULE_1_UNKNOWN",
                bases.schedule_1,
                controller.dpa_2018_schedule_1,
            ),
        ):
            for place, value in enumerate(written):
                yield from _listed(case, known, value, code, 2, f"{pointer}/{name}/{place}")
        yield from _conditions(case, controller, pointer)


def purposes(case: Case) -> Iterator[Finding]:
    """Check that the basis of each purpose is one of article 6."""
    section = case.answers.of(Objective)
    for position, purpose in enumerate(section.purposes if section else ()):
        if purpose.gdpr_article_6:
            yield from _listed(
                case,
                case.rules.bases.article_6,
                purpose.gdpr_article_6,
                "ARTICLE_6_UNKNOWN",
                9,
                f"/sections/9/purposes/{position}/gdpr_article_6",
            )


def _conditions(case: Case, controller: Controller, pointer: str) -> Iterator[Finding]:
    bases = case.rules.bases
    conditions = {
        bases.schedule_1.code(written, case.day) for written in controller.dpa_2018_schedule_1
    }
    for written in controller.gdpr_article_9:
        basis = bases.article_9.find(written, case.day)
        if basis is None or not basis.schedule_1 or basis.schedule_1 & conditions:
            continue
        yield refuse(
            "SCHEDULE_1_MISSING" if not conditions else "SCHEDULE_1_DOES_NOT_FIT",
            2,
            f"{pointer}/dpa_2018_schedule_1",
            f"{basis.code} needs a condition of Schedule 1 to the DPA 2018 that goes with it.",
            offer=_in_order(basis.schedule_1),
        )


def _listed(
    case: Case, known: BasisList, written: str, code: str, standard: int, pointer: str
) -> Iterator[Finding]:
    found = known.find(written, case.day)
    if found is None:
        yield refuse(
            code,
            standard,
            pointer,
            "This is no basis or condition that the law has on this day.",
            offer=", ".join(known.codes(case.day)),
        )
    elif found.code != written:
        yield warn(
            "SPELLING_CORRECTED",
            standard,
            pointer,
            "The agreement will write it as the list does.",
            offer=found.code,
        )


def _in_order(codes: frozenset[str]) -> str:
    return ", ".join(sorted(codes, key=lambda code: (len(code), code)))
