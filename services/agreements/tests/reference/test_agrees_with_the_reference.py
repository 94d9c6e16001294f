"""The decision and the slow, obvious evaluator say the same, in thousands of worlds."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, example, find, given, note, settings
from hypothesis import strategies as st

from agreements.decision.domain.decide import Permission, decide
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.evaluator import evaluate, granted, midnights
from services.agreements.tests.reference.facts_of import facts_of, present_of, question_of
from services.agreements.tests.reference.spoiling import (
    INSTANTS,
    SPOILING,
    changes_wanted,
    few_share,
    landed,
    only_the_named_sign,
    practices_otherwise,
    tabulated,
)
from statements.filters import FILTER
from statements.parameters import PARAMETERS

QUESTIONS = st.sampled_from([plain.request, plain.release, plain.fetch])


REQUESTS = st.just(plain.request)


@st.composite
def cases(draw, spoiled_at_most=4, questions=QUESTIONS, first=()):
    world, question = plain.sound(), draw(questions)()
    for spoil in first:
        spoil(draw, world, question)
    for spoil in draw(st.lists(st.sampled_from(SPOILING), max_size=spoiled_at_most)):
        spoil(draw, world, question)
    only_the_named_sign(world)
    one_line_a_key(world)
    now = draw(st.just(plain.NOON) | INSTANTS)
    return world, question, now


def one_line_a_key(world):
    """Take out lines that came to be of the same key: no document is drafted with two of one."""
    for version in (world["agreement"] or {}).get("versions", ()):
        lines = version["snapshot"]["lines"]
        of_key = {}
        for line in lines:
            of_key.setdefault((line["purpose"], line["data_set"], line["classification"]), line)
        lines[:] = [line for line in lines if any(line is one for one in of_key.values())]


def decided(world, question, now):
    """Decide on the facts of the agreement that is asked about, as they are loaded."""
    agreement = world["agreement"]
    is_of_practice = question["action"] == "reidentify" and agreement is not None
    if is_of_practice and agreement["reference"] != question["agreement"]:
        world = world | {"agreement": None}
    return decide(question_of(question), facts_of(world), present_of(world, now))


def said(decision):
    return set() if isinstance(decision, Permission) else {(r.code, r.subject) for r in decision}


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
@example((plain.sound(), plain.request(), plain.NOON))
@example((plain.sound(), plain.release(), plain.NOON))
@example((plain.sound(), plain.fetch(), plain.NOON))
def test_the_decision_refuses_what_the_reference_refuses_and_for_the_same_reasons(case):
    agrees_with_the_reference(*case)


@pytest.mark.long
@settings(max_examples=4_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_the_decision_refuses_what_the_reference_refuses_in_thousands_of_cases(case):
    agrees_with_the_reference(*case)


ASKED_AGAIN = cases(spoiled_at_most=1, questions=REQUESTS, first=(landed,))
"""Requests for what is mostly held already, by what the haven would read today."""


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(ASKED_AGAIN)
def test_a_request_is_refused_for_its_list_where_the_reference_refuses_it(case):
    agrees_with_the_reference(*case)


def test_among_what_is_asked_again_are_requests_that_are_refused_for_their_list_alone():
    """Else the comparison above would say nothing of them."""

    def is_one(case):
        world, question, now = case
        codes = {code for code, _ in evaluate(world, question, now)}
        return codes == {"OPT_OUT_DIFFERENCING"} and not world["reserved"]

    find(ASKED_AGAIN, is_one, settings=settings(max_examples=10_000, phases=[Phase.generate]))


TABLES = cases(spoiled_at_most=1, first=(tabulated,))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(TABLES)
def test_a_table_is_refused_where_the_reference_refuses_it(case):
    agrees_with_the_reference(*case)


def test_among_the_tables_are_some_that_are_permitted_at_each_step():
    """Else the comparison above would say nothing of them."""
    some_are_permitted_at_each_step(tabulated)


WITH_PRACTICES = plain.with_practices(plain.with_risk_stratification(plain.sound()))


@st.composite
def practices_that_ask(draw):
    """A practice asks whom tokens stand for, in worlds that have it and its line."""
    world = plain.with_practices(plain.with_risk_stratification(plain.sound()))
    question = plain.reidentify()
    for spoil in draw(st.lists(st.sampled_from([*SPOILING, practices_otherwise]), max_size=3)):
        spoil(draw, world, question)
    only_the_named_sign(world)
    # Others put months and columns into every question; this one has none.
    question = {name: question[name] for name in plain.reidentify()}
    return world, question, draw(st.just(plain.NOON) | INSTANTS)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(practices_that_ask())
@example((WITH_PRACTICES, plain.reidentify() | {"classification": "SECRET"}, plain.NOON))
@example((WITH_PRACTICES, plain.reidentify() | {"agreement": "DARS-NIC-9-Z9Z9Z"}, plain.NOON))
def test_a_practice_is_refused_where_the_reference_refuses_it(case):
    agrees_with_the_reference(*case)


def test_among_practices_that_ask_are_some_that_are_permitted_and_some_refused_for_care_alone():
    """Else the comparison above would say nothing of them."""
    for wanted in (set(), {"DIRECT_CARE_ONLY"}):

        def is_one(case, wanted=wanted):
            return {code for code, _ in evaluate(*case)} == wanted

        find(
            practices_that_ask(),
            is_one,
            settings=settings(max_examples=10_000, phases=[Phase.generate]),
        )


MATCHES = cases(spoiled_at_most=3, questions=st.just(plain.match))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(MATCHES)
@example((plain.sound(), plain.match(), plain.NOON))
def test_a_match_is_refused_where_the_reference_refuses_it(case):
    agrees_with_the_reference(*case)


def has_risk_stratification(_draw, world, _question):
    plain.with_risk_stratification(world)


SCORES = cases(
    spoiled_at_most=3,
    questions=st.just(plain.return_scores),
    first=(has_risk_stratification,),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCORES)
@example((plain.with_risk_stratification(plain.sound()), plain.return_scores(), plain.NOON))
@example((plain.sound(), plain.return_scores(purpose="COM"), plain.NOON))
def test_scores_come_back_where_the_reference_lets_them(case):
    agrees_with_the_reference(*case)


def has_line_for_a_practice(_draw, world, _question):
    plain.with_line_for_a_practice(plain.with_risk_stratification(world))


OWN_PATIENTS = cases(
    spoiled_at_most=3,
    questions=st.just(plain.request_by_practice),
    first=(has_line_for_a_practice,),
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(OWN_PATIENTS)
@example(
    (
        plain.with_line_for_a_practice(plain.with_risk_stratification(plain.sound())),
        plain.request_by_practice(),
        plain.NOON,
    )
)
def test_a_practice_is_given_what_the_reference_gives_it(case):
    agrees_with_the_reference(*case)


LIMITED = cases(spoiled_at_most=0, first=(few_share,))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(LIMITED)
def test_a_file_in_which_few_share_something_is_refused_where_the_reference_refuses_it(case):
    agrees_with_the_reference(*case)


CHANGE_SETS = cases(spoiled_at_most=1, first=(changes_wanted,))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHANGE_SETS)
def test_a_change_set_is_refused_where_the_reference_refuses_it(case):
    agrees_with_the_reference(*case)


def test_among_the_change_sets_are_some_that_are_permitted_at_each_step():
    """Else the comparison above would say nothing of them."""
    some_are_permitted_at_each_step(changes_wanted)


def some_are_permitted_at_each_step(first):
    """Look among the unspoiled ones of those worlds: they are some of those that are compared."""
    for ask in (plain.request, plain.release, plain.fetch):
        unspoiled = cases(spoiled_at_most=0, questions=st.just(ask), first=(first,))
        generated = settings(max_examples=10_000, phases=[Phase.generate])
        find(unspoiled, lambda case: not evaluate(*case), settings=generated)


def agrees_with_the_reference(world, question, now):
    expected = evaluate(world, question, now)

    decision = decided(world, question, now)

    note(differing(world, question, now))
    assert said(decision) == expected
    assert isinstance(decision, Permission) == (not expected)
    if isinstance(decision, Permission):
        is_granted(decision, world, question, now)


def differing(world, question, now):
    """What of the case is not as in the sound one, for whoever has to find out why."""
    asked = getattr(plain, question["action"])()
    return f"at {now}:\n" + "\n".join(
        [*differences("world", plain.sound(), world), *differences("question", asked, question)]
    )


def differences(path, sound, found):
    if isinstance(sound, dict) and isinstance(found, dict):
        for key in sorted({*sound, *found}, key=str):
            yield from differences(f"{path}.{key}", sound.get(key), found.get(key))
    elif isinstance(sound, list) and isinstance(found, list) and sound != found:
        for n, entry in enumerate(found):
            like = sound[n] if n < len(sound) else next(iter(sound), None)
            yield from differences(f"{path}[{n}]", like, entry)
        yield from (f"{path}[{n}] is gone" for n in range(len(found), len(sound)))
    elif sound != found:
        yield f"{path} = {found!r}"


def is_granted(decision, world, question, now):
    expected = granted(world, question, now)
    assert expected == {
        "version": decision.agreement.version,
        "line": decision.line.number,
        "capacity": decision.capacity,
        "on_behalf_of": list(decision.on_behalf_of),
        "environment": str(decision.environment_id),
        "fields": {f.name: f.treatment for f in decision.fields},
        "filters": [FILTER.claims(one) for one in decision.filters],
        "table": None
        if decision.table is None
        else {
            "measure": decision.table.measure,
            "further_measures": list(decision.table.further_measures),
            "dimensions": [
                {"column": d.column, "within": list(d.within)} for d in decision.table.dimensions
            ],
            "disclosure": decision.table.disclosure,
            "linked_rules": list(decision.table.linked_rules),
            "parameters": None
            if decision.table.parameters is None
            else PARAMETERS.claims(decision.table.parameters),
        },
        "codes": list(decision.codes),
        "maps": {
            "practice": sorted(decision.practice_maps),
            "postcode": sorted(decision.postcode_maps),
        },
        "domain": decision.domain.as_json(),
        "by": decision.opt_out_by,
    }


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(spoiled_at_most=2), st.floats(0, 1), st.integers(0, 10))
def test_what_is_allowed_stays_allowed_until_the_instant_that_is_named(case, share, last):
    world, question, now = case
    decision = decided(world, question, now)
    if not isinstance(decision, Permission):
        return

    inside = now + (decision.turns_at - now) * share
    probes = [inside, decision.turns_at - timedelta(microseconds=1 + last)]

    assert decision.turns_at > now
    assert decision.turns_at <= midnights(now + timedelta(microseconds=1), later(now))[0]
    for probe in (p for p in probes if now <= p < decision.turns_at):
        assert evaluate(world, question, probe) == set(), probe


def later(now: datetime) -> datetime:
    return now + timedelta(days=2)
