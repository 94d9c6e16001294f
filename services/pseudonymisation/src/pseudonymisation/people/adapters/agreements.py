"""What is asked of agreements: whether anybody may be told (AuthZEN), and what was released.

Only an answer 200 that says `decision`, that was logged, and that names the domain is a yes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from common import http
from common.errors import (
    AppError,
    DecisionUnavailable,
    Refusal,
    Refused,
)
from common.security.client import ServiceTokens
from common.security.principal import Principal
from pseudonymisation.people.domain.errors import ReleasesUnavailable
from pseudonymisation.people.domain.invoice_match import Invoice
from pseudonymisation.people.domain.risk_scores import ScoresDeclaration
from pseudonymisation.people.domain.subject_access import Release
from pseudonymisation.people.use_cases.ports import DirectCarePermission, MatchPermission
from statements.decision import Evaluation, EvaluationContext, refusal_of
from statements.question import (
    LineOfAgreement,
    LineResource,
    MatchAction,
    MatchContext,
    MatchQuestion,
    ReidentifyAction,
    ReidentifyContext,
    ReidentifyQuestion,
    ReturnScoresAction,
    ReturnScoresContext,
    ReturnScoresQuestion,
)
from statements.request import Proof, Subject
from statements.vocabulary import LineKey

log: structlog.stdlib.BoundLogger = structlog.get_logger()

AUDIENCE: Final = "agreements"
EVALUATION: Final = "/access/v1/evaluation"
NO_DECISION: Final = "The access decision is temporarily unavailable; retry later."
NO_RELEASES: Final = "Agreements cannot say what was released; retry later."
PAGE: Final = 200
NOT_ACCEPTED: Final = "EVIDENCE_NOT_ACCEPTED"


@dataclass(frozen=True, slots=True)
class HttpDirectCare:
    """`use_cases.ports.DirectCare`."""

    remote: http.Client
    tokens: ServiceTokens

    def decide(
        self,
        agreement: str,
        key: LineKey,
        *,
        request_id: UUID,
        people: int,
        principal: Principal,
        token: str,
    ) -> DirectCarePermission:
        question = ReidentifyQuestion(
            subject=Subject(id=principal.client_id, properties=Proof(token=token)),
            action=ReidentifyAction(name="reidentify"),
            resource=_line(agreement, key),
            context=ReidentifyContext(request_id=str(request_id), people=people),
        )
        return self._of_domain(question)

    def decide_match(
        self,
        invoice: Invoice,
        *,
        request_id: UUID,
        people: int,
        principal: Principal,
        token: str,
    ) -> MatchPermission:
        key = invoice.key
        question = MatchQuestion(
            subject=Subject(id=principal.client_id, properties=Proof(token=token)),
            action=MatchAction(name="match"),
            resource=_line(invoice.agreement, key),
            context=MatchContext(request_id=str(request_id), period=invoice.month, people=people),
        )
        decision_id, given = self._permitted(question)
        if given.match is None:
            raise DecisionUnavailable("Agreements said yes and did not say whose people count.")
        allowed = given.match
        return MatchPermission(
            decision_id=decision_id,
            national=allowed.national,
            codes=tuple(allowed.codes),
            reasons=tuple(allowed.reasons),
            filters=allowed.filters,
            opt_outs_applied=allowed.opt_outs_applied,
            opt_outs_by=allowed.opt_outs_by,
            list_age_days_max=allowed.list_age_days_max,
        )

    def decide_scores(
        self,
        declared: ScoresDeclaration,
        *,
        request_id: UUID,
        people: int,
        principal: Principal,
        token: str,
    ) -> DirectCarePermission:
        question = ReturnScoresQuestion(
            subject=Subject(id=principal.client_id, properties=Proof(token=token)),
            action=ReturnScoresAction(name="return_scores"),
            resource=_line(declared.agreement, declared.key),
            context=ReturnScoresContext(
                request_id=str(request_id), period=declared.month, people=people
            ),
        )
        return self._of_domain(question)

    def _of_domain(
        self, question: ReidentifyQuestion | ReturnScoresQuestion
    ) -> DirectCarePermission:
        decision_id, given = self._permitted(question)
        if given.domain is None:
            raise DecisionUnavailable("Agreements said yes and named no pseudonym domain.")
        return DirectCarePermission(decision_id=decision_id, domain=given.domain)

    def _permitted(
        self, question: ReidentifyQuestion | MatchQuestion | ReturnScoresQuestion
    ) -> tuple[str, EvaluationContext]:
        """Return the logged yes. Raise Refused, AgreementNotFound, DecisionUnavailable."""
        evaluation = self._ask(question.model_dump(mode="json", exclude_none=True))
        given = evaluation.context
        if given.id is None:
            log.warning("decision_not_logged")
            raise DecisionUnavailable(NO_DECISION)
        if not evaluation.decision:
            raise refusal_of(given)
        return str(given.id), given

    def _ask(self, question: JsonValue) -> Evaluation:
        """Raise DecisionUnavailable where nothing comes back that is a decision."""
        try:
            token = self.tokens.token(AUDIENCE)
            answer = http.call(self.remote, "POST", EVALUATION, token=token, json=question)
            return Evaluation.model_validate_json(answer.content)
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


def _line(agreement: str, key: LineKey) -> LineResource:
    named = LineOfAgreement(
        purpose=key.purpose, data_set=key.data_set, classification=key.classification
    )
    return LineResource(id=agreement, properties=named)


class _Holding(BaseModel):
    model_config = ConfigDict(extra="ignore")

    file_id: UUID
    holder: str
    released_at: datetime


class _Holdings(BaseModel):
    model_config = ConfigDict(extra="ignore")

    items: list[_Holding]
    next: UUID | None


@dataclass(frozen=True, slots=True)
class HttpReleases:
    """`use_cases.ports.Releases`: agreements' holdings, page by page."""

    remote: http.Client
    tokens: ServiceTokens

    def of(self, agreement: str) -> Sequence[Release]:
        found: list[Release] = []
        after: UUID | None = None
        while True:
            page = self._page(agreement, after)
            found += [
                Release(file_id=one.file_id, holder=one.holder, released_at=one.released_at)
                for one in page.items
            ]
            if page.next is None:
                return found
            after = page.next

    def _page(self, agreement: str, after: UUID | None) -> _Holdings:
        try:
            answer = http.call(
                self.remote,
                "GET",
                f"/v1/agreements/{agreement}/holdings",
                token=self.tokens.token(AUDIENCE),
                params={"limit": str(PAGE)} | ({} if after is None else {"after": str(after)}),
            )
            return _Holdings.model_validate_json(answer.content)
        except AppError as error:
            log.warning("releases_unavailable", code=error.code)
            raise ReleasesUnavailable(NO_RELEASES) from error
        except ValidationError as error:
            log.warning("releases_not_understood")
            raise ReleasesUnavailable(NO_RELEASES) from error
