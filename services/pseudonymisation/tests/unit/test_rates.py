"""Rates in whole numbers: half up, and never whole where something is missing."""

import pytest

from pseudonymisation.quality.domain.rates import FieldTotals, Rate


@pytest.mark.parametrize(
    ("part", "whole", "share", "text"),
    [
        (0, 0, None, "–"),
        (0, 3, 0.0, "0.0%"),
        (3, 3, 1.0, "100.0%"),
        (1, 3, 0.3333, "33.3%"),
        (1, 8, 0.125, "12.5%"),
        (1, 16, 0.0625, "6.3%"),
        (999_999, 1_000_000, 1.0, "99.9%"),
        (1, 1_000_000, 0.0, "0.1%"),
    ],
)
def test_a_rate_is_rounded_half_up(part, whole, share, text):
    assert (Rate(part, whole).share, Rate(part, whole).text) == (share, text)


def test_several_editions_are_one_sum_and_no_mean_of_rates():
    small = FieldTotals(judged=10, valid=0, missing=10)
    large = FieldTotals(judged=990, valid=990)

    assert FieldTotals.over([small, large]).completeness == Rate(990, 1000)


def test_what_is_withheld_is_not_expected():
    totals = FieldTotals(judged=100, valid=80, missing=10, withheld=10)

    assert totals.completeness == Rate(80, 90)
    assert totals.validity == Rate(80, 80)
