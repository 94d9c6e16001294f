"""Approvals and registrations that are extended: what was in force stays so, and gaps stay gaps."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agreements.records.domain.errors import ExtensionIsPast
from agreements.records.domain.parties.registration import Interval, extended

D = [date(2018, 1, 1) + timedelta(days=100 * n) for n in range(8)]
BEFORE = timedelta(days=1)


def stretch(first, last):
    return Interval(valid_from=first, valid_to=last)


@pytest.mark.parametrize(
    ("known", "said", "today", "found"),
    [
        # the same again
        ([(D[0], D[2])], (D[0], D[2]), D[1], [(D[0], D[2])]),
        # in time, with the first day of the approval or of the extension
        ([(D[0], D[2])], (D[0], D[4]), D[1], [(D[0], D[4])]),
        ([(D[0], D[2])], (D[1], D[4]), D[1], [(D[0], D[4])]),
        ([(D[0], D[2])], (D[1], D[4]), D[2], [(D[0], D[4])]),
        ([(D[0], D[2])], (D[3], D[4]), D[1], [(D[0], D[2]), (D[3], D[4])]),
        # too late: it resumes, today or where a gap is named
        ([(D[0], D[2])], (D[0], D[4]), D[3], [(D[0], D[2]), (D[3], D[4])]),
        ([(D[0], D[2])], (D[2] + BEFORE, D[4]), D[3], [(D[0], D[2]), (D[3], D[4])]),
        ([(D[0], D[1])], (D[2], D[4]), D[3], [(D[0], D[1]), (D[2], D[4])]),
        # gaps stay, whatever comes later
        (
            [(D[0], D[1]), (D[2], D[4])],
            (D[0], D[5]),
            D[3],
            [(D[0], D[1]), (D[2], D[5])],
        ),
        # what takes days away counts at once
        ([(D[0], D[4])], (D[0], D[2]), D[3], [(D[0], D[2])]),
        ([(D[0], D[1]), (D[2], D[5])], (D[0], D[3]), D[4], [(D[0], D[1]), (D[2], D[3])]),
        ([(D[1], D[2])], (D[0], D[0] + BEFORE), D[3], [(D[0], D[0] + BEFORE)]),
        # it begins later than was said: not in force until then
        ([(D[0], D[4])], (D[3], D[5]), D[2], [(D[0], D[2] - BEFORE), (D[3], D[5])]),
        ([(D[2], D[4])], (D[3], D[5]), D[1], [(D[3], D[5])]),
        # it began earlier than was said
        ([(D[1], D[4])], (D[0], D[4]), D[2], [(D[0], D[4])]),
    ],
)
def test_intervals_after_an_extension(known, said, today, found):
    after = extended([stretch(*k) for k in known], stretch(*said), today=today)

    assert after == tuple(stretch(*f) for f in found)


def test_an_extension_that_is_over_before_it_is_said_is_none():
    with pytest.raises(ExtensionIsPast):
        extended([stretch(D[0], D[1])], stretch(D[0], D[2]), today=D[3])


DAYS = st.sampled_from(D)
STRETCHES = st.tuples(DAYS, DAYS).map(lambda pair: stretch(*sorted(pair)))


@given(STRETCHES, st.lists(st.tuples(DAYS, STRETCHES), max_size=4))
def test_no_day_that_is_past_comes_into_force_unless_a_first_day_says_so(first, later):
    known = (first,)
    for today, said in sorted(later, key=lambda pair: pair[0]):
        try:
            after = extended(known, said, today=today)
        except ExtensionIsPast:
            continue
        assert list(after) == sorted(after, key=lambda i: i.valid_from)
        assert all(a.valid_to < b.valid_from for a, b in pairwise(after))
        for n in range(1, 20):
            day = today - timedelta(days=n)
            new = any(i.holds_on(day) for i in after) and not any(i.holds_on(day) for i in known)
            assert not new or said.holds_on(day)
            lapsed_claimed = known[-1].valid_to < day and said.valid_from <= known[-1].valid_to
            assert not (new and lapsed_claimed), "a gap was closed afterwards"
        known = after
