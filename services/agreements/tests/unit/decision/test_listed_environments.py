"""NHS England's registers of environments (ruling 31): who is not listed that day gets nothing."""

from datetime import date

import pytest

from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.world import CCG, CSU, OTHER_CCG, OTHER_CSU, london
from services.agreements.tests.unit.decision.test_scenarios import MOMENT, codes

NOT_LISTED = ("ENVIRONMENT_NOT_LISTED", CSU)


@pytest.fixture
def world():
    return plain.sound()


@pytest.fixture
def entry(world):
    """The entry of the register by which the line's environment is listed."""
    return world["listed"][0]


QUESTION = plain.request(
    client="ceff-0df",
    purpose="IV",
    classification="IDENTIFIABLE",
    fields=["NHS_Number", "Hospital_Spell_No"],
)


def test_a_controlled_environment_that_is_listed_is_given_what_its_line_says(world):
    assert codes(world, QUESTION) == set()


def test_one_that_is_in_no_register_gets_nothing_and_other_kinds_need_none(world):
    world["listed"] = []

    assert codes(world, QUESTION) == {NOT_LISTED}
    assert codes(world, plain.request()) == set(), "analytics"


@pytest.mark.parametrize("change", [{"organisation": OTHER_CSU}, {"kind": "rs_supplier"}])
def test_an_entry_of_somebody_else_or_in_another_register_lists_nobody(world, entry, change):
    world["listed"] = [entry | change]

    assert codes(world, QUESTION) == {NOT_LISTED}


def test_it_is_listed_from_its_first_day_through_its_last_to_the_microsecond(world, entry):
    entry["to"] = date(2018, 5, 31)
    midnight = london(2018, 6, 1)
    assert codes(world, QUESTION, midnight - MOMENT) == set()
    assert codes(world, QUESTION, midnight) == {NOT_LISTED}

    entry.update({"from": date(2018, 6, 1), "to": None})
    assert codes(world, QUESTION, midnight - MOMENT) == {NOT_LISTED}
    assert codes(world, QUESTION, midnight) == set()


def test_one_that_is_hosted_for_one_commissioner_is_listed_for_no_other(world, entry):
    entry["for"] = OTHER_CCG
    assert codes(world, QUESTION) == {NOT_LISTED}

    entry["for"] = CCG
    assert codes(world, QUESTION) == set()


def test_what_was_listed_for_a_predecessor_counts_for_its_successor_by_transfer_alone(world, entry):
    entry["for"] = plain.PREDECESSOR
    assert codes(world, QUESTION) == {NOT_LISTED}

    world["instruments"] = [
        {"predecessor": plain.PREDECESSOR, "successor": CCG, "from": date(2018, 4, 1)}
    ]
    assert codes(world, QUESTION) == set()
