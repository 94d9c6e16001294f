"""The clause of re-identification: for direct care alone, and by a practice (domain.md 8.4)."""

from collections.abc import Iterator

from agreements.decision.domain.case import Case
from agreements.decision.domain.clauses.agreement_clauses import closed_today
from agreements.decision.domain.codes import Code, refusal
from agreements.decision.domain.question import Reidentify
from agreements.records.domain.parties.assurance import judge
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
        judgement = judge(
            case.facts.assurance.get(asker, ()),
            day=case.day,
            identifiable=False,  # its own patients: it is given nobody's record
            rules=case.facts.assurance_rules,
        )
        if not judgement.accepted:
            detail = f"The security assurance of {asker} is not accepted: {judgement.reason}."
            yield refusal(Code.ASSURANCE_LAPSED, detail, asker)
    if key.purpose != Purpose.RS or key.classification not in RECORDS:
        detail = f"Tokens of a {key.classification} line for {key.purpose} lead back to nobody."
        yield refusal(Code.DIRECT_CARE_ONLY, detail, "purpose")
