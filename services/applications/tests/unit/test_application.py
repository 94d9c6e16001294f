"""The life of an application: every state, every verb, every role."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from applications.domain.application import Application
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
from applications.domain.life import LIFE, Actor, Frozen, Outcome, Query, State, Verb
from applications.domain.routing import AdvisoryRoute, Triage
from applications.domain.sections.forms import Kind
from applications.domain.sections.parties import Length
from applications.domain.sections.terms import Condition
from common.errors import TransitionRefused
from common.events import EVENT_TYPES
from common.security.principal import BODY
from common.security.roles import Role
from services.applications.tests.answers import CCG, CSU, NOW, answers_of, complete

EDITOR = Actor(subject="editor", organisation=CCG, role=Role.APPLICANT_EDITOR)
OFFICER = Actor(subject="officer", organisation=BODY, role=Role.DARS_CASE_OFFICER)
MEMBER = Actor(subject="member", organisation=BODY, role=Role.ADVISORY_MEMBER)
APPROVER = Actor(subject="approver", organisation=BODY, role=Role.DARS_APPROVER)
NEEDED = AdvisoryRoute(body="IGARD", because=("not_only_suppressed_aggregates",))
NOT_NEEDED = AdvisoryRoute(body="IGARD", because=())
LENGTH = Length(start=date(2021, 6, 1), end=date(2024, 5, 31))
SNAPSHOT = Frozen(hash="sha256:" + "0" * 64, revision=1, content=b"{}")
TEXT = "Publish the notice."
CONDITION = Condition(id="c1", text=TEXT, due=date(2021, 12, 31), owner=CCG)
QUERY = Query(id="1", standard=7, text="Why three years?")

ACTOR_OF = {
    Verb.OPEN: OFFICER,
    Verb.CLOSE: OFFICER,
    Verb.ANSWER: EDITOR,
    Verb.SUBMIT: EDITOR,
    Verb.REVIEW: OFFICER,
    Verb.RETURN: OFFICER,
    Verb.REFER_TO_ADVICE: OFFICER,
    Verb.ADVISE: MEMBER,
    Verb.REFER_TO_APPROVAL: OFFICER,
    Verb.APPROVE: APPROVER,
    Verb.REFUSE: OFFICER,
    Verb.WITHDRAW: EDITOR,
}
VERBS = tuple(ACTOR_OF)


def act(application, verb, by, outcome=Outcome.RECOMMENDED):
    """Take one step, whatever it needs besides."""
    given = {
        Verb.ANSWER: (LENGTH,),
        Verb.RETURN: ([QUERY],),
        Verb.REFER_TO_ADVICE: (NEEDED, Triage()),
        Verb.REFER_TO_APPROVAL: (NOT_NEEDED, Triage()),
        Verb.ADVISE: (outcome,),
    }.get(verb, ())
    named = {
        Verb.SUBMIT: {
            "reference": "DARS-NIC-123456-A1B2C",
            "label": "v0.0",
            "snapshot": SNAPSHOT,
            "standards": {1: "v1.0"},
        },
        Verb.ADVISE: {"reason": "", "conditions": (), "queries": ()},
        Verb.APPROVE: {"reason": "", "conditions": (), "snapshot": SNAPSHOT},
        Verb.REFUSE: {"reason": "No."},
    }.get(verb, {})
    step = getattr(application, "return_" if verb is Verb.RETURN else verb.value)
    return step(*given, **named, by=by, at=NOW)


def in_state(state, **changes):
    return Application(
        **{
            "id": UUID(int=7),
            "organisation": CCG,
            "title": "Admissions",
            "kind": Kind.NEW,
            "created_at": NOW,
            "state": state,
            "answers": answers_of(complete()),
            "authors": ("editor",),
            "advisory_body": "IGARD",
            "revision": 1,
            **changes,
        }
    )


def fitting_actor(state, verb):
    return APPROVER if (state, verb) == (State.APPROVAL, Verb.REFUSE) else ACTOR_OF[verb]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", list(State))
def test_every_verb_in_every_state_moves_as_the_table_says_or_is_refused(state, verb):
    before = in_state(state)
    way = LIFE[state].get(verb)

    if way is None:
        with pytest.raises(TransitionRefused) as refused:
            act(before, verb, fitting_actor(state, verb))
        assert refused.value.members["state"] == state
        assert set(refused.value.members["allowed"]) == set(LIFE[state])
        return
    after = act(before, verb, fitting_actor(state, verb))
    assert after.state in way.to
    assert [(s.verb, s.before, s.after) for s in after.steps] == [(verb, state, after.state)]


@pytest.mark.parametrize(
    ("state", "verb"), [(state, verb) for state, ways in LIFE.items() for verb in ways]
)
def test_every_step_belongs_to_its_roles_and_to_no_other(state, verb):
    for role in Role:
        by = Actor(subject="stranger", organisation=BODY, role=role)
        if role in LIFE[state][verb].by:
            act(in_state(state), verb, by)
            continue
        with pytest.raises(NotYours):
            act(in_state(state), verb, by)


def test_every_state_is_in_the_table_and_every_verb_but_the_first_is_used():
    assert set(LIFE) == set(State)
    assert {verb for ways in LIFE.values() for verb in ways} == set(Verb) - {Verb.DRAFT}


def test_what_has_ended_knows_no_step():
    for state in (State.APPROVED, State.DECLINED, State.WITHDRAWN, State.CLOSED):
        assert LIFE[state] == {}


@pytest.mark.parametrize(
    ("state", "verb", "outcome", "event"),
    [
        (State.DRAFT, Verb.SUBMIT, None, "submitted"),
        (State.RETURNED, Verb.SUBMIT, None, "submitted"),
        (State.IN_REVIEW, Verb.RETURN, None, "returned"),
        (State.WITH_ADVISORY, Verb.ADVISE, Outcome.DEFERRED, "returned"),
        (State.WITH_ADVISORY, Verb.ADVISE, Outcome.RECOMMENDED, None),
        (State.APPROVAL, Verb.APPROVE, None, "approved"),
        (State.APPROVAL, Verb.REFUSE, None, "declined"),
        (State.IN_REVIEW, Verb.REFUSE, None, "declined"),
        (State.IN_REVIEW, Verb.WITHDRAW, None, "withdrawn"),
        (State.DRAFT, Verb.ANSWER, None, None),
        (State.SUBMITTED, Verb.REVIEW, None, None),
    ],
)
def test_what_others_have_to_know_is_told(state, verb, outcome, event):
    after = act(in_state(state), verb, fitting_actor(state, verb), outcome)

    said = [e.type for e in after.events]
    assert said == ([f"applications.application-{event}.v1"] if event else [])
    assert set(EVENT_TYPES) >= set(said)
    assert all(e.state == after.state and e.application_id == after.id for e in after.events)


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        (State.SUBMITTED, Verb.REVIEW),
        (State.IN_REVIEW, Verb.RETURN),
        (State.IN_REVIEW, Verb.REFER_TO_ADVICE),
        (State.IN_REVIEW, Verb.REFER_TO_APPROVAL),
        (State.IN_REVIEW, Verb.REFUSE),
        (State.WITH_ADVISORY, Verb.ADVISE),
        (State.APPROVAL, Verb.APPROVE),
        (State.APPROVAL, Verb.REFUSE),
        (State.ENQUIRY, Verb.OPEN),
        (State.ENQUIRY, Verb.CLOSE),
    ],
)
class TestNobodyDecidesOnTheirOwn:
    def test_not_as_a_person_whatever_organisation_the_token_names(self, state, verb):
        for organisation, subject in ((CCG, "editor"), (BODY, "Editor "), ("0AR", "EDITOR")):
            author = replace(fitting_actor(state, verb), subject=subject, organisation=organisation)

            with pytest.raises(OwnApplication):
                act(in_state(state), verb, author)

    def test_not_for_the_organisation_that_applies_or_takes_part(self, state, verb):
        for organisation in (CCG, CSU):
            insider = replace(fitting_actor(state, verb), organisation=organisation)

            with pytest.raises(OwnOrganisation):
                act(in_state(state), verb, insider)

    def test_the_body_may_be_a_party_and_still_decide(self, state, verb):
        application = in_state(state, organisation=BODY)

        assert act(application, verb, fitting_actor(state, verb)).steps


@pytest.mark.parametrize("verb", [Verb.APPROVE, Verb.REFUSE])
def test_the_case_officer_and_the_advisers_do_not_decide(verb):
    application = in_state(State.APPROVAL, officers=("officer",), advisers=("member",))

    for subject in ("officer", "member", "Officer", " MEMBER"):
        with pytest.raises(SameHands):
            act(application, verb, replace(APPROVER, subject=subject))


def test_the_case_officer_does_not_advise_and_an_adviser_does_not_review():
    with pytest.raises(SameHands):
        act(
            in_state(State.WITH_ADVISORY, officers=("officer",)),
            Verb.ADVISE,
            replace(MEMBER, subject="officer"),
        )
    with pytest.raises(SameHands):
        act(
            in_state(State.SUBMITTED, advisers=("member",)),
            Verb.REVIEW,
            replace(OFFICER, subject="member"),
        )


def test_everybody_who_took_part_is_remembered():
    application = act(in_state(State.DRAFT), Verb.ANSWER, replace(EDITOR, subject="second"))
    submitted = act(application, Verb.SUBMIT, replace(EDITOR, subject="third"))
    reviewed = act(submitted, Verb.REVIEW, OFFICER)
    referred = act(reviewed, Verb.REFER_TO_ADVICE, replace(OFFICER, subject="deputy"))
    advised = act(referred, Verb.ADVISE, MEMBER)

    assert advised.authors == ("editor", "second", "third")
    assert advised.officers == ("officer", "deputy")
    assert advised.advisers == ("member",)
    assert len(advised.steps) == 5


def test_advice_that_is_needed_cannot_be_passed_by():
    with pytest.raises(AdviceRequired) as refused:
        in_state(State.IN_REVIEW).refer_to_approval(NEEDED, Triage(), by=OFFICER, at=NOW)

    assert refused.value.members["body"] == "IGARD"


@pytest.mark.parametrize("route", [NOT_NEEDED, AdvisoryRoute(body=None, because=("complex",))])
def test_advice_that_nobody_needs_is_not_asked_for(route):
    with pytest.raises(AdviceNotNeeded):
        in_state(State.IN_REVIEW).refer_to_advice(route, Triage(), by=OFFICER, at=NOW)


def test_against_advice_an_approval_needs_a_reason():
    advised = act(in_state(State.WITH_ADVISORY), Verb.ADVISE, MEMBER, Outcome.UNABLE_TO_RECOMMEND)

    with pytest.raises(ReasonRequired):
        act(advised, Verb.APPROVE, APPROVER)
    approved = advised.approve(
        reason="The public interest prevails.",
        conditions=(),
        snapshot=SNAPSHOT,
        by=APPROVER,
        at=NOW,
    )
    assert approved.state is State.APPROVED


def test_advice_on_a_former_revision_no_longer_counts():
    advised = act(in_state(State.WITH_ADVISORY), Verb.ADVISE, MEMBER, Outcome.UNABLE_TO_RECOMMEND)

    approved = act(replace(advised, revision=2), Verb.APPROVE, APPROVER)

    assert approved.state is State.APPROVED


def advised_with(*conditions):
    return in_state(State.WITH_ADVISORY).advise(
        Outcome.RECOMMENDED_WITH_CONDITIONS,
        reason="",
        conditions=conditions,
        queries=(),
        by=MEMBER,
        at=NOW,
    )


def test_conditions_are_met_or_become_special_conditions():
    second = Condition(id="c2", text=TEXT, due=date(2021, 12, 31), owner=CSU)
    further = Condition(id="c3", text=TEXT, due=date(2021, 12, 31), owner=CCG)
    advised = advised_with(CONDITION, second)

    assert advised.conditions_on_approval(met=frozenset(), further=()) == (CONDITION, second)
    assert advised.conditions_on_approval(met=frozenset({"c1"}), further=[further]) == (
        second,
        further,
    )


def test_conditions_that_nobody_made_or_twice_or_of_strangers_are_refused():
    advised = advised_with(CONDITION)
    stranger = Condition(id="c9", text=TEXT, due=date(2021, 12, 31), owner="0AR")
    reserved = Condition(id="assurance-plan-0DF", text=TEXT, due=date(2021, 12, 31), owner=CCG)

    with pytest.raises(ConditionRefused):
        advised.conditions_on_approval(met=frozenset({"c7"}), further=())
    with pytest.raises(ConditionRefused):
        advised.conditions_on_approval(met=frozenset(), further=[CONDITION])
    with pytest.raises(ConditionRefused):
        advised.conditions_on_approval(met=frozenset(), further=[stranger])
    with pytest.raises(ConditionRefused):
        advised_with(stranger)
    with pytest.raises(ConditionRefused):
        advised_with(reserved)


def test_a_resubmission_keeps_reference_and_version_and_counts_the_revision():
    first = act(in_state(State.DRAFT, revision=0), Verb.SUBMIT, EDITOR)
    returned = act(act(first, Verb.REVIEW, OFFICER), Verb.RETURN, OFFICER)
    again = returned.answered({"1": "Because contracts run three years.", "99": "?"}).submit(
        reference=returned.reference,
        label=returned.label_for(None),
        snapshot=replace(SNAPSHOT, revision=2),
        standards={1: "v2.1"},
        by=EDITOR,
        at=NOW,
    )

    assert (again.reference, again.label) == (first.reference, "v0.0")
    assert (first.revision, again.revision) == (1, 2)
    assert again.queries[0].answer == "Because contracts run three years."
    assert [f.revision for f in again.frozen] == [1, 2]
    assert again.standards == {1: "v2.1"}


@pytest.mark.parametrize(
    ("kind", "agreed", "label"),
    [
        (Kind.NEW, None, "v0.0"),
        (Kind.AMENDMENT, "v1.0", "v1.1"),
        (Kind.EXTENSION, "v4.3", "v4.4"),
        (Kind.SIMPLE_CHANGE, "v1.9", "v1.10"),
        (Kind.RENEWAL, "v4.3", "v5.0"),
    ],
)
def test_the_version_of_the_reference_grows_with_what_it_follows(kind, agreed, label):
    assert in_state(State.DRAFT, kind=kind).label_for(agreed) == label


@pytest.mark.parametrize(
    ("kind", "others", "label"),
    [
        (Kind.AMENDMENT, {"v1.1", "v1.2"}, "v1.3"),
        (Kind.AMENDMENT, {"v1.2"}, "v1.1"),
        (Kind.RENEWAL, {"v2.0"}, "v2.1"),
    ],
)
def test_no_two_applications_about_an_agreement_carry_one_number(kind, others, label):
    assert in_state(State.DRAFT, kind=kind).label_for("v1.0", others) == label


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Kind.AMENDMENT, "an amendment"), (Kind.SIMPLE_CHANGE, "a simple change")],
)
def test_a_kind_reads_as_a_word(kind, words):
    assert kind.in_words == words


@pytest.mark.parametrize(
    ("kind", "amends"), [(Kind.NEW, "DARS-NIC-54727-S3Y1T"), (Kind.RENEWAL, None)]
)
def test_a_new_application_amends_nothing_and_every_other_something(kind, amends):
    with pytest.raises(KindContradicts):
        Application.begin(
            id=UUID(int=7),
            title="Admissions",
            kind=kind,
            amends=amends,
            enquiry=False,
            standards={},
            by=EDITOR,
            at=NOW,
        )


@pytest.mark.parametrize(("enquiry", "state"), [(False, State.DRAFT), (True, State.ENQUIRY)])
def test_an_application_begins_as_a_draft_or_as_an_enquiry(enquiry, state):
    begun = Application.begin(
        id=UUID(int=7),
        title="Admissions",
        kind=Kind.NEW,
        amends=None,
        enquiry=enquiry,
        standards={1: "v1.0"},
        by=EDITOR,
        at=NOW,
    )

    assert begun.state is state
    assert begun.organisation == CCG
    assert begun.authors == ("editor",)
    assert [(s.verb, s.before, s.after) for s in begun.steps] == [(Verb.DRAFT, None, state)]
