"""Files of two data sets with equal tokens are held against each other (docs/adr/0249, R09, R14).

Guard: `held.told_apart` and `held_beside`, `DecisionBatch.held_with`. Which lists tell the haven
judges: `services/pseudonymisation/tests/integration/test_lists_of_linked_data_sets.py`.
"""

from dataclasses import replace

import pytest
from sqlmodel import Session

import catalogue
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.decisions.tables import HoldingFateRow
from agreements.decision.domain import held
from agreements.decision.domain.question import Landed
from services.agreements.tests.reference import asking, giving
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.giving import codes, fetched
from services.agreements.tests.reference.seeding import SEALER, on_the_catalogue, seed

STAYS, VISITS = "SUS_APC", "SUS_OP"
MONTH = "2018-04"
TOLD = {("OPT_OUT_DIFFERENCING", MONTH)}


def world_of(*, linked):
    world = on_the_catalogue(plain.sound())
    world["listed"] = []
    (version,) = world["agreement"]["versions"]
    snapshot = version["snapshot"]
    (first, *_) = snapshot["lines"]
    first["opt_out"] = {"applied": True, "reason": None}
    first["fields"] = [f for f in first["fields"] if f["name"] == "Sex"]
    digest = catalogue.load().get(VISITS, "1.0").digest
    other = {"number": 9, "data_set": VISITS, "catalogue_digest": digest}
    snapshot["lines"].append(plain.copied(first) | other)
    if linked:
        snapshot["linkage"] = [
            {"data_sets": [STAYS, VISITS], "key": "person", "mitigation": "one team"}
        ]
    return world


@pytest.fixture
def database_kind():
    return "sqlite"


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def linked():
    return True


@pytest.fixture
def decider(engine, clock, linked):
    """Each question is asked dry before."""
    clock.set(plain.NOON)
    seed(engine, world_of(linked=linked))
    decider = giving.Rehearsing(SqlDecisionLogs(engine, SEALER), clock)
    yield decider
    decider.stop()


def permit_of(decider, data_set, *, landed=None):
    asked = asking.request(data_set=data_set, fields=("Sex",), periods=(MONTH,))
    answer = decider.ask_and_wait(replace(asked, landed=landed))
    assert answer.permit is not None, answer.refusals
    return answer.permit


def give(decider, data_set, made_with, *besides, told=(), permit=None):
    """A file of the month, made with these lists; `told`: beside what it would tell."""
    permit = permit or permit_of(decider, data_set)
    made = catalogue.load().rules_of(data_set, plain.NOON.date())
    landing = {"version": made.version, "digest": made.digest}
    derived = {"treatment": "derived", "class": "DER"}
    claims = asking.attested(
        permit,
        editions=[asking.edition(f"edition of {data_set}", period=MONTH, landing_rules=landing)],
        columns=[
            {"name": "Token", "treatment": "pseudonym", "class": "DER"},
            {"name": "Reason_For_Access", **derived},
            {"name": "Sex", "treatment": "as_is", "class": "QI"},
        ],
        scan={"rule": "pcd-scan/2", "columns": ["Sex"], "hits": 0},
    )
    lists = {"list_id": made_with, "list_date": "2018-06-01", "besides": [*besides]}
    claims["opt_out"] |= lists
    if told:
        claims["standing_beside"] = [{"month": MONTH, **one} for one in told]
    return decider.ask_and_wait(asking.release(claims))


def beside(data_set, *lists, **more):
    return {"data_set": data_set, "lists": [*lists]} | more


def to_come(data_set, made_with="list-2"):
    read = frozenset({(MONTH, frozenset({f"edition of {data_set}"}))})
    return Landed(editions=read, lists=frozenset({made_with}))


def test_a_permit_names_what_was_fetched_of_a_linked_data_set(decider):
    first = give(decider, STAYS, "list-1")
    assert permit_of(decider, VISITS, landed=to_come(VISITS)).said.held_beside == ()
    fetched(decider, first)

    (told,) = permit_of(decider, VISITS, landed=to_come(VISITS)).said.held_beside

    assert (told.data_set, told.month, told.lists) == (STAYS, MONTH, ("list-1",))
    assert told.editions == ()


def test_what_would_tell_beside_what_was_fetched_is_not_released(decider):
    fetched(decider, give(decider, STAYS, "list-1"))
    told = [beside(STAYS, "list-1")]

    assert codes(give(decider, VISITS, "list-2", told=told)) == TOLD
    assert give(decider, VISITS, "list-1", told=told).permitted, "with the very list"


def test_what_would_tell_beside_another_list_alone_is_released(decider):
    fetched(decider, give(decider, STAYS, "list-1"))

    assert give(decider, VISITS, "list-2", "list-1", told=[beside(STAYS, "list-0")]).permitted


def test_the_older_file_may_be_the_one_that_says_it(decider):
    late = permit_of(decider, STAYS)
    told = [beside(STAYS, extract=late.said.extract_id)]
    fetched(decider, give(decider, VISITS, "list-2", told=told))

    assert codes(give(decider, STAYS, "list-1", permit=late)) == TOLD
    assert give(decider, STAYS, "list-1").permitted, "another extract, which was compared"


def test_one_that_nobody_fetched_is_void(decider, engine):
    first = give(decider, STAYS, "list-1")
    second = give(decider, VISITS, "list-2", told=[beside(STAYS, "list-1")])

    assert second.permitted
    assert codes(fetched(decider, first)) == {("FILE_VOID", None)}
    with Session(engine) as session:
        assert session.get(HoldingFateRow, first.holding_id).fate == "void"


def test_of_two_that_tell_the_first_that_is_fetched_is_the_only_one(decider, monkeypatch):
    """Where it was not seen at the release that they do. Guard: `decide_fetch.judged`."""
    first = give(decider, STAYS, "list-1")
    with monkeypatch.context() as blind:
        blind.setattr(held, "_is_all_by_linkage", lambda *_: False)
        second = give(decider, VISITS, "list-2", told=[beside(STAYS, "list-1")])
    assert fetched(decider, second).permitted

    assert codes(fetched(decider, first)) == TOLD


@pytest.mark.parametrize("linked", [False])
def test_data_sets_without_equal_tokens_are_not_held_against_each_other(decider):
    fetched(decider, give(decider, STAYS, "list-1"))

    assert give(decider, VISITS, "list-2", told=[beside(STAYS, "list-1")]).permitted
    assert permit_of(decider, VISITS, landed=to_come(VISITS)).said.held_beside == ()


def test_changes_lead_from_an_extract_of_the_data_set_alone(decider):
    permit = permit_of(decider, STAYS)
    fetched(decider, give(decider, STAYS, "list-1", permit=permit))
    since = permit.said.extract_id
    asked = asking.request(data_set=VISITS, fields=("Sex",), periods=(MONTH,), changes_since=since)

    refused = {code for code, _ in codes(decider.ask_and_wait(asked))}

    assert "EARLIER_EXTRACT_OF_ANOTHER_LINE" in refused
