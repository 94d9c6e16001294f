"""Decides whether numbers may be matched with what was landed, to validate an invoice."""

from agreements.decision.domain.decide import Permission, decide
from agreements.decision.domain.question import Match
from agreements.decision.use_cases.asking import Answer, AskMatch
from agreements.decision.use_cases.decision_batch import DecisionBatch
from agreements.decision.use_cases.permission_cache import written
from agreements.decision.use_cases.ports import DecisionLog
from common.ids import new_id
from statements.decision import GivenMatch


def decide_match(ask: AskMatch, batch: DecisionBatch, tx: DecisionLog) -> Answer:
    """Decide, and write the decision. It gives no permit, and takes no opt-out treatment."""
    request = ask.request
    facts = tx.facts(request.agreement)
    reserved = batch.reserved(facts, request.data_set, request.periods)
    question = Match(asker=ask.evidence.asker, request=request)
    decision = decide(question, facts, batch.present(reserved=reserved))
    given = _given(decision) if isinstance(decision, Permission) else None
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
        grants={} if given is None else written({"codes": [*given.codes]}),
        token_digest=ask.evidence.token_digest,
    )
    return batch.answer(logged, decision, match=given)


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
