"""An application for data: its life, who may move it along, and what each move causes.

Pure. No input, no output, no clock: what a change needs is handed in, what it causes is
handed back in `events`, `steps` and `frozen`, and the repository stores all of it or nothing.

This is states 1 to 7 of domain.md 2.2. What follows an approval belongs to agreements.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from applications.domain.errors import (
    AdviceNotNeeded,
    AdviceRequired,
    ConditionRefused,
    KindContradicts,
    NotYours,
    OwnApplication,
    OwnOrganisation,
    ReasonRequired,
    SameHands,
)
from applications.domain.events import (
    ApplicationApproved,
    ApplicationDeclined,
    ApplicationEvent,
    ApplicationReturned,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from applications.domain.life import (
    LIFE,
    Actor,
    Advice,
    Decision,
    Frozen,
    Outcome,
    Query,
    State,
    Step,
    Verb,
    Way,
)
from applications.domain.routing import AdvisoryRoute, Triage
from applications.domain.sections import Answers
from applications.domain.sections.forms import Kind, Section
from applications.domain.sections.terms import OURS, Condition, SpecialConditions
from common.errors import TransitionRefused
from common.replacement import is_one_of
from common.security.principal import BODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    id: UUID
    organisation: str
    """The applicant's. Acting for another is never a claim: parties are named in section 2."""
    title: str
    kind: Kind
    amends: str | None = None
    """Reference of the agreement that is amended, renewed or extended."""
    created_at: datetime
    state: State = State.DRAFT
    standards: Mapping[int, str] = field(default_factory=dict)
    """Versions by number: those of the draft's day, after a submission those of that day."""
    answers: Answers = field(default_factory=Answers)
    reference: str | None = None
    """`DARS-NIC-…` without its version; stable for life (domain.md 2.3)."""
    label: str | None = None
    """The version of the reference: `v0.0`."""
    revision: int = 0
    """Counts the submissions."""
    snapshot_hash: str | None = None
    submitted_at: datetime | None = None
    authors: tuple[str, ...] = ()
    """Subjects who drafted, answered or handed in."""
    officers: tuple[str, ...] = ()
    """Subjects who acted as case officer."""
    advisers: tuple[str, ...] = ()
    triage: Triage | None = None
    advisory_body: str | None = None
    queries: tuple[Query, ...] = ()
    advice: tuple[Advice, ...] = ()
    decision: Decision | None = None
    conditions: tuple[Condition, ...] = ()
    """Added by the decision to those that the applicant named."""
    version: int = 0
    """Counts the stored changes; the repository refuses to overwrite a newer one."""

    events: tuple[ApplicationEvent, ...] = ()
    steps: tuple[Step, ...] = ()
    frozen: tuple[Frozen, ...] = ()

    @classmethod
    def begin(
        cls,
        *,
        id: UUID,  # noqa: A002 - the field's own name
        title: str,
        kind: Kind,
        amends: str | None,
        enquiry: bool,
        standards: Mapping[int, str],
        by: Actor,
        at: datetime,
    ) -> "Application":
        if (kind is Kind.NEW) != (amends is None):
            raise KindContradicts(
                "A new application amends no agreement; an amendment, renewal, extension or "
                "simple change names the one that it is about."
            )
        state = State.ENQUIRY if enquiry else State.DRAFT
        return cls(
            id=id,
            organisation=by.organisation,
            title=title,
            kind=kind,
            amends=amends,
            created_at=at,
            state=state,
            standards=standards,
            authors=(by.subject,),
            steps=(Step(verb=Verb.DRAFT, at=at, by=by, before=None, after=state, revision=0),),
        )

    def label_for(self, agreed: str | None, others: Collection[str] = ()) -> str:
        """Return the version that a submission carries, given the agreement's highest (2.3).

        A renewal counts the first part up, all else that follows an agreement the second.
        `others`: what other applications about the agreement carry.
        """
        if self.label is not None:
            return self.label
        if agreed is None:
            return "v0.0"
        major, minor = (int(part) for part in agreed.removeprefix("v").split("."))
        major, minor = (major + 1, 0) if self.kind is Kind.RENEWAL else (major, minor + 1)
        while (label := f"v{major}.{minor}") in others:
            minor += 1
        return label

    # The enquiry

    def open(self, *, by: Actor, at: datetime) -> "Application":
        return _moved(self._as_officer(Verb.OPEN, by), Verb.OPEN, State.DRAFT, by=by, at=at)

    def close(self, *, by: Actor, at: datetime) -> "Application":
        return _moved(self._as_officer(Verb.CLOSE, by), Verb.CLOSE, State.CLOSED, by=by, at=at)

    # The applicant

    def answer(self, section: Section, *, by: Actor, at: datetime) -> "Application":
        """Fill in or replace one section."""
        self._may(Verb.ANSWER, by)
        return _moved(
            replace(
                self, answers=self.answers.with_(section), authors=_with(self.authors, by.subject)
            ),
            Verb.ANSWER,
            self.state,
            by=by,
            at=at,
            detail={"section": str(section.standard)},
        )

    def answered(self, replies: Mapping[str, str]) -> "Application":
        """Answer queries; unknown ids are passed over, they may be of a former return."""
        return replace(
            self,
            queries=tuple(
                replace(query, answer=replies.get(query.id, query.answer)) for query in self.queries
            ),
        )

    def submit(
        self,
        *,
        reference: str,
        label: str,
        snapshot: Frozen,
        standards: Mapping[int, str],
        by: Actor,
        at: datetime,
    ) -> "Application":
        """Hand in. The machine checks were asked before; nothing here asks them again."""
        self._may(Verb.SUBMIT, by)
        return _moved(
            replace(
                self,
                reference=reference,
                label=label,
                revision=snapshot.revision,
                snapshot_hash=snapshot.hash,
                frozen=(*self.frozen, snapshot),
                standards=standards,
                submitted_at=at,
                authors=_with(self.authors, by.subject),
                triage=None,
                advisory_body=None,
            ),
            Verb.SUBMIT,
            State.SUBMITTED,
            by=by,
            at=at,
            detail={"snapshot": snapshot.hash},
            event=ApplicationSubmitted,
        )

    def withdraw(self, *, by: Actor, at: datetime) -> "Application":
        """Withdraw the application; its history is kept (A29)."""
        self._may(Verb.WITHDRAW, by)
        return _moved(
            self, Verb.WITHDRAW, State.WITHDRAWN, by=by, at=at, event=ApplicationWithdrawn
        )

    # The case officer

    def review(self, *, by: Actor, at: datetime) -> "Application":
        return _moved(self._as_officer(Verb.REVIEW, by), Verb.REVIEW, State.IN_REVIEW, by=by, at=at)

    def return_(self, queries: Sequence[Query], *, by: Actor, at: datetime) -> "Application":
        returned = self._as_officer(Verb.RETURN, by)
        return _moved(
            replace(returned, queries=tuple(queries)),
            Verb.RETURN,
            State.RETURNED,
            by=by,
            at=at,
            event=ApplicationReturned,
        )

    def refer_to_advice(
        self, route: AdvisoryRoute, triage: Triage, *, by: Actor, at: datetime
    ) -> "Application":
        referred = self._as_officer(Verb.REFER_TO_ADVICE, by)
        if route.body is None or not route.is_needed:
            raise AdviceNotNeeded(
                f"{route.body or 'No body'} does not review this application: "
                "it is neither of a kind that is always reviewed, nor was it found "
                "novel, contentious or complex."
            )
        return _moved(
            replace(referred, triage=triage, advisory_body=route.body),
            Verb.REFER_TO_ADVICE,
            State.WITH_ADVISORY,
            by=by,
            at=at,
            detail={"body": route.body, "because": ",".join(route.because)},
        )

    def refer_to_approval(
        self, route: AdvisoryRoute, triage: Triage, *, by: Actor, at: datetime
    ) -> "Application":
        """Pass on without advice, where the rule of the day wants none."""
        referred = self._as_officer(Verb.REFER_TO_APPROVAL, by)
        if route.is_needed:
            raise AdviceRequired(
                f"{route.body} must review this application before it goes to approval.",
                body=route.body,
                because=list(route.because),
            )
        return _moved(
            replace(referred, triage=triage), Verb.REFER_TO_APPROVAL, State.APPROVAL, by=by, at=at
        )

    # The advisory body

    def advise(
        self,
        outcome: Outcome,
        *,
        reason: str,
        conditions: Sequence[Condition],
        queries: Sequence[Query],
        by: Actor,
        at: datetime,
    ) -> "Application":
        """Record advice: an approver decides what it leads to, or the applicant answers."""
        self._may(Verb.ADVISE, by)
        self._is_independent(by, not_among={"case officer": self.officers})
        self._are_sound(conditions)
        advice = Advice(
            body=self.advisory_body or "",
            revision=self.revision,
            outcome=outcome,
            reason=reason,
            conditions=tuple(conditions),
            by=by.subject,
            at=at,
        )
        advised = replace(
            self, advice=(*self.advice, advice), advisers=_with(self.advisers, by.subject)
        )
        detail = {"outcome": outcome.value, "body": advice.body}
        if outcome is Outcome.DEFERRED:
            return _moved(
                replace(advised, queries=tuple(queries)),
                Verb.ADVISE,
                State.RETURNED,
                by=by,
                at=at,
                detail=detail,
                event=ApplicationReturned,
            )
        return _moved(advised, Verb.ADVISE, State.APPROVAL, by=by, at=at, detail=detail)

    # The approver

    def conditions_on_approval(
        self, *, met: frozenset[str], further: Sequence[Condition]
    ) -> tuple[Condition, ...]:
        """Return the conditions: what is not met becomes a special condition (domain.md 2.2, 7)."""
        advised = [c for advice in self._advice() for c in advice.conditions]
        unknown = sorted(met - {condition.id for condition in advised})
        if unknown:
            raise ConditionRefused(
                "The approval marks a condition as met that the advisory body did not set."
            )
        self._are_sound(further)
        return (*(c for c in advised if c.id not in met), *further)

    def approve(
        self,
        *,
        reason: str,
        conditions: Sequence[Condition],
        snapshot: Frozen,
        by: Actor,
        at: datetime,
    ) -> "Application":
        self._decides(Verb.APPROVE, by)
        is_against = any(a.outcome is Outcome.UNABLE_TO_RECOMMEND for a in self._advice())
        if is_against and not reason:
            raise ReasonRequired(
                "The advisory body was unable to recommend approval; set `reason`."
            )
        return _moved(
            replace(
                self,
                decision=Decision(approved=True, reason=reason, by=by.subject, at=at),
                conditions=tuple(conditions),
                snapshot_hash=snapshot.hash,
                frozen=(*self.frozen, snapshot),
            ),
            Verb.APPROVE,
            State.APPROVED,
            by=by,
            at=at,
            detail={"snapshot": snapshot.hash},
            event=ApplicationApproved,
        )

    def refuse(self, *, reason: str, by: Actor, at: datetime) -> "Application":
        if self.state is State.APPROVAL:
            self._decides(Verb.REFUSE, by)
            refused = self
        else:
            refused = self._as_officer(Verb.REFUSE, by)
        return _moved(
            replace(
                refused, decision=Decision(approved=False, reason=reason, by=by.subject, at=at)
            ),
            Verb.REFUSE,
            State.DECLINED,
            by=by,
            at=at,
            event=ApplicationDeclined,
        )

    def _are_sound(self, conditions: Sequence[Condition]) -> None:
        """Check that each has a name of its own, and a party that answers for it."""
        section = self.answers.of(SpecialConditions)
        taken = [
            *(c.id for c in (section.conditions if section else ())),
            *(c.id for advice in self._advice() for c in advice.conditions),
            *(c.id for c in conditions),
        ]
        if len(set(taken)) < len(taken):
            raise ConditionRefused("Two conditions have the same `id`; give each its own.")
        if any(c.id.startswith(OURS) for c in conditions):
            raise ConditionRefused(
                f"`id` must not begin with {OURS}: the security rule gives such ids."
            )
        if any(c.owner not in self.answers.parties for c in conditions):
            raise ConditionRefused(
                "`owner` must be the code of a controller or processor of this application."
            )

    # Who may

    def check(self, verb: Verb, *, by: Actor) -> None:
        """Raise what would stop this actor from this verb now, before anything costly."""
        self._may(verb, by)

    def _may(self, verb: Verb, by: Actor) -> Way:
        way = LIFE[self.state].get(verb)
        if way is None:
            raise TransitionRefused(
                f"An application in state {self.state} does not allow the step {verb}.",
                state=self.state.value,
                allowed=[v.value for v in LIFE[self.state]],
            )
        if by.role not in way.by:
            raise NotYours(
                f"In state {self.state} the step {verb} belongs to "
                f"{', '.join(sorted(way.by))}, not to {by.role}."
            )
        return way

    def _is_independent(self, by: Actor, *, not_among: Mapping[str, Sequence[str]]) -> None:
        """Check that nobody decides on their own; compared by person, whatever the token names.

        The Body may itself be a party (ruling 14); then its people are told apart by person only.
        """
        if is_one_of(by.subject, self.authors):
            raise OwnApplication(
                "You drafted, answered or submitted this application; another person must take"
                " this step."
            )
        parties = {self.organisation, *self.answers.parties}
        if by.organisation != BODY and by.organisation in parties:
            raise OwnOrganisation(
                "Your organisation is the applicant or a party; another organisation must take"
                " this step."
            )
        for name, people in not_among.items():
            if is_one_of(by.subject, people):
                raise SameHands(
                    f"You were {name} of this application; another person must take this step."
                )

    def _as_officer(self, verb: Verb, by: Actor) -> "Application":
        self._may(verb, by)
        self._is_independent(by, not_among={"adviser": self.advisers})
        return replace(self, officers=_with(self.officers, by.subject))

    def _decides(self, verb: Verb, by: Actor) -> None:
        self._may(verb, by)
        self._is_independent(
            by, not_among={"case officer": self.officers, "adviser": self.advisers}
        )

    def _advice(self) -> tuple[Advice, ...]:
        return tuple(advice for advice in self.advice if advice.revision == self.revision)


def _moved(
    application: Application,
    verb: Verb,
    to: State,
    *,
    by: Actor,
    at: datetime,
    detail: Mapping[str, str] | None = None,
    event: type[ApplicationEvent] | None = None,
) -> Application:
    if to not in LIFE[application.state][verb].to:  # a mistake of ours, not of a caller
        raise AssertionError(f"{verb} does not lead from {application.state} to {to}")
    step = Step(
        verb=verb,
        at=at,
        by=by,
        before=application.state,
        after=to,
        revision=application.revision,
        detail=detail or {},
    )
    moved = replace(application, state=to, steps=(*application.steps, step))
    if event is None:
        return moved
    caused = event(
        application_id=moved.id,
        reference=moved.reference,
        version=moved.label,
        revision=moved.revision,
        state=to.value,
        snapshot_hash=moved.snapshot_hash,
        at=at,
    )
    return replace(moved, events=(*moved.events, caused))


def _with(people: tuple[str, ...], subject: str) -> tuple[str, ...]:
    return people if subject in people else (*people, subject)
