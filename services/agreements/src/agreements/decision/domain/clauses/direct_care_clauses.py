"""The clause of re-identification: for direct care alone, and by a practice (domain.md 8.4)."""

from collections.abc import Iterator

from agreements.decision.domain.case import Case, LineCase
from agreements.decision.domain.clauses.agreement_clauses import closed_today
from agreements.decision.domain.codes import Code, refusal
from agreements.decision.domain.question import Reidentify
from agreements.records.domain.parties.assurance import judge
from agreements.records.domain.parties.organisation import OrganisationKind
from common.errors import Refusal
from statements.vocabulary import AGGREGATES, Classification, Purpose

RECORDS = frozenset(Classification) - AGGREGATES
"""Of which tokens lead back to people; no other word does, whoever sent it."""


def direct_care(case: Case) -> Iterator[Refusal]:
    """A practice asks, which is open and assured today, about a line of risk stratification.

    Nobody else is told whom a token stands for, party of the agreement or not (G03). Whose patient
    somebody is at this moment is the haven's to say (G02).
    """
    if not isinstance(case.question, Reidentify):
        return
    key, asker = case.key, case.asker.organisation
    if not case.is_practice_that_asks:
        detail = f"{asker} is no GP practice: people are re-identified for direct care alone."
        yield refusal(Code.DIRECT_CARE_ONLY, detail, asker)
    elif (closed := case.organisations.closed(asker)) is not None:
        yield closed_today(asker, closed)
    else:
        yield from _assured(case, asker)
    if key.purpose != Purpose.RS or key.classification not in RECORDS:
        detail = f"Tokens of a {key.classification} line for {key.purpose} lead back to nobody."
        yield refusal(Code.DIRECT_CARE_ONLY, detail, "purpose")


def practice(case: LineCase) -> Iterator[Refusal]:
    """What lands with a practice is of its own patients, and the practice is assured (ruling 29).

    It signs nothing and has no contract; whether it is open the clause of the recipient says.
    """
    if not case.is_for_a_practice or isinstance(case.question, Reidentify):
        return
    named = case.organisations.own(case.line.environment_organisation)
    known = case.facts.organisations.get(named, ())
    if not any(one.kind is OrganisationKind.GP_PRACTICE for one in known):
        detail = f"{named} is no GP practice, and has no patients of its own."
        yield refusal(Code.DIRECT_CARE_ONLY, detail, named)
    yield from _assured(case, named)
    file = case.file
    if file is None or not case.registered_with:
        return
    if file.registered is None or not set(file.registered.codes) <= set(case.registered_with):
        detail = f"Nobody vouches that all people of the file are patients of {named}."
        yield refusal(Code.OUT_OF_POPULATION, detail, named)


def _assured(case: Case, practice: str) -> Iterator[Refusal]:
    judgement = judge(
        case.facts.assurance.get(practice, ()),
        day=case.day,
        identifiable=False,  # of its own patients, whose records it has
        rules=case.facts.assurance_rules,
    )
    if not judgement.accepted:
        detail = f"The security assurance of {practice} is not accepted: {judgement.reason}."
        yield refusal(Code.ASSURANCE_LAPSED, detail, practice)
