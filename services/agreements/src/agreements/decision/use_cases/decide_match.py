"""Decides what is asked of a month's records and gives no file of them.

Whether numbers may be matched with them, to validate an invoice; and whether scores that a supplier
of risk stratification worked out of them may come back.
"""

from agreements.decision.domain.decide import Permission, decide
from agreements.decision.domain.question import Match, ReturnScores
from agreements.decision.use_cases.asking import Answer, AskMatch, AskReturnScores
from agreements.decision.use_cases.decision_batch import DecisionBatch
from agreements.decision.use_cases.permission_cache import Written, written
from agreements.decision.use_cases.ports import DecisionLog
from common.ids import new_id
from statements.decision import GivenMatch


def decide_match(ask: AskMatch | AskReturnScores, batch: DecisionBatch, tx: DecisionLog) -> Answer:
    """Decide, and write the decision. It gives no permit, and takes no opt-out treatment."""
    request = ask.request
    facts = tx.facts(request.agreement)
    reserved = batch.reserved(facts, request.data_set, request.periods)
    asker = ask.evidence.asker
    question = (
        Match(asker=asker, request=request)
        if isinstance(ask, AskMatch)
        else ReturnScores(asker=asker, request=request)
    )
    decision = decide(question, facts, batch.present(reserved=reserved))
    given, domain = None, None
    grants: Written = {}
    if isinstance(decision, Permission) and isinstance(ask, AskMatch):
        given = _given(decision)
        grants = written({"codes": [*given.codes]})
    elif isinstance(decision, Permission):
        domain = decision.domain.id
        grants = written({"domain": domain})
    logged = batch.log(
        ask,
        decision,
        decision_id=new_id(),
        agreement=request.agreement,
        who=question.asker,
        subject=request.extract_id,
        inputs=written(
            {**request.line._asdict(), "periods": list(request.periods), "people": ask.people}
        ),
        grants=grants,
        token_digest=ask.evidence.token_digest,
    )
    return batch.answer(logged, decision, match=given, domain=domain)


def _given(allowed: Permission) -> GivenMatch:
    line = allowed.line
    return GivenMatch(
        national=line.population_rule == "national",
        codes=[*allowed.codes],
        reasons=[*line.reasons],
        filters=allowed.filters,
        opt_outs_applied=line.opt_outs_applied,
        opt_outs_by=allowed.opt_out_by,
        list_age_days_max=allowed.list_days_max,
    )
