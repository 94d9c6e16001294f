"""Decisions are durable before they are answered, share commits, and see every change of a fact."""

import asyncio
import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, text
from sqlmodel import Session

from agreements.db import epoch as epochs
from agreements.db.decisions import log as adapter
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.decisions.tables import DecisionRow, HoldingRow, OptOutTreatmentRow, PermitRow
from agreements.decision.domain.errors import Contended, DigestDiffers, EvidenceRefused
from agreements.decision.use_cases import decide_fetch, decide_request
from agreements.decision.use_cases import decider as deciders
from agreements.decision.use_cases.asking import Earlier
from agreements.decision.use_cases.decider import Decider
from agreements.records.domain.agreement import Circumstances as StateFacts
from agreements.records.domain.hold import Hold
from common.db.tables import audit_leaf
from common.db.unit_of_work import DatabaseUnavailable
from common.errors import DecisionUnavailable
from common.ids import digest, new_id
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of
from services.agreements.tests.reference.seeding import SEALER, entry, on_the_catalogue, seed
from services.agreements.tests.reference.world import CCG, CLIENT, london

OTHER_REFERENCE = "DARS-NIC-654321-Z9Y8X"
ON_POSTGRESQL = pytest.mark.parametrize(
    "database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
"""A writer has SQLite for itself: what two do at once can only happen there."""
ON_BOTH = pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)


@pytest.fixture
def database_kind():
    """SQLite, but for what an engine may do in its own way."""
    return "sqlite"


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def uow(engine):
    return seed(engine, on_the_catalogue(plain.sound()))


@pytest.fixture
def clock(clock):
    clock.set(plain.NOON)
    return clock


@pytest.fixture
def started(uow, clock):
    """Make replicas, each with facts of its own in memory."""
    replicas = []

    def start(engine=uow._inner.engine):
        replicas.append(Decider(SqlDecisionLogs(engine, SEALER), clock))
        return replicas[-1]

    yield start
    for replica in replicas:
        replica.stop()


@pytest.fixture
def decider(started):
    return started()


def rows(engine, table, **equal):
    with Session(engine) as session:
        query = select(table)
        for name, value in equal.items():
            query = query.where(getattr(table, name) == value)
        return list(session.execute(query).scalars())


def leaves(engine):
    with engine.connect() as connection:
        query = select(audit_leaf.c.entry).order_by(audit_leaf.c.index)
        entries = [json.loads(e) for e in connection.execute(query).scalars()]
        return [e for e in entries if e["decision_id"] is not None]


def codes(answer):
    return {(r.code, r.subject) for r in answer.refusals}


def released(decider, **changes):
    """A released file: its answer."""
    permit = decider.ask_and_wait(asking.request()).permit
    return decider.ask_and_wait(asking.release(asking.attested(permit, **changes)))


def hold(uow, at, *, lines=True):
    """Hold line 1, or all of the agreement."""
    with uow.writing() as tx:
        agreement = tx.agreements.find(plain.REFERENCE)
        held = Hold(
            id=new_id(),
            breach_id=None,
            whole=not lines,
            lines=agreement.held_lines([1], at) if lines else (),
            reason="breach",
            set_at=at,
            set_by="handler",
        )
        tx.agreements.save(agreement.hold(held).settle(at, StateFacts()), audit=entry(at))


# What an answer is, and what is written


@ON_BOTH
def test_a_permit_is_stored_with_its_decision_its_reservations_and_an_audit_leaf(engine, decider):
    ask = asking.request()

    answer = decider.ask_and_wait(ask)

    (decision,) = rows(engine, DecisionRow)
    (permit,) = rows(engine, PermitRow)
    (leaf,) = leaves(engine)
    assert answer.permitted
    assert (decision.id, decision.permitted) == (answer.decision_id, True)
    assert (decision.agreement, decision.version, decision.line) == (plain.REFERENCE, "v1.0", 1)
    assert (decision.client_id, decision.organisation) == (CLIENT, "0DF")
    assert (decision.asked_by, decision.capacity) == ("dissemination", "processor")
    assert decision.epoch == answer.epoch
    assert json.loads(decision.outcome)["grounds"] == ["CON-0002P1-A1B2C", "LCR-02P"]
    assert permit.id == answer.permit.id
    assert json.loads(permit.claims) | {"jti": str(permit.id)} == answer.permit.said.claims()
    assert permit.expires_at - permit.issued_at == timedelta(seconds=60)
    assert {(r.month, r.treatment) for r in rows(engine, OptOutTreatmentRow)} == {
        ("2018-04", "not_applied"),
        ("2018-05", "not_applied"),
    }
    assert (leaf["action"], leaf["on_behalf_of"]) == ("request-permitted", CCG)
    assert leaf["decision_id"] == str(answer.decision_id)


def test_the_audit_leaf_betrays_a_change_of_the_logged_decision(engine, decider):
    decider.ask_and_wait(asking.request())

    (decision,), (leaf,) = rows(engine, DecisionRow), leaves(engine)
    whole = f"{decision.inputs}\n{decision.outcome}\n{decision.rules}"
    assert leaf["detail"]["decision"] == digest(whole.encode())


@ON_BOTH
def test_a_refusal_is_logged_with_all_its_reasons_and_nothing_else_is_written(engine, decider):
    answer = decider.ask_and_wait(asking.request(periods=("2017-01",), fields=("Shoe_Size",)))

    (decision,), (leaf,) = rows(engine, DecisionRow), leaves(engine)
    assert not answer.permitted
    assert codes(answer) == {
        ("PERIOD_NOT_IN_DSA", "2017-01"),
        ("FIELD_NOT_IN_DSA", "Shoe_Size"),
    }
    assert not decision.permitted
    assert [r["code"] for r in json.loads(decision.outcome)["refusals"]] == leaf["detail"]["codes"]
    assert leaf["action"] == "request-refused"
    for table in (PermitRow, OptOutTreatmentRow, HoldingRow):
        assert rows(engine, table) == []


def test_a_digest_of_another_request_is_no_question(engine, decider):
    ask = asking.request()
    ask = replace(ask, request=replace(ask.request, fields=("Sex",)))

    with pytest.raises(DigestDiffers):
        decider.ask_and_wait(ask)
    assert rows(engine, DecisionRow) == []


@ON_BOTH
def test_nothing_is_answered_that_could_not_be_logged(engine, decider, monkeypatch):
    def broken(*_):
        raise adapter.IntegrityError("", {}, Exception())

    monkeypatch.setattr(adapter.audit, "append", broken)

    with pytest.raises(Exception):  # noqa: B017  any error, but no answer
        decider.ask_and_wait(asking.request())
    monkeypatch.undo()

    assert rows(engine, DecisionRow) == rows(engine, PermitRow) == []
    assert rows(engine, OptOutTreatmentRow) == []
    assert leaves(engine) == []


@ON_BOTH
def test_a_database_that_is_away_is_no_answer_and_the_next_question_has_one(engine, decider):
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE decision RENAME TO away"))
    with pytest.raises(Exception) as refused:
        decider.ask_and_wait(asking.request())
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO decision"))

    assert isinstance(refused.value, DatabaseUnavailable) or engine.dialect.name == "postgresql"
    assert decider.ask_and_wait(asking.request()).permitted


# Many at once


@ON_BOTH
def test_waiting_questions_share_a_commit_and_each_has_its_own_decision(engine, decider):
    decider.ask_and_wait(asking.request())  # the facts are warm
    commits = []

    @event.listens_for(engine, "commit")
    def count(connection):
        commits.append(connection)

    asks = [asking.request() for _ in range(60)]

    async def all_of_them():
        return await asyncio.gather(*(decider.ask(ask) for ask in asks))

    answers = asyncio.run(all_of_them())

    event.remove(engine, "commit", count)
    logged = {row.id: json.loads(row.inputs)["extract_id"] for row in rows(engine, DecisionRow)}
    assert [logged[a.decision_id] for a in answers] == [ask.extract_id for ask in asks]
    assert len({a.decision_id for a in answers}) == 60
    assert 0 < len(commits) < 20


def test_a_question_that_breaks_the_judge_does_not_take_the_others_with_it(decider, monkeypatch):
    decide = decide_request.decide

    def fragile(question, facts, present):
        if "Sex" not in question.request.fields:
            raise ZeroDivisionError
        return decide(question, facts, present)

    monkeypatch.setattr(decide_request, "decide", fragile)
    asks = [asking.request(), asking.request(fields=("Der_Diagnosis_All",)), asking.request()]

    async def all_of_them():
        return await asyncio.gather(*(decider.ask(a) for a in asks), return_exceptions=True)

    first, second, third = asyncio.run(all_of_them())

    assert first.permitted
    assert isinstance(second, ZeroDivisionError)
    assert third.permitted


def test_more_questions_than_may_wait_are_turned_away(decider, monkeypatch):
    monkeypatch.setattr(deciders, "WAITING_MAX", 0)

    with pytest.raises(DecisionUnavailable):
        decider.ask_and_wait(asking.request())


def test_a_stopped_decider_answers_what_waits_and_takes_nothing_more(decider):
    decider.ask_and_wait(asking.request())
    decider.stop()

    with pytest.raises(DecisionUnavailable):
        decider.ask_and_wait(asking.request())


def test_who_no_longer_waits_is_passed_over(decider):
    async def impatient():
        asked = asyncio.ensure_future(decider.ask(asking.request()))
        await asyncio.sleep(0)
        asked.cancel()
        return await decider.ask(asking.request())

    assert asyncio.run(impatient()).permitted


def test_questions_that_others_contend_for_for_ever_are_turned_away(decider, monkeypatch):
    def contended(*_, **__):
        raise Contended

    monkeypatch.setattr(deciders, "decide_one", contended)

    with pytest.raises(DecisionUnavailable):
        decider.ask_and_wait(asking.request())


# Releases and holdings


@ON_BOTH
def test_a_released_file_is_held_with_what_was_attested(engine, decider):
    answer = released(decider)

    (holding,) = rows(engine, HoldingRow)
    assert (answer.permitted, answer.holding_id, answer.line) == (True, holding.id, 1)
    assert (holding.holder, holding.client_id, holding.agreement) == (
        "0DF",
        CLIENT,
        plain.REFERENCE,
    )
    assert json.loads(holding.file)["sub"] == holding.file_id
    assert answer.agreement.version == "v1.0"


@pytest.mark.scenario("R24")
def test_the_same_file_again_is_the_same_holding_and_the_same_decision(engine, uow, decider):
    permit = decider.ask_and_wait(asking.request()).permit
    claims = asking.attested(permit)
    first = decider.ask_and_wait(asking.release(claims))
    logged = len(rows(engine, DecisionRow))

    again = decider.ask_and_wait(asking.release(claims))
    hold(uow, plain.NOON)
    after_a_hold = decider.ask_and_wait(asking.release(claims))

    for answer in (again, after_a_hold):
        assert (answer.decision_id, answer.holding_id) == (first.decision_id, first.holding_id)
        assert answer.on_behalf_of == first.on_behalf_of == (CCG,)
    assert len(rows(engine, HoldingRow)) == 1
    assert len(rows(engine, DecisionRow)) == logged


@ON_BOTH
def test_the_same_file_twice_in_one_batch_is_one_holding(engine, decider):
    permit = decider.ask_and_wait(asking.request()).permit
    claims = asking.attested(permit)

    async def twice():
        return await asyncio.gather(*(decider.ask(asking.release(claims)) for _ in range(5)))

    answers = asyncio.run(twice())

    assert len({(a.decision_id, a.holding_id) for a in answers}) == 1
    assert len(rows(engine, HoldingRow)) == 1


def test_other_bytes_under_the_name_of_a_released_file_are_refused(engine, decider):
    permit = decider.ask_and_wait(asking.request()).permit
    claims = asking.attested(permit)
    decider.ask_and_wait(asking.release(claims))
    other = claims | {"file": claims["file"] | {"digest": digest(b"other")}}

    answer = decider.ask_and_wait(asking.release(other))

    assert codes(answer) == {("ATTESTATION_INVALID", None)}
    assert len(rows(engine, HoldingRow)) == 1


@pytest.mark.parametrize("permit_id", ["01a2033b-fcd0-71b4-a233-672d0d336749", "not-an-id"])
def test_a_file_of_a_permit_that_is_not_ours_is_refused(engine, decider, permit_id):
    permit = decider.ask_and_wait(asking.request()).permit
    claims = asking.attested(permit, permit_id=permit_id, preparation_id=permit_id)

    assert codes(decider.ask_and_wait(asking.release(claims))) == {("ATTESTATION_INVALID", None)}
    assert rows(engine, HoldingRow) == []


def test_a_forged_attestation_is_refused_and_logged(engine, decider):
    permit = decider.ask_and_wait(asking.request()).permit
    forged = asking.release(asking.attested(permit), file=None, claims="")

    assert codes(decider.ask_and_wait(forged)) == {("ATTESTATION_INVALID", None)}
    assert rows(engine, DecisionRow, action="release")[0].permitted is False


def test_the_same_name_in_two_places_of_an_attestation_must_agree(engine, decider):
    permit = decider.ask_and_wait(asking.request()).permit
    claims = asking.attested(permit)
    claims["file"] = claims["file"] | {"id": str(new_id())}

    assert codes(decider.ask_and_wait(asking.release(claims))) == {("ATTESTATION_INVALID", "file")}


# Leases and their renewal


def test_a_fetch_has_a_lease_of_a_second(decider):
    answer = decider.ask_and_wait(asking.fetch(released(decider).holding_id))

    assert answer.permitted
    assert (answer.lease.seconds, answer.lease.until) == (1.0, london(2018, 6, 2))


@pytest.mark.parametrize("day", [(2018, 10, 28), (2018, 10, 29), (2019, 3, 31), (2018, 6, 2)])
def test_a_lease_ends_with_the_day_in_london_to_the_microsecond(decider, clock, day):
    holding = released(decider).holding_id
    clock.set(london(*day) - timedelta(microseconds=250_000))

    lease = decider.ask_and_wait(asking.fetch(holding)).lease

    if lease is not None:  # in 2019 a condition is overdue
        assert (lease.seconds, lease.until) == (0.25, london(*day))


@ON_BOTH
def test_a_renewal_extends_the_logged_decision(engine, decider, clock):
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    before = len(leaves(engine))
    clock.advance(0.5)

    again = decider.ask_and_wait(asking.fetch(holding, renews=first.decision_id))

    (row,) = rows(engine, DecisionRow, action="fetch")
    assert again.decision_id == first.decision_id == row.id
    assert (row.renewals, row.last_at - row.at) == (1, timedelta(seconds=0.5))
    assert len(leaves(engine)) == before


@ON_BOTH
def test_renewals_of_one_batch_are_counted(engine, decider):
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))

    async def three():
        ask = asking.fetch(holding, renews=first.decision_id)
        return await asyncio.gather(*(decider.ask(ask) for _ in range(3)))

    asyncio.run(three())

    (row,) = rows(engine, DecisionRow, action="fetch")
    assert row.renewals == 3


@ON_BOTH
def test_after_a_change_of_facts_a_renewal_is_a_decision_of_its_own(engine, uow, decider):
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    with uow.writing() as tx:
        epochs.stamp(tx.session, at=plain.NOON)  # whatever it was

    again = decider.ask_and_wait(asking.fetch(holding, renews=first.decision_id))

    assert again.permitted
    assert again.decision_id != first.decision_id
    assert {row.renews for row in rows(engine, DecisionRow, action="fetch")} == {
        None,
        first.decision_id,
    }


def test_a_fetch_speaks_for_a_standing_order_and_its_renewal_does_not(uow, decider):
    """Guard: `decide_request._asker`. A stream goes on with a token that may be over."""
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    with uow.writing() as tx:
        epochs.stamp(tx.session, at=plain.NOON)  # whatever it was
    again = decider.ask_and_wait(asking.fetch(holding, renews=first.decision_id))

    def ordered(decision_id):
        earlier = Earlier(client_id=CLIENT, decision_id=decision_id)
        return replace(asking.request(), evidence=None, earlier=earlier)

    assert again.decision_id != first.decision_id
    assert decider.ask_and_wait(ordered(first.decision_id)).permitted
    with pytest.raises(EvidenceRefused):
        decider.ask_and_wait(ordered(again.decision_id))


def test_after_midnight_a_renewal_is_a_decision_of_its_own(decider, clock):
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    clock.set(london(2018, 6, 2))

    again = decider.ask_and_wait(asking.fetch(holding, renews=first.decision_id))

    assert again.permitted
    assert again.decision_id != first.decision_id


def test_a_renewal_after_a_hold_is_refused_and_logged(engine, uow, decider):
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    hold(uow, plain.NOON)

    answer = decider.ask_and_wait(asking.fetch(holding, renews=first.decision_id))

    assert codes(answer) == {("BREACH_OPEN", "line 1")}
    assert rows(engine, DecisionRow, renews=first.decision_id)[0].permitted is False


def test_a_stream_outlives_the_token_that_began_it(decider):
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    late = asking.fetch(holding, renews=first.decision_id, evidence=None)

    assert decider.ask_and_wait(late).decision_id == first.decision_id


@pytest.mark.parametrize(
    "changes",
    [
        {"renews": None},
        {"renews": new_id()},
        {"token_digest": digest(b"another")},
        {"client_id": "another"},
    ],
)
def test_without_the_very_token_of_the_first_decision_nothing_is_renewed(engine, decider, changes):
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    ask = asking.fetch(holding, renews=first.decision_id, evidence=None)

    with pytest.raises(EvidenceRefused):
        decider.ask_and_wait(replace(ask, **changes))
    assert rows(engine, DecisionRow, action="fetch")[0].renewals == 0


def test_a_refused_decision_is_nothing_to_go_on_with(uow, decider):
    holding = released(decider).holding_id
    hold(uow, plain.NOON)
    refused = decider.ask_and_wait(asking.fetch(holding))

    with pytest.raises(EvidenceRefused):
        decider.ask_and_wait(asking.fetch(holding, renews=refused.decision_id, evidence=None))


def test_a_token_of_another_client_proves_nothing(decider):
    holding = released(decider).holding_id

    with pytest.raises(EvidenceRefused):
        decider.ask_and_wait(asking.fetch(holding, evidence=asking.evidence("stranger")))


def test_another_clients_decision_is_not_renewed_but_decided(decider):
    """The environment has two clients; each answers for itself."""
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    other = asking.fetch(
        holding,
        renews=first.decision_id,
        client_id="ceff-0df",
        evidence=asking.evidence("ceff-0df"),
    )

    assert codes(decider.ask_and_wait(other)) == {("ENVIRONMENT_MISMATCH", None)}


def test_of_a_holding_that_is_not_there_nothing_is_said(engine, decider):
    answer = decider.ask_and_wait(asking.fetch(new_id()))

    assert codes(answer) == {("AGREEMENT_NOT_FOUND", None)}
    assert rows(engine, DecisionRow, action="fetch")[0].permitted is False


# The clock


def test_a_clock_behind_the_last_decision_decides_nothing(engine, decider, clock):
    holding = released(decider).holding_id
    clock.advance(-1.5)

    for ask in (asking.request(), asking.fetch(holding)):
        assert codes(decider.ask_and_wait(ask)) == {("CLOCK_UNTRUSTED", None)}
    clock.advance(1.5)
    assert decider.ask_and_wait(asking.fetch(holding)).permitted


@ON_BOTH
def test_legal_time_never_goes_back_between_replicas(decider, clock):
    """A replica that is a moment behind decides at the last decision's instant."""
    last = london(2018, 6, 2)
    holding = released(decider).holding_id
    clock.set(last)
    decider.ask_and_wait(asking.request())
    clock.advance(-0.25)

    answer = decider.ask_and_wait(asking.fetch(holding))

    assert answer.permitted
    assert answer.at == last


def test_a_renewal_counts_as_the_last_decision_too(decider, clock):
    holding = released(decider).holding_id
    first = decider.ask_and_wait(asking.fetch(holding))
    clock.advance(10)
    decider.ask_and_wait(asking.fetch(holding, renews=first.decision_id))
    clock.advance(-5)

    assert codes(decider.ask_and_wait(asking.fetch(holding))) == {("CLOCK_UNTRUSTED", None)}


# Differencing


@pytest.fixture
def other_agreement(uow):
    """Another agreement of the same environment, which upholds opt-outs."""
    world = on_the_catalogue(plain.sound())
    world["agreement"]["reference"] = OTHER_REFERENCE
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["lines"][0]["opt_out"] = {"applied": True, "reason": None}
    agreement = facts_of(world).agreement
    fresh = replace(
        agreement,
        id=new_id(),
        versions=tuple(
            replace(
                v,
                id=new_id(),
                conditions=tuple(replace(c, id=new_id()) for c in v.conditions),
                signatures=tuple(replace(s, id=new_id()) for s in v.signatures),
            )
            for v in agreement.versions
        ),
    )
    with uow.writing() as tx:
        tx.agreements.save(fresh.settle(plain.NOON, StateFacts()), audit=entry())


@pytest.mark.scenario("R14")
def test_the_treatment_is_taken_by_the_permit_that_came_first(engine, decider, other_agreement):
    first = decider.ask_and_wait(asking.request(periods=("2018-05",)))
    second = decider.ask_and_wait(
        asking.request(agreement=OTHER_REFERENCE, periods=("2018-05", "2018-06"))
    )
    third = decider.ask_and_wait(asking.request(agreement=OTHER_REFERENCE, periods=("2018-06",)))

    assert first.permitted
    assert codes(second) == {("OPT_OUT_DIFFERENCING", "2018-05")}
    assert third.permitted
    assert {(r.month, r.treatment) for r in rows(engine, OptOutTreatmentRow)} == {
        ("2018-05", "not_applied"),
        ("2018-06", "applied"),
    }


def test_of_two_treatments_in_one_batch_the_first_is_taken(decider, other_agreement):
    async def both():
        asks = [asking.request(), asking.request(agreement=OTHER_REFERENCE)]
        return await asyncio.gather(*(decider.ask(ask) for ask in asks))

    first, second = asyncio.run(both())

    assert (first.permitted, second.permitted) == (True, False)


@ON_BOTH
def test_of_two_replicas_that_permit_at_the_same_time_one_is_refused(
    engine, started, other_agreement
):
    replicas = [started(), started()]
    references = [plain.REFERENCE, OTHER_REFERENCE]
    months = [f"2018-{m:02d}" for m in range(4, 13)]
    barrier = threading.Barrier(2)
    answers = {0: [], 1: []}

    def ask_all(n):
        for month in months:
            barrier.wait(60)
            ask = asking.request(agreement=references[n], periods=(month,))
            answers[n].append(replicas[n].ask_and_wait(ask).permitted)

    threads = [threading.Thread(target=ask_all, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)

    assert [a + b for a, b in zip(answers[0], answers[1], strict=True)] == [1] * len(months)
    taken = {r.month: r.treatment for r in rows(engine, OptOutTreatmentRow)}
    assert set(taken) == set(months)


# Changes of facts


@ON_BOTH
def test_a_hold_is_seen_by_a_replica_whose_facts_are_warm(uow, started):
    one, other = started(), started()
    holding = released(one).holding_id
    warm = [replica.ask_and_wait(asking.fetch(holding)).permitted for replica in (one, other)]

    hold(uow, plain.NOON)

    assert warm == [True, True]
    for replica in (one, other):
        assert codes(replica.ask_and_wait(asking.fetch(holding))) == {("BREACH_OPEN", "line 1")}


@ON_POSTGRESQL
def test_a_fact_that_changes_while_it_is_loaded_is_loaded_again(engine, uow, decider, monkeypatch):
    load = adapter.FactsCache.get
    changed = []

    def slow(cache, session, agreement, *, epoch):
        found = load(cache, session, agreement, epoch=epoch)
        if not changed:
            changed.append(True)
            hold(uow, plain.NOON, lines=False)
        return found

    monkeypatch.setattr(adapter.FactsCache, "get", slow)

    answer = decider.ask_and_wait(asking.request())

    assert codes(answer) == {("BREACH_OPEN", None)}
    with Session(engine) as session:
        assert answer.epoch == epochs.current(session)


def test_an_unchanged_epoch_costs_no_reading_of_facts(engine, decider, monkeypatch):
    decider.ask_and_wait(asking.request())
    loads = []
    monkeypatch.setattr("agreements.db.decisions.facts.load", lambda *a, **k: loads.append(a))

    assert decider.ask_and_wait(asking.request()).permitted
    assert loads == []


def test_a_yes_is_remembered_only_until_a_fact_turns(decider, clock, monkeypatch):
    holding = released(decider).holding_id
    decider.ask_and_wait(asking.fetch(holding))
    judged = []
    decide = decide_fetch.decide
    monkeypatch.setattr(decide_fetch, "decide", lambda *a: judged.append(a) or decide(*a))

    decider.ask_and_wait(asking.fetch(holding))
    remembered = len(judged)
    clock.set(london(2018, 6, 2))
    decider.ask_and_wait(asking.fetch(holding))

    assert (remembered, len(judged)) == (0, 1)


def test_what_is_remembered_is_bounded(decider, monkeypatch):
    holding = released(decider).holding_id
    decider._cache.size_max = 1
    monkeypatch.setattr(adapter, "HOLDINGS_CACHED_MAX", 1)
    other = released(decider).holding_id

    for _ in range(2):
        assert decider.ask_and_wait(asking.fetch(holding)).permitted
        assert decider.ask_and_wait(asking.fetch(other)).permitted


def test_ids_of_decisions_are_in_order(engine, decider):
    for _ in range(3):
        decider.ask_and_wait(asking.request())

    with Session(engine) as session:
        count = session.execute(select(func.count()).select_from(DecisionRow)).scalar_one()
    assert count == 3


def test_a_refusal_says_in_whose_name_was_asked_as_a_permission_does(engine, uow, decider):
    yes = decider.ask_and_wait(asking.request())
    no = decider.ask_and_wait(asking.request(fields=("Postcode",)))
    stranger = decider.ask_and_wait(asking.request(evidence=asking.evidence(ods="0CX")))

    told = {e["decision_id"]: e["on_behalf_of"] for e in leaves(engine)}
    assert not no.permitted
    assert (told[str(yes.decision_id)], yes.on_behalf_of) == ("02P", ("02P",))
    assert (told[str(no.decision_id)], no.on_behalf_of) == ("02P", ("02P",))
    assert (told[str(stranger.decision_id)], stranger.on_behalf_of) == (None, ())
    (row,) = rows(engine, DecisionRow, id=no.decision_id)
    assert json.loads(row.outcome)["on_behalf_of"] == ["02P"]


def test_a_controller_asks_in_its_own_name(engine, uow, decider):
    no = decider.ask_and_wait(asking.request(evidence=asking.evidence("ccg-02p", CCG)))

    (leaf,) = leaves(engine)
    assert (no.permitted, leaf["on_behalf_of"]) == (False, None)
