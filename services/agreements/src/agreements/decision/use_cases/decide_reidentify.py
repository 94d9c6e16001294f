"""Decides whether a practice may be told whom tokens of a line stand for. Yes names the domain."""

from agreements.decision.domain.decide import Permission, decide
from agreements.decision.domain.question import Reidentify
from agreements.decision.use_cases.asking import Answer, AskReidentify
from agreements.decision.use_cases.decision_batch import DecisionBatch
from agreements.decision.use_cases.permission_cache import written
from agreements.decision.use_cases.ports import DecisionLog
from common.ids import new_id


def decide_reidentify(ask: AskReidentify, batch: DecisionBatch, tx: DecisionLog) -> Answer:
    """Decide, and write the decision. It is asked seldom: nothing is remembered of it."""
    asker = ask.evidence.asker
    facts = tx.facts(ask.agreement, beside=asker.organisation)
    question = Reidentify(asker=asker, agreement=ask.agreement, key=ask.key)
    decision = decide(question, facts, batch.present())
    domain = decision.domain.id if isinstance(decision, Permission) else None
    logged = batch.log(
        ask,
        decision,
        decision_id=new_id(),
        agreement=ask.agreement,
        who=asker,
        subject=ask.request_id,
        inputs=written({**ask.key._asdict(), "people": ask.people}),
        grants={} if domain is None else written({"domain": domain}),
        token_digest=ask.evidence.token_digest,
    )
    return batch.answer(logged, decision, domain=domain)
