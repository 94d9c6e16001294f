"""The states of an application, the steps between them, and whose they are (domain.md 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from applications.domain.sections.terms import Condition
from common.errors import TransitionRefused
from common.lives import Life, Move
from common.security.roles import Role


class State(StrEnum):
    ENQUIRY = "ENQUIRY"
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    IN_REVIEW = "IN_REVIEW"
    RETURNED = "RETURNED"
    WITH_ADVISORY = "WITH_ADVISORY"
    APPROVAL = "APPROVAL"
    APPROVED = "APPROVED"
    """Handed over: from here on the life is the agreement's (`DSA_DRAFT` and after)."""
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"
    CLOSED = "CLOSED"


class Verb(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    CLOSE = "close"
    ANSWER = "answer"
    SUBMIT = "submit"
    REVIEW = "review"
    RETURN = "return"
    REFER_TO_ADVICE = "refer_to_advice"
    ADVISE = "advise"
    REFER_TO_APPROVAL = "refer_to_approval"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


APPLICANT = frozenset({Role.APPLICANT_EDITOR})
SIGNATORIES = frozenset({Role.APPLICANT_EDITOR, Role.APPLICANT_SIGNATORY})
OFFICER = frozenset({Role.DARS_CASE_OFFICER})
ADVISERS = frozenset({Role.ADVISORY_SECRETARY, Role.ADVISORY_MEMBER})
APPROVER = frozenset({Role.DARS_APPROVER})


@dataclass(frozen=True, slots=True)
class Way:
    """Where a verb may lead from a state, and whose it is there."""

    to: frozenset[State]
    by: frozenset[Role]


def _way(to: State | frozenset[State], by: frozenset[Role]) -> Way:
    return Way(to if isinstance(to, frozenset) else frozenset({to}), by)


_WITHDRAWAL = _way(State.WITHDRAWN, SIGNATORIES)

LIFE: Mapping[State, Mapping[Verb, Way]] = {
    State.ENQUIRY: {
        Verb.OPEN: _way(State.DRAFT, OFFICER),
        Verb.CLOSE: _way(State.CLOSED, OFFICER),
        Verb.WITHDRAW: _WITHDRAWAL,
    },
    State.DRAFT: {
        Verb.ANSWER: _way(State.DRAFT, APPLICANT),
        Verb.SUBMIT: _way(State.SUBMITTED, SIGNATORIES),
        Verb.WITHDRAW: _WITHDRAWAL,
    },
    State.SUBMITTED: {
        Verb.REVIEW: _way(State.IN_REVIEW, OFFICER),
        Verb.WITHDRAW: _WITHDRAWAL,
    },
    State.IN_REVIEW: {
        Verb.RETURN: _way(State.RETURNED, OFFICER),
        Verb.REFER_TO_ADVICE: _way(State.WITH_ADVISORY, OFFICER),
        Verb.REFER_TO_APPROVAL: _way(State.APPROVAL, OFFICER),
        Verb.REFUSE: _way(State.DECLINED, OFFICER),
        Verb.WITHDRAW: _WITHDRAWAL,
    },
    State.RETURNED: {
        Verb.ANSWER: _way(State.RETURNED, APPLICANT),
        Verb.SUBMIT: _way(State.SUBMITTED, SIGNATORIES),
        Verb.WITHDRAW: _WITHDRAWAL,
    },
    State.WITH_ADVISORY: {
        Verb.ADVISE: _way(frozenset({State.APPROVAL, State.RETURNED}), ADVISERS),
        Verb.WITHDRAW: _WITHDRAWAL,
    },
    State.APPROVAL: {
        Verb.APPROVE: _way(State.APPROVED, APPROVER),
        Verb.REFUSE: _way(State.DECLINED, APPROVER),
        Verb.WITHDRAW: _WITHDRAWAL,
    },
    State.APPROVED: {},
    State.DECLINED: {},
    State.WITHDRAWN: {},
    State.CLOSED: {},
}
"""The whole life of an application (domain.md 2.2), and whose each step is in each state.

Advisers advise and do not decide: "unable to recommend" also leads to APPROVAL, where only
an approver may refuse, or approve with a reason.
"""


class ApplicationCommand(StrEnum):
    """By which route each step is taken."""

    OPEN = "POST /v1/applications/{application_id}/opening"
    CLOSE = "POST /v1/applications/{application_id}/closure"
    ANSWER = "PUT /v1/applications/{application_id}/sections/{number}"
    SUBMIT = "POST /v1/applications/{application_id}/submission"
    REVIEW = "POST /v1/applications/{application_id}/review"
    RETURN = "POST /v1/applications/{application_id}/return"
    REFER_TO_ADVICE = "POST /v1/applications/{application_id}/advisory-referral"
    ADVISE = "POST /v1/applications/{application_id}/advice"
    REFER_TO_APPROVAL = "POST /v1/applications/{application_id}/approval-referral"
    APPROVE = "POST /v1/applications/{application_id}/approval"
    REFUSE = "POST /v1/applications/{application_id}/refusal"
    WITHDRAW = "POST /v1/applications/{application_id}/withdrawal"


APPLICATION = Life(
    name="Application",
    begins=frozenset({State.ENQUIRY, State.DRAFT}),
    moves={
        state: tuple(
            Move(
                to=to,
                why=verb.value.replace("_", " "),
                command=ApplicationCommand[verb.name],
                by=way.by,
            )
            for verb, way in ways.items()
            for to in sorted(way.to)
        )
        for state, ways in LIFE.items()
    },
    otherwise=dict.fromkeys(ApplicationCommand, TransitionRefused),
)
EDITABLE = frozenset(state for state, ways in LIFE.items() if Verb.ANSWER in ways)


class Outcome(StrEnum):
    """What an advisory body recommends."""

    RECOMMENDED = "recommended"
    RECOMMENDED_WITH_CONDITIONS = "recommended_with_conditions"
    DEFERRED = "deferred"
    UNABLE_TO_RECOMMEND = "unable_to_recommend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who takes a step: a subject, and the organisation and role of the token."""

    subject: str
    organisation: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Something that the applicant has to answer before handing in again."""

    id: str
    standard: int | None
    text: str
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    body: str
    revision: int
    outcome: Outcome
    reason: str
    conditions: tuple[Condition, ...]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    approved: bool
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the history: who, when, what; ids only, no free text."""

    verb: str
    at: datetime
    by: Actor
    before: State | None
    after: State | None
    """None for what happened elsewhere, after the application had ended."""
    revision: int
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """A snapshot as it will be read for ever: canonical JSON, named by its hash."""

    hash: str
    revision: int
    content: bytes
