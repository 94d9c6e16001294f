"""State, events and audit are stored together, on SQLite and on PostgreSQL."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import Session

from common.audit import Entry
from common.clock import SystemClock
from common.db import engine as engines
from common.db import migrate
from common.db import tables as shared
from common.db.unit_of_work import DatabaseUnavailable
from common.errors import EditedMeanwhile
from common.ids import new_id
from common.messaging.envelope import Event
from dissemination.db import repository
from dissemination.domain.agreement_status import AgreementStatus, Withdrawal
from dissemination.domain.delivery import Delivery, Outcome
from dissemination.domain.errors import ExtractNotFound, FileNotFound
from dissemination.domain.extract import Extract, Failure, Permit, PreparedFile, Requester, State
from dissemination.domain.register import RegisterLine
from dissemination.domain.release import Release, ReleaseDecision
from dissemination.use_cases.ports import Progress
from statements.line import AgreementVersion
from statements.request import ExtractRequest
from statements.vocabulary import Format

AT = datetime(2018, 6, 1, 12, tzinfo=UTC)
REFERENCE = "DARS-NIC-123456-A1B2C"
REQUESTER = Requester(subject="s", client_id="c", organisation="0DF", role="csu-system")


@pytest.fixture
def engine(migrated):
    return migrated("dissemination")


@pytest.fixture
def uow(engine):
    return repository.build(engine, SystemClock())


def entry(action="did"):
    return Entry(
        at=AT,
        action=action,
        resource="extracts/x",
        subject="s",
        client_id="c",
        organisation="0DF",
        role="csu-system",
        detail={"agreement": REFERENCE},
    )


def asked(*, organisation="0DF") -> Extract:
    extract_id = new_id()
    return Extract.ask(
        ExtractRequest(
            extract_id=str(extract_id),
            agreement=REFERENCE,
            purpose="COM",
            data_set="SUS_APC",
            classification="PSEUDO_ANONYMISED",
            periods=("2018-04",),
            fields=("Sex",),
            formats=("parquet",),
        ),
        extract_id=extract_id,
        requester=replace(REQUESTER, organisation=organisation),
        permit=Permit(
            id=str(new_id()), compact="a.b.c", expires_at=AT, decision_id=new_id(), epoch=7
        ),
        at=AT,
    )


def file() -> PreparedFile:
    return PreparedFile(
        id=new_id(),
        format=Format.PARQUET,
        object_key="k",
        bytes=5_000_000_000,
        digest="sha256:" + "0" * 64,
        rows=3,
        attestation="a.b.c",
    )


def save(uow, extract):
    with uow.writing() as tx:
        return tx.extracts.save(extract, audit=entry())


def count(engine, table):
    with Session(engine) as session:
        return len(session.execute(select(table)).all())


def prepared(uow):
    extract = save(uow, save(uow, asked()).accepted(at=AT))
    return save(uow, extract.prepared([file()], at=AT))


def line_of(prepared_file) -> RegisterLine:
    texts = {
        name: name
        for name in (
            *("controllers", "controller_type", "project_title", "reference", "data_set"),
            *("classification", "sensitivity", "legal_basis", "opt_outs_applied"),
            *("opt_outs_reason", "commercial_purpose", "access_method", "sub_licensing"),
            *("objectives", "processing", "expected_outputs", "expected_benefits"),
            *("yielded_benefits", "advisory_minutes"),
        )
    }
    return RegisterLine(
        id=new_id(),
        file_id=prepared_file.id,
        agreement_start=AT.date(),
        agreement_end=AT.date(),
        released_at=AT,
        **texts,
    )


def add(tx, extract, *, editions=("e1", "e1", "e2")):
    """Release the extract's file, as the use case does."""
    (prepared_file,) = extract.files

    def seal(leaf):
        return Release(
            file=prepared_file,
            extract_id=extract.id,
            agreement=REFERENCE,
            organisation=extract.requester.organisation,
            decision=ReleaseDecision(
                decision_id=new_id(),
                holding_id=str(new_id()),
                agreement=AgreementVersion(
                    reference=REFERENCE, version="v1.0", document_hash="sha256:h"
                ),
            ),
            leaf=leaf,
            manifest="m",
            attestation_digest="sha256:a",
            released_at=AT,
        )

    return tx.releases.add(
        extract=extract,
        line=line_of(prepared_file),
        edition_ids=editions,
        audit=entry("file-released"),
        seal=seal,
    )


def released(uow):
    extract = prepared(uow)
    with uow.writing() as tx:
        stored = tx.extracts.save(extract.release(at=AT), audit=entry())
        release = add(tx, stored)
    return stored, release


def test_tables_and_migrations_agree(engine):
    migrate.check(engine, "dissemination")


def test_an_extract_is_read_back_as_it_was_stored(uow):
    failure = Failure(code="PERMIT_EXPIRED")
    stored = save(uow, prepared(uow).fail(failure, at=AT))

    with uow.reading() as tx:
        assert tx.extracts.get(stored.id) == stored
    assert (stored.state, stored.version, stored.failure) == (State.FAILED, 4, failure)


def test_state_event_and_leaf_are_stored_together_or_not_at_all(engine, uow):
    def save_and_fail():
        with uow.writing() as tx:
            tx.extracts.save(asked(), audit=entry())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        save_and_fail()

    assert count(engine, shared.outbox) == count(engine, shared.audit_leaf) == 0
    save(uow, asked())
    assert count(engine, shared.outbox) == count(engine, shared.audit_leaf) == 1


def test_of_two_that_move_it_one_is_told_that_it_was_late(uow):
    extract = save(uow, asked())
    save(uow, extract.withdraw(at=AT))

    with pytest.raises(EditedMeanwhile):
        save(uow, extract.accepted(at=AT))
    with uow.reading() as tx:
        assert tx.extracts.get(extract.id).state is State.WITHDRAWN


def test_a_release_that_comes_late_leaves_nothing(engine, uow):
    """Guard: the extract's version is part of the release's transaction (S2)."""
    extract = prepared(uow)
    save(uow, extract.withdraw(at=AT))
    leaves = count(engine, shared.audit_leaf)

    def release_late():
        with uow.writing() as tx:
            tx.extracts.save(extract.release(at=AT), audit=entry())
            add(tx, extract)

    with pytest.raises(EditedMeanwhile):
        release_late()

    assert count(engine, shared.audit_leaf) == leaves
    with uow.reading() as tx:
        assert tx.releases.of(extract.id) == []
        assert tx.register.page(after=None, limit=10) == []


def test_a_release_names_the_leaf_that_tells_of_it(engine, uow):
    _, release = released(uow)

    with uow.reading() as tx:
        assert tx.releases.get(release.file.id, own=frozenset({"0DF"})) == release
        leaves = tx.log.page(agreement=REFERENCE, after=None, limit=10)
    assert leaves[release.leaf.index].entry["action"] == "file-released"
    assert [leaf.index for leaf in leaves] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("organisation", ["0CX", "02P"])
def test_another_organisation_finds_nothing(uow, organisation):
    extract, release = released(uow)

    with uow.reading() as tx:
        assert (
            tx.extracts.page(own=frozenset({organisation}), agreement=None, after=None, limit=9)
            == []
        )
        with pytest.raises(ExtractNotFound):
            tx.extracts.get(extract.id, own=frozenset({organisation}))
        with pytest.raises(FileNotFound):
            tx.releases.get(release.file.id, own=frozenset({organisation}))


def test_pages_are_in_order_of_creation_and_of_one_agreement(uow):
    stored = [save(uow, asked()) for _ in range(4)]

    with uow.reading() as tx:
        page = tx.extracts.page(
            own=frozenset({"0DF"}), agreement=REFERENCE, after=stored[0].id, limit=2
        )
        none = tx.extracts.page(own=None, agreement="DARS-NIC-000000-A1B2C", after=None, limit=2)
    assert [e.id for e in page] == [stored[1].id, stored[2].id]
    assert none == []


def test_a_turn_is_taken_by_one_worker_only(uow):
    extract = save(uow, asked())
    now = datetime.now(UTC)
    taken = []

    def take():
        with uow.writing() as tx:
            if tx.extracts.claim(extract.id, at=now, until=now + timedelta(seconds=30)):
                taken.append(1)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert taken == [1]
    with uow.reading() as tx:
        assert tx.extracts.due(at=now, limit=9) == []
        assert tx.extracts.due(at=now + timedelta(seconds=31), limit=9) == [extract.id]


def test_being_woken_takes_it_from_nobody(uow):
    """Guard: a claim is apart from the schedule. Two workers would ask for two releases."""
    extract = save(uow, asked())
    now = datetime.now(UTC)
    claimed = now + timedelta(seconds=30)
    with uow.writing() as tx:
        assert tx.extracts.claim(extract.id, at=now, until=claimed)

        tx.extracts.wake(extract.id, at=now)

        assert not tx.extracts.claim(extract.id, at=now, until=claimed)
        tx.extracts.keep(extract.id, until=claimed + timedelta(seconds=30))
        assert tx.extracts.due(at=claimed, limit=9) == []
        tx.extracts.rest(extract.id, looked_at=now, until=now + timedelta(seconds=1), attempts=1)
        assert tx.extracts.due(at=now, limit=9) == []
        assert tx.extracts.due(at=now + timedelta(seconds=1), limit=9) == [extract.id]


def test_a_wake_that_came_while_it_was_looked_at_is_not_slept_through(uow):
    """Guard: `SqlExtracts.rest`: what was seen is older than what the wake knows."""
    extract = save(uow, asked())
    now = datetime.now(UTC)
    woken = now + timedelta(milliseconds=1)
    with uow.writing() as tx:
        assert tx.extracts.claim(extract.id, at=now, until=now + timedelta(seconds=30))
        tx.extracts.wake(extract.id, at=woken)

        tx.extracts.rest(extract.id, looked_at=now, until=now + timedelta(seconds=60), attempts=1)

        assert tx.extracts.due(at=woken, limit=9) == [extract.id]
        assert tx.extracts.claim(extract.id, at=woken, until=now + timedelta(seconds=30))


def test_what_is_finished_has_no_turn(uow):
    extract = save(uow, asked())
    save(uow, extract.withdraw(at=AT))

    with uow.writing() as tx:
        later = datetime.now(UTC) + timedelta(days=1)
        assert tx.extracts.due(at=later, limit=9) == []
        assert not tx.extracts.claim(extract.id, at=later, until=later)


def test_progress_and_schedule_count_as_no_change_of_the_extract(uow):
    extract = save(uow, asked())
    later = datetime.now(UTC) + timedelta(hours=1)

    with uow.writing() as tx:
        assert tx.extracts.progress(extract.id) is None
        tx.extracts.note_progress(extract.id, Progress(rows_done=3, rows_total=None))
        tx.extracts.rest(extract.id, looked_at=datetime.now(UTC), until=later, attempts=4)

    with uow.reading() as tx:
        assert tx.extracts.get(extract.id) == extract
        assert tx.extracts.progress(extract.id) == Progress(rows_done=3, rows_total=None)
        assert tx.extracts.attempts(extract.id) == 4
        assert tx.extracts.due(at=datetime.now(UTC), limit=9) == []


def test_what_read_an_edition_is_found_by_it(uow):
    extract, _ = released(uow)

    with uow.writing() as tx:
        assert [e.id for e in tx.extracts.released_from("e1")] == [extract.id]
        assert tx.extracts.released_from("e9") == []
        assert tx.editions.replacements(["e1", "e2"]) == []
        tx.editions.supersede("e1", by="e3", at=AT)
        tx.editions.supersede("e1", by="e3", at=AT)
        (replaced,) = tx.editions.replacements(["e1", "e2"])
        assert (replaced.edition_id, replaced.by) == ("e1", "e3")
        assert tx.editions.replacements([]) == []


def test_how_an_agreement_stands_is_read_back_and_shown_in_the_register(uow):
    extract, release = released(uow)
    line = extract.request.line
    held = AgreementStatus.after_event(
        None, agreement=REFERENCE, state="ACTIVE", held=[line], at=AT
    )
    with uow.writing() as tx:
        assert tx.agreement_statuses.get(REFERENCE, locked=True) is None
        tx.agreement_statuses.put(held, audit=entry())

    with uow.reading() as tx:
        (listed,) = tx.register.page(after=None, limit=10)
        assert listed.line.file_id == release.file.id
        assert listed.status == held.of(line)
        assert tx.agreement_statuses.of([REFERENCE, "other"]) == {REFERENCE: held}


def test_what_was_released_under_an_agreement_until_a_time_is_found_by_it(uow):
    extract, _ = released(uow)
    prepared(uow)

    with uow.writing() as tx:
        assert tx.extracts.released_under(REFERENCE, until=AT - timedelta(seconds=1)) == []
        (found,) = tx.extracts.released_under(REFERENCE, until=AT)
        ended = tx.extracts.save(
            found.end(Withdrawal(agreement_state="EXPIRED", since=AT), at=AT), audit=entry()
        )

    with uow.reading() as tx:
        assert tx.extracts.get(extract.id) == ended
        assert tx.extracts.released_under(REFERENCE, until=AT) == []
        (listed,) = tx.register.page(after=None, limit=10)
    assert listed.status.agreement_state == "EXPIRED"


def delivery_of(release, extract) -> Delivery:
    return Delivery(
        id=new_id(),
        file_id=release.file.id,
        extract_id=extract.id,
        agreement=REFERENCE,
        decision_id=new_id(),
        requester=REQUESTER,
        start=0,
        end=release.file.bytes,
        begun_at=AT,
    )


def test_a_delivery_is_stored_moved_and_ended(engine, uow):
    extract, release = released(uow)
    now = datetime.now(UTC)
    with uow.writing() as tx:
        delivery = tx.deliveries.save(
            delivery_of(release, extract), audit=entry(), alive_at=now - timedelta(minutes=5)
        )
    with uow.reading() as tx:
        assert tx.deliveries.silent_since(now, limit=9) == [delivery]
    with uow.writing() as tx:
        tx.deliveries.note_alive(delivery.id, bytes_=4_000_000_000, at=now)
    with uow.writing() as tx:
        read = tx.deliveries.get(delivery.id)
        assert read.bytes == 4_000_000_000
        assert tx.deliveries.silent_since(now - timedelta(minutes=1), limit=9) == []
        ended = tx.deliveries.save(read.complete(at=AT), audit=entry(), alive_at=now)
    with uow.writing() as tx:
        tx.deliveries.note_alive(delivery.id, bytes_=1, at=now)  # too late: it has ended

    with uow.reading() as tx:
        (found,) = tx.deliveries.page(
            own=frozenset({"0DF"}),
            agreement=REFERENCE,
            file_id=release.file.id,
            after=UUID(int=0),
            limit=9,
        )
        assert (
            tx.deliveries.page(
                own=frozenset({"0CX"}), agreement=None, file_id=None, after=None, limit=9
            )
            == []
        )
    assert found == ended
    assert (found.outcome, found.bytes) == (Outcome.COMPLETE, release.file.bytes)


def test_an_event_is_accepted_once_and_not_after_a_newer_one(uow):
    def event(version):
        return Event(
            id=new_id(),
            type="pseudonymisation.extract-prepared.v1",
            source="/pseudonymisation",
            subject="x",
            time=AT,
            topic="pseudonymisation.preparation",
            aggregate_id="p",
            aggregate_version=version,
            state="prepared",
            data={},
        )

    newer, older = event(2), event(1)
    with uow.writing() as tx:
        assert [tx.accept(newer), tx.accept(newer), tx.accept(older)] == [True, False, False]


def test_a_key_stands_for_what_it_created(uow):
    with uow.writing() as tx:
        keys = {"actor": "a", "key": "k", "fingerprint": "f"}
        assert tx.idempotency.find(**keys) is None
        tx.idempotency.remember(**keys, resource="r")
    with uow.reading() as tx:
        assert tx.idempotency.find(**keys) == "r"


@pytest.mark.postgresql
def test_a_database_that_is_gone_is_said_so_in_a_defined_time(postgresql_server):
    url = postgresql_server.create()
    engine = engines.create(url)
    uow = repository.build(engine, SystemClock())
    migrate.upgrade(engine, "dissemination")
    save(uow, asked())
    postgresql_server.drop(url)

    with pytest.raises(DatabaseUnavailable):
        save(uow, asked())
    with pytest.raises(DatabaseUnavailable), uow.reading() as tx:
        tx.extracts.get(UUID(int=0))
    engine.dispose()
