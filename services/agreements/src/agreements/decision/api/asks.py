"""From a question of the wire to what the decider is asked, and the quick way between them.

`begin` does what the endpoint does with the two questions that come by the thousand, where nothing
has to be waited for but the decision. It refuses nothing: whatever there is to say no to before the
decider is asked, the endpoint says.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from agreements.decision.api.schemas.answers import Decided
from agreements.decision.domain.question import Landed
from agreements.decision.use_cases.asking import (
    AnswerOrError,
    AskFetch,
    AskRequest,
    Earlier,
    Evidence,
)
from agreements.decision.use_cases.decider import Decider
from common.security.principal import Principal
from common.security.roles import Role
from common.security.tokens import TokenVerifier
from common.web.fast import Tell
from statements.question import AnyQuestion, FetchQuestion
from statements.request import LandedEditions, RequestQuestion, Subject

FOR_OTHERS = Role.SERVICE_DISSEMINATION
FOR_PRACTICES = Role.SERVICE_PSEUDONYMISATION
EVIDENCE_AUDIENCE = {FOR_OTHERS: "dissemination", FOR_PRACTICES: "pseudonymisation"}
"""The token that is evidence was made for the service that passes it on."""


def begin(question: AnyQuestion, caller: Principal, state: Mapping[str, Any], tell: Tell) -> bool:
    """Ask the decider, and have the answer told; False where that is left to the endpoint.

    Raises:
        AppError: nothing was asked.

    """
    if caller.role is not FOR_OTHERS or not isinstance(question, FetchQuestion | RequestQuestion):
        return False
    evidence = _at_hand(question.subject, state["verifier"])
    if evidence is None or question.context.dry_run:
        return False
    if isinstance(question, FetchQuestion):
        ask: AskFetch | AskRequest = ask_fetch(question, evidence, caller)
    elif is_complete(question) and evidence.principal.client_id == question.subject.id:
        ask = ask_request(question, evidence, caller)
    else:
        return False
    signer = state["signer"]

    def decided(result: AnswerOrError) -> None:
        tell(result if isinstance(result, Exception) else Decided(result, signer))

    decider: Decider = state["decider"]
    decider.ask_then(ask, decided, asyncio.get_running_loop())
    return True


def ask_fetch(question: FetchQuestion, evidence: Evidence | None, caller: Principal) -> AskFetch:
    return AskFetch(
        asked_by=caller,
        client_id=question.subject.id,
        evidence=evidence,
        token_digest=question.subject.properties.token_digest,
        holding_id=question.resource.id,
        sends=question.resource.properties,
        delivery_id=question.context.delivery_id or "",
        renews=question.context.renews,
    )


def is_complete(question: RequestQuestion) -> bool:
    """Say whether it is about one extract, as a question for a permit has to be."""
    return question.context.extract_id is not None and question.context.request_digest is not None


def ask_request(
    question: RequestQuestion, evidence: Evidence | None, caller: Principal
) -> AskRequest:
    """Return what is asked by a question that is complete."""
    context, resource = question.context, question.resource
    return AskRequest(
        asked_by=caller,
        evidence=evidence,
        earlier=_earlier(question.subject),
        places_order=context.places_order,
        extract_id=context.extract_id or "",
        request=resource.wanted,
        request_digest=context.request_digest or "",
        landed=landed_of(context.landed),
    )


def _at_hand(subject: Subject, verifier: TokenVerifier) -> Evidence | None:
    """Return the proof of who asks, where the token was verified before and is valid now.

    Raises:
        AppError: it is not valid.

    """
    token = subject.properties.token
    principal = (
        None if token is None else verifier.known(token, audience=EVIDENCE_AUDIENCE[FOR_OTHERS])
    )
    if principal is None:
        return None
    return Evidence(principal=principal, token_digest=subject.properties.token_digest)


def _earlier(subject: Subject) -> Earlier | None:
    decision_id = subject.properties.decision
    return None if decision_id is None else Earlier(client_id=subject.id, decision_id=decision_id)


def landed_of(told: LandedEditions | None) -> Landed | None:
    if told is None:
        return None
    return Landed(
        editions=frozenset(
            (month, frozenset(str(id_) for id_ in ids)) for month, ids in told.editions.items()
        ),
        lists=frozenset(told.opt_out_lists),
    )
