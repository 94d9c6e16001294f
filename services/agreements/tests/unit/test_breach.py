"""Breaches: what is asked first, the receipt, the finding, the end (domain.md 3.6)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from agreements.records.adapters.reference import load
from agreements.records.domain.breach import (
    Breach,
    BreachState,
    Channel,
    Demand,
    Finding,
    Required,
    Stopped,
    receipt_due,
)
from common.errors import TransitionRefused
from services.agreements.tests.facts import CSU, NOW, REFERENCE, new_id

HOLIDAYS = load().bank_holidays


def breach(**changes):
    values = {
        "id": new_id(),
        "reference": "BRE-1",
        "agreement_id": new_id(),
        "agreement": REFERENCE,
        "lines": (1,),
        "channel": Channel.API,
        "activity_stopped": Stopped.YES,
        "activity_stopped_at": NOW,
        "description": "A processor that is not in the agreement was used.",
        "discovered_at": NOW,
        "reported_at": NOW,
        "reporter_organisation": CSU,
    }
    return Breach(**values | changes)


def known(found):
    """Its facts are established."""
    return found.establish(facts="One file was copied.", records_affected=None, at=NOW)


@pytest.mark.scenario("B03")
@pytest.mark.parametrize(
    ("stopped", "holds"), [(Stopped.YES, False), (Stopped.NO, True), (Stopped.NOT_KNOWN, True)]
)
def test_an_activity_that_may_go_on_holds_at_once(stopped, holds):
    assert breach(activity_stopped=stopped).holds_at_once() is holds


@pytest.mark.scenario("B01")
def test_a_receipt_is_issued_once():
    receipted = breach().issue_receipt(reference="REC-1", at=NOW)

    assert (receipted.receipt_reference, receipted.receipt_at) == ("REC-1", NOW)
    assert receipted.issue_receipt(reference="REC-2", at=NOW) is receipted


@pytest.mark.scenario("B02")
@pytest.mark.parametrize(
    ("reported", "last_day"),
    [
        ("2018-06-01T09:00+00:00", date(2018, 6, 4)),  # a Friday: the Monday
        ("2018-06-04T09:00+00:00", date(2018, 6, 5)),
        ("2018-08-24T09:00+00:00", date(2018, 8, 28)),  # the Monday is a bank holiday
        ("2018-06-04T23:30+00:00", date(2018, 6, 6)),  # in London it is the fifth already
    ],
)
def test_a_receipt_is_overdue_after_one_working_day(reported, last_day):
    reported_at = datetime.fromisoformat(reported)
    waiting = breach(reported_at=reported_at, channel=Channel.TELEPHONE)
    due = receipt_due(reported_at, HOLIDAYS)

    assert due.astimezone(UTC) - timedelta(seconds=1) < due
    assert due == datetime(last_day.year, last_day.month, last_day.day, 23, tzinfo=UTC)
    assert not waiting.receipt_is_overdue(due - timedelta(seconds=1), HOLIDAYS)
    assert waiting.receipt_is_overdue(due, HOLIDAYS)
    assert not waiting.issue_receipt(reference="R", at=due).receipt_is_overdue(due, HOLIDAYS)


def test_it_is_reported_judged_and_closed():
    reported = breach().announce()
    judged = reported.find(Finding.MINOR, at=NOW)
    closed = known(judged).close(outcome="Taught.", lesson="Teach.", at=NOW)

    assert [b.state for b in (reported, judged, closed)] == [
        BreachState.REPORTED,
        BreachState.JUDGED,
        BreachState.CLOSED,
    ]
    assert [e.type for e in closed.pending] == [
        "agreements.breach-reported.v1",
        "agreements.breach-closed.v1",
    ]
    assert closed.pending[1].finding == "minor"
    assert closed.close(outcome="again", lesson="y", at=NOW) is closed


def test_it_may_be_judged_anew_until_it_is_closed():
    judged = breach().find(Finding.MINOR, at=NOW)

    assert judged.find(Finding.MINOR, at=NOW + timedelta(days=1)) is judged
    assert judged.find(Finding.SERIOUS, at=NOW).finding is Finding.SERIOUS
    with pytest.raises(TransitionRefused):
        known(judged).close(outcome="x", lesson="y", at=NOW).find(Finding.MAJOR, at=NOW)


def test_what_was_ended_stays_demanded():
    contracts = ("CON-123456-A1B2C",)
    ended = breach().find(
        Finding.SERIOUS, actions=[Demand.END_CONTRACT], contracts=contracts, at=NOW
    )

    for less in (
        {"actions": [Demand.DESTROY]},
        {"actions": [Demand.END_CONTRACT], "contracts": ["CON-654321-A1B2C"]},
    ):
        with pytest.raises(TransitionRefused):
            ended.find(Finding.MAJOR, **less, at=NOW)
    more = ended.find(
        Finding.MAJOR,
        actions=[Demand.END_CONTRACT, Demand.DESTROY],
        contracts=contracts,
        at=NOW,
    )
    assert more.actions == (Demand.DESTROY, Demand.END_CONTRACT)


@pytest.mark.parametrize("step", [known, lambda b: b.find(Finding.MINOR, at=NOW)])
def test_neither_facts_nor_a_finding_alone_are_enough_to_close(step):
    with pytest.raises(TransitionRefused):
        step(breach()).close(outcome="x", lesson="y", at=NOW)


def test_what_nobody_judged_is_not_closed():
    with pytest.raises(TransitionRefused):
        known(breach()).close(outcome="x", lesson="y", at=NOW)


@pytest.mark.scenario("B04")
def test_neither_receipt_nor_closure_fills_in_what_the_ico_was_told():
    closed = (
        breach()
        .issue_receipt(reference="REC-1", at=NOW)
        .find(Finding.SERIOUS, at=NOW)
        .establish(facts="One file was copied.", records_affected=None, at=NOW)
        .close(outcome="Data destroyed.", lesson="Copies are counted.", at=NOW)
    )

    assert closed.ico_required is Required.NOT_KNOWN
    assert closed.ico_notified_at is None
    assert replace(closed, ico_notified_at=NOW).ico_notified_at == NOW
