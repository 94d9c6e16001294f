"""The life of a preparation and of a domain, without anything outside."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from common.errors import ClaimLost
from pseudonymisation.preparations.domain.errors import DomainClosed, DomainTransferred, FailureCode
from pseudonymisation.preparations.domain.preparation import (
    ATTEMPTS_MAX,
    PinnedEdition,
    Preparation,
    PreparationState,
    attempt_of,
)
from pseudonymisation.preparations.domain.tokens import TOKEN, DomainState, PseudonymDomain
from statements.permit import DomainFacts, OptOut

NOW = datetime(2018, 6, 1, 9, tzinfo=UTC)


class Permit:
    extract_id = str(uuid4())


@pytest.fixture
def accepted():
    return Preparation(
        id=uuid4(),
        permit_digest="sha256:1",
        caller="dissemination",
        permit=Permit(),
        editions=(),
        created_at=NOW,
    )


def claimed(preparation):
    return preparation.claim(uuid4(), until=NOW + timedelta(seconds=15))


def failed(preparation):
    return preparation.fail(preparation.attempt, FailureCode.PCD_LEAK, at=NOW)


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_only_the_attempt_that_runs_ends_it_and_once(accepted, end):
    def over(preparation, attempt):
        if end == "finish":
            return preparation.finish(attempt, (), at=NOW)
        return preparation.fail(attempt, FailureCode.ENGINE_FAILED, at=NOW)

    first = claimed(accepted)
    second = claimed(first)
    done = over(second, second.attempt)

    assert done.state is (PreparationState.PREPARED if end == "finish" else PreparationState.FAILED)
    assert (done.finished_at, len(done.pending)) == (NOW, 1)
    for stale, attempt in ((second, first.attempt), (accepted, None), (done, second.attempt)):
        with pytest.raises(ClaimLost):
            over(stale, attempt)


def test_it_is_given_up_after_so_many_attempts(accepted):
    preparation = accepted
    for _ in range(ATTEMPTS_MAX):
        assert not preparation.is_exhausted
        preparation = claimed(preparation)
    assert preparation.is_exhausted


def test_keys_of_objects_name_their_attempt(accepted):
    running = claimed(accepted)

    key = running.object_key(uuid4(), "csv")

    assert attempt_of(key) == (str(running.id), str(running.attempt))
    assert attempt_of("preparations/x") is None
    assert attempt_of("editions/a/b/c") is None


@pytest.mark.parametrize(
    ("period", "months"),
    [("2018-04", ["2018-04"]), ("2018-03/2018-05", ["2018-03", "2018-04", "2018-05"])],
)
def test_an_edition_covers_the_months_of_its_period_ends_included(period, months):
    edition = PinnedEdition(
        id=uuid4(),
        provider="RH8",
        period=period,
        number=1,
        status="current",
        object_key="x",
        practice_map=None,
        postcode_map=None,
    )

    covered = [m for m in (f"2018-{n:02d}" for n in range(1, 13)) if edition.covers(m)]

    assert covered == months


@pytest.mark.parametrize(
    ("day", "accepted"),
    [("2018-05-25", True), ("2018-06-01", True), ("2018-05-24", False), ("2018-06-02", False)],
)
def test_a_list_is_of_the_last_days_and_not_of_the_future(day, accepted):
    opt_out = OptOut(applied=True, list_age_days_max=7)

    assert opt_out.accepts(date.fromisoformat(day), today=date(2018, 6, 1)) == accepted


SAID = {
    "controllers": ("02P",),
    "agreement": "DARS-NIC-123456-A1B2C",
    "purpose": "COM",
    "environment": "e1",
    "opt_out": "not_applied",
    "data_sets": ("SUS_APC",),
}
FACTS = DomainFacts.of(**SAID)


@pytest.mark.parametrize(
    "other",
    [
        {"controllers": ("02P", "00L")},
        {"agreement": "DARS-NIC-123456-A1B2D"},
        {"purpose": "RS"},
        {"environment": "e2"},
        {"opt_out": "applied"},
        {"data_sets": ("SUS_APC", "DIDS")},
    ],
)
def test_every_fact_makes_a_domain_of_its_own(other):
    assert DomainFacts.of(**SAID | other).id != FACTS.id
    assert DomainFacts.stored(FACTS.as_json()) == FACTS


def test_a_closed_domain_makes_nothing_and_stays_closed():
    domain = PseudonymDomain(
        id=FACTS.id, facts=FACTS, environment=FACTS.environment, created_at=NOW
    )
    domain.require_open()

    closed = domain.close(at=NOW)

    assert closed.state is DomainState.CLOSED
    assert closed.close(at=NOW + timedelta(days=1)).closed_at == NOW
    with pytest.raises(DomainClosed):
        closed.require_open()
    assert domain.key_name == f"domain/{FACTS.id[7:]}"


def test_a_domain_is_settled_once_and_its_key_goes_after_that():
    kept = timedelta(days=30)
    domain = PseudonymDomain(
        id=FACTS.id, facts=FACTS, environment=FACTS.environment, created_at=NOW
    )
    settled = domain.settle(at=NOW)

    assert (settled.state, settled.closed_at) == (DomainState.CLOSED, NOW)
    assert settled.settle(at=NOW + kept) is settled
    assert not domain.close(at=NOW).is_kept_long_enough(NOW + 2 * kept, kept=kept)
    assert not settled.is_kept_long_enough(NOW + kept - timedelta(seconds=1), kept=kept)
    assert settled.is_kept_long_enough(NOW + kept, kept=kept)
    gone = settled.destroy(at=NOW + kept)
    assert gone.destroy(at=NOW + 2 * kept) is gone
    assert gone.close(at=NOW) is gone
    assert not gone.is_kept_long_enough(NOW + 2 * kept, kept=kept)
    with pytest.raises(DomainClosed):
        gone.require_open()


def test_a_domain_is_of_the_environment_in_which_it_went_on_last_and_of_no_other():
    began = PseudonymDomain(id=FACTS.id, facts=FACTS, environment="e1", created_at=NOW)

    moved = began.go_on("e2", 1)
    back = moved.go_on("e1", 2)

    assert began.go_on("e1", 0) is began
    assert moved.go_on("e2", 1) is moved
    assert (moved.environment, moved.times, moved.key_name) == ("e2", 1, began.key_name)
    assert (back.environment, back.times) == ("e1", 2)
    for domain, environment, times in (
        (began, "e2", 0),
        (moved, "e1", 0),
        (moved, "e1", 1),
        (back, "e1", 0),
        (back, "e2", 1),
        (back, "e2", 2),
    ):
        with pytest.raises(DomainTransferred):
            domain.go_on(environment, times)
        with pytest.raises(DomainTransferred):
            domain.require_held_by(environment, times)


def test_a_token_is_never_ten_digits():
    assert TOKEN.fullmatch("P" + "9" * 23)
    assert TOKEN.fullmatch("9990000018") is None
    assert TOKEN.fullmatch("9" * 24) is None
