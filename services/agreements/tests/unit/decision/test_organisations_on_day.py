"""Who stands for whom: nothing passes by itself, and circles of instruments end."""

from datetime import date

import pytest

from agreements.decision.domain.organisations_on_day import OrganisationsOnDay
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of

DAY = date(2018, 6, 1)


def organisations(*transfers, day=DAY):
    world = plain.sound()
    world["instruments"] = [
        {"predecessor": p, "successor": s, "from": first} for p, s, first in transfers
    ]
    facts = facts_of(world)
    return OrganisationsOnDay(day, facts.organisations, facts.instruments)


def test_without_an_instrument_everybody_stands_for_themselves():
    assert organisations().holders("02P") == ("02P",)
    assert organisations().family("02P") == {"02P"}


def test_what_was_transferred_is_its_successors_from_that_day_on():
    instrument = ("02P", "03L", DAY)

    assert organisations(instrument).holders("02P") == ("03L",)
    assert organisations(instrument).family("03L") == {"02P", "03L"}
    assert organisations(instrument, day=date(2018, 5, 31)).holders("02P") == ("02P",)


def test_transfers_are_followed_to_their_end_and_to_several_successors():
    passed = organisations(("5JE", "02P", DAY), ("02P", "03L", DAY), ("02P", "0DF", DAY))

    assert passed.holders("5JE") == ("03L", "0DF")
    assert passed.family("0DF") == {"0DF", "02P", "5JE"}


@pytest.mark.parametrize("code", ["02P", "03L"])
def test_a_circle_of_transfers_ends_where_it_began(code):
    circle = organisations(("02P", "03L", DAY), ("03L", "02P", DAY))

    assert circle.holders(code) == (code,)
    assert circle.holders(code) == (code,)  # and is found once


def test_a_code_means_what_the_lists_say_for_the_day():
    assert organisations().entity("02P") == "02P"
    assert organisations(day=date(2022, 7, 1)).entity("02P") == "QF7"
    assert organisations(day=date(2022, 7, 1)).owns("QF7", "02P")
    assert organisations().entity("5JE") is None
    assert organisations().is_known("5JE")
    assert not organisations().is_known("ZZZ")
