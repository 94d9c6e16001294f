"""Whoever writes into the database past the service opens nothing (docs/adr/0024)."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlmodel import Session

from agreements.db import epoch as epochs
from agreements.db import tables, written
from agreements.db.decisions import facts as loading
from agreements.db.decisions.facts import load
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.destruction.tables import (
    DestroyedFileRow,
    DestructionAcceptanceRow,
    DestructionCertificateRow,
)
from agreements.db.flows.tables import LocalFlowRow
from agreements.db.issuing.tables import AgreementBatchRow, AgreementTemplateRow
from agreements.db.oversight.tables import (
    AuditRow,
    DirectionRow,
    LapseWarningRow,
    StaffRecordRow,
)
from agreements.db.relationship_tables import RelationshipConsentRow, RelationshipEditionRow
from agreements.db.seals import chain as seals
from agreements.db.seals.chain import Book, Sealer
from agreements.db.seals.sealed import SEALED
from agreements.db.seals.tables import SealRow, SignatureReceiptRow
from agreements.db.sharing.tables import OnwardShareRow
from agreements.decision.use_cases.decider import Decider
from agreements.records.domain.agreement import Circumstances as StateFacts
from agreements.records.domain.hold import Hold
from agreements.records.domain.lists.imports import Import, ImportKind
from agreements.records.domain.lists.layouts.ods import ListedOrganisation
from agreements.records.domain.parties.organisation import OrganisationKind, TransferInstrument
from agreements.records.domain.recalls import Recall, Source
from agreements.records.use_cases.ports import Slice
from common.db.tables import audit_leaf, table_of
from common.ids import digest, new_id
from common.replacement import Change, ReplacementStatus, State
from common.security import keys
from common.security.keys import SIGNATURE_RECEIPT, Signer
from services.agreements.tests.api.test_internal_instructions import instruction
from services.agreements.tests.api.test_opt_out_waivers import letter
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER, entry, on_the_catalogue, seed
from services.agreements.tests.reference.world import CCG, CSU, PREDECESSOR, STRANGER, london

NOT_READ = {
    tables.RenewalRow,
    tables.TaskRow,
    RelationshipConsentRow,
    RelationshipEditionRow,
    tables.BreachRow,
    tables.SubmissionRightRow,
    DestructionCertificateRow,
    DestructionAcceptanceRow,
    DestroyedFileRow,
    OnwardShareRow,
    AgreementTemplateRow,
    AgreementBatchRow,
    StaffRecordRow,
    AuditRow,
    LapseWarningRow,
    DirectionRow,
}
"""What no decision reads: sealed like the others, but nothing opens by it."""
READ = [row for row in SEALED if row not in NOT_READ]
ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"])
"""For what does not depend on the engine."""


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


def world():
    """Something in every register that a decision reads, and a request is permitted."""
    made = on_the_catalogue(plain.sound())
    made["agreement"]["holds"] = [
        {
            "whole": False,
            "lines": [("IV", "SUS_APC", "IDENTIFIABLE")],
            "set_at": london(2018, 5, 3),
            "lifted_at": None,
        },
    ]
    made["instruments"] = [
        {"predecessor": PREDECESSOR, "successor": CCG, "from": london(2018, 4, 1).date()}
    ]
    made["domain_transfers"] = [
        {
            "former": plain.ENVIRONMENT,
            "following": plain.OTHER_ENVIRONMENT,
            "agreed": False,
            "effective_at": None,
            "withdrawn": False,
        }
    ]
    made["publications"] = [
        {"data_set": "SUS_APC", "period": "2018-04", "published_on": london(2018, 5, 1).date()}
    ]
    return made


@pytest.fixture
def uow(engine):
    return seed(engine, world())


@pytest.fixture
def with_what_waits(uow):
    """A map that stands, a list that had to wait, and what the haven took back; and letters."""
    with uow.writing() as tx:
        change = Change(before=0, after=0, added=0, removed=0)
        accepted = ReplacementStatus(
            state=State.ACCEPTED, change=change, proposed_by="ann", proposed_at=plain.NOON
        )
        [first, *_] = tx.maps.all(None)
        tx.maps.stand(replace(first, standing=accepted), audit=entry())
        tx.imports.save(
            Import(
                id=new_id(),
                kind=ImportKind.ORGANISATIONS,
                layout="etr",
                digest="",
                snapshot_on=None,
                listed=(),
                standing=replace(accepted, state=State.TAKEN_BACK),
            ),
            audit=entry(),
        )
        instrument = TransferInstrument(
            id=new_id(),
            predecessor=STRANGER,
            successor=CCG,
            valid_from=plain.NOON.date() + timedelta(days=30),
            evidence="",
        )
        tx.instruments.add(instrument, audit=entry())
        tx.instruments.withdraw(instrument, "", audit=entry())
        tx.recalls.save(
            Recall(
                id=new_id(),
                kind=Source.EDITION,
                source="edition-0",
                replaced_by=None,
                taken_back_at=plain.NOON,
            ),
            audit=entry(),
        )
        tx.opt_out_waivers.save(letter(), audit=entry())
        tx.internal_instructions.save(instruction(), audit=entry())
    return uow


@pytest.fixture
def clock(clock):
    clock.set(plain.NOON)
    return clock


@pytest.fixture
def ask(engine, uow, clock):
    """Ask a process that starts now whether the request is permitted."""
    started = []

    def codes():
        started.append(Decider(SqlDecisionLogs(engine, SEALER), clock))
        answer = started[-1].ask_and_wait(asking.request())
        assert answer.permitted is (answer.refusals == ())
        return {(r.code, r.subject) for r in answer.refusals}

    yield codes
    for decider in started:
        decider.stop()


def agreement_of(uow):
    with uow.reading() as tx:
        return tx.agreements.get(plain.REFERENCE, scope=None)


def saved(uow, agreement):
    with uow.writing() as tx:
        return tx.agreements.save(
            agreement.settle(plain.NOON, StateFacts()), audit=entry(plain.NOON)
        )


def held(uow):
    hold = Hold(
        id=new_id(),
        breach_id=None,
        whole=True,
        lines=(),
        reason="asked for",
        set_at=plain.NOON - timedelta(hours=1),
        set_by="ann",
    )
    saved(uow, agreement_of(uow).hold(hold))
    return hold


def broken(session):
    return load(session, plain.REFERENCE, epoch=epochs.current(session), book=Book(SEALER)).broken


# Every register that a decision reads, and every way to tamper with it


def slipped_in(connection, row, columns):
    """A row more, in a register that is read."""
    more = {"id": new_id()}
    if "superseded_epoch" in columns:
        more = {"version": columns["version"] + 7, "superseded_epoch": columns["epoch"]}
    for name in ("party", "approved_by"):
        if name in columns:
            more[name] = "ZZ9"
    connection.execute(insert(table_of(row)).values(columns | more))


def changed(connection, row, columns):
    """The same row, recorded at another time."""
    table = table_of(row)
    connection.execute(
        update(table)
        .where(table.c.id == columns["id"])
        .values(recorded_at=columns["recorded_at"] + timedelta(seconds=1))
    )


def dated_back(connection, row, columns):
    """Known already before it was."""
    table = table_of(row)
    connection.execute(update(table).where(table.c.id == columns["id"]).values(epoch=0))


def deleted(connection, row, columns):
    """Gone, with what refers to it."""
    if row is tables.AgreementVersionRow:
        connection.execute(delete(table_of(tables.SignatureRow)))
    for part in SEALED[row].parts:
        table = table_of(part.row)
        connection.execute(delete(table).where(table.c[part.column] == columns["id"]))
    table = table_of(row)
    connection.execute(delete(table).where(table.c.id == columns["id"]))


SLIPPED_IN_PARTY = (
    "INSERT INTO agreement_party SELECT agreement_version_id, '03L', capacity, legal_name, 9"
    " FROM agreement_party WHERE ods = '02P'"
)
TAMPERINGS = pytest.mark.parametrize("tamper", [slipped_in, changed, dated_back, deleted])


@TAMPERINGS
def test_whatever_a_decision_reads_is_found_where_it_was_tampered_with(
    engine, with_what_waits, tamper
):
    found = {}
    with engine.connect() as connection:
        for row in READ:
            rows = connection.execute(select(*table_of(row).c)).mappings().all()
            known = [dict(r) for r in rows if r.get("ods", CCG) == CCG]
            if not known:
                continue
            undo = connection.begin_nested()
            tamper(connection, row, known[0])
            with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
                found[row] = broken(session)
            undo.rollback()

    # Nobody has approved a lift; no line names a local flow, of which test_local_flows.py tells.
    assert set(READ) - set(found) == {tables.HoldLiftRow, LocalFlowRow}
    assert {row for row, names in found.items() if table_of(row).name not in names} == set()


@ON_SQLITE
@pytest.mark.parametrize(
    ("statement", "register"),
    [
        ("DELETE FROM agreement_party WHERE ods = '0DF'", "agreement_version"),
        ("UPDATE agreement_party SET legal_name = 'Another'", "agreement_version"),
        (
            SLIPPED_IN_PARTY,
            "agreement_version",
        ),
        ("DELETE FROM agreement_line WHERE number = 2", "agreement_version"),
        ("UPDATE agreement_line SET purpose = 'RS' WHERE number = 2", "agreement_version"),
        ("DELETE FROM hold_line", "hold"),
        ("UPDATE hold_line SET purpose = 'RS'", "hold"),
        ("UPDATE hold SET whole = 'no'", "hold"),  # SQLite takes it; nothing of ours reads so
        ("UPDATE agreement_version SET valid_to = 'never'", "agreement_version"),
        ("UPDATE contract SET valid_to = x'00'", "contract"),
        ("UPDATE agreement SET reference = 'DARS-NIC-123456-A1B2D'", "agreement"),
    ],
)
def test_parts_of_a_row_and_values_of_another_kind_break_the_seal(
    engine, uow, ask, statement, register
):
    with engine.begin() as connection:
        connection.execute(text(statement))

    (answer,) = ask()

    assert answer[0] == "SEAL_BROKEN"
    assert answer[1] in (register, "seal")


@ON_SQLITE
def test_a_reason_to_lift_that_was_slipped_in_lifts_nothing(engine, uow, ask):
    hold = held(uow)
    with engine.begin() as connection:
        connection.execute(
            insert(table_of(tables.HoldLiftRow)).values(
                id=new_id(),
                epoch=1,
                recorded_at=plain.NOON,
                hold_id=hold.id,
                approved_by="nobody",
                approved_at=plain.NOON,
                reason="none",
            )
        )
    agreement = agreement_of(uow)
    saved(
        uow,
        agreement.approve_lift(hold.id, lift_id=new_id(), by="ann", reason="gone", at=plain.NOON),
    )

    assert ask() == {("SEAL_BROKEN", "hold_lift")}


# What the issue names, through a decision

HOLD, SIGNATURE, VERSION = map(
    table_of, (tables.HoldRow, tables.SignatureRow, tables.AgreementVersionRow)
)


def without(engine, table, id_):
    with engine.begin() as connection:
        connection.execute(delete(table).where(table.c.id == id_))


def test_a_request_is_permitted_while_nothing_was_tampered_with(ask):
    assert ask() == set()


def test_a_hold_that_was_deleted_stops_all_the_same(engine, uow, ask):
    hold = held(uow)
    assert ask() == {("BREACH_OPEN", None)}

    without(engine, HOLD, hold.id)

    assert ask() == {("SEAL_BROKEN", "hold")}


@ON_SQLITE
def test_without_its_seal_a_deleted_hold_would_open_the_gate(engine, uow, ask, monkeypatch):
    without(engine, HOLD, held(uow).id)
    monkeypatch.setattr(loading._Loader, "_judge", lambda *_: None)

    assert ask() == set()


def unsigned():
    """A world in which the CSU has not signed."""
    made = world()
    del made["agreement"]["versions"][0]["signed"][CSU]
    return made


def slip_in_a_signature(engine, receipt=None):
    with engine.begin() as connection:
        known = dict(connection.execute(select(*SIGNATURE.c)).mappings().first())
        connection.execute(insert(SIGNATURE).values(known | {"id": new_id(), "party": CSU}))
        if receipt is not None:
            receipts = table_of(SignatureReceiptRow)
            known = dict(connection.execute(select(*receipts.c)).mappings().first())
            given = {"id": new_id(), "party": CSU, "capacity": "party", "statement": receipt}
            connection.execute(insert(receipts).values(known | given))


@ON_SQLITE
def test_a_signature_that_was_slipped_in_opens_nothing(engine, clock):
    seed(engine, unsigned())
    slip_in_a_signature(engine)

    with Session(engine) as session:
        assert set(broken(session)) == {"signature", "signature_receipt"}


@ON_SQLITE
def test_a_signature_counts_by_its_receipt_alone_even_where_rows_agree(engine, monkeypatch):
    seed(engine, unsigned())
    slip_in_a_signature(engine)
    monkeypatch.setattr(loading._Loader, "_judge", lambda *_: None)

    with Session(engine) as session:
        assert broken(session) == ("signature_receipt",)


@ON_SQLITE
def test_a_receipt_of_somebody_else_s_key_vouches_for_nothing(engine, monkeypatch):
    seed(engine, unsigned())
    with Session(engine) as session:
        row = session.execute(select(*table_of(SignatureReceiptRow).c)).mappings().first()
    claims = dict(SEALER.open_receipt(row["statement"]))
    forged = keys.issue(
        Signer(keys.generate_jwk()), SIGNATURE_RECEIPT, claims | {"party": CSU}, at=plain.NOON
    )
    slip_in_a_signature(engine, receipt=forged)
    monkeypatch.setattr(loading._Loader, "_judge", lambda *_: None)

    with Session(engine) as session:
        assert broken(session) == ("signature_receipt",)


@ON_SQLITE
def test_a_receipt_says_who_signed_what_and_has_nothing_of_the_token(engine, uow):
    with Session(engine) as session:
        rows = session.execute(select(*table_of(SignatureReceiptRow).c)).mappings().all()
        signatures = session.execute(select(*SIGNATURE.c)).mappings().all()

    claims = [SEALER.open_receipt(row["statement"]) for row in rows]
    of_the_agreement = [c for c in claims if c["document_hash"] == signatures[0]["document_hash"]]
    assert {(c["party"], c["capacity"], c["role"], c["sub"]) for c in of_the_agreement} == {
        (s["party"], s["capacity"], s["name_of_role"], "test") for s in signatures
    }
    assert len(rows) == len(signatures) + 2  # the contract's two
    assert set(claims[0]) == {
        *("iss", "aud", "iat", "jti", "sub"),
        *("document_hash", "party", "capacity", "role", "signed_at"),
    }


@ON_SQLITE
def test_a_document_that_was_replaced_with_its_hash_opens_nothing(engine, uow, ask):
    with engine.begin() as connection:
        document = connection.execute(select(VERSION.c.document)).scalar_one()
        wider = document.replace('"to": "2019-03"', '"to": "2030-03"')
        assert wider != document
        hashed = digest(wider.encode())
        connection.execute(update(VERSION).values(document=wider, document_hash=hashed))
        connection.execute(update(SIGNATURE).values(document_hash=hashed))

    assert {code for code, _ in ask()} == {"SEAL_BROKEN"}


@ON_SQLITE
def test_a_party_s_client_that_was_slipped_in_opens_nothing(engine, uow, clock):
    clients = table_of(tables.EnvironmentClientRow)
    with engine.begin() as connection:
        known = dict(connection.execute(select(*clients.c)).mappings().first())
        more = {"id": new_id(), "client_id": STRANGER}
        connection.execute(insert(clients).values(known | more))
    decider = Decider(SqlDecisionLogs(engine, SEALER), clock)

    answer = decider.ask_and_wait(asking.request(evidence=asking.evidence(client=STRANGER)))
    decider.stop()

    assert {r.code for r in answer.refusals} == {"SEAL_BROKEN"}


# What was slipped in is not sealed with what the service writes


@ON_SQLITE
@pytest.mark.parametrize("ahead", [0, 1], ids=["of an old epoch", "of the epoch to come"])
def test_a_change_after_a_tampering_does_not_seal_it(engine, uow, ask, ahead):
    with engine.begin() as connection:
        known = dict(connection.execute(select(*HOLD.c)).mappings().first())
        connection.execute(
            insert(HOLD).values(known | {"id": new_id(), "epoch": known["epoch"] + ahead})
        )

    held(uow)
    assert ask() == {("SEAL_BROKEN", "hold")}


@ON_SQLITE
def test_a_hold_is_taken_although_the_seal_is_broken(engine, uow, ask):
    with engine.begin() as connection:
        connection.execute(delete(table_of(tables.HoldLineRow)))
        connection.execute(delete(HOLD))

    hold = held(uow)

    assert hold.id in {h.id for h in agreement_of(uow).holds}
    assert ask() == {("SEAL_BROKEN", "hold")}


@ON_SQLITE
def test_rows_that_a_transaction_does_not_own_up_to_break_its_seal(engine, uow, ask):
    with uow.writing() as tx:
        stamp = written.stamped(tx.session)
        known = dict(tx.session.execute(select(*HOLD.c)).mappings().first())
        more = {"id": new_id(), "epoch": stamp.epoch, "lifted_at": None}
        tx.session.execute(insert(HOLD).values(known | more))

    assert ask() == {("SEAL_BROKEN", "hold")}


# Rollbacks of the chain

SEAL, EPOCH, LEAF = table_of(SealRow), table_of(tables.FactEpochRow), audit_leaf


def rolled_back(engine, *, number, epoch):
    """Rows, seals and epoch as they were; the hold that was set since is gone."""
    with engine.begin() as connection:
        connection.execute(delete(HOLD).where(HOLD.c.epoch > epoch))
        for row in (tables.AgreementRow,):
            table = table_of(row)
            connection.execute(delete(table).where(table.c.epoch > epoch))
            connection.execute(
                update(table).where(table.c.superseded_epoch > epoch).values(superseded_epoch=None)
            )
        connection.execute(delete(SEAL).where(SEAL.c.number > number))
        connection.execute(update(EPOCH).values(epoch=epoch))


def test_rows_and_seals_of_before_are_not_believed_again(engine, uow, ask, clock):
    warm = Decider(SqlDecisionLogs(engine, SEALER), clock)
    held(uow)
    assert not warm.ask_and_wait(asking.request()).permitted

    rolled_back(engine, number=0, epoch=1)

    again = warm.ask_and_wait(asking.request())
    warm.stop()
    assert [r.code for r in again.refusals] == ["SEAL_BROKEN"]
    assert ask() == {("SEAL_BROKEN", "seal")}


@ON_SQLITE
def test_without_the_leaf_of_the_seal_a_rollback_would_open_the_gate(engine, uow, ask, monkeypatch):
    held(uow)
    rolled_back(engine, number=0, epoch=1)
    with Session(engine) as session:
        book = Book(SEALER)
        with pytest.raises(seals.SealBroken):
            book.refresh(session)
    last = select(SEAL.c.number, SEAL.c.statement)
    with engine.connect() as connection:
        number, statement = connection.execute(last).one()
    told = {seals.SEALED_ACTION: (number, digest(statement.encode()))}
    monkeypatch.setattr(seals, "last_audited", lambda _, action: told.get(action))

    assert ask() == set()


@ON_SQLITE
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM seal",
        "DELETE FROM seal WHERE number = 0",
        "DELETE FROM seal WHERE number = 1",
        "DELETE FROM seal WHERE number = 2",
        "UPDATE seal SET changes = '[]' WHERE number = 1",
        "UPDATE seal SET changes = replace(changes, 'hold', 'held')",
        "UPDATE seal SET changes = '{'",
        "UPDATE seal SET epoch = epoch + 1",
        "UPDATE seal SET statement = 'none' WHERE number = 2",
        "UPDATE seal SET statement = (SELECT statement FROM seal WHERE number = 1)",
        "UPDATE seal SET number = -1 WHERE number = 0",
        "UPDATE fact_epoch SET epoch = 1",
        "UPDATE fact_epoch SET epoch = 99",
        "DELETE FROM fact_epoch",
    ],
)
def test_a_chain_that_was_tampered_with_opens_nothing(engine, uow, ask, statement):
    held(uow)
    held(uow)
    with engine.begin() as connection:
        connection.execute(text(statement))

    assert {code for code, _ in ask()} == {"SEAL_BROKEN"}


@ON_SQLITE
@pytest.mark.parametrize("statement", ["UPDATE fact_epoch SET epoch = 0", "DELETE FROM fact_epoch"])
def test_a_counter_that_was_set_back_neither_stops_a_hold_nor_forgets_one(
    engine, uow, ask, statement
):
    held(uow)
    with engine.begin() as connection:
        connection.execute(text(statement))
    assert {code for code, _ in ask()} == {"SEAL_BROKEN"}

    held(uow)

    assert {code for code, _ in ask()} == {"BREACH_OPEN"}


@ON_SQLITE
def test_a_counter_that_was_set_back_with_its_history_is_not_sealed(engine, uow, ask):
    held(uow)
    with engine.begin() as connection:
        connection.execute(update(EPOCH).values(epoch=0))
        connection.execute(delete(table_of(tables.FactChangeRow)))

    held(uow)

    assert {code for code, _ in ask()} == {"SEAL_BROKEN"}


@ON_SQLITE
def test_facts_without_any_seal_open_nothing_and_are_not_sealed_by_the_next_change(
    engine, uow, ask
):
    with engine.begin() as connection:
        connection.execute(delete(SEAL))
        connection.execute(delete(LEAF).where(LEAF.c.entry.contains("facts-sealed")))

    held(uow)

    with engine.connect() as connection:
        assert connection.execute(select(SEAL.c.number)).all() == []
    assert ask() == {("SEAL_BROKEN", "seal")}


@ON_SQLITE
def test_a_chain_of_another_key_opens_nothing_until_that_key_is_named_as_a_former_one(
    engine, uow, clock
):
    other = Signer(keys.generate_jwk())

    def codes(sealer):
        decider = Decider(SqlDecisionLogs(engine, sealer), clock)
        answer = decider.ask_and_wait(asking.request())
        decider.stop()
        return {r.code for r in answer.refusals}

    assert codes(Sealer(other)) == {"SEAL_BROKEN"}
    assert codes(Sealer(other, SEALER.signer.jwks()["keys"])) == set()


def test_each_change_of_facts_is_a_link_and_a_leaf(engine, uow):
    held(uow)

    with engine.connect() as connection:
        links = connection.execute(select(*SEAL.c).order_by(SEAL.c.number)).mappings().all()
        entries = [json.loads(e) for e in connection.execute(select(LEAF.c.entry)).scalars()]
    leaves = [e["detail"] for e in entries if e["action"] == "facts-sealed"]
    assert [link["epoch"] for link in links] == [1, 2]
    assert [(d["number"], d["seal"]) for d in leaves] == [
        (link["number"], digest(link["statement"].encode())) for link in links
    ]


@ON_SQLITE
def test_a_row_that_is_rewritten_where_it_stands_is_sealed_as_it_is_now(engine, uow, ask):
    (mine,) = [h for h in agreement_of(uow).holds if not h.whole]
    with uow.writing() as tx:
        written.rewrite(tx.session, tables.HoldRow, mine.id, reason="said better")

    assert ask() == set()
    with engine.connect() as connection:
        assert connection.execute(select(HOLD.c.reason)).scalar_one() == "said better"


@ON_SQLITE
@pytest.mark.parametrize(
    "statement", ["DELETE FROM import_content", "UPDATE import_content SET content = '[]'"]
)
def test_what_a_waiting_list_says_cannot_be_emptied_past_the_service(
    engine, with_what_waits, ask, statement
):
    listed = ListedOrganisation(
        ods=CSU,
        name="Closed",
        kind=OrganisationKind.CSU,
        legal_entity=CSU,
        parent=None,
        valid_from=date(2013, 4, 1),
        valid_to=date(2018, 5, 1),
    )
    with with_what_waits.writing() as tx:
        [known] = tx.imports.page(Slice(after=None, rows=9), None)
        waiting = replace(known.standing, state=State.WAITING)
        sent = replace(known, id=new_id(), version=0, listed=(listed,), standing=waiting)
        tx.imports.save(sent, audit=entry(plain.NOON))
    assert {code for code, _ in ask()} == {"IMPORT_WAITING"}
    with engine.begin() as connection:
        connection.execute(text(statement))

    assert {code for code, _ in ask()} == {"SEAL_BROKEN"}
