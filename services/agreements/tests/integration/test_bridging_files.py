"""A bridging file is judged by both of its agreements, released once, and gone with either."""

import copy
from dataclasses import replace

import pytest
from sqlmodel import Session

from agreements.db.decisions.holdings import SqlHoldings, none_is_known
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.decision.domain.question import Asker, Request
from agreements.decision.use_cases import dry_run
from agreements.decision.use_cases.decider import Decider
from agreements.records.adapters import reference
from agreements.records.domain.agreement import Circumstances
from agreements.records.domain.destruction.certificate import DestroyedFile
from agreements.records.domain.destruction.ledger import Trigger
from agreements.records.domain.hold import Hold
from agreements.records.use_cases.context import World
from agreements.records.use_cases.destruction import ledgers
from agreements.records.use_cases.destruction.ledgers import destroyed_of
from agreements.records.use_cases.ports import Slice
from common.ids import new_id
from common.security.principal import of_service
from common.security.roles import Role
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of
from services.agreements.tests.reference.giving import codes, fetched
from services.agreements.tests.reference.seeding import (
    BEFORE,
    SEALER,
    entry,
    on_the_catalogue,
    seed,
)
from statements.bridging import BridgedLine

OTHER = "DARS-NIC-654321-Z9Y8X"
BRIDGE = BridgedLine(agreement=OTHER, **asking.KEY._asdict())
MONTHS = ("2018-04", "2018-05")


def clause(agreement, **changes):
    term = {
        "key": "bridging_file",
        "agreement": agreement,
        "data_sets": ["SUS_APC"],
        "mitigation": "One team, one environment.",
        "from": "2018-04-01",
    }
    return term | changes


def world_of(reference, other, *, linkage=None, **line):
    world = on_the_catalogue(plain.sound())
    world["agreement"]["reference"] = reference
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["linkage"] = [clause(other)] if linkage is None else linkage
    version["snapshot"]["lines"][0] |= copy.deepcopy(line)
    return world


def second_agreement(uow, world):
    """Seed another agreement of the parties, beside the one that is there."""
    second = facts_of(world).agreement
    versions = tuple(
        replace(
            one,
            id=new_id(),
            conditions=tuple(replace(c, id=new_id()) for c in one.conditions),
            signatures=tuple(replace(s, id=new_id()) for s in one.signatures),
        )
        for one in second.versions
    )
    second = replace(second, id=new_id(), versions=versions)
    with uow.writing() as tx:
        tx.agreements.save(second.settle(BEFORE, Circumstances()), audit=entry())


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def database_kind():
    return "sqlite"


@pytest.fixture
def clock(clock):
    clock.set(plain.NOON)
    return clock


@pytest.fixture
def house(engine, clock):
    """Start the decider over two agreements of one CSU's environment."""
    running = []

    def start(mine=None, theirs=None):
        uow = seed(engine, mine or world_of(plain.REFERENCE, OTHER))
        second_agreement(uow, theirs or world_of(OTHER, plain.REFERENCE))
        decider = Decider(SqlDecisionLogs(engine, SEALER), clock)
        running.append(decider)
        return decider, uow

    yield start
    for decider in running:
        decider.stop()


def ask(decider, **changes):
    wanted = {"fields": (), "bridge": BRIDGE, "periods": MONTHS} | changes
    return decider.ask_and_wait(asking.request(**wanted))


PAIRS = [
    {"name": "Token", "treatment": "pseudonym", "class": "DER"},
    {"name": "Other_Token", "treatment": "pseudonym", "class": "DER"},
]


def attested(permit, *, made_with=None, editions=("edition-1",), bridge=None, **changes):
    said = permit.said
    other = said.bridge
    by_list = {} if made_with is None else {"list_id": made_with, "list_date": "2018-06-01"}
    claims = asking.attested(
        permit,
        columns=PAIRS,
        scan={"rule": "pcd-scan/2", "columns": [], "hits": 0},
        editions=[asking.edition(id_) for id_ in editions],
    )
    claims["opt_out"] |= by_list
    claims["bridge"] = {
        "of": said.claims()["agreement"],
        "agreement": said.claims()["bridge"]["agreement"],
        "line": said.claims()["bridge"]["line"],
        "domain": other.domain.id,
        "editions": [asking.edition(id_) for id_ in editions],
        "population": claims["population"] | {"codes": list(other.population.codes)},
    } | (bridge or {})
    return claims | changes


def give(decider, permit, **how):
    return decider.ask_and_wait(asking.release(attested(permit, **how)))


@pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_it_is_permitted_by_both_released_once_and_fetched(house, engine):
    decider, _ = house()

    answer = ask(decider)

    assert answer.permitted, answer.refusals
    said = answer.permit.said
    assert said.fields == ()
    assert (said.domain.agreement, said.bridge.domain.agreement) == (plain.REFERENCE, OTHER)
    assert said.domain.id != said.bridge.domain.id
    assert said.environment == said.bridge.environment == plain.ENVIRONMENT
    assert not list(said.contradictions())
    waiting = ask(decider).permit

    first = give(decider, answer.permit)
    assert first.permitted, first.refusals
    csv = attested(answer.permit)
    csv["file"]["format"] = "csv"
    assert decider.ask_and_wait(asking.release(csv)).permitted
    assert fetched(decider, first).permitted

    given = {("BRIDGING_FILE_GIVEN", OTHER)}
    assert codes(give(decider, waiting)) == given
    assert codes(ask(decider)) == given
    back = BridgedLine(agreement=plain.REFERENCE, **asking.KEY._asdict())
    assert codes(ask(decider, agreement=OTHER, bridge=back)) == {
        ("BRIDGING_FILE_GIVEN", plain.REFERENCE)
    }
    with Session(engine) as session:
        held = SqlHoldings(session, none_is_known)
        (seen, _) = held.of(OTHER)
        assert (seen.agreement, seen.bridges, seen.line) == (OTHER, plain.REFERENCE, 1)
        assert held.with_files_out([OTHER, plain.REFERENCE]) == {OTHER, plain.REFERENCE}
        assert held.agreements_with_files_out() == sorted([OTHER, plain.REFERENCE])


APPLIED = {"opt_out": {"applied": True, "reason": None}}


def test_what_is_released_is_the_pair_of_domains_that_was_permitted(house):
    decider, _ = house()
    permit = ask(decider).permit
    plain_permit = decider.ask_and_wait(asking.request()).permit

    invalid = {("ATTESTATION_INVALID", "bridge")}
    assert invalid <= codes(give(decider, permit, bridge={"domain": "sha256:" + "0" * 64}))
    unpaired = attested(permit)
    del unpaired["bridge"]
    assert invalid <= codes(decider.ask_and_wait(asking.release(unpaired)))
    more = [*PAIRS, {"name": "Reason_For_Access", "treatment": "derived", "class": "DER"}]
    assert invalid <= codes(give(decider, permit, columns=more))
    records = asking.attested(plain_permit)
    records["columns"].append(PAIRS[1])
    assert ("ATTESTATION_INVALID", "Other_Token") in codes(
        decider.ask_and_wait(asking.release(records))
    )
    assert give(decider, permit).permitted


@pytest.mark.parametrize("agreement", [plain.REFERENCE, OTHER])
def test_it_is_not_fetched_while_either_agreement_is_held(house, clock, agreement):
    decider, uow = house()
    released = give(decider, ask(decider).permit)
    assert fetched(decider, released).permitted
    with uow.writing() as tx:
        found = tx.agreements.get(agreement, scope=None)
        held = Hold(
            id=new_id(),
            breach_id=None,
            whole=True,
            lines=(),
            reason="breach",
            set_at=clock.now(),
            set_by="handler",
            lifted_at=None,
        )
        tx.agreements.save(replace(found, holds=(held,)), audit=entry(clock.now()))

    assert "BREACH_OPEN" in {code for code, _ in codes(fetched(decider, released))}
    assert "BREACH_OPEN" in {code for code, _ in codes(ask(decider))}


def test_a_dry_run_says_the_same(house, engine, clock):
    decider, _ = house()
    logs = SqlDecisionLogs(engine, SEALER)
    who = Asker(client_id=plain.CLIENT, organisation=plain.CSU)
    wanted = asking.request(fields=(), bridge=BRIDGE).request
    assert dry_run.request(Request(asker=who, request=wanted), logs=logs, clock=clock).permitted

    released = give(decider, ask(decider).permit)

    again = dry_run.request(Request(asker=who, request=wanted), logs=logs, clock=clock)
    assert [one.code for one in again.refusals] == ["BRIDGING_FILE_GIVEN"]
    assert dry_run.fetch(released.holding_id, who, logs=logs, clock=clock).permitted
    found = dry_run.files(who, after="", limit=10, logs=logs, clock=clock)
    assert [(one.holding_id, one.permitted) for one in found.files] == [(released.holding_id, True)]


UPHELD = {"dissemination_power": "s261_1_and_s261_2_b_ii", **APPLIED}


def records(decider, agreement, made_with, *, editions=("edition-1",)):
    """Have files of records of the agreement given, and fetched."""
    permit = decider.ask_and_wait(asking.request(agreement=agreement)).permit
    said = asking.attested(permit, editions=[asking.edition(id_) for id_ in editions])
    said["opt_out"] |= {"list_id": made_with, "list_date": "2018-06-01"}
    given = decider.ask_and_wait(asking.release(said))
    assert given.permitted, given.refusals
    assert fetched(decider, given).permitted


def test_where_opt_outs_are_upheld_only_what_is_held_is_paired(house):
    """Guard: `bridging_clauses._of_what_is_held`; who objected since is told by nothing."""
    decider, _ = house(
        world_of(plain.REFERENCE, OTHER, **UPHELD), world_of(OTHER, plain.REFERENCE, **UPHELD)
    )
    months = {("OPT_OUT_DIFFERENCING", month) for month in MONTHS}
    of_the_other = {(code, f"{OTHER}: {month}") for code, month in months}
    assert codes(ask(decider)) == months | of_the_other
    records(decider, plain.REFERENCE, "list-1")
    assert codes(ask(decider)) == of_the_other
    records(decider, OTHER, "list-1")

    permit = ask(decider).permit

    newer = give(decider, permit, made_with="list-2")
    assert codes(newer) == months | of_the_other
    other_edition = give(decider, permit, made_with="list-1", editions=["edition-2"])
    assert codes(other_edition) == months | of_the_other
    assert give(decider, permit, made_with="list-1").permitted


@pytest.mark.parametrize("accepted_of", [plain.REFERENCE, OTHER])
def test_it_is_destroyed_with_either_agreement_and_then_for_both(house, clock, accepted_of):
    """Guard: `ledgers.destroyed_of`; else the other one could never say that nothing is held."""
    decider, uow = house()
    released = give(decider, ask(decider).permit)
    with uow.writing() as tx:
        agreement = tx.agreements.get(accepted_of, scope=None)
        tx.destroyed_files.save(
            DestroyedFile(
                id=released.holding_id,
                agreement_id=agreement.id,
                file_id=str(new_id()),
                destroyed_at=clock.now(),
            ),
            audit=entry(clock.now()),
        )

    with uow.reading() as tx:
        for reference in (plain.REFERENCE, OTHER):
            one, held = tx.agreements.get(reference, scope=None), tx.holdings.of(reference)
            assert [file.id for file in held] == [released.holding_id]
            assert destroyed_of(tx, one, held).keys() == {released.holding_id}
            assert not tx.holdings.has_files_out(reference)


@pytest.mark.parametrize("ended", [plain.REFERENCE, OTHER])
def test_it_has_to_go_with_either_agreement_and_stands_in_what_is_held_of_both(house, clock, ended):
    """Guard: `ledgers._seen_from_the_other`; else only one of both said by when it must go."""
    decider, uow = house()
    give(decider, ask(decider).permit)
    world = World(uow=uow, clock=clock, reference=reference.load())
    ctx = world.on_behalf_of(
        of_service("agreements", Role.SERVICE_AGREEMENTS, audience="agreements")
    )
    [before] = ledgers.page(Slice(after=None, rows=10), ctx=ctx)
    assert before.one.line.due is None

    with uow.writing() as tx:
        found = tx.agreements.get(ended, scope=None)
        cut = found.terminate(reason="Not needed.", at=tx.at)
        tx.agreements.save(cut.settle(tx.at, Circumstances()), audit=entry(clock.now()))

    [shown] = ledgers.page(Slice(after=None, rows=10), ctx=ctx)
    assert shown.one.line.due.trigger is Trigger.TERMINATED


@pytest.mark.parametrize("either", [plain.REFERENCE, OTHER])
def test_what_is_under_way_of_it_is_under_way_for_either_agreement(house, engine, clock, either):
    """For the preview of a hold: its preparation, and its download. Guard: `SqlHoldings`."""
    decider, _ = house()
    now = clock.now()

    def under_way(of=either):
        with Session(engine) as session:
            return SqlHoldings(session, none_is_known).under_way(of, at=now)

    assert under_way() == []
    permit = ask(decider).permit
    assert [key.data_set for key in under_way()] == ["SUS_APC"]
    assert under_way("DARS-NIC-999999-Z9Z9Z") == []
    released = give(decider, permit)
    assert under_way() == []
    assert fetched(decider, released).permitted
    assert [key.data_set for key in under_way()] == ["SUS_APC"]
