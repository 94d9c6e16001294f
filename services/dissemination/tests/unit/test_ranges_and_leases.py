"""Which bytes are asked for, and until when they may leave."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import RangeNotSatisfiable
from dissemination.domain.lease import Lease
from dissemination.domain.ranges import requested, whole

ETAG = '"sha256:abc"'


def part(range_header, *, size=1000, if_range=None):
    return requested(size=size, etag=ETAG, range_header=range_header, if_range=if_range)


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-499", 0, 500),
        ("bytes=500-", 500, 1000),
        ("bytes=-300", 700, 1000),
        ("bytes=-5000", 0, 1000),
        ("bytes=900-5000", 900, 1000),
        ("BYTES = 1-2", 1, 3),
    ],
)
def test_a_single_range_is_taken(header, start, end):
    found, is_range = part(header)

    assert (found.start, found.end, is_range) == (start, end, True)
    assert found.content_range == f"bytes {start}-{end - 1}/1000"


@pytest.mark.parametrize(
    "header",
    [None, "bytes=-", "bytes=5-2", "bytes=0-1,5-6", "lines=1-2", "bytes", "bytes=a-b", "bytes=--1"],
)
def test_no_range_or_one_that_is_not_well_formed_is_the_whole_file(header):
    assert part(header) == (whole(1000), False)


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_the_file_is_refused_with_its_size(header):
    with pytest.raises(RangeNotSatisfiable) as refused:
        part(header)

    assert refused.value.members == {"size": 1000}


@pytest.mark.parametrize(
    ("if_range", "is_range"),
    [
        (ETAG, True),
        ('W/"sha256:abc"', False),
        ('"other"', False),
        ("Fri, 01 Jun 2018 00:00:00 GMT", False),
    ],
)
def test_a_range_holds_only_for_the_file_that_it_was_asked_of(if_range, is_range):
    assert part("bytes=1-2", if_range=if_range)[1] is is_range


@given(size=st.integers(1, 10**12), first=st.integers(0, 10**12), last=st.integers(0, 10**12))
def test_a_part_lies_inside_its_file(size, first, last):
    try:
        found, _ = part(f"bytes={first}-{last}", size=size)
    except RangeNotSatisfiable:
        assert first >= size
        return

    assert 0 <= found.start < found.end <= size
    assert found.is_whole is (found.length == size)


LEASE = Lease(decision_id=UUID(int=1), asked_at=100.0, seconds=1.0, guard_seconds=0.01)


def test_a_lease_counts_from_before_it_was_asked_for():
    assert LEASE.until == pytest.approx(100.99)
    assert LEASE.is_fresh(100.98)
    assert not LEASE.is_fresh(100.99)
    assert LEASE.seconds_left(100.49) == pytest.approx(0.5)
    assert LEASE.seconds_left(105) == 0


def test_writing_stops_before_the_lease_does_and_asking_begins_at_half():
    assert LEASE.may_write(100.8)
    assert not LEASE.may_write(100.85)
    assert LEASE.is_fresh(100.85)
    assert LEASE.renew_at == pytest.approx(100.5)
