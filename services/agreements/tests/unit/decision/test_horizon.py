"""Until when an answer stays yes: told to those who plan, found by looking at every turn."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agreements.decision.domain import horizon
from agreements.decision.domain.decide import Permission
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.evaluator import evaluate, midnights
from services.agreements.tests.reference.facts_of import facts_of, present_of, question_of
from services.agreements.tests.reference.test_agrees_with_the_reference import cases, decided
from services.agreements.tests.reference.world import london


def until(world, question, now=plain.NOON):
    return horizon.until(question_of(question), facts_of(world), present_of(world, now))


def test_the_first_end_of_any_fact_is_the_end():
    world = plain.sound()

    assert until(world, plain.request()) == london(2019, 1, 1)  # a condition falls due
    world["agreement"]["versions"][0]["conditions"] = []
    assert until(world, plain.request()) == london(2019, 1, 16)  # registrations end
    for registration in world["ico"]:
        registration["to"] = date(2030, 1, 1)
    assert until(world, plain.request()) == london(2019, 7, 1)  # 18/19 is a former edition


def test_the_closing_of_a_processor_that_is_known_ahead_is_an_end_and_cuts_the_lease():
    world = plain.sound()
    csu = next(o for o in world["organisations"] if o["ods"] == plain.CSU)
    csu["to"] = date(2018, 6, 15)

    assert until(world, plain.fetch()) == london(2018, 6, 16)
    last = london(2018, 6, 15, 23, 59)
    decision = decided(world, plain.fetch(), last)
    assert isinstance(decision, Permission)
    assert decision.turns_at == london(2018, 6, 16)


@pytest.mark.parametrize("asked", [plain.fetch, plain.release])
def test_a_file_made_with_a_list_of_opt_outs_is_had_until_the_list_is_too_old(asked):
    world, question = plain.sound(), asked()
    world["agreement"]["versions"][0]["snapshot"]["lines"][0]["opt_out"] = {
        "applied": True,
        "reason": None,
    }
    question["file"] |= {
        "opt_out": {"applied": True, "list_date": date(2018, 5, 28)},
        "domain": plain.sha(plain.domain(opt_out="applied")),
    }
    if "permit" in question:
        question["permit"] |= {"applied": True, "domain": plain.domain(opt_out="applied")}

    assert until(world, question) == london(2018, 6, 5)


def test_where_no_end_is_in_sight_it_says_how_far_was_looked(monkeypatch):
    monkeypatch.setattr(horizon, "LOOKS_MAX", 1)

    assert plain.NOON < until(plain.sound(), plain.fetch()) < london(2019, 1, 1)


def test_after_the_last_date_there_is_nothing_left_to_look_at():
    world = plain.sound()
    world["agreement"]["versions"][0] |= {"end": date(2999, 1, 1), "conditions": []}
    far, end = london(2998, 1, 1), london(2999, 2, 1)

    assert horizon.next_turn(question_of(plain.fetch()), facts_of(world), far) is not None
    assert (
        horizon.next_turn(question_of(plain.fetch()), facts_of(world), london(2999, 2, 1)) is None
    )
    assert until(world, plain.request(), end) == end


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(spoiled_at_most=2), st.integers(0, 400))
def test_the_answer_stays_yes_until_then_and_not_a_day_longer(case, days):
    world, question, now = case
    if not isinstance(decided(world, question, now), Permission):
        return

    end = until(world, question, now)

    inside = [now, *midnights(now, min(end - timedelta(microseconds=1), now + timedelta(days)))]
    assert [i for i in inside if i < end and evaluate(world, question, i)] == []
    assert evaluate(world, question, end) != set()


@pytest.mark.parametrize("asked", [plain.request, plain.release, plain.fetch])
def test_midnights_alone_would_find_the_same_end(asked):
    world, question = plain.sound(), asked()
    days = midnights(plain.NOON, london(2021, 6, 1))

    assert until(world, question) == next(d for d in days if evaluate(world, question, d))


def test_a_former_edition_of_the_toolkit_is_had_for_a_year_from_its_publication():
    world = plain.sound()
    world["assurance"][1] |= {"edition": "17/18", "published_on": date(2017, 7, 1)}

    assert until(world, plain.request()) == london(2018, 7, 2)
