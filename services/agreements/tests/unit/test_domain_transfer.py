"""The life of a transfer of pseudonym domains, and who has them after several."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from agreements.records.domain.errors import (
    DomainTransferNotAgreed,
    DomainTransferTooEarly,
    DomainTransferTookEffect,
    FormerFilesNotDestroyed,
    StillReceiving,
)
from agreements.records.domain.parties.domain_transfer import (
    DomainTransfer,
    DomainTransferState,
    succession,
)

NOW = datetime(2019, 4, 1, 9, tzinfo=UTC)
DAY = date(2019, 4, 1)
FIRST, SECOND, THIRD = (UUID(int=n) for n in (1, 2, 3))
FREE = {"at": NOW, "today": DAY, "receives": [SECOND], "held": []}


def transfer(former=FIRST, following=SECOND, **changes):
    values = {
        "id": UUID(int=10),
        "agreement_id": UUID(int=100),
        "former_environment": former,
        "following_environment": following,
        "valid_from": DAY,
        "evidence": "Letter of 1 March",
        "controllers": ("00L", "02P"),
        "proposed_at": NOW - timedelta(days=30),
    }
    return DomainTransfer(**values | changes)


@pytest.fixture
def agreed():
    return transfer().agree("02P", at=NOW).agree("00L", at=NOW)


def test_it_is_agreed_once_every_controller_has_agreed():
    half = transfer().agree("02P", at=NOW)

    assert (half.state, half.waiting_for) == (DomainTransferState.PROPOSED, ("00L",))
    assert half.agree("02P", at=NOW) is half
    with pytest.raises(DomainTransferNotAgreed):
        half.take_effect(**FREE)
    whole = half.agree("00L", at=NOW)
    assert (whole.state, whole.agreed_at) == (DomainTransferState.AGREED, NOW)


@pytest.mark.parametrize(
    ("otherwise", "error"),
    [
        ({"today": DAY - timedelta(days=1)}, DomainTransferTooEarly),
        ({"receives": []}, StillReceiving),
        ({"receives": [FIRST, SECOND]}, StillReceiving),
        ({"held": [FIRST]}, FormerFilesNotDestroyed),
    ],
    ids=["before its day", "no amendment", "a line that still lands there", "files held"],
)
def test_it_takes_effect_only_where_no_two_environments_have_equal_tokens(agreed, otherwise, error):
    with pytest.raises(error):
        agreed.take_effect(**FREE | otherwise)


def test_it_takes_effect_once_and_is_not_changed_any_more(agreed):
    done = agreed.take_effect(**FREE | {"held": [SECOND, THIRD]})

    assert (done.state, done.effective_at) == (DomainTransferState.IN_EFFECT, NOW)
    assert done.take_effect(**FREE | {"held": [FIRST]}) is done
    for change in (
        lambda: done.withdraw("Put off.", at=NOW),
        lambda: done.agree("26A", at=NOW),
    ):
        with pytest.raises(DomainTransferTookEffect):
            change()


@pytest.mark.parametrize("state", [DomainTransferState.PROPOSED, DomainTransferState.AGREED])
def test_it_is_taken_back_as_long_as_it_is_not_in_effect(agreed, state):
    known = transfer() if state is DomainTransferState.PROPOSED else agreed

    gone = known.withdraw("Put off.", at=NOW)

    assert (gone.state, gone.withdrawal_reason) == (DomainTransferState.WITHDRAWN, "Put off.")
    assert gone.withdraw("Again.", at=NOW) is gone
    for change in (lambda: gone.agree("26A", at=NOW), lambda: gone.take_effect(**FREE)):
        with pytest.raises(DomainTransferTookEffect):
            change()
    assert succession([gone]).waiting == frozenset()


def effective(former, following, minutes):
    at = NOW + timedelta(minutes=minutes)
    return transfer(former, following, id=UUID(int=20 - minutes), agreed_at=NOW, effective_at=at)


@pytest.mark.parametrize(
    ("moves", "has", "times"),
    [
        ([], FIRST, 0),
        ([(FIRST, SECOND)], SECOND, 1),
        ([(FIRST, SECOND), (SECOND, THIRD)], THIRD, 2),
        ([(FIRST, SECOND), (SECOND, FIRST)], FIRST, 2),
        ([(FIRST, SECOND), (SECOND, FIRST), (FIRST, THIRD)], THIRD, 3),
    ],
    ids=["never", "once", "on from there", "back again", "back and on"],
)
def test_one_environment_has_the_domains_and_it_is_the_last(moves, has, times):
    found = succession(effective(a, b, n) for n, (a, b) in reversed([*enumerate(moves)]))

    named = {FIRST, *(place for move in moves for place in move)}
    assert [one for one in sorted(named) if not found.has_passed_on(one)] == [has]
    assert {found.origin(one) for one in named} == {FIRST}
    assert found.times.get(FIRST, 0) == times
    assert found.waiting == frozenset()


def test_an_environment_waits_for_an_agreed_transfer_and_not_for_a_proposed_one(agreed):
    assert succession([transfer()]).waiting == frozenset()
    assert succession([agreed]).waiting == {SECOND}
    assert succession([agreed]).origin(SECOND) == SECOND
