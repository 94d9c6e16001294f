"""Leases end with the facts; permits say what they were given for, and can be read back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from agreements.decision.domain.permits import treatment_of
from agreements.records.domain.leases import Lease, lease, waiting_seconds
from common.ids import digest_of
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import permit_of

AT = datetime(2018, 6, 1, 12, tzinfo=UTC)


def test_a_lease_is_as_long_as_the_rule_says_where_nothing_turns():
    assert lease(AT, seconds=1.0, turns_at=None) == Lease(1.0, None)


@given(st.floats(0, 10), st.integers(-5_000_000, 5_000_000))
def test_a_lease_never_reaches_beyond_the_instant_at_which_a_fact_turns(seconds, microseconds):
    turns_at = AT + timedelta(microseconds=microseconds)

    granted = lease(AT, seconds=seconds, turns_at=turns_at)

    assert 0 <= granted.seconds <= seconds
    assert granted.seconds == 0 or AT + timedelta(seconds=granted.seconds) <= turns_at


def test_who_takes_permission_away_waits_longer_than_any_lease():
    assert waiting_seconds(1.0) > 1.0


def test_a_permit_lives_for_a_minute():
    permit = permit_of(plain.permit())

    assert permit.expires_at - permit.issued_at == timedelta(seconds=60)


def test_a_domain_is_named_by_the_digest_of_what_makes_it():
    claims = permit_of(plain.permit()).said.claims()
    domain = dict(claims["domain"])

    assert domain.pop("id") == digest_of(domain) == plain.sha(plain.domain())


def test_opt_out_treatments_have_two_names():
    assert (treatment_of(applied=True), treatment_of(applied=False)) == ("applied", "not_applied")


def test_ids_of_the_world_are_ids():
    assert UUID(plain.PERMIT).version == 7
