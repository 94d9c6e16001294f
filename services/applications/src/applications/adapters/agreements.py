"""Asks the service agreements for facts, over REST with our own token.

What it does not know is no fact, and a missing fact refuses. When it does not answer, or not
in a way that we understand, nothing is decided: `AgreementsUnavailable`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, Protocol, TypeVar

import structlog
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from applications.domain.errors import AgreementsUnavailable
from applications.domain.facts import (
    AgreementFact,
    AgreementsFacts,
    ApprovalFact,
    AssuranceFact,
    ContractFact,
    EvidenceFact,
    OrganisationFact,
    PartyFacts,
    RegistrationFact,
)
from applications.use_cases.ports import FactsWanted
from common import http
from common.errors import Unavailable

log: structlog.stdlib.BoundLogger = structlog.get_logger()

AUDIENCE = "agreements"
IN_FORCE = "IN_FORCE"
PAGES_MAX = 20
"""Of one list: a limit on everything, also on what another service says."""


class Tokens(Protocol):
    def token(self, audience: str) -> str: ...


class AgreementsAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class OrganisationAnswer(AgreementsAnswer):
    ods: str
    name: str
    legal_entity: str
    parent: str | None = None
    kind: str = ""
    valid_from: date | None = None
    valid_to: date | None = None


class ContractAnswer(AgreementsAnswer):
    reference: str
    organisation: str
    legal_name: str
    state: Annotated[str, BeforeValidator(lambda s: str(s).upper().replace("-", "_"))]
    start: date
    end: date | None = None


class EvidenceAnswer(AgreementsAnswer):
    kind: str
    reference: str
    plan_accepted: bool = False
    plan_until: date | None = None
    status: str = ""


class JudgementAnswer(AgreementsAnswer):
    accepted: bool
    reason: str
    needs_review: bool = False
    evidence: EvidenceAnswer | None = None


class RegistrationAnswer(AgreementsAnswer):
    number: str
    name: str = ""
    valid_to: date


class ApprovalAnswer(AgreementsAnswer):
    reference: str
    purposes: tuple[str, ...]
    controllers: tuple[str, ...] | None = None
    valid_from: date
    valid_to: date


class PartyCode(AgreementsAnswer):
    ods: str


class DocumentAnswer(AgreementsAnswer):
    """What was signed, as much of it as is compared."""

    snapshot: dict[str, JsonValue]


Number = Annotated[str, Field(pattern=r"^v\d{1,9}\.\d{1,9}$")]


class VersionAnswer(AgreementsAnswer):
    version: Number

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.removeprefix("v").split("."))


class AgreementAnswer(VersionAnswer):
    reference: str
    start: date
    end: date
    controllers: tuple[str | PartyCode, ...] = ()
    controllers_today: tuple[str, ...] = ()
    """With those to whom the standing of a controller passed (ruling 4)."""
    versions: tuple[VersionAnswer, ...] = ()
    may_be_amended: bool = True
    """Of agreements of before December 2026, which do not say so, it is found when drafted."""


A = TypeVar("A", bound=AgreementsAnswer)


@dataclass(frozen=True, slots=True)
class HttpAgreements:
    remote: http.Client
    tokens: Tokens

    def facts(self, asked: FactsWanted) -> AgreementsFacts:
        return AgreementsFacts(
            parties={ods: self._party(ods, asked) for ods in asked.parties},
            commissioners={ods: self._organisation(ods, asked.day) for ods in asked.commissioners},
            agreement=(
                self._agreement(asked.agreement, with_snapshot=asked.is_compared)
                if asked.agreement
                else None
            ),
            approvals=self._approvals() if asked.approvals else (),
        )

    def _approvals(self) -> tuple[ApprovalFact, ...]:
        return tuple(
            ApprovalFact(
                reference=a.reference,
                purposes=frozenset(a.purposes),
                controllers=None if a.controllers is None else frozenset(a.controllers),
                valid_from=a.valid_from,
                valid_to=a.valid_to,
            )
            for a in self._list("/v1/section-251-approvals", {}, ApprovalAnswer)
        )

    def _party(self, ods: str, asked: FactsWanted) -> PartyFacts:
        day = asked.day.isoformat()
        contracts = self._list("/v1/contracts", {"organisation": ods, "as_at": day}, ContractAnswer)
        registrations = self._list(
            "/v1/ico-registrations", {"organisation": ods, "as_at": day}, RegistrationAnswer
        )
        return PartyFacts(
            organisation=self._organisation(ods, asked.day),
            contracts=tuple(
                ContractFact(
                    reference=c.reference,
                    organisation=c.organisation,
                    legal_name=c.legal_name,
                    start=c.start,
                    end=c.end,
                )
                for c in contracts
                if c.state == IN_FORCE
                and c.start <= asked.day
                and (c.end is None or asked.day <= c.end)
            ),
            assurance=self._assurance(ods, asked),
            registrations=tuple(
                RegistrationFact(number=r.number, name=r.name, valid_to=r.valid_to)
                for r in registrations
            ),
        )

    def _organisation(self, ods: str, day: date) -> OrganisationFact | None:
        found = self._get(f"/v1/organisations/{ods}", {"as_at": day.isoformat()})
        if found is None:
            return None
        answer = _read(OrganisationAnswer, found)
        return OrganisationFact(
            ods=answer.ods,
            name=answer.name,
            legal_entity=answer.legal_entity,
            parent=answer.parent,
            kind=answer.kind,
            valid_from=answer.valid_from,
            valid_to=answer.valid_to,
        )

    def _assurance(self, ods: str, asked: FactsWanted) -> AssuranceFact:
        found = self._get(
            "/v1/assurance",
            {
                "organisation": ods,
                "as_at": asked.day.isoformat(),
                "identifiable": str(asked.is_identifiable).lower(),
            },
        )
        judgement = found.get("judgement") if isinstance(found, dict) else None
        if judgement is None:
            return AssuranceFact(accepted=False, reason="no evidence")
        answer = _read(JudgementAnswer, judgement)
        items = found.get("items")
        recorded = [_read(EvidenceAnswer, e) for e in (items if isinstance(items, list) else [])]
        evidence = answer.evidence
        # A plan counts only where the status alone would not do (domain.md 2.6).
        has_plan = (
            answer.accepted
            and evidence is not None
            and evidence.plan_accepted
            and evidence.status in UNDER_PLAN
        )
        return AssuranceFact(
            accepted=answer.accepted,
            reason=answer.reason,
            needs_review=answer.needs_review,
            kind=evidence.kind if evidence else None,
            reference=evidence.reference if evidence else None,
            has_plan=has_plan,
            plan_until=evidence.plan_until if evidence and has_plan else None,
            recorded=tuple(EvidenceFact(kind=e.kind, reference=e.reference) for e in recorded),
        )

    def _agreement(self, reference: str, *, with_snapshot: bool) -> AgreementFact | None:
        found = self._get(f"/v1/agreements/{reference}", {})
        if found is None:
            return None
        answer = _read(AgreementAnswer, found)
        document = None
        if with_snapshot:
            path = f"/v1/agreements/{reference}/document"
            document = self._get(path, {"version": answer.version})
            if document is None:
                raise _unreadable(path)
        return AgreementFact(
            reference=answer.reference,
            version=answer.version,
            highest=max((answer, *answer.versions), key=lambda one: one.numbers).version,
            is_under_way=answer.may_be_amended,
            start=answer.start,
            end=answer.end,
            controllers=answer.controllers_today
            or tuple(c if isinstance(c, str) else c.ods for c in answer.controllers),
            snapshot=None if document is None else _read(DocumentAnswer, document).snapshot,
        )

    def _list(self, path: str, params: Mapping[str, str], kind: type[A]) -> list[A]:
        """Return every page of a list."""
        found: list[A] = []
        asked = dict(params)
        for _ in range(PAGES_MAX):
            answer = self._get(path, asked)
            if not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
                if answer is None:
                    return found
                raise _unreadable(path)
            found.extend(_read(kind, item) for item in answer["items"])
            if answer.get("next") is None:
                return found
            asked["after"] = str(answer["next"])
        raise _unreadable(path)

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        """Return the body; None where agreements knows nothing of it."""
        try:
            return http.call(
                self.remote, "GET", path, token=self.tokens.token(AUDIENCE), params=params
            ).json()
        except http.RemoteProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            log.warning("agreements_refused", path=path, code=problem.code, status=problem.status)
            raise AgreementsUnavailable("Agreements does not answer this question.") from problem
        except Unavailable as away:
            raise AgreementsUnavailable(
                "The agreements service is temporarily unavailable; retry later."
            ) from away
        except ValueError as error:
            raise _unreadable(path) from error


UNDER_PLAN = frozenset({"APPROACHING_STANDARDS", "STANDARDS_NOT_MET"})
"""DSPT statuses that are accepted with an improvement plan only."""


def _read(kind: type[A], value: Any) -> A:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        log.error(  # noqa: TRY400 - the error quotes what came; where it is wrong is enough
            "agreements_answered_unexpectedly",
            kind=kind.__name__,
            where=sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False)}),
        )
        raise _unreadable(kind.__name__) from None


def _unreadable(what: str) -> AgreementsUnavailable:
    log.error("agreements_unreadable", what=what)
    return AgreementsUnavailable("Agreements answers in a way that is not understood here.")
