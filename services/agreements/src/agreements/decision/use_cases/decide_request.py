"""Decides whether an extract may be prepared. Yes is a permit."""

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

from pydantic import JsonValue

from agreements.decision.domain.bridging import Side, decide_both, seen_from_the_other
from agreements.decision.domain.decide import Decision, Permission, decide
from agreements.decision.domain.errors import DigestDiffers, EvidenceRefused
from agreements.decision.domain.facts import AgreementFacts, Present
from agreements.decision.domain.held import HeldFile
from agreements.decision.domain.permits import GivenPermit, treatment_of
from agreements.decision.domain.question import Asker, Landed, Request
from agreements.decision.use_cases.asking import Answer, AskRequest
from agreements.decision.use_cases.decision_batch import DecisionBatch
from agreements.decision.use_cases.permission_cache import Written, joined, written
from agreements.decision.use_cases.ports import DecisionLog
from common.ids import digest, digest_of, new_id
from statements.document import Terms
from statements.request import ExtractRequest

REQUESTS_KEPT_MAX = 256


def decide_request(ask: AskRequest, batch: DecisionBatch, tx: DecisionLog) -> Answer:
    """Decide, and write the decision, the permit and its reservations.

    Raises:
        DigestDiffers: the request is not the one that its digest is over.
        EvidenceRefused: nothing proves who asks.

    """
    request = ask.request
    asker = _asker(ask, batch, tx)
    question = Request(asker=asker, request=request, landed=ask.landed)
    claims = {**texts_of(request), "extract_id": ask.extract_id}
    if ask.request_digest != digest(joined(claims).encode()):
        raise DigestDiffers("`request_digest` does not match the request.")
    present, decision = judged(question, batch, tx)
    decision_id = new_id()
    permit = None
    if isinstance(decision, Permission) and not ask.places_order:
        permit = _permit(ask, question, decision, decision_id, present, batch)
    logged = batch.log(
        ask,
        decision,
        decision_id=decision_id,
        agreement=request.agreement,
        who=asker,
        subject=ask.extract_id,
        inputs={
            **{name: value for name, value in claims.items() if name != "agreement"},
            "request_digest": ask.request_digest,
            **_landed_inputs(ask.landed),
            **_order_inputs(ask),
        },
        grants={}
        if permit is None or not isinstance(decision, Permission)
        else batch.texts(decision).granted(permit.said),
        token_digest=None if ask.evidence is None else ask.evidence.token_digest,
    )
    return batch.answer(logged, decision, permit=permit)


def judged(question: Request, batch: DecisionBatch, tx: DecisionLog) -> tuple[Present, Decision]:
    """Judge a request by all that it rests on, whether it is asked or asked dry.

    Nothing is written, and nothing locked.
    """
    request = question.request
    facts = tx.facts(request.agreement)
    if isinstance(other := seen_from_the_other(question), Request):
        return _of_both(question, other, facts, batch, tx)
    reserved = batch.reserved(facts, request.data_set, request.periods)
    held = _held_before(question, facts, batch)
    elsewhere = batch.elsewhere(None, question.key, request.periods, locked=False)
    present = batch.present(reserved=reserved, held=held, elsewhere=elsewhere)
    asked = (question, frozenset(present.reserved.items()), present.held, present.elsewhere)
    decision: Decision | None = batch.remembered(asked, present)
    if decision is None:
        decision = decide(question, facts, present)
        batch.remember(asked, decision)
    return present, decision


def preview_of(
    question: Request, extract_id: str, allowed: Permission, batch: DecisionBatch
) -> GivenPermit | None:
    """Say what a permit would, for the haven to judge; None where nothing could make it wait.

    It is kept nowhere, so that no file can rest on it; its decision is none that was logged.
    """
    if not allowed.held_beside:
        return None
    claims = {**texts_of(question.request), "extract_id": extract_id}
    request_digest = digest(joined(claims).encode())
    return _given(question, extract_id, request_digest, allowed, new_id(), batch)


@lru_cache(maxsize=REQUESTS_KEPT_MAX)
def texts_of(request: ExtractRequest) -> Written:
    """Write the members of a request, which is asked again and again of one extract or another."""
    return written(request.claims())


def _of_both(
    question: Request,
    other: Request,
    facts: AgreementFacts,
    batch: DecisionBatch,
    tx: DecisionLog,
) -> tuple[Present, Decision]:
    """Decide about a bridging file, by both agreements; what is reserved is that of both."""
    own, far = question.request, other.request
    theirs = tx.facts(far.agreement)
    mine = batch.reserved(facts, own.data_set, own.periods)
    reserved = batch.reserved(theirs, far.data_set, far.periods)
    held, theirs_held = (
        _held_before(question, facts, batch),
        _held_before(other, theirs, batch),
    )
    bridged = batch.bridged(own.agreement, far.agreement, locked=False)
    # Last, since it says what of all that was read is not as it was sealed.
    present = batch.present(reserved={**mine, **reserved}, held=held, bridged=bridged)
    decision = decide_both(
        question,
        other,
        Side(facts=facts, present=present),
        Side(facts=theirs, present=replace(present, held=theirs_held)),
    )
    return present, decision


def _asker(ask: AskRequest, batch: DecisionBatch, tx: DecisionLog) -> Asker:
    """Return who asks: by a token of now, or for a standing order by a decision on one of then.

    A decision that itself rests on another one proves nothing: a token was shown at none of them.
    """
    if ask.evidence is not None:
        return ask.evidence.asker
    earlier = ask.earlier
    found = (
        None if earlier is None else tx.decisions({earlier.decision_id}).get(earlier.decision_id)
    )
    if earlier is None or found is None:
        raise EvidenceRefused("There is no such decision on a token of the client.")
    if (found.client_id, found.agreement) != (earlier.client_id, ask.request.agreement):
        raise EvidenceRefused("The decision is another client's, or about another agreement.")
    if found.token_digest is None or found.renews is not None:
        raise EvidenceRefused("The decision itself rests on no token of its own day.")
    if batch.at - found.at > timedelta(days=batch.order_days_max):
        raise EvidenceRefused(
            "The client has shown no token for too long; it has to confirm the order."
        )
    return Asker(client_id=found.client_id, organisation=found.organisation)


def _order_inputs(ask: AskRequest) -> Written:
    """Return what the log says of a standing order: that it is placed, or on what it rests."""
    if ask.places_order:
        return written({"places_order": True})
    return {} if ask.earlier is None else written({"on_decision": str(ask.earlier.decision_id)})


def _given(
    question: Request,
    extract_id: str,
    request_digest: str,
    allowed: Permission,
    decision_id: UUID,
    batch: DecisionBatch,
) -> GivenPermit:
    """Write what is permitted of a request, to whom, in an environment."""
    request, texts = question.request, batch.texts(allowed)
    said = texts.permit(
        id=new_id(),
        client_id=question.asker.client_id,
        request_digest=request_digest,
        extract_id=extract_id,
        decision_id=decision_id,
        epoch=batch.epoch,
        periods=request.periods,
        formats=request.formats,
        changes_since=request.changes_since,
    )
    return GivenPermit(
        said=said,
        written=texts.claims(said),
        organisation=question.asker.organisation,
        environment_id=allowed.environment_id,
        issued_at=batch.at,
    )


def _permit(
    ask: AskRequest,
    question: Request,
    allowed: Permission,
    decision_id: UUID,
    present: Present,
    batch: DecisionBatch,
) -> GivenPermit:
    """Permit, and take the opt-out treatment for each period in the same transaction."""
    request = question.request
    permit = _given(question, ask.extract_id, ask.request_digest, allowed, decision_id, batch)
    line = allowed.line
    treatment = treatment_of(line.opt_outs_applied)
    bridge = allowed.bridge
    data_sets = {line.key.data_set, *(() if bridge is None else (bridge.line.data_set,))}
    for data_set in sorted(data_sets):
        for month in request.periods:
            place = (permit.environment_id, data_set, month)
            if place not in present.reserved:
                batch.written.reserved[place] = (treatment, permit.id, batch.at)
    batch.written.permits.append(permit)
    return permit


def _held_before(
    question: Request, facts: AgreementFacts, batch: DecisionBatch
) -> tuple[HeldFile, ...]:
    """Return what was given of the months that are asked for, or of linked data sets.

    Where it can count: where opt-outs are upheld, and where changes since one of them are asked
    for. Others may be given such files meanwhile: the release is judged again, and by then alone.
    """
    request = question.request
    if request.changes_since is None and request.bridge is None:
        if question.landed is None:
            return ()
        lines = [x for d in facts.documents.values() for x in d.lines_of(question.key)]
        if not any(isinstance(line, Terms) and line.opt_outs_applied for line in lines):
            return ()
    environments = {e.id for e in facts.environments}
    data_sets = facts.linked_with(request.data_set)
    return batch.held(environments, data_sets, request.periods, locked=False)


def _landed_inputs(landed: Landed | None) -> Written:
    """Return what the log says of the haven: its lists, and of its many editions the digest."""
    if landed is None:
        return {}
    editions: dict[str, JsonValue] = {month: [*sorted(ids)] for month, ids in landed.editions}
    return written({"landed": {"lists": [*sorted(landed.lists)], "editions": digest_of(editions)}})
