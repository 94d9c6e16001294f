"""What the haven takes back after files were made with it: these are void (docs/adr/0032)."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlmodel import Session

from agreements.db.decisions.log import SqlDecisionLogs
from agreements.decision.use_cases.decider import Decider
from agreements.records.adapters import reference
from agreements.records.domain.recalls import Source
from agreements.records.use_cases import recalls
from agreements.records.use_cases.context import Context
from common.security.principal import Principal
from common.security.roles import Role
from services.agreements.tests.integration.test_differencing import codes, fetched, give, prepared
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER, on_the_catalogue, seed

BOTH = pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
BY_LIST = {("FILE_VOID", "opt_out_list")}
BY_EDITION = {("FILE_VOID", "edition")}


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
def uow(engine, clock):
    world = on_the_catalogue(plain.sound())
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["lines"][0]["opt_out"] = {"applied": True, "reason": None}
    return seed(engine, world)


@pytest.fixture
def decider(engine, uow, clock):
    made = Decider(SqlDecisionLogs(engine, SEALER), clock)
    yield made
    made.stop()


@pytest.fixture
def hear(uow, clock):
    ctx = Context(
        uow=uow,
        clock=clock,
        principal=Principal(
            subject="agreements",
            client_id="agreements",
            organisation="X26",
            role=Role.SERVICE_AGREEMENTS,
            token_id="",
            expires_at=datetime.max.replace(tzinfo=UTC),
            audience="agreements",
        ),
        reference=reference.load(),
    )

    def heard(kind, source, instead=None, *, is_new=True):
        recalls.record_recall(
            kind, source, instead, clock.now(), is_new=lambda _tx: is_new, ctx=ctx
        )

    return heard


def told(engine):
    with Session(engine) as session:
        events = [json.loads(e) for (e,) in session.execute(text("SELECT event FROM outbox"))]
    kind = "agreements.file-voided.v1"
    said = [e["data"] for e in events if e["type"] == kind]
    return {(d["holding_id"], d["cause"]) for d in said}


@BOTH
def test_a_file_of_a_list_that_was_taken_back_is_not_fetched_any_more(engine, decider, hear):
    first, other = give(decider, "list-1"), give(decider, "list-1", editions=["edition-9"])
    assert fetched(decider, first).permitted

    hear(Source.OPT_OUT_LIST, "list-1")

    assert codes(fetched(decider, first)) == codes(fetched(decider, other)) == BY_LIST
    assert told(engine) == {
        (str(first.holding_id), "opt_out_list"),
        (str(other.holding_id), "opt_out_list"),
    }


def test_what_is_void_for_its_edition_says_so(engine, decider, hear):
    mine = give(decider, "list-1", editions=["edition-1", "edition-2"])
    others = give(decider, "list-1", editions=["edition-3"])

    hear(Source.EDITION, "edition-2")

    assert codes(fetched(decider, mine)) == BY_EDITION
    assert fetched(decider, others).permitted
    assert told(engine) == {(str(mine.holding_id), "edition")}


def test_what_was_prepared_with_it_and_not_released_yet_is_refused_at_the_release(decider, hear):
    on_its_way = prepared(decider, "list-1")

    hear(Source.OPT_OUT_LIST, "list-1")

    assert codes(decider.ask_and_wait(on_its_way)) == BY_LIST
    assert give(decider, "list-2").permitted


def test_a_file_that_upholds_the_list_that_came_instead_as_well_stays(decider, hear):
    both = give(decider, "list-2", besides=["list-1"])

    hear(Source.OPT_OUT_LIST, "list-2", "list-1")

    assert fetched(decider, both).permitted


def test_a_list_that_only_waited_beside_another_takes_nothing_with_it(decider, hear):
    both = give(decider, "list-1", besides=["list-2"])

    hear(Source.OPT_OUT_LIST, "list-2")

    assert fetched(decider, both).permitted


def test_what_left_before_it_was_void_still_tells_objectors_apart(decider, hear):
    fetched(decider, give(decider, "list-1"))

    hear(Source.OPT_OUT_LIST, "list-1")

    assert codes(give(decider, "list-2")) == {
        ("OPT_OUT_DIFFERENCING", "2018-04"),
        ("OPT_OUT_DIFFERENCING", "2018-05"),
    }


def test_what_was_heard_before_is_not_heard_again(engine, decider, hear):
    first = give(decider, "list-1")

    hear(Source.OPT_OUT_LIST, "list-1", is_new=False)

    assert fetched(decider, first).permitted
    assert told(engine) == set()


def test_a_file_that_a_newer_one_makes_void_is_told_of_too(engine, decider):
    first = give(decider, "list-1")

    assert give(decider, "list-2").permitted

    assert told(engine) == {(str(first.holding_id), "newer_file")}


def test_a_recall_that_somebody_deletes_from_the_database_opens_nothing(engine, decider, hear):
    first = give(decider, "list-1")
    hear(Source.OPT_OUT_LIST, "list-1")
    with Session(engine) as session:
        session.execute(text("DELETE FROM recall"))
        session.commit()
    clean = Decider(SqlDecisionLogs(engine, SEALER), decider._clock)

    answer = fetched(clean, first)
    clean.stop()

    assert codes(answer) == {("SEAL_BROKEN", "recall")}
