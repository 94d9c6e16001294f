"""The decision, asked of agreements (AuthZEN), and the lines of an agreement.

Only an answer 200 that says `decision` is a decision. Whatever else comes back, or nothing,
is none, and none is a no (design.md section 10, S6).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from common import http
from common.errors import AgreementNotFound, AppError, DecisionUnavailable, Refusal, Refused
from dissemination.domain.extract import Permit, PreparedFile
from dissemination.domain.landed import Landed
from dissemination.domain.release import ReleaseDecision
from dissemination.use_cases.context import AgreedLine, Evidence, LeaseGiven, Placed
from statements.decision import Evaluation, EvaluationContext, RegisterTerms, refusal_of
from statements.question import (
    AnyQuestion,
    Attested,
    FetchAction,
    FetchContext,
    FetchQuestion,
    FileResource,
    HoldingResource,
    ReleaseAction,
    ReleaseContext,
    ReleaseQuestion,
    SentObject,
)
from statements.request import (
    AgreementResource,
    ExtractRequest,
    LandedEditions,
    Proof,
    RequestAction,
    RequestContext,
    RequestQuestion,
    Subject,
    Wanted,
)
from statements.vocabulary import LineKey

log: structlog.stdlib.BoundLogger = structlog.get_logger()

NO_DECISION = "The access decision is temporarily unavailable; retry later."
EVALUATION = "/access/v1/evaluation"
OURSELVES = "dissemination"
EDITIONS_TOLD_MAX = 10_000
"""Some 400 kB: agreements takes a question of at most 1 MB."""
NOT_ACCEPTED = "EVIDENCE_NOT_ACCEPTED"
"""Of the caller's token: the one problem that is as good as a no."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Field(_Answer):
    name: str


class _Line(_Answer):
    number: int
    purpose: str
    data_set: str
    classification: str
    fields: list[_Field]
    access_method: str | None = None


class _Lines(_Answer):
    lines: list[_Line]


class HttpAgreements:
    """Agreements over HTTP, asked with our own token; the caller's goes along as evidence."""

    def __init__(self, remote: http.Remote) -> None:
        self._remote = remote

    def request(
        self, request: ExtractRequest, *, evidence: Evidence, landed: Landed | None
    ) -> Permit:
        with _none_is_unavailable(evidence):
            question = _question(request, evidence, landed=_landed(landed, request))
            answer = self._remote.call("POST", EVALUATION, json=_json(question))
            evaluation = Evaluation.model_validate_json(answer.content)
        decision_id, given = _granted(evaluation)
        if given.permit is None or given.permit_id is None or given.permit_expires_at is None:
            raise DecisionUnavailable("Agreements said yes and gave no permit.")
        return Permit(
            id=str(given.permit_id),
            compact=given.permit,
            expires_at=given.permit_expires_at,
            decision_id=decision_id,
            epoch=given.epoch,
        )

    def place(self, request: ExtractRequest, *, evidence: Evidence) -> Placed:
        with _none_is_unavailable():
            question = _question(request, evidence, places_order=True)
            answer = self._remote.call("POST", EVALUATION, json=_json(question))
            evaluation = Evaluation.model_validate_json(answer.content)
        if evaluation.context.id is None:
            log.warning("decision_not_logged")
            raise DecisionUnavailable(NO_DECISION)
        refusals: tuple[Refusal, ...] = ()
        if not evaluation.decision:
            no = refusal_of(evaluation.context)
            if not isinstance(no, Refused):
                raise no
            refusals = no.refusals
        return Placed(
            decision_id=evaluation.context.id,
            refusals=refusals,
            on_behalf_of=",".join(evaluation.context.on_behalf_of or ()) or None,
        )

    def ask_dry(
        self, request: ExtractRequest, *, evidence: Evidence, landed: Landed | None = None
    ) -> str | None:
        with _none_is_unavailable():
            question = _question(request, evidence, landed=_landed(landed, request), dry_run=True)
            answer = self._remote.call("POST", EVALUATION, json=_json(question))
            evaluation = Evaluation.model_validate_json(answer.content)
        if not evaluation.decision:
            raise refusal_of(evaluation.context)
        return evaluation.context.preview

    def release(
        self, *, file_id: UUID, attestation: str, extract_id: UUID
    ) -> tuple[ReleaseDecision, RegisterTerms]:
        with _none_is_unavailable():
            question = ReleaseQuestion(
                subject=Subject(id=OURSELVES),
                action=ReleaseAction(name="release"),
                resource=FileResource(
                    id=str(file_id), properties=Attested(attestation=attestation)
                ),
                context=ReleaseContext(extract_id=str(extract_id)),
            )
            answer = self._remote.call("POST", EVALUATION, json=_json(question))
            evaluation = Evaluation.model_validate_json(answer.content)
        decision_id, given = _granted(evaluation)
        if given.holding_id is None or given.agreement is None or given.terms is None:
            raise DecisionUnavailable("Agreements said yes and named no holding, or no terms.")
        decision = ReleaseDecision(
            decision_id=decision_id,
            holding_id=str(given.holding_id),
            agreement=given.agreement,
        )
        return decision, given.terms

    def fetch(
        self,
        holding_id: str,
        file: PreparedFile,
        *,
        evidence: Evidence,
        delivery_id: UUID,
        renews: UUID | None,
    ) -> LeaseGiven:
        with _none_is_unavailable():
            question = FetchQuestion(
                subject=_subject(evidence),
                action=FetchAction(name="fetch"),
                resource=HoldingResource(
                    id=UUID(holding_id),
                    properties=SentObject.of(
                        object_key=file.object_key, size=file.bytes, content=file.digest
                    ),
                ),
                context=FetchContext(delivery_id=str(delivery_id), renews=renews),
            )
            answer = self._remote.call("POST", EVALUATION, json=_json(question))
            evaluation = Evaluation.model_validate_json(answer.content)
        decision_id, given = _granted(evaluation)
        if given.lease is None:
            raise DecisionUnavailable("Agreements said yes and gave no lease.")
        return LeaseGiven(decision_id=decision_id, seconds=given.lease.seconds)

    def lines(self, reference: str) -> Sequence[AgreedLine]:
        try:
            answer = self._remote.call("GET", f"/v1/agreements/{reference}")
            lines = _Lines.model_validate_json(answer.content).lines
        except http.RemoteProblem as problem:
            if problem.status == 404:
                raise AgreementNotFound(f"There is no agreement {reference}.") from problem
            raise DecisionUnavailable("Agreements did not return the agreement.") from problem
        except AppError as error:
            raise DecisionUnavailable("Agreements does not answer.") from error
        except ValidationError as error:
            raise DecisionUnavailable("The agreement's lines could not be read.") from error
        return [
            AgreedLine(
                number=line.number,
                key=LineKey(line.purpose, line.data_set, line.classification),
                fields=tuple(field.name for field in line.fields),
                access_method=line.access_method,
            )
            for line in lines
        ]


NOT_SIGNED_IN = "Your access token is not accepted any more."
NOT_CONFIRMED = (
    "Whoever ordered has shown no access token for too long. Confirm the standing order:"
    " POST /v1/standing-orders/{id}/confirmation."
)


@contextmanager
def _none_is_unavailable(evidence: Evidence | None = None) -> Iterator[None]:
    """Raise DecisionUnavailable where nothing comes back that is a decision."""
    try:
        yield
    except http.RemoteProblem as problem:
        if problem.code == NOT_ACCEPTED:
            for_order = evidence is not None and evidence.decision is not None
            said = NOT_CONFIRMED if for_order else NOT_SIGNED_IN
            refusal = Refusal(NOT_ACCEPTED, said)
            raise Refused(refusal.detail, [refusal]) from problem
        log.warning("decision_unavailable", code=problem.code)
        raise DecisionUnavailable(NO_DECISION) from problem
    except AppError as error:
        log.warning("decision_unavailable", code=error.code)
        raise DecisionUnavailable(NO_DECISION) from error
    except ValueError as error:
        log.warning("decision_not_understood")
        raise DecisionUnavailable(NO_DECISION) from error


def _granted(evaluation: Evaluation) -> tuple[UUID, EvaluationContext]:
    """Return the logged decision's id and what it gives.

    Raises:
        Refused: with every refusal.
        AgreementNotFound: the caller may not know of it.
        DecisionUnavailable: the decision was not logged, so that it is none.

    """
    decision_id = evaluation.context.id
    if decision_id is None:
        log.warning("decision_not_logged")
        raise DecisionUnavailable(NO_DECISION)
    if not evaluation.decision:
        raise refusal_of(evaluation.context)
    return decision_id, evaluation.context


def _question(
    request: ExtractRequest,
    evidence: Evidence,
    *,
    landed: LandedEditions | None = None,
    dry_run: bool = False,
    places_order: bool = False,
) -> RequestQuestion:
    return RequestQuestion(
        subject=_subject(evidence),
        action=RequestAction(name="request"),
        resource=AgreementResource(
            id=request.agreement, properties=Wanted.model_validate(request, from_attributes=True)
        ),
        context=RequestContext(
            extract_id=request.extract_id,
            request_digest=request.digest,
            landed=landed,
            dry_run=dry_run,
            places_order=places_order,
        ),
    )


def _landed(landed: Landed | None, request: ExtractRequest) -> LandedEditions | None:
    """Return what the haven would read of the periods, as far as it can be judged.

    Where no list is in force nothing is prepared with opt-outs upheld. What is too much for one
    question is left out, and the release alone is judged by it.
    """
    if landed is None or not landed.opt_out_lists:
        return None
    months = [month for month in landed.of(request.periods) if month.editions]
    if not months:
        return None
    if sum(len(month.editions) for month in months) > EDITIONS_TOLD_MAX:
        log.warning("landed_editions_not_told", months=len(months))
        return None
    return LandedEditions(
        opt_out_lists=landed.opt_out_lists,
        editions={month.month: month.editions for month in months},
    )


def _subject(evidence: Evidence) -> Subject:
    proof = (
        Proof(token=evidence.token)
        if evidence.decision is None
        else Proof(decision=evidence.decision)
    )
    return Subject(id=evidence.client_id, properties=proof)


def _json(question: AnyQuestion) -> JsonValue:
    written: JsonValue = question.model_dump(mode="json", exclude_none=True)
    return written
