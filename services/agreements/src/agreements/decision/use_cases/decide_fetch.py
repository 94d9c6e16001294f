"""Decides whether bytes of a released file may leave now. Yes is a lease."""

from agreements.decision.domain.bridging import Side, decide_both, seen_from_the_other
from agreements.decision.domain.case import key_of
from agreements.decision.domain.decide import (
    NOT_FOUND,
    Decision,
    Permission,
    decide,
    not_as_sealed,
)
from agreements.decision.domain.errors import EvidenceRefused
from agreements.decision.domain.facts import AgreementFacts, Present
from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.question import Action, Asker, Fetch, Holding
from agreements.decision.use_cases.asking import Answer, AskFetch
from agreements.decision.use_cases.decision_batch import DecisionBatch
from agreements.decision.use_cases.ports import DecisionLog, Fate, LoggedDecision
from common.ids import new_id

DECISIONS = "decision"
"""What is named where a decision that is to be renewed is not the one that was logged."""
RELEASE = "release"
"""What is named where dissemination would send another object than the one that was released."""


def decide_fetch(ask: AskFetch, batch: DecisionBatch, tx: DecisionLog) -> Answer:
    """Decide, and write the decision; one that only renews another is counted with that one.

    Raises:
        EvidenceRefused: nothing proves who asks.

    """
    former = None if ask.renews is None else batch.renewed.get(ask.renews)
    who = _asker(ask, former)
    if former is None and ask.renews in batch.renewed:
        refused = not_as_sealed((DECISIONS,))
        return _logged(ask, refused, who, batch, agreement="", file_id=str(ask.holding_id))
    holding = tx.holding(ask.holding_id)
    if holding is None:
        refused = not_as_sealed(tx.broken()) or NOT_FOUND
        return _logged(ask, refused, who, batch, agreement="", file_id=str(ask.holding_id))
    fate = batch.fate(holding.id)
    _, decision = judged(Fetch(asker=who, holding=holding), fate, batch, tx, locked=True)
    if isinstance(decision, Permission) and ask.sends_another(holding.file.file):
        decision = not_as_sealed((RELEASE,))
    if fate is None and isinstance(decision, Permission):
        batch.written.fates[holding.id] = (Fate.FETCHED, batch.at)
    if former is not None and _only_renews(former, holding, who, decision, batch):
        _, times = batch.written.renewed.get(former.id, (batch.at, 0))
        batch.written.renewed[former.id] = (batch.at, times + 1)
        return batch.answer(former, decision)
    return _logged(
        ask, decision, who, batch, agreement=holding.agreement, file_id=holding.file.file_id
    )


def judged(
    question: Fetch, fate: Fate | None, batch: DecisionBatch, tx: DecisionLog, *, locked: bool
) -> tuple[Present, Decision]:
    """Judge whether bytes would leave by all that it rests on; nothing is written.

    Of a first fetch what else was given counts; `locked` keeps others from being given more.
    """
    holding = question.holding
    facts = tx.facts(holding.agreement)
    held: tuple[HeldFile, ...] = ()
    elsewhere: tuple[HeldFile, ...] = ()
    if fate is None:
        place, file = holding.environment_id, holding.file
        held = batch.held_with(place, file, facts, but=holding.id, locked=locked)
        elsewhere = batch.elsewhere(place, key_of(question), file.periods, locked=locked)
    if isinstance(other := seen_from_the_other(question), Fetch):
        theirs = tx.facts(other.holding.agreement)
        present = batch.present(held=held, is_void=fate is Fate.VOID)
        sides = Side(facts=facts, present=present), Side(facts=theirs, present=present)
        return present, decide_both(question, other, *sides)
    present = batch.present(held=held, elsewhere=elsewhere, is_void=fate is Fate.VOID)
    return present, _of_one(question, facts, batch, present)


def _of_one(
    question: Fetch, facts: AgreementFacts, batch: DecisionBatch, present: Present
) -> Decision:
    who = question.asker
    asked = (
        question.holding.id.int,
        who.client_id,
        who.organisation,
        present.is_void,
        present.held,
        present.elsewhere,
    )
    decision: Decision | None = batch.remembered(asked, present)
    if decision is None:
        decision = decide(question, facts, present)
        batch.remember(asked, decision)
    return decision


def _logged(
    ask: AskFetch,
    decision: Decision,
    who: Asker,
    batch: DecisionBatch,
    *,
    agreement: str,
    file_id: str,
) -> Answer:
    logged = batch.log(
        ask,
        decision,
        decision_id=new_id(),
        agreement=agreement,
        who=who,
        subject=file_id,
        inputs={"delivery_id": ask.delivery_id, "holding": str(ask.holding_id)},
        grants={},
        token_digest=ask.token_digest,
    )
    return batch.answer(logged, decision)


def _only_renews(
    former: LoggedDecision, holding: Holding, who: Asker, decision: Decision, batch: DecisionBatch
) -> bool:
    """Return whether this only renews what was decided: same file, same asker, same facts."""
    return (
        isinstance(decision, Permission)
        and former.permitted
        and former.epoch == batch.epoch
        and former.action == Action.FETCH.value
        and former.subject == holding.file.file_id
        and (former.client_id, former.organisation) == (who.client_id, who.organisation)
        and former.turns_at is not None
        and batch.at < former.turns_at
    )


def _asker(ask: AskFetch, former: LoggedDecision | None) -> Asker:
    """Return who fetches: by a token of now, or by the token that the first decision rests on.

    A stream outlives the token that began it; whoever renews it with that token is the same.
    """
    if ask.evidence is not None:
        if ask.evidence.principal.client_id != ask.client_id:
            raise EvidenceRefused("The token is another client's than the one that is named.")
        return ask.evidence.asker
    if (
        former is not None
        and former.permitted
        and former.action == Action.FETCH.value
        and former.client_id == ask.client_id
        and former.token_digest == ask.token_digest
    ):
        return Asker(client_id=former.client_id, organisation=former.organisation)
    raise EvidenceRefused("The caller's token is not accepted, and there is nothing to go on with.")
