"""Who is registered where, told little by little: judged by all that came in of late."""

from datetime import timedelta

import pytest

from services.pseudonymisation.tests.api.test_opt_outs import numbers
from services.pseudonymisation.tests.asking_back import OTHER_PRACTICE, PRACTICE, Surgery


@pytest.fixture
def surgery(intake):
    return Surgery(intake)


@pytest.fixture
def day(clock):
    return clock.now().date().isoformat()


def of_practices(ours):
    """A list of a thousand, so many of them of the practice, and all others of another."""
    known = numbers(100, 1_300)[:1_000]
    return "".join(
        f"{number},{PRACTICE if place < ours else OTHER_PRACTICE}\n"
        for place, number in enumerate(known)
    )


def few_of(people):
    return "".join(f"{number},{PRACTICE}\n" for number in numbers(100, 200)[:people])


def test_who_is_given_to_a_practice_little_by_little_waits_when_they_are_many(surgery, clock, day):
    """Ruling 20: five in a hundred of a thousand, in all lists of thirty days."""
    first = surgery.register(of_practices(0), day).json()
    assert (first["state"], surgery.decide(first["id"], "confirmation").json()["state"]) == (
        "waiting",
        "confirmed",
    )
    states = [surgery.register(of_practices(n), day).json()["state"] for n in (20, 40, 50)]
    assert states == ["accepted"] * 3

    waits = surgery.register(of_practices(51), day).json()

    assert (waits["state"], waits["change"]) == (
        "waiting",
        {"before": 1_000, "after": 1_000, "added": 0, "removed": 0, "changed": 51},
    )
    clock.advance(timedelta(seconds=1))
    assert surgery.decide(waits["id"], "confirmation").json()["state"] == "confirmed"
    assert surgery.register(of_practices(101), day).json()["state"] == "accepted"
    assert surgery.register(of_practices(102), day).json()["state"] == "waiting"
    clock.advance(timedelta(days=31))
    later = clock.now().date().isoformat()
    assert surgery.register(of_practices(102), later).json()["state"] == "accepted"


def test_a_list_taken_back_does_not_let_the_next_ones_begin_anew(surgery, day):
    """What waited and was given up gave nobody anything, and does not count."""
    given_up = surgery.register(few_of(21), day).json()
    assert surgery.decide(given_up["id"], "withdrawal").json()["state"] == "taken_back"
    few = surgery.register(few_of(12), day).json()
    assert few["state"] == "accepted"
    assert surgery.decide(few["id"], "withdrawal").json()["state"] == "taken_back"

    assert surgery.register(few_of(8), day).json()["state"] == "accepted"
    assert surgery.register(few_of(9), day).json()["state"] == "waiting"
