"""Two files of the same rows, made with two lists, would list the objectors between them (R14)."""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select
from sqlmodel import Session

from agreements.db.decisions.tables import DecisionRow, HoldingFateRow, HoldingRow, PermitRow
from agreements.decision.domain import held
from agreements.decision.domain.question import Landed
from common.ids import digest_of
from services.agreements.tests.reference import asking, giving
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.giving import codes, fetched, give, prepared

BOTH = pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
BROKEN = {("SEAL_BROKEN", "holding_fate")}
REFUSED = {("OPT_OUT_DIFFERENCING", "2018-04"), ("OPT_OUT_DIFFERENCING", "2018-05")}


@pytest.fixture
def database_kind():
    return "sqlite"


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def clock(clock):
    clock.set(plain.NOON)
    return clock


@pytest.fixture
def started(engine, clock):
    with giving.replicas(engine, clock) as start:
        yield start


@pytest.fixture
def decider(started):
    """Each question is asked dry before: Guard: `dry_run.request` and `fetch` judge by the same."""
    return started(giving.Rehearsing)


def to_come(made_with="list-2", *, editions=("edition-1",), months=("2018-04", "2018-05")):
    """What the haven would read of these months, and by which list it would leave people out."""
    read = frozenset((month, frozenset(editions)) for month in months)
    return Landed(editions=read, lists=frozenset({made_with}))


def ask_for_more(decider, landed, **changes):
    return decider.ask_and_wait(replace(asking.request(**changes), landed=landed))


def permits(engine):
    with Session(engine) as session:
        return session.execute(select(PermitRow.id)).scalars().all()


def holdings(engine):
    with Session(engine) as session:
        return session.execute(select(HoldingRow.id)).scalars().all()


@BOTH
@pytest.mark.scenario("R14")
def test_a_period_that_was_fetched_is_not_released_again_for_a_newer_list(engine, decider):
    first = give(decider, "list-1")
    assert fetched(decider, first).permitted

    again = give(decider, "list-2")

    assert codes(again) == REFUSED
    assert holdings(engine) == [first.holding_id]
    assert fetched(decider, first).permitted


def test_the_same_list_may_be_used_again_also_under_another_import(decider):
    first = give(decider, "list-1", list_digest="sha256:1")
    fetched(decider, first)

    assert give(decider, "list-1", list_digest="sha256:1").permitted
    assert give(decider, "list-2", list_digest="sha256:1").permitted


def test_a_list_that_waited_beside_it_makes_another_file(decider):
    fetched(decider, give(decider, "list-1"))

    assert codes(give(decider, "list-1", besides=["list-2"])) == REFUSED


def test_where_the_edition_changed_as_well_the_newer_list_is_used(decider):
    fetched(decider, give(decider, "list-1"))

    assert give(decider, "list-2", editions=["edition-2"]).permitted
    assert codes(give(decider, "list-3", editions=["edition-1", "edition-3"])) == REFUSED


@pytest.mark.scenario("R13")
@pytest.mark.parametrize("first", ["older", "newer"])
def test_where_objections_would_be_all_that_it_lacks_it_waits_for_the_next_edition(
    engine, decider, first
):
    """Guard: `held._is_all_by_objection`; whichever of the two files was made first says it."""
    beside = [{"month": "2018-04", "edition": "edition-1"}]
    files = {
        "older": ("list-1", {"editions": ["edition-1"]}),
        "newer": ("list-2", {"editions": ["edition-2"], "standing_beside": beside}),
    }
    second = "newer" if first == "older" else "older"
    list_, said = files[first]
    had = give(decider, list_, **said)
    fetched(decider, had)

    list_, said = files[second]
    again = give(decider, list_, **said)

    assert codes(again) == {("OPT_OUT_DIFFERENCING", "2018-04")}
    assert holdings(engine) == [had.holding_id]
    assert give(decider, "list-3", editions=["edition-3"]).permitted


def test_with_the_same_list_an_edition_that_lost_nobody_is_released(decider):
    fetched(decider, give(decider, "list-1", editions=["edition-1"]))
    beside = [{"month": "2018-04", "edition": "edition-1"}]

    assert give(decider, "list-1", editions=["edition-2"], standing_beside=beside).permitted


def test_a_month_that_it_does_not_hold_is_released(decider):
    fetched(decider, give(decider, "list-1", periods=("2018-05",)))

    assert give(decider, "list-2", periods=("2018-06",)).permitted
    assert codes(give(decider, "list-2")) == {("OPT_OUT_DIFFERENCING", "2018-05")}


@BOTH
@pytest.mark.scenario("R14")
def test_what_would_be_refused_at_the_release_is_refused_when_it_is_asked_for(engine, decider):
    fetched(decider, give(decider, "list-1"))
    before = permits(engine)

    again = ask_for_more(decider, to_come())

    assert (again.permitted, codes(again), again.permit) == (False, REFUSED, None)
    assert permits(engine) == before
    assert ask_for_more(decider, to_come("list-1")).permitted


def test_of_a_request_only_the_months_that_are_held_are_refused(decider):
    fetched(decider, give(decider, "list-1", periods=("2018-05",)))

    assert codes(ask_for_more(decider, to_come())) == {("OPT_OUT_DIFFERENCING", "2018-05")}
    assert ask_for_more(decider, to_come(), periods=("2018-04",)).permitted


def test_what_may_be_had_with_the_newer_list_may_be_asked_for(decider):
    first = give(decider, "list-1")

    assert ask_for_more(decider, to_come()).permitted, "nobody fetched the other"
    fetched(decider, first)
    assert ask_for_more(decider, to_come(editions=["edition-2"])).permitted
    assert ask_for_more(decider, None).permitted, "the haven could not be asked"


@pytest.mark.scenario("R13")
def test_a_permit_names_what_was_fetched_of_editions_that_are_replaced(decider):
    """The haven compares them before it makes a file. Guard: `decide._held_beside`."""
    told = to_come(editions=["edition-2"])
    first = give(decider, "list-1")
    assert ask_for_more(decider, told).permit.said.held_beside == (), "nobody fetched it"

    fetched(decider, first)

    (april, may) = ask_for_more(decider, told).permit.said.held_beside
    assert (april.month, april.editions, april.lists) == ("2018-04", ("edition-1",), ("list-1",))
    assert may.month == "2018-05"
    only_may = ask_for_more(decider, to_come(editions=["edition-2"], months=("2018-05",)))
    assert [one.month for one in only_may.permit.said.held_beside] == ["2018-05"]
    still_read = ask_for_more(decider, to_come("list-1", editions=["edition-1", "edition-2"]))
    assert still_read.permit.said.held_beside == ()


def test_of_more_editions_than_a_permit_names_the_release_judges(decider, monkeypatch):
    fetched(decider, give(decider, "list-1"))
    monkeypatch.setattr(held, "EDITIONS_TOLD_MAX", 1)

    assert ask_for_more(decider, to_come(editions=["edition-2"])).permit.said.held_beside == ()


def test_it_is_said_until_when_it_waits(decider):
    fetched(decider, give(decider, "list-1"))

    details = {r.subject: r.detail for r in give(decider, "list-2").refusals}

    assert details["2018-04"].endswith("the next edition is due by 2018-06-20.")


def test_a_yes_to_a_request_is_not_remembered_beyond_the_first_fetch(decider):
    first = give(decider, "list-1")
    asked = replace(asking.request(), landed=to_come())
    assert decider.ask_and_wait(asked).permitted

    fetched(decider, first)

    assert codes(decider.ask_and_wait(asked)) == REFUSED


def test_the_log_says_by_which_lists_and_editions_a_request_was_judged(engine, decider):
    told = to_come()
    answer = ask_for_more(decider, told)

    with Session(engine) as session:
        row = session.get(DecisionRow, answer.decision_id)
    assert json.loads(row.inputs)["landed"] == {
        "lists": ["list-2"],
        "editions": digest_of({month: sorted(ids) for month, ids in told.editions}),
    }


@BOTH
def test_a_file_that_nobody_fetched_is_void_for_good_and_the_newer_one_takes_its_place(
    engine, decider, clock
):
    first = give(decider, "list-1")
    second = give(decider, "list-2")

    assert second.permitted
    assert codes(fetched(decider, first)) == {("FILE_VOID", None)}
    assert fetched(decider, second).permitted
    clock.advance(timedelta(hours=1).total_seconds())
    assert codes(fetched(decider, first)) == {("FILE_VOID", None)}
    with Session(engine) as session:
        fates = dict(session.execute(select(HoldingFateRow.holding_id, HoldingFateRow.fate)).all())
    assert fates == {first.holding_id: "void", second.holding_id: "fetched"}


def test_what_is_void_is_so_for_a_replica_that_had_it_warm(started):
    one, other = started(), started()
    first = give(one, "list-1")
    give(other, "list-2")

    assert codes(fetched(one, first)) == {("FILE_VOID", None)}
    assert codes(fetched(other, first)) == {("FILE_VOID", None)}


def test_with_the_row_of_what_is_void_deleted_no_two_files_are_had(engine, started):
    first = give(started(), "list-1")
    second = give(started(), "list-2")
    with Session(engine) as session:
        session.execute(delete(HoldingFateRow))
        session.commit()
    decider = started()

    assert codes(fetched(decider, second)) == BROKEN
    assert codes(fetched(decider, first)) == BROKEN


def test_with_the_row_of_what_was_fetched_deleted_nothing_is_released(engine, started):
    fetched(started(), give(started(), "list-1"))
    with Session(engine) as session:
        session.execute(delete(HoldingFateRow))
        session.commit()

    assert codes(give(started(), "list-2")) == BROKEN


def test_a_refused_fetch_is_no_fetch(decider, clock):
    first = give(decider, "list-1")
    stranger = asking.evidence(client="stranger")
    refused = decider.ask_and_wait(
        asking.fetch(first.holding_id, client_id="stranger", evidence=stranger)
    )
    assert not refused.permitted

    assert give(decider, "list-2").permitted


@BOTH
def test_of_a_fetch_and_a_newer_file_at_the_same_time_one_happens(started):
    one, other = started(), started()
    for month in ("2018-04", "2018-05", "2018-06", "2018-07"):
        first = give(one, "list-1", periods=(month,), editions=["edition-1"])
        second = prepared(other, "list-2", periods=(month,), editions=["edition-1"])
        barrier = threading.Barrier(2)
        answers = {}

        def ask(name, replica, question, barrier=barrier, answers=answers):
            barrier.wait(60)
            answers[name] = replica.ask_and_wait(question)

        threads = [
            threading.Thread(target=ask, args=("fetch", one, asking.fetch(first.holding_id))),
            threading.Thread(target=ask, args=("release", other, second)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert sorted(a.permitted for a in answers.values()) == [False, True], answers


@BOTH
def test_of_two_files_released_at_the_same_time_one_at_most_is_fetched(started):
    one, other = started(), started()
    pair = [prepared(one, "list-1"), prepared(other, "list-2")]
    answers = [None, None]
    barrier = threading.Barrier(2)

    def release(n, replica):
        barrier.wait(60)
        answers[n] = replica.ask_and_wait(pair[n])

    threads = [threading.Thread(target=release, args=(n, r)) for n, r in enumerate((one, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [a.permitted for a in answers] == [True, True]
    assert sorted(fetched(one, a).permitted for a in answers) == [False, True]
