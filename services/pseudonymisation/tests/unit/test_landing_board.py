"""Who should have sent what by when, what came, what is late and what shrank."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

import catalogue
from common.ids import new_id
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.quality.adapters import rules
from pseudonymisation.quality.domain import board
from pseudonymisation.quality.domain.board import BoardLine, BoardState, LandedEdition, SentFile
from pseudonymisation.quality.domain.errors import ExpectationInvalid
from pseudonymisation.quality.domain.schedule import Expectation, due_on

CATALOGUE = catalogue.load()
TODAY = date(2018, 7, 1)
APRIL, MAY, JUNE = (Period.parse(f"2018-0{n}") for n in (4, 5, 6))


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)


def edition(period: Period = APRIL, **changes: Any) -> LandedEdition:
    given = {
        "id": new_id(),
        "data_set": "SUS_APC",
        "provider": "RR8",
        "period": period,
        "number": 1,
        "is_in_force": True,
        "rows": 1000,
        "landed_at": at("2018-05-10"),
    }
    return LandedEdition(**(given | changes))


def sent(state: str, period: Period = APRIL, **changes: Any) -> SentFile:
    given = {
        "id": new_id(),
        "data_set": "SUS_APC",
        "provider": "RR8",
        "period": period,
        "state": state,
        "created_at": at("2018-05-10"),
    }
    return SentFile(**(given | changes))


def shown(*editions: LandedEdition, files: Any = (), expected: Any = (APRIL,)) -> list[BoardLine]:
    found = board.lines(
        [("SUS_APC", "RR8", period) for period in expected],
        list(editions),
        list(files),
        due=lambda name, period: due_on(period, CATALOGUE.get(name), rules.due_rules()),
        shrinks=rules.shrink_rule(TODAY),
        today=TODAY,
    )
    return sorted(found, key=lambda line: line.key)


def test_what_did_not_come_is_late_once_it_was_due():
    april, june = shown(expected=(APRIL, JUNE))

    assert (april.due_on, april.state, april.is_late) == (date(2018, 5, 20), BoardState.LATE, True)
    assert (june.due_on, june.state, june.is_late) == (date(2018, 7, 20), BoardState.DUE, False)


def test_what_came_in_time_is_landed_and_what_came_after_is_late_too():
    [in_time] = shown(edition(landed_at=at("2018-05-20")))
    [late] = shown(edition(landed_at=at("2018-05-21")))

    assert (in_time.state, in_time.is_late) == (BoardState.LANDED, False)
    assert (late.state, late.is_late) == (BoardState.LANDED, True)


def test_a_resubmission_does_not_make_late_what_came_in_time():
    first = edition(is_in_force=False, landed_at=at("2018-05-10"))
    [line] = shown(first, edition(number=2, landed_at=at("2018-06-10")))

    assert (line.state, line.is_late) == (BoardState.LANDED, False)


@pytest.mark.parametrize(
    ("state", "shown_as"),
    [
        ("open", BoardState.UNDER_WAY),
        ("received", BoardState.UNDER_WAY),
        ("landing", BoardState.UNDER_WAY),
        ("waiting", BoardState.WAITING),
        ("rejected", BoardState.REJECTED),
        ("accepted", BoardState.REJECTED),
    ],
)
def test_what_is_not_in_force_yet_is_shown_as_what_it_is_and_stays_late(state, shown_as):
    file = sent(state)
    [line] = shown(files=[file])

    assert (line.state, line.is_late, line.submission_id) == (shown_as, True, file.id)


def test_of_several_files_the_last_counts():
    earlier = sent("rejected", created_at=at("2018-05-09"))
    later = sent("received", created_at=at("2018-05-11"))
    [line] = shown(files=[later, earlier])

    assert (line.state, line.submission_id) == (BoardState.UNDER_WAY, later.id)


def test_a_file_that_was_refused_changes_nothing_of_what_is_in_force():
    [line] = shown(edition(), files=[sent("rejected", created_at=at("2018-06-11"))])

    assert (line.state, line.submission_id) == (BoardState.LANDED, None)


def test_what_nobody_expected_is_shown_and_is_never_late():
    april, may = shown(edition(MAY, landed_at=at("2018-06-30")))

    assert (may.is_expected, may.state, may.is_late) == (False, BoardState.LANDED, False)
    assert april.is_expected


def test_a_file_of_several_months_is_what_came_of_each_of_them():
    quarter = edition(Period.parse("2018-04/2018-06"))
    lines = shown(quarter, expected=(APRIL, MAY, JUNE))

    assert [line.state for line in lines] == [BoardState.LANDED] * 3
    assert {line.edition_id for line in lines} == {quarter.id}


@pytest.mark.parametrize(("rows", "shrank"), [(1000, False), (800, False), (799, True), (0, True)])
def test_a_period_that_lost_more_than_the_dated_share_has_shrunk(rows, shrank):
    _, may = shown(edition(rows=1000), edition(MAY, rows=rows), expected=(APRIL, MAY))

    assert (may.rows_of_period_before, may.has_shrunk) == (1000, shrank)


def test_a_period_is_held_against_the_edition_that_it_replaced_too():
    former = edition(is_in_force=False, rows=1000)
    [line] = shown(former, edition(number=2, rows=500))

    assert (line.rows_of_edition_before, line.has_shrunk) == (1000, True)


def test_few_rows_lost_are_no_sign_of_anything():
    _, may = shown(edition(rows=20), edition(MAY, rows=5), expected=(APRIL, MAY))

    assert not may.has_shrunk


def test_another_providers_rows_are_nothing_to_compare_with():
    other = edition(provider="R0A", rows=5000)
    lines = shown(other, edition(MAY, rows=10), expected=(MAY,))

    assert not [line for line in lines if line.has_shrunk]


# --- expectations ---------------------------------------------------------------------------------


def expectation(**changes: Any) -> Expectation:
    given = {
        "id": new_id(),
        "data_set": "SUS_APC",
        "provider": "RR8",
        "first": "2018-04",
        "last": None,
        "every": 1,
        "recorded_at": at("2018-04-01"),
        "recorded_by": "somebody",
        "reason": "A contract.",
    }
    return Expectation(**(given | changes))


def periods(one: Expectation, first: str, last: str, data_set: str = "SUS_APC") -> list[str]:
    described = CATALOGUE.get(data_set)
    return [str(p) for p in one.periods(described, first=first, last=last)]


def test_months_are_expected_from_the_first_to_the_last():
    one = expectation(last="2018-06")

    assert periods(one, "2018-01", "2018-12") == ["2018-04", "2018-05", "2018-06"]
    assert periods(one, "2018-05", "2018-05") == ["2018-05"]
    assert periods(one, "2018-07", "2018-12") == []


def test_a_quarterly_file_is_expected_from_its_first_month_on_wherever_one_looks():
    one = expectation(every=3)

    assert periods(one, "2018-01", "2018-12") == ["2018-04", "2018-07", "2018-10"]
    assert periods(one, "2018-08", "2018-12") == ["2018-10"]


def test_weeks_are_expected_one_by_one():
    one = expectation(data_set="CIVIL_DEATHS")

    found = periods(one, "2018-04", "2018-04", "CIVIL_DEATHS")

    assert found == ["2018-W14", "2018-W15", "2018-W16", "2018-W17", "2018-W18"]


def test_nothing_is_expected_of_months_that_the_data_set_does_not_have():
    one = expectation(data_set="ECDS", first="2017-01")

    assert periods(one, "2017-01", "2017-11", "ECDS") == ["2017-10", "2017-11"]


def test_an_expectation_ends_not_before_it_begins():
    assert expectation().end("2018-04", reason="The contract ended.").last == "2018-04"
    with pytest.raises(ExpectationInvalid):
        expectation().end("2018-03", reason="The contract ended.")


@pytest.mark.parametrize(
    ("mine", "others", "overlap"),
    [
        (("2018-04", None), ("2019-04", None), True),
        (("2018-04", "2019-03"), ("2019-04", None), False),
        (("2018-04", "2019-04"), ("2019-04", "2019-05"), True),
        (("2019-04", None), ("2018-04", "2019-03"), False),
    ],
)
def test_a_file_is_expected_once(mine, others, overlap):
    one = expectation(first=mine[0], last=mine[1])
    other = expectation(first=others[0], last=others[1])

    assert one.overlaps(other) is other.overlaps(one) is overlap
    assert not one.overlaps(expectation(provider="R0A"))


def test_every_data_set_has_a_day_on_which_it_is_due():
    for name in sorted({described.data_set for described in CATALOGUE}):
        described = CATALOGUE.get(name)
        period = Period.parse(described.periods.earliest)
        assert due_on(period, described, rules.due_rules()) > period.last_day


def test_what_the_catalogue_says_of_availability_goes_before_the_schedule():
    assert due_on(Period.parse("2019-03"), CATALOGUE.get("SHMI"), ()) == date(2019, 8, 15)
    week = Period.parse("2019-W15")
    deaths = due_on(week, CATALOGUE.get("CIVIL_DEATHS"), rules.due_rules())
    assert (deaths - week.last_day).days == 10
