"""Things by what they have in common."""

from common.grouping import grouped


def test_groups_and_what_is_in_them_keep_the_order_in_which_they_came():
    found = grouped(["b2", "a1", "b1"], lambda one: one[0])

    assert list(found.items()) == [("b", ("b2", "b1")), ("a", ("a1",))]


def test_a_key_that_none_has_is_none():
    assert "c" not in grouped([], str)
