from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError
from sqlmodel import Field

from common.db import replacement as columns
from common.replacement import (
    Change,
    Judgement,
    Reach,
    ReplacementDecided,
    ReplacementKind,
    ReplacementStatus,
    SecondPersonNeeded,
    State,
    of_late,
    rules,
)
from common.web.replacement import Reason, StandingView

DAY = date(2026, 11, 26)
AT = datetime(2026, 11, 26, 12, tzinfo=UTC)


def judged(kind: ReplacementKind, before: set[int], after: set[int]) -> Judgement:
    return rules.load().judge(kind, Change.of_sets(before, after), on=DAY, over_window=())


def people(first: int, last: int) -> set[int]:
    return set(range(first, last))


# What changes


def test_rows_are_compared_by_their_keys() -> None:
    change = Change.between({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5, "e": 6})

    assert change == Change(before=3, after=4, added=2, removed=1, changed=1)


@pytest.mark.parametrize(
    "counts",
    [
        {"before": 3, "after": 3, "added": 1, "removed": 0},
        {"before": 1, "after": 0, "added": -1, "removed": 0},
    ],
)
def test_counts_that_contradict_each_other_are_no_change(counts: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="contradict"):
        Change(**counts)


# What waits


def test_a_share_is_of_what_is_replaced_and_not_of_what_comes() -> None:
    """Guard: `before` in `_is_little`. Nobody makes a loss small by adding others beside it."""
    limit = rules.load().limit(ReplacementKind.OPT_OUTS, on=DAY)
    before, lost = 100_000, int(100_000 * limit.share) + limit.floor + 1
    swollen = Change(before=before, after=before * 10, added=before * 9 + lost, removed=lost)

    assert not limit.lets_pass_over_window(swollen)
    assert rules.load().judge(ReplacementKind.OPT_OUTS, swollen, on=DAY, over_window=()).waits


def test_what_replaces_nothing_is_accepted_at_once_where_no_rule_says_otherwise() -> None:
    assert not judged(ReplacementKind.POSTCODE_MAP, set(), people(0, 5000)).waits


@pytest.mark.parametrize(
    ("size", "on_it", "landed", "waits"),
    [
        (0, 0, 1000, True),  # it says that nobody objected
        (0, 0, 0, True),
        (10, 10, 10, False),  # few rows are no trouble
        (11, 0, 0, True),  # nothing to hold it against
        (5000, 200, 1000, False),
        (5000, 201, 1000, True),
        (950, 950, 1000, True),  # of those who were cleared
    ],
)
def test_a_first_list_is_held_against_who_is_landed(
    size: int, on_it: int, landed: int, waits: bool
) -> None:
    first = Change(before=0, after=size, added=size, removed=0)

    found = rules.load().judge(
        ReplacementKind.OPT_OUTS,
        first,
        on=DAY,
        over_window=(),
        reach=Reach(rows=on_it, of=landed),
    )

    assert found.waits is waits


@pytest.mark.parametrize("kind", list(ReplacementKind))
def test_a_first_list_that_is_empty_passes_where_it_opens_nothing_alone(
    kind: ReplacementKind,
) -> None:
    guarded = rules.load().limit(kind, on=DAY).of_first is not None

    assert judged(kind, set(), set()).waits is (guarded and kind is not ReplacementKind.REGISTER)


@pytest.mark.parametrize(
    "kind", [ReplacementKind.RELATIONSHIPS, ReplacementKind.PUBLICATIONS, ReplacementKind.REGISTER]
)
def test_a_first_list_by_which_much_is_permitted_waits(kind: ReplacementKind) -> None:
    assert judged(kind, set(), people(0, 100)).waits
    assert not judged(kind, set(), people(0, 10)).waits


# Many small changes in a row


class Sent:
    def __init__(self, rows: int, day: int, state: State = State.ACCEPTED) -> None:
        self.rows = rows
        at = AT + timedelta(days=day)
        self.standing = ReplacementStatus(
            state=state,
            change=Change(before=0, after=rows, added=rows, removed=0),
            proposed_by="one",
            proposed_at=at,
            decided_by="two" if state is State.CONFIRMED else None,
            decided_at=at if state is State.CONFIRMED else None,
        )


def rows_of_late(*sent: Sent, day: int) -> list[int]:
    found = of_late(sent, standing=lambda s: s.standing, at=AT + timedelta(days=day), days=30)
    return [one.rows for one in found]


def test_a_list_that_shrinks_a_little_every_day_is_held_against_all_of_late() -> None:
    sizes = [int(1000 * 0.96**day) for day in range(6)]
    sent = [Sent(size, day) for day, size in enumerate(sizes)]

    assert rows_of_late(*sent, day=6) == sizes
    small = Change(before=sizes[-1], after=sizes[-1] - 20, added=0, removed=20)
    over = Change(before=1000, after=sizes[-1] - 20, added=0, removed=1000 - sizes[-1] + 20)
    found = rules.load().judge(ReplacementKind.OPT_OUTS, small, on=DAY, over_window=[over])
    assert (found.waits, found.change) == (True, over)
    assert not rules.load().judge(ReplacementKind.OPT_OUTS, small, on=DAY, over_window=()).waits


def test_what_only_one_list_of_the_window_tells_is_enough() -> None:
    """A list that gains more than it loses every day is larger than any before it."""
    in_all = Change(before=100, after=120, added=40, removed=20)
    small = Change(before=119, after=120, added=5, removed=4)

    found = rules.load().judge(ReplacementKind.OPT_OUTS, small, on=DAY, over_window=[small, in_all])

    assert (found.waits, found.change) == (True, in_all)


def test_what_was_in_force_when_the_window_began_counts_and_what_was_before_it_does_not() -> None:
    assert rows_of_late(Sent(3000, -90), Sent(2000, -60), Sent(1000, 0), day=10) == [2000, 1000]


def test_what_two_people_looked_at_ends_what_was_before_it() -> None:
    seen = Sent(500, 2, State.CONFIRMED)
    assert rows_of_late(Sent(1000, 0), seen, Sent(490, 3), day=4) == [500, 490]
    gone = Sent(500, 2, State.CONFIRMED)
    gone.standing = gone.standing.supersede(at=AT)
    assert rows_of_late(Sent(1000, 0), gone, Sent(490, 3), day=4) == [500, 490]


def test_without_anything_before_there_is_nothing_of_late() -> None:
    assert rows_of_late(day=0) == []


def test_a_list_of_opt_outs_that_only_grows_is_never_delayed() -> None:
    assert not judged(ReplacementKind.OPT_OUTS, people(0, 100), people(0, 9000)).waits


def test_a_list_of_opt_outs_that_loses_more_than_its_share_waits() -> None:
    assert judged(ReplacementKind.OPT_OUTS, people(0, 1000), people(0, 949)).waits
    assert not judged(ReplacementKind.OPT_OUTS, people(0, 1000), people(0, 950)).waits


def test_few_rows_are_no_trouble_whatever_their_share() -> None:
    assert not judged(ReplacementKind.OPT_OUTS, people(0, 10), set()).waits
    assert judged(ReplacementKind.OPT_OUTS, people(0, 11), set()).waits


def test_an_inverted_list_waits_however_few_were_on_the_one_before() -> None:
    assert judged(ReplacementKind.OPT_OUTS, people(0, 2), people(2, 100)).waits


def test_a_map_waits_also_where_it_only_grows() -> None:
    assert judged(ReplacementKind.PRACTICE_MAP, people(0, 100), people(0, 200)).waits


@pytest.mark.parametrize("kind", list(ReplacementKind))
def test_what_is_emptied_waits_but_for_small_ones(kind: ReplacementKind) -> None:
    limit = rules.load().judge(kind, Change.of_sets(set(), set()), on=DAY, over_window=()).limit
    if "removed" in limit.free:
        assert not judged(kind, people(0, 1000), set()).waits
    else:
        assert judged(kind, people(0, 1000), set()).waits


def test_rows_that_say_something_else_count() -> None:
    before = dict.fromkeys(range(100), "one")
    after = dict.fromkeys(range(100), "other")
    change = Change.between(before, after)

    assert rules.load().judge(ReplacementKind.ASSURANCE, change, on=DAY, over_window=()).waits


# The rules


def rows(*parts: dict[str, object]) -> list[dict[str, object]]:
    return [
        {"kind": kind.value, "share": "0.1", "floor": 1, "free": [], "source": "a test", **part}
        for kind in ReplacementKind
        for part in (parts or ({},))
    ]


def test_a_limit_holds_on_its_days() -> None:
    limits = rules.read(rows({"to": "2026-03-31"}, {"from": "2026-04-01", "share": "0.5"}))
    change = Change.of_sets(people(0, 100), people(0, 60))

    assert limits.judge(ReplacementKind.EDITION, change, on=date(2026, 3, 31), over_window=()).waits
    assert not limits.judge(
        ReplacementKind.EDITION, change, on=date(2026, 4, 1), over_window=()
    ).waits


@pytest.mark.parametrize(
    "parts",
    [
        ({"to": "2026-03-31"},),
        ({"to": "2026-03-31"}, {"from": "2026-04-02"}),
        ({"to": "2026-03-31"}, {"from": "2026-03-31"}),
        ({}, {}),
    ],
    ids=["no end", "a gap", "a day twice", "two for ever"],
)
def test_a_day_without_a_limit_or_with_two_stops_the_start(
    parts: tuple[dict[str, object], ...],
) -> None:
    with pytest.raises(ValueError, match="every day once"):
        rules.read(rows(*parts))


@pytest.mark.parametrize(
    "wrong", [{"share": "1.5"}, {"floor": -1}, {"free": ["all"]}, {"source": ""}, {"shares": "1"}]
)
def test_a_limit_that_says_something_unknown_stops_the_start(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        rules.read(rows(wrong))


# How it stands


def begun(*, waits: bool) -> ReplacementStatus:
    change = Change(before=100, after=1, added=0, removed=99)
    limit = rules.load().judge(ReplacementKind.EDITION, change, on=DAY, over_window=()).limit
    judgement = Judgement(change=change, limit=limit, waits=waits)
    return ReplacementStatus.begun(judgement, by="one", at=AT)


def take_back(standing: ReplacementStatus, by: str, *, waits: bool) -> ReplacementStatus:
    change = Change(before=1, after=100, added=99, removed=0)
    limit = rules.load().judge(ReplacementKind.EDITION, change, on=DAY, over_window=()).limit
    judgement = Judgement(change=change, limit=limit, waits=waits)
    return standing.take_back(judgement, by=by, reason="sent in error", at=AT)


def test_a_second_person_lets_it_into_force_saying_why() -> None:
    confirmed = begun(waits=True).confirm(by="two", reason="asked the sender", at=AT)

    assert confirmed.is_effective
    assert (confirmed.state, confirmed.decided_by, confirmed.reason) == (
        State.CONFIRMED,
        "two",
        "asked the sender",
    )


@pytest.mark.parametrize("same", ["one", "ONE", " one "])
def test_whoever_sent_it_cannot_confirm_it(same: str) -> None:
    with pytest.raises(SecondPersonNeeded):
        begun(waits=True).confirm(by=same, reason="it is right", at=AT)


def test_only_what_waits_is_confirmed() -> None:
    accepted = begun(waits=False)
    over = take_back(begun(waits=True), "one", waits=True)

    for standing in (accepted, over, begun(waits=True).supersede(at=AT)):
        with pytest.raises(ReplacementDecided):
            standing.confirm(by="two", reason="it is right", at=AT)


def test_what_waits_is_taken_back_by_one_person() -> None:
    assert take_back(begun(waits=True), "one", waits=True).state is State.TAKEN_BACK


def test_what_is_in_force_and_would_give_much_by_going_needs_two() -> None:
    leaving = take_back(begun(waits=False), "three", waits=True)

    assert leaving.state is State.LEAVING
    assert leaving.is_effective
    with pytest.raises(SecondPersonNeeded):
        take_back(leaving, "three", waits=True)
    assert take_back(leaving, "four", waits=True).state is State.TAKEN_BACK


def test_what_is_in_force_and_gives_little_by_going_needs_one() -> None:
    assert take_back(begun(waits=False), "one", waits=False).state is State.TAKEN_BACK


def test_what_is_over_is_not_taken_back_again() -> None:
    with pytest.raises(ReplacementDecided):
        take_back(begun(waits=False).supersede(at=AT), "two", waits=False)


def test_what_was_taken_back_is_not_superseded() -> None:
    over = take_back(begun(waits=True), "one", waits=True)

    assert over.supersede(at=AT) is over


# In tables and on the wire


class GuardedRow(columns.StandingColumns):
    id: int = Field(primary_key=True)


def test_its_columns_give_the_standing_back() -> None:
    standing = take_back(begun(waits=False), "three", waits=True)
    row = GuardedRow.model_validate({"id": 1, **columns.values_of(standing)})

    assert columns.standing_of(row) == standing


def test_a_view_shows_counts_and_who_decided() -> None:
    view = StandingView.of(begun(waits=True).confirm(by="two", reason="asked", at=AT))

    assert view.state == "confirmed"
    assert view.change.removed == 99
    assert view.decided_by == "two"


@pytest.mark.parametrize("reason", ["", "  ", "ab", "a\x00b and more", "x" * 2001])
def test_a_reason_is_a_sentence(reason: str) -> None:
    with pytest.raises(ValidationError):
        Reason(reason=reason)


def test_the_limits_are_shares_of_the_rows_before() -> None:
    limits = rules.load()

    assert {row.kind for row in limits.rows} == set(ReplacementKind)
    assert all(Decimal(0) <= row.share < Decimal(1) for row in limits.rows)
