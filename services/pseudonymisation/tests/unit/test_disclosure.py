"""What is public of a count: the small numbers of each rule, rates, and their complements."""

from datetime import date
from itertools import product

import pytest

import catalogue
import disclosure
from pseudonymisation.quality.adapters import rules
from pseudonymisation.quality.domain.disclosure import SmallNumbers, of_day
from pseudonymisation.quality.domain.rates import Rate

TODAY = date(2026, 11, 27)


def rule(name: str, on: date = TODAY) -> SmallNumbers:
    found = of_day(rules.small_numbers(), name, on)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["HES", "SHMI"])
@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (1, "*"), (7, "*"), (8, "10"), (12, "10"), (13, "15"), (1003, "1005")],
)
def test_one_to_seven_are_hidden_and_nothing_is_shown(name, number, shown):
    assert rule(name).count(number) == shown


@pytest.mark.parametrize("name", ["CSDS", "NCDR04"])
@pytest.mark.parametrize(
    ("number", "shown"), [(0, "*"), (1, "*"), (4, "*"), (5, "5"), (7, "5"), (8, "10")]
)
def test_nothing_to_four_are_hidden(name, number, shown):
    assert rule(name).count(number) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (100, 100, "100"),
        (0, 100, "0"),
        (92, 100, "90"),  # of 90 and 100, as the rule is of rounded counts
        (99, 100, "*"),  # one is missing
        (93, 100, "*"),  # seven are
        (7, 100, "*"),
        (24, 24, "-"),
        (0, 0, "-"),
        (24_990, 25_000, "100"),
    ],
)
def test_a_rate_is_hidden_where_its_part_or_what_is_missing_is_small(part, whole, shown):
    assert rule("HES").percentage(Rate(part, whole)) == shown


def test_a_rate_of_unrounded_counts_is_one():
    assert rule("CSDS").percentage(Rate(93, 100)) == "93"
    assert rule("CSDS").percentage(Rate(97, 100)) == "*"
    assert rule("CSDS").percentage(Rate(100, 100)) == "100"
    assert rule("CSDS").percentage(Rate(0, 100)) == "*"


@pytest.mark.parametrize("name", ["HES", "SHMI", "CSDS", "NCDR04"])
def test_no_figure_of_a_statement_leaves_fewer_than_three_small_numbers(name):
    """An attacker who knows the rule, and the records and the rate that are shown."""
    hiding = rule(name)
    told: dict[tuple[str, str], set[int]] = {}
    for whole, without in product(range(160), range(30)):
        if without <= whole:
            figures = (hiding.count(whole), hiding.percentage(Rate(whole - without, whole)))
            told.setdefault(figures, set()).add(without)

    for figures, possible in told.items():
        small = {n for n in possible if 0 < n <= hiding.largest}
        assert not small or len(possible) >= 3, figures


@pytest.mark.parametrize("number", [-1, -7])
def test_a_negative_count_is_no_count(number):
    with pytest.raises(ValueError, match="negative"):
        rule("HES").count(number)


def test_the_rule_of_the_day_holds():
    assert rule("HES", date(2018, 8, 31)).count(6) == "5"
    assert rule("HES", date(2018, 9, 1)).count(6) == "*"


def test_small_numbers_are_those_of_the_library_of_disclosure():
    """One truth: what the rules of tables hide is hidden here."""
    of_library = {"HES": "HES_PRE2018"}
    for one in rules.small_numbers():
        day = max(one.valid_from, date(2018, 1, 1))
        code = of_library.get(one.rule, one.rule) if day < date(2018, 9, 1) else one.rule
        found = disclosure.rule(code, on=None if code == one.rule else day)
        assert one.smallest == found.small_from, one.rule
        assert one.largest == found.small_to, one.rule
        if code == one.rule:
            assert one.basis == found.percentages, one.rule
            assert found.base == 5, one.rule


def test_before_a_rule_is_in_force_nothing_is_stated():
    assert of_day(rules.small_numbers(), "HES", date(2008, 3, 31)) is None
    assert of_day(rules.small_numbers(), "GPW", TODAY) is None
    assert of_day(rules.small_numbers(), "", TODAY) is None


def test_every_data_set_has_a_rule_here_or_one_that_is_set_for_each_application():
    named = {described.disclosure_rule for described in catalogue.load()}

    assert named - {one.rule for one in rules.small_numbers()} == {"GPW"}
