"""The life of a standing order, and of each of its periods."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from common.errors import Refusal, TransitionRefused
from dissemination.domain.agreement_status import Withdrawal
from dissemination.domain.extract import Extract, Failure, Permit, Requester, State
from dissemination.domain.orders.events import (
    StandingOrderEnded,
    StandingOrderPeriodSkipped,
    StandingOrderPlaced,
)
from dissemination.domain.orders.standing_order import (
    BY_REQUEST,
    OrderState,
    PeriodState,
    StandingOrder,
)
from statements.request import ExtractRequest
from statements.standing_order import EXAMPLE, RepeatedRequest, WantedStandingOrder, When

AT = datetime(2018, 6, 1, tzinfo=UTC)
HELD = Refusal("BREACH_OPEN", "A hold.")
EARLY = Refusal("NOT_PUBLISHED_YET", "Too early.")
WHO = Requester(subject="s", client_id="c", organisation="0DF", role="csu-system")
ORDERED = RepeatedRequest(
    agreement="DARS-NIC-123456-A1B2C",
    purpose="COM",
    data_set="SUS_APC",
    classification="PSEUDO_ANONYMISED",
    when=When.LANDED,
    fields=None,
    formats=("parquet",),
    filters=(),
)


def placed(**changes):
    told = {"first": "2018-04", "last": "2018-06"} | changes
    return StandingOrder.place(
        ORDERED,
        order_id=UUID(int=1),
        requester=WHO,
        decision_id=UUID(int=2),
        on_behalf_of="99N",
        at=AT,
        **told,
    )


def extract(number, state, **changes):
    request = ExtractRequest(
        extract_id=str(UUID(int=number)),
        agreement=ORDERED.agreement,
        purpose=ORDERED.purpose,
        data_set=ORDERED.data_set,
        classification=ORDERED.classification,
        periods=("2018-04",),
        fields=("Sex",),
        formats=("parquet",),
    )
    permit = Permit(id="p", compact="a.b.c", expires_at=AT, decision_id=UUID(int=3), epoch=1)
    made = Extract.ask(request, extract_id=UUID(int=number), requester=WHO, permit=permit, at=AT)
    return replace(made, state=state, **changes)


def asked(number=9):
    return placed().ask("2018-04", UUID(int=number), at=AT)


def followed(order, one):
    return order.follow({one.id: one}, at=AT + timedelta(hours=1))


def test_an_order_that_is_placed_says_so():
    (said,) = placed().pending

    assert isinstance(said, StandingOrderPlaced)
    assert (said.agreement, said.state) == (ORDERED.agreement, "active")


def test_only_months_that_it_covers_and_that_have_no_extract_are_open():
    order = asked().skip("2018-05", [HELD], at=AT)

    assert order.open_months(["2018-07", "2018-06", "2018-05", "2018-04", "2018-03"]) == [
        "2018-05",
        "2018-06",
    ]
    assert placed(last=None).open_months(["2030-01", "2018-03"]) == ["2030-01"]


@pytest.mark.parametrize(
    ("state", "changes", "becomes", "codes"),
    [
        (State.PREPARING, {}, PeriodState.ASKED, ()),
        (State.RELEASED, {}, PeriodState.RELEASED, ()),
        (State.SUPERSEDED, {}, PeriodState.RELEASED, ()),
        (State.WITHDRAWN, {}, PeriodState.WITHDRAWN, ()),
        (
            State.WITHDRAWN,
            {"withdrawal": Withdrawal(agreement_state=None, since=AT, code="FILE_VOID")},
            PeriodState.SKIPPED,
            ("FILE_VOID",),
        ),
        (
            State.WITHDRAWN,
            {"withdrawal": Withdrawal(agreement_state="EXPIRED", since=AT)},
            PeriodState.RELEASED,
            (),
        ),
        (
            State.FAILED,
            {"failure": Failure(code="PERMIT_EXPIRED", detail="Ask again.")},
            PeriodState.SKIPPED,
            ("PERMIT_EXPIRED",),
        ),
        (
            State.FAILED,
            {"failure": Failure(code="BREACH_OPEN", refusals=(HELD, EARLY))},
            PeriodState.SKIPPED,
            ("BREACH_OPEN", "NOT_PUBLISHED_YET"),
        ),
    ],
)
def test_a_period_follows_its_extract(state, changes, becomes, codes):
    order = followed(asked(), extract(9, state, **changes))

    (period,) = order.periods
    assert (period.state, tuple(r.code for r in period.refusals)) == (becomes, codes)
    assert (period.extract_id, period.attempts) == (UUID(int=9), 1)


def test_what_was_released_and_then_made_void_is_asked_for_again():
    released = followed(asked(), extract(9, State.RELEASED))
    void = Withdrawal(agreement_state=None, since=AT, code="FILE_VOID")

    order = followed(released, extract(9, State.WITHDRAWN, withdrawal=void))

    assert order.open_months(["2018-04"]) == ["2018-04"]


def test_an_order_that_nothing_happened_to_is_the_same():
    order = asked()

    assert order.follow({}, at=AT) is order
    assert followed(order, extract(9, State.PREPARED)) is order


def test_a_period_has_one_extract_at_a_time():
    with pytest.raises(TransitionRefused):
        asked().ask("2018-04", UUID(int=10), at=AT)
    with pytest.raises(TransitionRefused):
        followed(asked(), extract(9, State.RELEASED)).ask("2018-04", UUID(int=10), at=AT)


def test_a_refusal_is_told_once_and_again_when_it_is_another():
    once = placed().skip("2018-04", [HELD], at=AT)
    twice = once.skip("2018-04", [HELD], at=AT + timedelta(hours=1))
    other = twice.skip("2018-04", [HELD, EARLY], at=AT + timedelta(hours=2))

    told = [one for one in other.pending if isinstance(one, StandingOrderPeriodSkipped)]
    assert [one.codes for one in told] == [("BREACH_OPEN",), ("BREACH_OPEN", "NOT_PUBLISHED_YET")]
    assert (twice.periods[0].at, twice.periods[0].attempts) == (AT, 2)
    assert other.periods[0].at == AT + timedelta(hours=2)


def test_what_is_only_not_published_waits():
    order = placed().skip("2018-04", [EARLY], at=AT)

    assert order.periods[0].state is PeriodState.WAITING
    assert [type(one) for one in order.pending] == [StandingOrderPlaced]


def test_what_is_refused_is_tried_again_later_each_time():
    order, pauses = placed(), []
    for _ in range(12):
        order = order.skip("2018-04", [HELD], at=AT)
        pauses.append(order.next_try("2018-04") - AT)

    assert pauses[:4] == [timedelta(minutes=m) for m in (1, 2, 4, 8)]
    assert pauses[-1] == max(pauses) == timedelta(hours=6)
    assert placed().next_try("2018-04") is None


def test_an_order_is_complete_when_all_its_months_are_settled():
    done = followed(asked(), extract(9, State.RELEASED))

    assert done.is_complete(["2018-04"])
    assert not done.is_complete(["2018-04", "2018-05"])
    assert not done.is_complete([])
    assert not asked().is_complete(["2018-04"])


@pytest.mark.parametrize(
    "verb",
    [
        lambda o: o.end(BY_REQUEST, at=AT),
        lambda o: o.skip("2018-04", [HELD], at=AT),
        lambda o: o.wait("2018-04", at=AT),
        lambda o: o.ask("2018-04", UUID(int=9), at=AT),
        lambda o: o.confirm(WHO, UUID(int=3), on_behalf_of=None, at=AT),
    ],
    ids=["end", "skip", "wait", "ask", "confirm"],
)
def test_nothing_happens_to_an_order_that_has_ended(verb):
    ended = placed().end(BY_REQUEST, at=AT)

    assert (ended.state, ended.end_.code) == (OrderState.ENDED, BY_REQUEST)
    assert isinstance(ended.pending[-1], StandingOrderEnded)
    with pytest.raises(TransitionRefused):
        verb(ended)


def test_what_is_ordered_is_the_same_in_whichever_order_it_is_named():
    two = replace(ORDERED, formats=("csv", "parquet"), fields=("Sex", "Age"))

    assert replace(two, formats=("parquet", "csv"), fields=("Age", "Sex")).digest == two.digest
    assert replace(two, when=When.FREEZE).digest != two.digest
    assert RepeatedRequest.read(two.claims()) == two


def test_a_month_is_asked_for_as_it_was_ordered():
    body = WantedStandingOrder(**EXAMPLE | {"filters": [{"column": "Sex", "any_of": ["2"]}]})

    wanted = body.said.of("2018-04")

    assert (wanted.periods, wanted.fields, wanted.formats) == (["2018-04"], None, ["parquet"])
    assert wanted.filters == body.filters
