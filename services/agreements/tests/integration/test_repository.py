"""The facts in a database, on SQLite and PostgreSQL alike."""

import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlmodel import Session, col

from agreements.db.epoch import current, stamp
from agreements.db.repository import SqlUnitOfWork
from agreements.db.tables import AgreementRow, ContractRow, FactChangeRow, HoldRow, SignatureRow
from agreements.records.domain.agreement import Circumstances, Renewal
from agreements.records.domain.breach import Breach, Channel, Stopped
from agreements.records.domain.drafting import next_version
from agreements.records.domain.errors import (
    BreachNotFound,
    HoldNotFound,
    MapNotFound,
    RelationshipNotFound,
)
from agreements.records.domain.hold import Hold
from agreements.records.domain.lists.layouts.maps import MapKind
from agreements.records.domain.lists.maps import MapSnapshot
from agreements.records.domain.lists.register import RelationshipEdition
from agreements.records.domain.parties.environment import RecipientEnvironment
from agreements.records.domain.parties.organisation import (
    Organisation,
    OrganisationKind,
    TransferInstrument,
)
from agreements.records.use_cases.ports import Slice
from common.audit import Entry
from common.db import migrate, outbox
from common.db.engine import writing
from common.db.tables import audit_leaf
from common.errors import AgreementNotFound, EditedMeanwhile
from common.ids import digest
from common.security.principal import BODY
from common.unreadable import RecordUnreadable
from services.agreements.tests.facts import (
    CCG,
    CSU,
    END,
    NOW,
    OTHER_CCG,
    OTHER_CSU,
    REFERENCE,
    active,
    approved,
    contract,
    drafted,
    new_id,
    running,
    sign_all,
    signature,
)
from services.agreements.tests.reference.seeding import SEALER
from statements.vocabulary import EnvironmentKind


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def uow(engine, clock):
    return SqlUnitOfWork(engine, clock, SEALER)


def entry(action="tried", at=NOW):
    return Entry(
        at=at,
        action=action,
        resource="things/1",
        subject="ann",
        client_id="ann",
        organisation="X26",
        role="contract-manager",
    )


def leaves(engine):
    with engine.connect() as connection:
        entries = connection.execute(select(audit_leaf.c.entry)).scalars()
        return sum("facts-sealed" not in entry for entry in entries)


def settled(agreement):
    return agreement.settle(NOW, Circumstances())


def saved(uow, agreement):
    with uow.writing() as tx:
        return tx.agreements.save(settled(agreement), audit=entry())


def read(uow, reference=REFERENCE):
    with uow.reading() as tx:
        return tx.agreements.get(reference, scope=None)


# Migrations and the epoch


def test_the_tables_are_what_the_migrations_make(engine):
    migrate.check(engine, "agreements")


def test_a_transaction_is_one_epoch_and_the_next_another(engine):
    with Session(writing(engine)) as session, session.begin():
        assert stamp(session, at=NOW) == stamp(session, at=NOW + timedelta(hours=1)) == 1
    with Session(writing(engine)) as session, session.begin():
        assert stamp(session, at=NOW + timedelta(hours=2)) == 2
        assert current(session) == 2

    with Session(engine) as session:
        changes = session.execute(select(FactChangeRow).order_by(col(FactChangeRow.epoch)))
        assert [(c.epoch, c.recorded_at) for c in changes.scalars()] == [
            (1, NOW),
            (2, NOW + timedelta(hours=2)),
        ]


def test_an_epoch_that_was_rolled_back_never_was(engine):
    with Session(writing(engine)) as session:
        stamp(session, at=NOW)
        session.rollback()

    with Session(engine) as session:
        assert current(session) == 0


def test_two_who_change_facts_follow_one_another(engine):
    first_has_it, epochs = threading.Event(), []

    def second():
        first_has_it.wait(30)
        with Session(writing(engine)) as session, session.begin():
            epochs.append(stamp(session, at=NOW))

    thread = threading.Thread(target=second)
    thread.start()
    with Session(writing(engine)) as session, session.begin():
        mine = stamp(session, at=NOW)
        first_has_it.set()
        thread.join(0.3)
        assert epochs == []
    thread.join(60)

    assert (mine, epochs) == (1, [2])


# Versioned facts


def test_a_change_keeps_what_we_knew_before(engine, uow):
    with uow.writing() as tx:
        [first] = tx.contracts.save(contract(), audit=entry())
    with uow.writing() as tx:
        [second] = tx.contracts.save(first.terminate(reason="merged", at=NOW), audit=entry())

    with uow.reading() as tx:
        assert tx.contracts.one(reference=first.reference) == second
        rows = tx.session.execute(select(ContractRow).order_by(col(ContractRow.version))).scalars()
        known = [(r.version, r.epoch, r.superseded_epoch, r.terminated_at) for r in rows]
    assert known == [(1, 1, 2, None), (2, 2, None, NOW)]
    assert leaves(engine) == 2


def test_a_stale_version_is_refused_and_nothing_is_stored(engine, uow):
    with uow.writing() as tx:
        [stale] = tx.contracts.save(contract(), audit=entry())
    with uow.writing() as tx:
        tx.contracts.save(replace(stale, legal_name="A"), audit=entry())

    with pytest.raises(EditedMeanwhile), uow.writing() as tx:
        tx.contracts.save(replace(stale, legal_name="B"), audit=entry())
    with uow.reading() as tx:
        assert tx.contracts.one(reference=stale.reference).legal_name == "A"
    assert leaves(engine) == 2


def test_what_is_retracted_is_held_true_no_longer(uow):
    environment = RecipientEnvironment(
        id=new_id(), organisation=CSU, kind=EnvironmentKind.ANALYTICS
    )
    with uow.writing() as tx:
        [stored] = tx.environments.save(environment, audit=entry())
    with uow.writing() as tx:
        tx.environments.retract(stored, audit=entry())

    with uow.reading() as tx:
        assert tx.environments.one(id=environment.id) is None
    with pytest.raises(EditedMeanwhile), uow.writing() as tx:
        tx.environments.retract(stored, audit=entry())


def test_a_fact_is_made_once_of_the_same_row_and_anew_of_another(engine, uow):
    with uow.writing() as tx:
        [first, second] = tx.contracts.save(
            contract(), contract(reference="CON-654321-A1B2C", valid_to=None), audit=entry()
        )
    with uow.reading() as tx:
        found = tx.contracts.among("organisation", [CCG, OTHER_CCG])
        assert found == tx.contracts.find(organisation=CCG) == sorted(found, key=lambda c: c.id)
        assert {c.id for c in found} == {first.id, second.id}
        assert tx.contracts.find(valid_to=None) == [second]
        assert tx.contracts.between("valid_to", END, END) == [first]
        assert tx.contracts.between("valid_to", END + timedelta(days=1), date(2999, 1, 1)) == []
        assert tx.contracts.page(Slice(after=found[0].id, rows=5)) == found[1:]
    with uow.reading() as tx:
        again = tx.contracts.find(organisation=CCG)
    assert [id(one) for one in again] == [id(one) for one in found]

    past_the_service(engine, "UPDATE contract SET legal_name = 'Somebody else'")
    with uow.reading() as tx:
        assert {c.legal_name for c in tx.contracts.find()} == {"Somebody else"}
    past_the_service(engine, "UPDATE contract SET valid_from = '0001-01-01'")
    with uow.reading() as tx:
        assert {c.valid_from for c in tx.contracts.find()} == {date(1, 1, 1)}


def test_what_cannot_be_read_is_not_remembered_as_read(engine, uow):
    right = RecipientEnvironment(
        id=new_id(), organisation=CSU, kind=EnvironmentKind.ANALYTICS, version=0
    )
    with uow.writing() as tx:
        tx.environments.save(right, audit=entry())
    for _ in range(2):
        past_the_service(engine, "UPDATE recipient_environment SET kind = 'cellar'")
        with uow.reading() as tx, pytest.raises(RecordUnreadable):
            tx.environments.find()
        past_the_service(engine, "UPDATE recipient_environment SET kind = 'analytics'")
        with uow.reading() as tx:
            assert [one.id for one in tx.environments.find()] == [right.id]


def past_the_service(engine, statement):
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_many_are_stored_at_once_with_one_leaf_and_read_in_pages(engine, uow):
    organisations = [
        Organisation(
            id=new_id(),
            ods=f"P{number:05d}",
            name="A practice",
            kind=OrganisationKind.GP_PRACTICE,
            legal_entity=f"P{number:05d}",
            parent=None,
            valid_from=date(2013, 4, 1),
            valid_to=None,
            source="practices",
        )
        for number in range(2_500)
    ]
    with uow.writing() as tx:
        stored = tx.organisations.save(*organisations, audit=entry())
    with uow.reading() as tx:
        first = tx.organisations.page(Slice(after=None, rows=2))
        rest = tx.organisations.page(
            Slice(after=first[-1].id, rows=5_000), kind=OrganisationKind.GP_PRACTICE
        )

    assert leaves(engine) == 1
    assert list(stored) == [*first, *rest]


# Agreements


def test_an_agreement_comes_back_as_it_was_stored(uow):
    condition = {"id": "1", "text": "Report.", "due": "2018-12-24", "owner": CSU}
    agreement = active(special_conditions=[condition])
    hold = Hold(
        id=new_id(),
        breach_id=None,
        whole=False,
        lines=agreement.held_lines([1, 2], NOW),
        reason="x",
        set_at=NOW,
        set_by="ann",
    )
    agreement = agreement.hold(hold).await_renewal(
        Renewal(id=new_id(), application_id=new_id(), submitted_at=NOW)
    )

    stored = saved(uow, agreement)

    assert read(uow) == stored
    version, expected = stored.versions[0], agreement.versions[0]
    assert replace(version, conditions=()) == replace(expected, conditions=())
    assert [c.version for c in version.conditions] == [1]
    assert stored.holds == (replace(hold, version=1),)
    assert stored.version == 1


def test_what_did_not_change_is_not_stored_again(uow):
    first = saved(uow, drafted())
    amended = first.add_version(
        next_version(approved(version="v0.1", kind="amendment"), new_id=new_id)
    )
    second = saved(uow, sign_all(amended, version=0))
    third = saved(uow, sign_all(second, at=NOW))

    assert [v.number for v in third.versions] == ["v0.0", "v0.1"]
    assert third.governing(NOW).number == "v0.1"
    with uow.reading() as tx:
        signatures = tx.session.execute(select(SignatureRow)).scalars().all()
        versions = tx.session.execute(select(AgreementRow)).scalars().all()
    assert len(signatures) == 6
    assert sorted(v.version for v in versions) == [1, 2, 3]


def test_a_hold_is_lifted_by_a_row_of_its_own(uow):
    hold = Hold(
        id=new_id(), breach_id=None, whole=True, lines=(), reason="x", set_at=NOW, set_by="ann"
    )
    agreement = saved(uow, active().hold(hold))
    for person in ("ann", "ben"):
        with uow.writing() as tx:
            agreement = tx.agreements.of_hold(hold.id, scope=None)
            lifted = agreement.approve_lift(
                hold.id, lift_id=new_id(), by=person, reason="mended", at=NOW
            )
            agreement = tx.agreements.save(settled(lifted), audit=entry())

    assert agreement.holds[0].lifted_at == NOW
    assert [lift.approved_by for lift in agreement.holds[0].lifts] == ["ann", "ben"]
    with uow.reading() as tx:
        rows = tx.session.execute(select(HoldRow).order_by(col(HoldRow.version))).scalars()
        assert [(r.version, r.lifted_at) for r in rows] == [(1, None), (2, NOW)]
    with pytest.raises(HoldNotFound), uow.reading() as tx:
        tx.agreements.of_hold(new_id(), scope=None)


def test_events_are_stored_with_what_they_tell_of(engine, uow):
    saved(uow, sign_all(drafted()))

    with Session(engine) as session:
        [event, *_] = [pending.event for pending in outbox.pending(session, 10)]
    assert event.type == "agreements.agreement-signed.v1"
    assert (event.topic, event.aggregate_version, event.state) == (
        "agreements.agreement",
        1,
        "ACTIVE",
    )
    assert event.subject == REFERENCE


def test_neither_state_nor_event_nor_leaf_is_stored_when_the_transaction_fails(engine, uow):
    with uow.writing() as tx:
        tx.agreements.save(settled(sign_all(drafted())), audit=entry())
        tx.session.rollback()

    with Session(engine) as session:
        assert outbox.pending(session, 10) == []
        assert current(session) == 0
    assert leaves(engine) == 0
    with pytest.raises(AgreementNotFound):
        read(uow)


def test_an_agreement_that_was_not_settled_is_not_stored(uow):
    with pytest.raises(ValueError, match="settle"), uow.writing() as tx:
        tx.agreements.save(drafted(), audit=entry())


def test_a_stale_agreement_is_refused(uow):
    stale = saved(uow, active())
    saved(uow, stale.terminate(reason="x", at=NOW))

    with pytest.raises(EditedMeanwhile):
        saved(uow, stale)


def test_scope_is_in_the_query(uow):
    agreement = saved(uow, active())

    with uow.reading() as tx:
        own = tx.agreements.page(Slice(after=None, rows=9), scope=frozenset({CSU}))
        strange = tx.agreements.page(Slice(after=None, rows=9), scope=frozenset({OTHER_CSU}))
        after = tx.agreements.page(Slice(after=agreement.id, rows=9), scope=None)
        assert tx.agreements.get(REFERENCE, scope=frozenset({CCG})) == agreement
        with pytest.raises(AgreementNotFound):
            tx.agreements.get(REFERENCE, scope=frozenset({OTHER_CSU}))
        with pytest.raises(AgreementNotFound):
            tx.agreements.by_id(new_id())
        assert tx.agreements.find("DARS-NIC-000000-A0A0A") is None
        assert tx.agreements.with_processor(CSU) == [agreement]
        assert tx.agreements.with_processor(CCG) == []
    assert (own, strange, after) == ([agreement], [], [])


def test_whose_signature_is_missing_is_in_the_query(uow):
    half = drafted()
    half = half.sign(signature(half.versions[0], CSU))
    half = saved(uow, half)
    saved(uow, active(reference="DARS-NIC-123457-A1B2C"))

    with uow.reading() as tx:
        found = tx.agreements.lacking_signatures
        lacking = {
            who: [one.reference for one in found(day, parties=parties)]
            for who, day, parties in (
                ("controller", END, {CCG}),
                ("processor", END, {CSU}),
                ("another", END, {OTHER_CSU, BODY}),
                ("body", END, None),
                ("after its end", END + timedelta(days=1), {CCG}),
            )
        }
    assert lacking == {
        "controller": [REFERENCE],
        "processor": [],
        "another": [],
        "body": [REFERENCE],
        "after its end": [],
    }


def test_a_hold_that_one_person_wants_lifted_is_found_until_two_do(uow):
    hold = Hold(
        id=new_id(), breach_id=None, whole=True, lines=(), reason="x", set_at=NOW, set_by="ann"
    )
    agreement = saved(uow, active().hold(hold))
    found = []
    for person in ("ann", "ben"):
        with uow.reading() as tx:
            found.append(len(tx.agreements.with_lifts_begun()))
        agreement = saved(
            uow,
            agreement.approve_lift(hold.id, lift_id=new_id(), by=person, reason="mended", at=NOW),
        )
    with uow.reading() as tx:
        found.append(len(tx.agreements.with_lifts_begun()))
    assert found == [0, 1, 0]


# Relationships, editions, breaches, maps, instruments


def test_a_relationship_comes_back_with_its_consents(uow):
    r = running(processors=(OTHER_CSU,)).consent(
        consent_id=new_id(), organisation=CCG, given=True, at=NOW
    )
    with uow.writing() as tx:
        first = tx.relationships.save(r, audit=entry())
    with uow.writing() as tx:
        withdrawn = first.consent(consent_id=new_id(), organisation=CCG, given=False, at=NOW)
        second = tx.relationships.save(withdrawn, audit=entry())

    with uow.reading() as tx:
        assert tx.relationships.get(r.id, scope=frozenset({OTHER_CSU})) == second
        assert tx.relationships.find(commissioner=CCG) == [second]
        assert tx.relationships.find(commissioner=OTHER_CCG) == []
        for scope in (None, frozenset({CCG}), frozenset({CSU}), frozenset({OTHER_CSU})):
            assert tx.relationships.page(Slice(after=None, rows=9), scope=scope) == [second]
        for near in ("0C", "CX", "00L"):  # a part of a code is not the code
            part = Slice(after=None, rows=9)
            assert tx.relationships.page(part, scope=frozenset({near})) == []
        with pytest.raises(RelationshipNotFound):
            tx.relationships.get(r.id, scope=frozenset({OTHER_CCG}))
    assert second.consents[0].version == 2
    assert second.version == 2


def test_editions_stay_as_they_were(uow):
    editions = [
        RelationshipEdition(
            id=new_id(), number=number, published_at=NOW, digest=digest(b"[]"), content="[]"
        )
        for number in (1, 2)
    ]
    with uow.reading() as tx:
        assert tx.editions.latest() is None
    for edition in editions:
        with uow.writing() as tx:
            tx.editions.add(edition, audit=entry())

    with uow.reading() as tx:
        assert tx.editions.latest() == editions[1]
        assert tx.editions.get(1) == editions[0]
        assert tx.editions.get(3) is None


def test_a_breach_is_known_to_reporter_parties_and_staff(uow):
    agreement = saved(uow, active())
    breach = Breach(
        id=new_id(),
        reference="BRE-1",
        agreement_id=agreement.id,
        agreement=agreement.reference,
        lines=(1, 2),
        channel=Channel.EMAIL,
        activity_stopped=Stopped.NO,
        activity_stopped_at=None,
        description="x",
        discovered_at=NOW,
        reported_at=NOW,
        reporter_organisation=OTHER_CSU,
    )
    with uow.writing() as tx:
        stored = tx.breaches.save(breach.announce(), audit=entry())

    with uow.reading() as tx:
        for scope in (None, frozenset({OTHER_CSU}), frozenset({CCG})):
            assert tx.breaches.get(breach.id, scope=scope) == stored
        with pytest.raises(BreachNotFound):
            tx.breaches.get(breach.id, scope=frozenset({OTHER_CCG}))
        assert tx.breaches.without_receipt() == [stored]
        assert tx.breaches.page(Slice(after=stored.id, rows=9), scope=None) == []
    assert stored == replace(breach, version=1)


def test_a_map_comes_back_in_pieces(uow):
    content = b"x" * 2_500_001
    snapshot = MapSnapshot(
        id=new_id(),
        kind=MapKind.PRACTICE,
        valid_from=date(2018, 4, 1),
        digest=digest(content),
        entries=1,
        bytes=len(content),
    )
    with uow.writing() as tx:
        tx.maps.add(snapshot, [content], audit=entry())

    with uow.reading() as tx:
        pieces = list(tx.maps.content(snapshot.id))
        assert tx.maps.all("practice") == tx.maps.all(None) == [snapshot]
        assert tx.maps.all("postcode") == []
        with pytest.raises(MapNotFound):
            tx.maps.get(new_id())
    assert b"".join(pieces) == content
    assert len(pieces) == 3


def test_instruments_are_kept_in_order(uow):
    instruments = [
        TransferInstrument(
            id=new_id(), predecessor=CCG, successor=to, valid_from=NOW.date(), evidence="x"
        )
        for to in ("QF7", "QHM")
    ]
    for instrument in instruments:
        with uow.writing() as tx:
            tx.instruments.add(instrument, audit=entry())

    with uow.reading() as tx:
        assert tx.instruments.all() == instruments
    with uow.writing() as tx:
        taken_back = tx.instruments.withdraw(instruments[0], "It was put off.", audit=entry())
    with uow.reading() as tx:
        assert tx.instruments.all() == instruments[1:]
        assert tx.instruments.get(taken_back.id) == taken_back
        assert taken_back in tx.instruments.page(Slice(after=None, rows=10))
