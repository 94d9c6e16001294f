"""The decision, asked of agreements (AuthZEN), and the lines of an agreement.

Only an answer 200 that says `decision` is a decision. Whatever else comes back, or nothing,
is none, and none is a no (design.md section 10, S6).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from common import http
from common.errors import AgreementNotFound, AppError, DecisionUnavailable, Refusal, Refused
from common.ids import new_id
from common.security.client import ServiceTokens
from dissemination.domain.extract import Permit
from dissemination.domain.release import ReleaseDecision
from dissemination.domain.request import ExtractRequest
from dissemination.use_cases.ports import AgreedLine, Evidence, Landed, LeaseGiven
from statements.decision import RegisterTerms
from statements.line import AgreementVersion

log: structlog.stdlib.BoundLogger = structlog.get_logger()

NO_DECISION = "The access decision is temporarily unavailable; retry later."

AUDIENCE = "agreements"
EVALUATION = "/access/v1/evaluation"
EDITIONS_TOLD_MAX = 10_000
"""Some 400 kB: agreements takes a question of at most 1 MB."""
NOT_FOUND = "AGREEMENT_NOT_FOUND"
NOT_ACCEPTED = "EVIDENCE_NOT_ACCEPTED"
"""Of the caller's token: the one problem that is as good as a no."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Refusal(_Answer):
    code: str
    detail: str = ""
    subject: str | None = None


class _Lease(_Answer):
    seconds: Annotated[float, Field(ge=0, strict=False)]


class _Decision(_Answer):
    """What an evaluation's `context` may have; what the action needs is demanded below."""

    id: Annotated[UUID | None, Field(strict=False)] = None
    """In the log; an answer to who asks dry is not written down, and has none."""
    epoch: int = 0
    refusals: list[_Refusal] = []
    on_behalf_of: list[str] = []
    permit: str | None = None
    permit_id: str | None = None
    permit_expires_at: Annotated[datetime | None, Field(strict=False)] = None
    holding_id: str | None = None
    agreement: AgreementVersion | None = None
    terms: RegisterTerms | None = None
    lease: _Lease | None = None

    @property
    def logged_id(self) -> UUID:
        assert self.id is not None  # `_evaluate` has looked
        return self.id


class _Field(_Answer):
    name: str


class _Line(_Answer):
    number: int
    purpose: str
    data_set: str
    classification: str
    fields: list[_Field]


class _Lines(_Answer):
    lines: list[_Line]


class _Evaluation(_Answer):
    decision: bool
    context: _Decision


class HttpAgreements:
    """Agreements over HTTP, asked with our own token; the caller's goes along as evidence."""

    def __init__(self, remote: http.Client, tokens: ServiceTokens) -> None:
        self._remote = remote
        self._tokens = tokens

    def request(
        self,
        request: ExtractRequest,
        *,
        extract_id: UUID,
        evidence: Evidence,
        landed: Landed | None,
    ) -> Permit:
        decision = self._evaluate(
            _question(request, extract_id, evidence, dry_run=False, more=_told(landed, request))
        )
        if (
            decision.permit is None
            or decision.permit_id is None
            or decision.permit_expires_at is None
        ):
            raise DecisionUnavailable("Agreements said yes and gave no permit.")
        return Permit(
            id=decision.permit_id,
            compact=decision.permit,
            expires_at=decision.permit_expires_at,
            decision_id=decision.logged_id,
            epoch=decision.epoch,
        )

    def ask_dry(self, request: ExtractRequest, *, evidence: Evidence) -> None:
        self._evaluate(_question(request, new_id(), evidence, dry_run=True), logged=False)

    def release(
        self, *, file_id: UUID, attestation: str, extract_id: UUID
    ) -> tuple[ReleaseDecision, RegisterTerms]:
        decision = self._evaluate(
            {
                "subject": {"type": "client", "id": "dissemination"},
                "action": {"name": "release"},
                "resource": {
                    "type": "file",
                    "id": str(file_id),
                    "properties": {"attestation": attestation},
                },
                "context": {"extract_id": str(extract_id)},
            }
        )
        holding_id, agreement, terms = decision.holding_id, decision.agreement, decision.terms
        if holding_id is None or agreement is None or terms is None:
            raise DecisionUnavailable("Agreements said yes and named no holding, or no terms.")
        released = ReleaseDecision(
            decision_id=decision.logged_id, holding_id=holding_id, agreement=agreement
        )
        return released, terms

    def fetch(
        self, holding_id: str, *, evidence: Evidence, delivery_id: UUID, renews: UUID | None
    ) -> LeaseGiven:
        context: dict[str, JsonValue] = {"delivery_id": str(delivery_id)}
        if renews is not None:
            context["renews"] = str(renews)
        decision = self._evaluate(
            {
                "subject": _subject(evidence),
                "action": {"name": "fetch"},
                "resource": {"type": "holding", "id": holding_id},
                "context": context,
            }
        )
        if decision.lease is None:
            raise DecisionUnavailable("Agreements said yes and gave no lease.")
        return LeaseGiven(decision_id=decision.logged_id, seconds=decision.lease.seconds)

    def lines(self, reference: str) -> Sequence[AgreedLine]:
        try:
            answer = http.call(
                self._remote,
                "GET",
                f"/v1/agreements/{reference}",
                token=self._tokens.token(AUDIENCE),
            )
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
                key=(line.purpose, line.data_set, line.classification),
                fields=tuple(field.name for field in line.fields),
            )
            for line in lines
        ]

    def _evaluate(self, question: dict[str, JsonValue], *, logged: bool = True) -> _Decision:
        try:
            answer = http.call(
                self._remote,
                "POST",
                EVALUATION,
                token=self._tokens.token(AUDIENCE),
                json=question,
            )
            evaluation = _Evaluation.model_validate_json(answer.content)
        except http.RemoteProblem as problem:
            if problem.code == NOT_ACCEPTED:
                refusal = Refusal(NOT_ACCEPTED, "Your access token is not accepted any more.")
                raise Refused(refusal.detail, [refusal]) from problem
            log.warning("decision_unavailable", code=problem.code)
            raise DecisionUnavailable(NO_DECISION) from problem
        except AppError as error:
            log.warning("decision_unavailable", code=error.code)
            raise DecisionUnavailable(NO_DECISION) from error
        except ValidationError as error:
            log.warning("decision_not_understood")
            raise DecisionUnavailable(NO_DECISION) from error
        if logged and evaluation.context.id is None:
            log.warning("decision_not_logged")
            raise DecisionUnavailable(NO_DECISION)
        if evaluation.decision:
            return evaluation.context
        raise _no(evaluation.context)


def _question(
    request: ExtractRequest,
    extract_id: UUID,
    evidence: Evidence,
    *,
    dry_run: bool,
    more: Mapping[str, JsonValue] = MappingProxyType({}),
) -> dict[str, JsonValue]:
    asked = request.as_json(extract_id)
    told = {k: v for k, v in asked.items() if k not in {"extract_id", "agreement"}}
    return {
        "subject": _subject(evidence),
        "action": {"name": "request"},
        "resource": {"type": "agreement", "id": request.agreement, "properties": told},
        "context": {
            "extract_id": str(extract_id),
            "request_digest": request.statement(extract_id).digest,
            "dry_run": dry_run,
            **more,
        },
    }


def _told(landed: Landed | None, request: ExtractRequest) -> dict[str, JsonValue]:
    """Say what the haven would read of the periods, as far as it can be judged.

    Where no list is in force nothing is prepared with opt-outs upheld. What is too much for one
    question is left out, and the release alone is judged by it.
    """
    if landed is None or not landed.opt_out_lists:
        return {}
    months = [month for month in landed.of(request.periods) if month.editions]
    if not months:
        return {}
    if sum(len(month.editions) for month in months) > EDITIONS_TOLD_MAX:
        log.warning("landed_editions_not_told", months=len(months))
        return {}
    return {
        "landed": {
            "opt_out_lists": [*landed.opt_out_lists],
            "editions": {month.month: [str(id_) for id_ in month.editions] for month in months},
        }
    }


def _subject(evidence: Evidence) -> dict[str, JsonValue]:
    return {
        "type": "client",
        "id": evidence.client_id,
        "properties": {"token": evidence.token},
    }


def _no(decision: _Decision) -> AppError:
    refusals = [Refusal(r.code, r.detail, r.subject) for r in decision.refusals]
    if [refusal.code for refusal in refusals] == [NOT_FOUND]:
        # Whoever may not know of an agreement is told what one that is not there is told.
        return AgreementNotFound("There is no such agreement.")
    if not refusals:
        refusals = [Refusal("REFUSED", "Agreements gave no reason.")]
    return Refused(
        "The agreement does not allow this.",
        refusals,
        on_behalf_of=",".join(decision.on_behalf_of) or None,
    )
