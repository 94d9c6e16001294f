"""Whoever writes what decisions write, past the service, gets no file by it (docs/adr/0034)."""

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select, text
from sqlmodel import Session

from agreements.db.decisions import registers as decision_registers
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.decisions.registers import HOLDING, REGISTERS, Register, registers
from agreements.db.decisions.seals import CHAIN, Ledger, Tampered
from agreements.db.decisions.tables import DecisionRow
from agreements.db.seals import chain as seals
from agreements.db.seals.audit import wrong
from agreements.db.seals.tables import DecisionSealRow
from agreements.decision.domain.errors import EvidenceRefused
from agreements.decision.use_cases import dry_run
from agreements.decision.use_cases.ports import Fate
from common.db.tables import audit_leaf, table_of
from common.ids import digest, digest_of, new_id
from services.agreements.tests.reference import asking, giving
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.giving import codes, fetched, give, prepared
from services.agreements.tests.reference.seeding import SEALER
from statements.question import SentObject

BOTH = pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
LINK = table_of(DecisionSealRow)
JWKS = SEALER.signer.jwks()


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


def tampered(engine, *statements):
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        for statement in statements:
            connection.execute(text(statement))


def links(engine):
    with engine.connect() as connection:
        return connection.execute(select(*LINK.c).order_by(LINK.c.number)).mappings().all()


# Every table, and every way to tamper with it

NO_HOLDING = ("DELETE FROM holding_fate", "DELETE FROM holding")
NO_TREATMENT = "DELETE FROM opt_out_treatment"
NO_CHAIN = "DELETE FROM decision_seal"
COPIED = (
    "INSERT INTO holding SELECT :id, 'x', extract_id, permit_id, :id, agreement, version,"
    " document_hash, line, purpose, data_set, classification, environment_id, holder, client_id,"
    " organisation, format, bytes, digest, periods, file, attestation_digest, released_at,"
    " row_digest, bridged_agreement FROM holding"
).replace(":id", f"'{new_id().hex}'")
TAMPERINGS = [
    (NO_HOLDING, "holding"),
    ((COPIED,), "holding"),
    (("UPDATE holding SET data_set = 'OTHER'",), "holding"),
    (("UPDATE holding SET periods = '[\"2017-01\"]'",), "holding"),
    (("UPDATE holding SET file = replace(file, 'list-1', 'list-2')",), "holding"),
    (("UPDATE holding SET row_digest = NULL",), "holding"),
    (("DELETE FROM holding_fate",), "holding_fate"),
    (("UPDATE holding_fate SET fate = 'void'",), "holding_fate"),
    ((NO_TREATMENT,), "opt_out_treatment"),
    (("DELETE FROM opt_out_treatment WHERE month = '2018-04'",), "opt_out_treatment"),
    (("UPDATE opt_out_treatment SET treatment = 'not_applied'",), "opt_out_treatment"),
    (("UPDATE opt_out_treatment SET month = '2017-01' WHERE month = '2018-04'",)
     , "opt_out_treatment"),
    (("UPDATE permit SET organisation = 'RXX'",), "permit"),
    (("UPDATE permit SET seal = NULL",), "permit"),
    (("UPDATE permit SET seal = (SELECT min(statement) FROM decision_seal)",), "permit"),
    (("UPDATE decision_seal SET changes = '[]'",), "decision_seal"),
    (("UPDATE decision_seal SET number = number + 1000000",), "decision_seal"),
    (("DELETE FROM decision_seal WHERE number = 1",), "decision_seal"),
    (("DELETE FROM decision_seal WHERE number = (SELECT max(number) FROM decision_seal)",),
     "decision_seal"),
    ((NO_CHAIN,), "decision_seal"),
    ((*NO_HOLDING, NO_TREATMENT, NO_CHAIN), "decision_seal"),
]  # fmt: skip


def no_file_after(engine, started, statements):
    one = started()
    fetched(one, give(one, "list-1"))
    second = prepared(one, "list-2")
    tampered(engine, *statements)
    return codes(started().ask_and_wait(second))


@pytest.mark.parametrize(("statements", "register"), TAMPERINGS)
def test_no_file_is_released_where_rows_of_decisions_were_tampered_with(
    engine, started, statements, register
):
    refused = no_file_after(engine, started, statements)

    assert ("SEAL_BROKEN", register) in refused
    assert {code for code, _ in refused} == {"SEAL_BROKEN"}
    assert wrong(engine, JWKS) != []


@pytest.mark.postgresql
@pytest.mark.parametrize("database_kind", ["postgresql"])
@pytest.mark.parametrize(
    ("statements", "register"),
    [
        (NO_HOLDING, "holding"),
        (("UPDATE holding SET file = replace(file, 'list-1', 'list-2')",), "holding"),
        ((*NO_HOLDING, NO_TREATMENT, NO_CHAIN), "decision_seal"),
    ],
)
def test_nor_on_the_other_database(engine, started, statements, register):
    assert ("SEAL_BROKEN", register) in no_file_after(engine, started, statements)


@BOTH
def test_while_nobody_tampered_every_answer_is_as_it_was_and_the_audit_finds_nothing(
    engine, started
):
    one = started()
    first = give(one, "list-1")
    assert fetched(one, first).permitted

    other = started()
    assert codes(give(other, "list-2")) == {
        ("OPT_OUT_DIFFERENCING", "2018-04"),
        ("OPT_OUT_DIFFERENCING", "2018-05"),
    }
    assert fetched(other, first).permitted
    assert give(other, "list-2", periods=("2018-06",)).permitted
    assert wrong(engine, JWKS) == []


@pytest.mark.parametrize(
    ("statements", "register"),
    [
        ((NO_TREATMENT,), "opt_out_treatment"),
        ((NO_CHAIN,), "decision_seal"),
        (("UPDATE opt_out_treatment SET reserved_at = 'never'",), "opt_out_treatment"),
    ],
)
def test_no_request_is_permitted_where_reservations_were_tampered_with(
    engine, started, statements, register
):
    assert started().ask_and_wait(asking.request()).permitted
    tampered(engine, *statements)

    refused = started().ask_and_wait(asking.request())

    assert codes(refused) == {("SEAL_BROKEN", register)}


def test_of_questions_that_are_heard_together_none_is_permitted_on_what_is_broken(engine, started):
    """Guards: `SqlDecisionLog.reserved` takes for free only what it found sealed."""
    give(started(), "list-1")
    tampered(engine, NO_TREATMENT)
    with SqlDecisionLogs(engine, SEALER).reading() as tx:
        environment = [asking_environment(engine)]
        for _ in range(2):
            tx.reserved(environment, "SUS_APC", ("2018-04",))
            assert tx.broken() == ("opt_out_treatment",)


def asking_environment(engine):
    with engine.connect() as connection:
        return connection.execute(select(HOLDING.c.environment_id)).scalars().first()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE holding SET agreement = 'DARS-NIC-000000-Z9Z9Z'",
        "UPDATE holding SET file = '{'",
        "UPDATE holding SET released_at = 'never'",
        "UPDATE holding SET environment_id = 'none'",
    ],
)
def test_a_file_is_not_fetched_whose_row_was_altered(engine, started, statement):
    released = give(started(), "list-1")
    tampered(engine, statement)

    assert codes(fetched(started(), released)) == {("SEAL_BROKEN", "holding")}


@pytest.mark.parametrize(
    "change",
    [{"object_key": "preparations/of/another.parquet"}, {"size": 1}, {"content": digest(b"else")}],
)
def test_no_other_object_is_sent_than_the_one_that_was_released(engine, started, change):
    """Guard: `AskFetch.sends_another`. Dissemination's row may have been made to name another."""
    decider = started()
    given = give(decider, "list-1")
    with engine.connect() as connection:
        attested = json.loads(connection.execute(text("SELECT file FROM holding")).scalar_one())
    said = attested["file"]
    file = {"object_key": said["object_key"], "size": said["bytes"], "content": said["digest"]}
    right, other = SentObject.of(**file), SentObject.of(**file | change)

    assert codes(fetched(decider, given, sends=other)) == {("SEAL_BROKEN", "release")}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM holding_fate")).scalar_one() == 0
    first = fetched(decider, given, sends=right)
    renewed = fetched(decider, given, sends=other, renews=first.decision_id)
    assert first.permitted
    assert codes(renewed) == {("SEAL_BROKEN", "release")}


def test_a_file_is_not_fetched_that_was_slipped_in(engine, started):
    released = give(started(), "list-1")
    tampered(engine, COPIED)
    with engine.connect() as connection:
        ids = connection.execute(select(HOLDING.c.id)).scalars().all()
    (slipped_in,) = set(ids) - {released.holding_id}

    refused = started().ask_and_wait(asking.fetch(slipped_in))

    assert codes(refused) == {("SEAL_BROKEN", "holding")}


def test_a_file_that_is_released_again_is_held_against_its_seal(engine, started):
    """Guards: `SqlDecisionLog.released`, by which the same file is allowed unjudged."""
    one = started()
    file = prepared(one, "list-1")
    assert one.ask_and_wait(file).permitted
    assert started().ask_and_wait(file).permitted
    tampered(engine, "UPDATE holding SET attestation_digest = 'another'")

    assert codes(started().ask_and_wait(file)) == {("SEAL_BROKEN", "holding")}


def test_what_was_slipped_in_is_not_shown_as_had_by_a_dry_run(engine, started, clock):
    released = give(started(), "list-1")
    logs, asker = SqlDecisionLogs(engine, SEALER), asking.evidence().asker
    assert dry_run.fetch(released.holding_id, asker, logs=logs, clock=clock).permitted
    tampered(engine, "UPDATE holding SET agreement = agreement || ''", COPIED)
    logs = SqlDecisionLogs(engine, SEALER)

    answer = dry_run.fetch(released.holding_id, asker, logs=logs, clock=clock)
    found = dry_run.files(asker, after="", limit=9, logs=logs, clock=clock)
    (line, *_) = dry_run.lines(asker, after="", limit=9, logs=logs, clock=clock).lines

    assert codes(answer) == {("SEAL_BROKEN", "holding")}
    assert not any(file.permitted for file in found.files)
    assert line.permitted  # its reservations are whole
    tampered(engine, NO_TREATMENT)
    logs = SqlDecisionLogs(engine, SEALER)
    (line, *_) = dry_run.lines(asker, after="", limit=9, logs=logs, clock=clock).lines
    assert codes(line) == {("SEAL_BROKEN", "opt_out_treatment")}


def test_a_file_that_is_void_is_not_shown_as_one_that_may_be_fetched(engine, started, clock):
    first, second = give(started(), "list-1"), give(started(), "list-2")
    logs, asker = SqlDecisionLogs(engine, SEALER), asking.evidence().asker

    found = dry_run.files(asker, after="", limit=9, logs=logs, clock=clock).files

    assert {f.holding_id: f.permitted for f in found} == {
        first.holding_id: False,
        second.holding_id: True,
    }


def test_a_fetch_that_only_the_log_of_decisions_tells_of_counts(engine, started, monkeypatch):
    """Guards: `SqlDecisionLog._was_fetched`, for files fetched before fates were written."""
    one = started()
    first = give(one, "list-1")
    assert fetched(one, first).permitted
    tampered(engine, "DELETE FROM holding_fate")
    monkeypatch.setattr(Ledger, "rows", lambda _, s, r: decision_registers.rows_of(s, r))

    assert {c for c, _ in codes(give(started(), "list-2"))} == {"OPT_OUT_DIFFERENCING"}


@BOTH
def test_a_process_that_knows_better_neither_forgets_nor_seals_what_is_there_now(engine, started):
    """Guards: `Ledger.rows`, which keeps what it found sealed; `Ledger.seal`, which reads again."""
    one = started()
    first = give(one, "list-1")
    fetched(one, first)
    assert {c for c, _ in codes(give(one, "list-2"))} == {"OPT_OUT_DIFFERENCING"}
    tampered(engine, *NO_HOLDING)

    assert {c for c, _ in codes(give(one, "list-2"))} == {"OPT_OUT_DIFFERENCING"}
    assert give(one, "list-1", periods=("2018-06",)).permitted
    assert ("SEAL_BROKEN", "holding") in codes(give(started(), "list-2"))
    assert ("SEAL_BROKEN", "holding") in codes(give(one, "list-2"))


@pytest.mark.postgresql
@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_what_another_replica_fetched_is_seen_although_the_register_was_kept(engine, started):
    one, other = started(), started()
    first = give(one, "list-1")
    give(one, "list-1", periods=("2018-06",))  # it has read, and keeps, the registers
    assert fetched(other, first).permitted

    assert {c for c, _ in codes(give(one, "list-2"))} == {"OPT_OUT_DIFFERENCING"}


# The log of decisions: a stream that outlives its token goes on by the row of its first decision


RENEWED_WITHOUT_A_TOKEN = {"evidence": None}


def begun(engine, decider):
    """A fetch, and the question that renews it when its token has expired."""
    first = fetched(decider, give(decider, "list-1"))
    return asking.fetch(holding_of(engine), renews=first.decision_id, **RENEWED_WITHOUT_A_TOKEN)


@BOTH
def test_a_stream_goes_on_past_its_token_by_the_row_that_was_logged(engine, started):
    renewal = begun(engine, started())

    assert started().ask_and_wait(renewal).permitted
    assert wrong(engine, JWKS) == []


@BOTH
@pytest.mark.parametrize(
    "change",
    [
        "token_digest = 'sha256:' || substr(rules, 8)",
        "client_id = 'another'",
        "organisation = '02P'",
        "permitted = false",
        "subject = 'another'",
        "outcome = '{}'",
        "turns_at = NULL",
        "asked_by = 'another'",
        "epoch = epoch + 1",
    ],
)
def test_no_stream_goes_on_by_a_row_that_was_altered(engine, started, change):
    renewal = begun(engine, started())
    tampered(engine, f"UPDATE decision SET {change} WHERE action = 'fetch'")
    with engine.connect() as connection:
        row = connection.execute(
            text("SELECT token_digest, client_id FROM decision WHERE action = 'fetch'")
        ).one()
    asks = replace(renewal, token_digest=row.token_digest, client_id=row.client_id)

    with pytest.raises(EvidenceRefused):
        started().ask_and_wait(asks)
    with_a_token = replace(renewal, evidence=asking.evidence())
    assert codes(started().ask_and_wait(with_a_token)) == {("SEAL_BROKEN", "decision")}
    assert any("Decision" in found for found in wrong(engine, JWKS))


@BOTH
@pytest.mark.parametrize("seal", ["NULL", "'none'", "seal", "substr(seal, 1, 44) || 'ff'"])
def test_no_stream_goes_on_by_a_row_that_was_slipped_in(engine, started, seal):
    renewal = begun(engine, started())
    forged = new_id()
    written = f"'{forged.hex}'" if engine.dialect.name == "sqlite" else f"'{forged}'"
    columns = [c.name for c in table_of(DecisionRow).c if c.name not in ("id", "seal")]
    tampered(
        engine,
        f"INSERT INTO decision (id, seal, {', '.join(columns)})"
        f" SELECT {written}, {seal}, {', '.join(columns)} FROM decision WHERE action = 'fetch'",
    )

    with pytest.raises(EvidenceRefused):
        started().ask_and_wait(replace(renewal, renews=forged))
    assert any(str(forged) in found for found in wrong(engine, JWKS))


def test_a_decision_that_was_deleted_is_missed_by_the_audit(engine, started):
    renewal = begun(engine, started())
    tampered(engine, "DELETE FROM decision WHERE action = 'fetch'")

    with pytest.raises(EvidenceRefused):
        started().ask_and_wait(renewal)
    assert any("which is not recorded" in found for found in wrong(engine, JWKS))


@BOTH
def test_a_register_is_read_as_its_digest_was_made_of_values(engine, started):
    """What was sealed by an earlier version, which read rows as values, is what is there."""
    decider = started()
    fetched(decider, give(decider, "list-1"))
    with Session(engine) as session:
        found = dict(registers(session))
        assert {register.table for register in found} == {
            "holding",
            "holding_fate",
            "opt_out_treatment",
        }
        for register, rows in found.items():
            columns = REGISTERS[register.table].columns
            values = session.execute(select(*columns)).all()
            told = sorted([_as_before(value) for value in row] for row in values)
            assert rows.digest() == digest_of(told)
            assert sorted(map(list, rows)) == told


def _as_before(value):
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return "" if value is None else str(value)


# What was slipped in is not sealed with what the service writes


def test_a_register_that_is_read_again_is_what_is_there_now(engine, started):
    """Guard: `before` of `rows_of` gives the form of a row that is as it was, and nothing else."""
    decider = started()
    given = give(decider, "list-1")
    assert fetched(decider, given).permitted
    with Session(engine) as session:
        known = dict(registers(session))
        for register, before in known.items():
            again = decision_registers.rows_of(session, register, before)
            assert (again.texts, again.digest()) == (before.texts, before.digest())
    tampered(engine, "UPDATE holding SET row_digest = 'sha256:0'")
    with Session(engine) as session:
        for register, before in known.items():
            again = decision_registers.rows_of(session, register, before)
            assert again.texts == decision_registers.rows_of(session, register).texts
            assert (again.texts == before.texts) == (register.table != HOLDING.name)


def test_what_is_written_after_a_tampering_does_not_seal_it(engine, started):
    give(started(), "list-1", periods=("2018-04",))
    tampered(engine, COPIED)
    with Session(engine) as session, session.begin():
        environment = asking_environment(engine)
        register = Register(HOLDING.name, environment, "SUS_APC")
        ledger = Ledger.of(SEALER)
        leaves = ledger.seal(session, {register: set()}, at=plain.NOON)
        assert len(leaves) == 1
        with pytest.raises(Tampered):
            ledger.rows(session, register)


def test_a_chain_and_rows_of_before_are_not_believed_by_who_has_seen_more(engine, started):
    decider = started()
    give(decider, "list-1", periods=("2018-04",))
    last = "(SELECT max(number) FROM decision_seal)"
    tampered(engine, f"DELETE FROM decision_seal WHERE number = {last}", *NO_HOLDING)

    for replica in (decider, started()):
        refused = replica.ask_and_wait(asking.request(periods=("2018-07",)))
        assert codes(refused) == {("SEAL_BROKEN", "decision_seal")}


def test_a_process_that_has_seen_more_does_not_believe_an_audit_log_that_was_cut_as_well(
    engine, started
):
    """Of a process that starts then, `dsfc audit verify` tells, by the checkpoints."""
    decider = started()
    give(decider, "list-1", periods=("2018-04",))
    last = "(SELECT max(number) FROM decision_seal)"
    tampered(
        engine,
        f"DELETE FROM decision_seal WHERE number = {last}",
        *NO_HOLDING,
        'DELETE FROM audit_leaf WHERE "index" = (SELECT max("index") FROM audit_leaf)',
    )

    refused = decider.ask_and_wait(asking.request(periods=("2018-07",)))

    assert codes(refused) == {("SEAL_BROKEN", "decision_seal")}


def test_a_chain_of_facts_is_no_chain_of_decisions(engine, started):
    give(started(), "list-1")
    tampered(
        engine,
        NO_CHAIN,
        "INSERT INTO decision_seal SELECT * FROM seal",
    )

    with Session(engine) as session, pytest.raises(seals.SealBroken):
        seals.Book(SEALER, CHAIN).refresh(session)


# Links


def test_each_batch_that_writes_adds_one_link_with_its_leaf_and_others_none(engine, started):
    one = started()
    first = give(one, "list-1")
    assert fetched(one, first).permitted
    assert fetched(one, first).permitted
    one.ask_and_wait(asking.request())

    with engine.connect() as connection:
        entries = [json.loads(e) for e in connection.execute(select(audit_leaf.c.entry)).scalars()]
    told = [e["detail"] for e in entries if e["action"] == CHAIN.action]
    found = links(engine)
    assert len(found) == 3  # a permit's months, a file, its fate
    assert [(d["number"], d["seal"]) for d in told] == [
        (link["number"], digest(link["statement"].encode())) for link in found
    ]


def test_a_batch_that_only_renews_adds_no_link_and_goes_on(engine, started, clock):
    one = started()
    first = fetched(one, give(one, "list-1"))
    before = links(engine)
    for replica in (one, started()):
        again = replica.ask_and_wait(asking.fetch(holding_of(engine), renews=first.decision_id))
        assert again.permitted
        assert again.decision_id == first.decision_id
    assert links(engine) == before


def holding_of(engine):
    with engine.connect() as connection:
        return connection.execute(select(HOLDING.c.id)).scalar_one()


def test_a_renewal_of_a_fetch_from_before_there_were_fates_writes_one_and_seals_it(
    engine, started, monkeypatch
):
    one = started()
    released = give(one, "list-1")
    with monkeypatch.context() as before:
        before.setattr("agreements.db.decisions.log.SqlDecisionLog._decide_fates", no_fates)
        first = fetched(one, released)
    assert wrong(engine, JWKS) == []

    again = one.ask_and_wait(asking.fetch(released.holding_id, renews=first.decision_id))

    assert again.decision_id == first.decision_id
    with SqlDecisionLogs(engine, SEALER).reading() as tx:
        assert tx.fate(released.holding_id) is Fate.FETCHED
        assert tx.broken() == ()


def no_fates(_, batch):
    return []


def test_a_process_that_starts_reads_from_the_newest_link_that_names_all_registers(
    engine, started, monkeypatch
):
    object.__setattr__(CHAIN, "whole_every", 2)
    try:
        one = started()
        for month in ("2018-04", "2018-05", "2018-06"):
            assert fetched(one, give(one, "list-1", periods=(month,))).permitted
        assert [n["number"] for n in links(engine)] == [*range(9)]
        read = []
        monkeypatch.setattr(
            seals, "_link", lambda *row, of=seals._link: read.append(row[0]) or of(*row)
        )

        assert codes(give(started(), "list-2", periods=("2018-04",))) == {
            ("OPT_OUT_DIFFERENCING", "2018-04")
        }
        assert set(read) == {0, 8}  # the only link of facts, and the newest of decisions
        assert wrong(engine, JWKS) == []
        tampered(engine, "UPDATE decision_seal SET changes = '[]' WHERE number = 8")
        with Session(engine) as session, pytest.raises(seals.SealBroken):
            seals.Book(SEALER, CHAIN).refresh(session)
    finally:
        object.__setattr__(CHAIN, "whole_every", 256)


# Transactions that come to nothing, and replicas


@BOTH
def test_a_transaction_that_was_rolled_back_leaves_no_link_behind(engine, started, monkeypatch):
    one = started()
    give(one, "list-1", periods=("2018-04",))
    before = links(engine)

    def fail(_session):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr("agreements.db.decisions.log.audit.append", lambda *_: fail(None))
        with pytest.raises(RuntimeError):
            one.ask_and_wait(asking.request(periods=("2018-05",)))
    assert links(engine) == before

    assert give(one, "list-1", periods=("2018-05",)).permitted
    assert give(started(), "list-1", periods=("2018-06",)).permitted
    assert wrong(engine, JWKS) == []


def test_a_commit_that_fails_leaves_no_link_behind(engine, started):
    one = started()
    give(one, "list-1", periods=("2018-04",))
    before = links(engine)

    def fail(_connection):
        raise OSError("the disk is full")

    event.listen(engine, "commit", fail)
    with pytest.raises(OSError, match="full"):
        one.ask_and_wait(asking.request(periods=("2018-05",)))
    event.remove(engine, "commit", fail)

    assert links(engine) == before
    assert give(one, "list-1", periods=("2018-05",)).permitted
    assert wrong(engine, JWKS) == []


@BOTH
def test_replicas_that_write_at_once_make_one_chain(engine, started):
    deciders = [started(), started()]
    months = [f"2018-{month:02d}" for month in range(4, 13)]
    answers = []

    def ask(decider, ordered):
        answers.extend(decider.ask_and_wait(asking.request(periods=(month,))) for month in ordered)

    threads = [
        threading.Thread(target=ask, args=(deciders[0], months)),
        threading.Thread(target=ask, args=(deciders[1], months[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert [a.permitted for a in answers] == [True] * 2 * len(months)
    assert [link["number"] for link in links(engine)] == [*range(len(links(engine)))]
    assert wrong(engine, JWKS) == []
