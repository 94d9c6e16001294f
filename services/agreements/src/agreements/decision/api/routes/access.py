"""The decision over HTTP: the AuthZEN Authorization API 1.0.

Dissemination asks for others and proves for whom by their own token, which is verified here: its
word is never taken. Everybody else asks about themselves, and dry. The endpoints are `async`: they
wait for the decider, or for a thread that verifies or reads.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import JsonValue, ValidationError

from agreements.decision.api.asks import (
    EVIDENCE_AUDIENCE,
    FOR_OTHERS,
    FOR_PRACTICES,
    ask_fetch,
    ask_request,
    begin,
    is_complete,
    landed_of,
)
from agreements.decision.api.schemas import access as wire
from agreements.decision.api.schemas.answers import Decided, refusal_of, sign
from agreements.decision.domain import question as domain
from agreements.decision.domain.errors import (
    EvidenceMissing,
    EvidenceRefused,
    OnlyAboutOneself,
)
from agreements.decision.use_cases import dry_run
from agreements.decision.use_cases.asking import (
    Answer,
    AskMatch,
    AskReidentify,
    AskRelease,
    AskReturnScores,
    Evidence,
)
from agreements.decision.use_cases.decider import Decider
from agreements.decision.use_cases.ports import Attestations, DecisionLogs
from common.clock import Clock
from common.errors import Refusal, Unauthenticated
from common.ids import digest
from common.security.keys import PREVIEW, Signer
from common.security.principal import Principal
from common.security.roles import PARTIES
from common.web import auth
from common.web.auth import Permission, public, requires
from common.web.fast import FastRoute, QuickBody
from common.web.problems import responses
from statements.decision import Answered, Evaluation, EvaluationContext, RefusalView
from statements.filters import FILTER
from statements.question import (
    QUESTION,
    READ_AGAIN,
    AnyQuestion,
    FetchQuestion,
    MatchQuestion,
    Question,
    ReidentifyQuestion,
    ReleaseQuestion,
    ReturnScoresQuestion,
)
from statements.request import ExtractRequest, RequestQuestion, Subject
from statements.vocabulary import LineKey

ASK_FOR_ACCESS = Permission(
    "access:ask",
    PARTIES | {FOR_OTHERS, FOR_PRACTICES},
    "Ask for a decision: dissemination for others, pseudonymisation for practices that"
    " re-identify and for whoever validates invoices, everybody else about themselves and dry",
)

gate = APIRouter(prefix="/access/v1", tags=["access"], route_class=FastRoute)
router = APIRouter(prefix="/access/v1", tags=["access"])
well_known = APIRouter(prefix="/.well-known", tags=["access"])

Caller = Annotated[Principal, requires(ASK_FOR_ACCESS)]


@gate.post(
    "/evaluation",
    response_model=Evaluation,
    response_model_exclude_none=True,
    responses=responses(EvidenceRefused, OnlyAboutOneself, EvidenceMissing),
)
async def evaluate(
    question: Annotated[Question, Body(), QuickBody(READ_AGAIN, begin)],
    request: Request,
    caller: Caller,
) -> Evaluation | Decided:
    """Decide whether an extract may be prepared, a file released, or bytes fetched.

    And whether a practice may be told whom tokens stand for, a controlled environment for finance
    whether people were where an invoice says, or a supplier may send scores.
    """
    if isinstance(question, ReidentifyQuestion):
        return Decided(await _reidentify(question, request, caller), request.state.signer)
    if isinstance(question, MatchQuestion):
        return Decided(await _match(question, request, caller), request.state.signer)
    if isinstance(question, ReturnScoresQuestion):
        return Decided(await _scores(question, request, caller), request.state.signer)
    if not isinstance(question, ReleaseQuestion) and question.context.dry_run:
        return await _dry(question, request, caller)
    if caller.role is not FOR_OTHERS:
        raise OnlyAboutOneself("Only dissemination asks for permits, releases and leases.")
    state = request.state
    decider: Decider = state.decider
    match question:
        case RequestQuestion():
            if not is_complete(question):
                raise EvidenceMissing(
                    "A permit is for one extract: send extract_id and request_digest."
                )
            by_order = question.subject.properties.decision is not None
            evidence = None if by_order else await _proof(question.subject, request)
            answer = await decider.ask(ask_request(question, evidence, caller))
        case ReleaseQuestion():
            answer = await decider.ask(await _release(question, request, caller))
        case FetchQuestion():
            evidence = await _evidence(question.subject, request)
            answer = await decider.ask(ask_fetch(question, evidence, caller))
    return Decided(answer, state.signer)


@router.post(
    "/evaluations",
    response_model=wire.Evaluations,
    response_model_exclude_none=True,
    responses=responses(EvidenceRefused, OnlyAboutOneself, EvidenceMissing),
)
async def evaluate_several(questions: wire.Questions, request: Request, caller: Caller) -> Response:
    """Decide several questions; each is decided, and logged, for itself."""
    defaults = {
        name: value
        for name in ("subject", "action", "resource", "context")
        if (value := getattr(questions, name)) is not None
    }
    asked = [_question(defaults, own, n) for n, own in enumerate(questions.evaluations)]
    answers = await _gathered([evaluate(question, request, caller) for question in asked])
    return _json(wire.Evaluations(evaluations=list(answers)))


@router.post(
    "/search/resource",
    response_model=wire.FoundViews,
    response_model_exclude_none=True,
    responses=responses(OnlyAboutOneself),
)
async def search(question: wire.SearchQuestion, request: Request, caller: Caller) -> Response:
    """List what the caller may have now, until when, and why it may not have the rest."""
    asker = _themselves(question.subject, caller, dry=True)
    logs: DecisionLogs = request.state.decision_logs
    clock: Clock = request.state.clock
    find = dry_run.lines if question.resource.type == "line" else dry_run.files
    found = await run_in_threadpool(
        find, asker, after=question.page.token, limit=question.page.limit, logs=logs, clock=clock
    )
    return _json(_found(found))


@well_known.get("/authzen-configuration", dependencies=[public("It says where to ask.")])
async def authzen_configuration(request: Request) -> wire.AuthzenConfiguration:
    """Return where access questions are sent (AuthZEN Authorization API 1.0, section 9)."""
    base = str(request.base_url).rstrip("/")
    return wire.AuthzenConfiguration(
        policy_decision_point=base,
        access_evaluation_endpoint=f"{base}/access/v1/evaluation",
        access_evaluations_endpoint=f"{base}/access/v1/evaluations",
        search_resource_endpoint=f"{base}/access/v1/search/resource",
    )


@well_known.get("/jwks.json", dependencies=[public("Public keys are public.")])
async def jwks(request: Request) -> dict[str, Any]:
    """Return the keys by which our permits and checkpoints are verified."""
    signer: Signer = request.state.signer
    return signer.jwks()


# From the wire to a question


def _question(defaults: Mapping[str, Any], own: Mapping[str, Any], number: int) -> AnyQuestion:
    """Read one of several questions, and refuse it as a whole body is refused.

    What is wrong is named where it was sent: with the question, or once for all of them.
    """
    try:
        return QUESTION.validate_python({**defaults, **own})
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        raise RequestValidationError(
            [{**e, "loc": _place(e["loc"], own, defaults, number)} for e in found]
        ) from None


def _place(
    loc: tuple[str | int, ...], own: Mapping[str, Any], defaults: Mapping[str, Any], number: int
) -> tuple[str | int, ...]:
    """Say where it stands in the body, without the kind of question that was tried."""
    within = loc[1:] if loc and loc[0] in KINDS_OF_QUESTIONS else loc
    is_of_all = bool(within) and within[0] not in own and within[0] in defaults
    return ("body", *within) if is_of_all else ("body", "evaluations", number, *within)


KINDS_OF_QUESTIONS = frozenset(
    {"request", "release", "fetch", "reidentify", "match", "return_scores"}
)


async def _release(question: ReleaseQuestion, request: Request, caller: Principal) -> AskRelease:
    attestations: Attestations = request.state.attestations
    compact = question.resource.properties.attestation
    verified = await run_in_threadpool(attestations.verify, compact)
    file, claims = (None, "") if verified is None else verified
    return AskRelease(
        asked_by=caller,
        file_id=question.resource.id,
        extract_id=question.context.extract_id,
        file=file,
        claims=claims,
        attestation_digest=digest(compact.encode()),
    )


async def _reidentify(question: ReidentifyQuestion, request: Request, caller: Principal) -> Answer:
    if caller.role is not FOR_PRACTICES:
        raise OnlyAboutOneself("Only pseudonymisation asks whether people may be re-identified.")
    decider: Decider = request.state.decider
    line = question.resource.properties
    return await decider.ask(
        AskReidentify(
            asked_by=caller,
            evidence=await _proof(question.subject, request, EVIDENCE_AUDIENCE[FOR_PRACTICES]),
            agreement=question.resource.id,
            key=LineKey(line.purpose, line.data_set, line.classification),
            request_id=question.context.request_id,
            people=question.context.people,
        )
    )


async def _match(question: MatchQuestion, request: Request, caller: Principal) -> Answer:
    if caller.role is not FOR_PRACTICES:
        raise OnlyAboutOneself("Only pseudonymisation asks whether numbers may be matched.")
    decider: Decider = request.state.decider
    return await decider.ask(
        AskMatch(
            asked_by=caller,
            evidence=await _proof(question.subject, request, EVIDENCE_AUDIENCE[FOR_PRACTICES]),
            request=_of_one_month(question),
            people=question.context.people,
        )
    )


async def _scores(question: ReturnScoresQuestion, request: Request, caller: Principal) -> Answer:
    if caller.role is not FOR_PRACTICES:
        raise OnlyAboutOneself("Only pseudonymisation asks whether scores may come back.")
    decider: Decider = request.state.decider
    return await decider.ask(
        AskReturnScores(
            asked_by=caller,
            evidence=await _proof(question.subject, request, EVIDENCE_AUDIENCE[FOR_PRACTICES]),
            request=_of_one_month(question),
            people=question.context.people,
        )
    )


def _of_one_month(question: MatchQuestion | ReturnScoresQuestion) -> ExtractRequest:
    """Return it as a request for no field, in no format: nothing leaves by it."""
    line, asked = question.resource.properties, question.context
    return ExtractRequest(
        extract_id=asked.request_id,
        agreement=question.resource.id,
        purpose=line.purpose,
        data_set=line.data_set,
        classification=line.classification,
        periods=(asked.period,),
        fields=(),
        formats=(),
    )


async def _proof(
    subject: Subject, request: Request, audience: str = EVIDENCE_AUDIENCE[FOR_OTHERS]
) -> Evidence:
    """Verify the client's token.

    Raises:
        EvidenceMissing: there is none.
        EvidenceRefused: it is not accepted, or is another client's.

    """
    evidence = await _evidence(subject, request, audience)
    if evidence is None or evidence.principal.client_id != subject.id:
        raise EvidenceRefused("The token is not that of the client that is named.")
    return evidence


async def _evidence(
    subject: Subject, request: Request, audience: str = EVIDENCE_AUDIENCE[FOR_OTHERS]
) -> Evidence | None:
    """Verify the client's token; None where it proves nothing any more."""
    token = subject.properties.token
    if token is None:
        raise EvidenceMissing("Send the client's own access token in subject.properties.token.")
    try:
        principal = await auth.verified(request, token, audience=audience)
    except Unauthenticated:
        return None
    return Evidence(principal=principal, token_digest=subject.properties.token_digest)


# Dry runs


async def _dry(
    question: RequestQuestion | FetchQuestion, request: Request, caller: Principal
) -> Evaluation:
    for_others = caller.role is FOR_OTHERS
    if for_others:
        asker = (await _proof(question.subject, request)).asker
    else:
        asker = _themselves(question.subject, caller, dry=question.context.dry_run)
        if isinstance(question, RequestQuestion) and question.context.landed is not None:
            raise OnlyAboutOneself("What is landed dissemination alone says: leave `landed` out.")
    logs: DecisionLogs = request.state.decision_logs
    clock: Clock = request.state.clock
    if isinstance(question, FetchQuestion):
        answer = await run_in_threadpool(
            dry_run.fetch, question.resource.id, asker, logs=logs, clock=clock
        )
    else:
        # A preview is for the haven, and given to nobody else.
        told = question.context if for_others else None
        answer = await run_in_threadpool(
            dry_run.request,
            domain.Request(
                asker=asker,
                request=question.resource.wanted,
                landed=None if told is None else landed_of(told.landed),
            ),
            logs=logs,
            clock=clock,
            extract_id=None if told is None else told.extract_id,
        )
    return Evaluation(
        decision=answer.permitted,
        context=EvaluationContext(
            epoch=answer.epoch,
            refusals=_with_remedies(answer.refusals),
            until=None if answer.until is None else answer.until.astimezone(UTC),
            opt_outs=answer.opt_outs,
            preview=None
            if answer.preview is None
            else sign(answer.preview, request.state.signer, PREVIEW),
        ),
    )


def _themselves(subject: Subject, caller: Principal, *, dry: bool) -> domain.Asker:
    if not dry or subject.id != caller.client_id:
        raise OnlyAboutOneself("Set `dry_run` to true and `subject.id` to your own client id.")
    return domain.Asker(client_id=caller.client_id, organisation=caller.organisation)


# From an answer to the wire


def _with_remedies(refusals: Sequence[Refusal]) -> list[RefusalView]:
    return [refusal_of(refusal, remedy) for refusal, remedy in dry_run.with_remedies(refusals)]


def _found(found: dry_run.SearchResults) -> wire.FoundViews:
    every: list[dry_run.SearchedLine | dry_run.SearchedFile] = [*found.lines, *found.files]
    return wire.FoundViews(
        results=[_result(entry) for entry in every if entry.permitted],
        page=wire.NextPage(next_token=found.after or ""),
        context=wire.FoundContext(
            epoch=found.epoch,
            refused=[
                wire.RefusedView(
                    type=_type(entry), id=_id(entry), refusals=_with_remedies(entry.refusals)
                )
                for entry in every
                if not entry.permitted
            ],
        ),
    )


def _result(entry: dry_run.SearchedLine | dry_run.SearchedFile) -> wire.FoundView:
    until = None if entry.until is None else entry.until.isoformat()
    properties: dict[str, JsonValue] = {
        "agreement": entry.agreement,
        "periods": list(entry.periods),
        "until": until,
    }
    if isinstance(entry, dry_run.SearchedLine):
        properties |= {
            "version": entry.version,
            "line": entry.number,
            "purpose": entry.key.purpose,
            "data_set": entry.key.data_set,
            "classification": entry.key.classification,
            "fields": [{"name": n, "treatment": t} for n, t in entry.fields.items()],
            "hidden": [{"name": n, "cap": c} for n, c in entry.hidden.items()],
            "filters": [FILTER.claims(one) for one in entry.filters],
            "environment": entry.environment,
        }
    else:
        properties |= {"file_id": entry.file_id, "format": entry.format, "bytes": entry.bytes}
    return wire.FoundView(type=_type(entry), id=_id(entry), properties=properties)


def _type(entry: dry_run.SearchedLine | dry_run.SearchedFile) -> Any:
    return "line" if isinstance(entry, dry_run.SearchedLine) else "holding"


def _id(entry: dry_run.SearchedLine | dry_run.SearchedFile) -> str:
    if isinstance(entry, dry_run.SearchedLine):
        return f"{entry.agreement}/{entry.number}"
    return str(entry.holding_id)


def _json(view: Answered) -> Response:
    """Write the answer as it is: FastAPI would validate once more what we have just made."""
    return Response(view.model_dump_json(exclude_none=True), media_type="application/json")


async def _gathered(
    views: Sequence[Awaitable[Evaluation | Decided]],
) -> Sequence[Evaluation]:
    """Wait for all, then raise the first error: no question is left unanswered in the decider."""
    found = await asyncio.gather(*views, return_exceptions=True)
    for view in found:
        if isinstance(view, BaseException):
            raise view
    answers = [view for view in found if not isinstance(view, BaseException)]
    return [view.evaluation() if isinstance(view, Decided) else view for view in answers]
