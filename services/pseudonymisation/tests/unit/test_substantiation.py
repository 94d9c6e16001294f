"""Sums of patient level are held against the aggregate, by provider, month and key."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

import catalogue
from catalogue import Substantiation, substantiations
from pseudonymisation.intake.domain.measures import Sums
from pseudonymisation.quality.domain.substantiation import differences

SAID = {
    "aggregate": "ACM",
    "keys": ["POD"],
    "compared": [
        {"measure": "PRICE", "parts": ["PLCM", "DRPLCM"], "share": "0.01", "floor": "1.00"}
    ],
    "source": "this test",
    "valid_from": "2018-04-01",
    "valid_to": "2018-05-31",
}
RULE = Substantiation.model_validate(SAID)


def sums(price: str | None, *, pod: str | None = "DC", month: str = "2018-04", by: str = "RR8"):
    total = None if price is None else Decimal(price)
    return Sums(provider=by, month=month, key=(pod,), totals={"PRICE": total})


def told(aggregate: list[Sums], *parts: list[Sums]) -> list[tuple]:
    landed = dict(zip(("ACM", "PLCM", "DRPLCM"), (aggregate, *parts), strict=False))
    return [
        (one.month, dict(one.key), one.aggregate, one.patient_level, one.missing)
        for one in differences(RULE, landed)
    ]


def test_what_agrees_over_all_parts_is_no_difference():
    assert told([sums("100.10")], [sums("60.05")], [sums("40.05")]) == []


@pytest.mark.parametrize(
    ("aggregate", "patients", "differs"),
    [
        ("50", "49", False),  # not more than the floor
        ("50", "48.99", True),
        ("1000", "990", False),  # not more than the share
        ("1000", "989.99", True),
        ("0", "1.01", True),
        ("-1000", "-989.99", True),
        ("1000", "1010.01", True),
    ],
)
def test_more_than_the_share_and_the_floor_is_a_difference(aggregate, patients, differs):
    assert bool(told([sums(aggregate)], [sums(patients)])) is differs


def test_what_is_right_of_a_month_and_wrong_of_its_keys_is_told():
    found = told(
        [sums("100", pod="DC"), sums("50", pod=None)],
        [sums("50", pod="DC")],
        [sums("100", pod="NEL")],
    )

    assert found == [
        ("2018-04", {"POD": None}, Decimal(50), Decimal(0), ()),
        ("2018-04", {"POD": "DC"}, Decimal(100), Decimal(50), ()),
        ("2018-04", {"POD": "NEL"}, Decimal(0), Decimal(100), ()),
    ]


def test_a_part_that_has_not_come_is_named():
    assert told([sums("100")], [sums("50")]) == [
        ("2018-04", {}, Decimal(100), Decimal(50), ("DRPLCM",)),
        ("2018-04", {"POD": "DC"}, Decimal(100), Decimal(50), ("DRPLCM",)),
    ]


def test_of_what_only_one_side_has_landed_nothing_is_said():
    assert told([sums("100")]) == []
    assert told([], [sums("100")]) == []
    assert told([sums("100")], [sums("1", month="2018-05")]) == []
    assert told([sums("100")], [sums("1", by="R0A")]) == []


def test_a_month_outside_the_rules_days_is_not_held():
    assert told([sums("100", month="2018-06")], [sums("1", month="2018-06")]) == []
    assert told([sums("100", month="2018-03")], [sums("1", month="2018-03")]) == []


def test_a_sum_that_is_not_known_is_held_against_nothing():
    assert told([sums(None)], [sums("1")]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"valid_to": "2018-03-01"},
        {"compared": []},
        {"compared": [{"measure": "P", "parts": ["ACM"], "share": "0", "floor": "0"}]},
        {"compared": [{"measure": "P", "parts": ["PLCM"], "share": "2", "floor": "0"}]},
    ],
)
def test_rules_that_say_nonsense_are_refused(wrong):
    with pytest.raises(ValidationError):
        Substantiation.model_validate(SAID | wrong)


def test_what_is_published_names_columns_that_are_there():
    published = substantiations()

    assert list(published.problems_with(catalogue.load())) == []
    rule = published.of("DEPLCM", date(2018, 4, 1))
    assert rule is not None
    assert rule.data_sets == ("ACM", "PLCM", "DRPLCM", "DEPLCM")
    assert published.of("SUS_APC", date(2018, 4, 1)) is None
    assert published.of("ACM", date(2016, 3, 31)) is None
