"""What decisions wrote before there were seals of it is sealed once, after it was compared."""

import json
import sqlite3
from contextlib import closing

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import select, text

from agreements.db.decisions import registers as decision_registers
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.decisions.seals import PERMIT
from agreements.db.errors import NotSealed
from agreements.db.seals import first as seal_first
from agreements.db.seals.audit import wrong
from agreements.db.seals.chain import Sealer
from agreements.db.seals.first import seal_all
from agreements.decision.domain.errors import EvidenceRefused
from agreements.decision.use_cases.decider import Decider
from common.db import migrate
from common.security.keys import Signer, generate_jwk
from services.agreements.tests.reference import asking, giving
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.giving import codes, fetched, give
from services.agreements.tests.reference.seeding import SEALER

JWKS = SEALER.signer.jwks()
DIFFERENCING = {("OPT_OUT_DIFFERENCING", "2018-04")}


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


def undone(engine, revision="0033"):
    """As an earlier version left it, and as the migration then finds it: rows without seals."""
    found = Config()
    found.set_main_option("script_location", "agreements:db/migrations")
    found.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        found.attributes["connection"] = connection
        command.downgrade(found, revision)
        connection.commit()
    with pytest.raises(sqlite3.OperationalError):
        changed(engine, "SELECT seal FROM decision")
    migrate.upgrade(engine, "agreements")


def changed(engine, *statements):
    engine.dispose()
    with closing(sqlite3.connect(engine.url.database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def old(engine, clock, monkeypatch):
    """A month that was fetched, one that was made again for a newer list, and a request."""
    # The world is put there without the commands whose leaves facts are compared with.
    monkeypatch.setattr(seal_first, "_differences", lambda _: iter(()))
    with monkeypatch.context() as before:
        before.setattr("agreements.db.decisions.log.Ledger.seal", lambda *_, **__: [])
        before.setattr(
            "agreements.db.decisions.log.Ledger.rows",
            lambda _, session, register: decision_registers.rows_of(session, register),
        )
        with giving.replicas(engine, clock) as start:
            one = start()
            first = give(one, "list-1", periods=("2018-04",))
            assert fetched(one, first).permitted
            give(one, "list-1", periods=("2018-05",))
            assert give(one, "list-2", periods=("2018-05",)).permitted
            assert one.ask_and_wait(asking.request()).permitted
    undone(engine)
    return first


@pytest.fixture
def started(engine, clock):
    running = []

    def start(sealer=SEALER):
        running.append(Decider(SqlDecisionLogs(engine, sealer), clock))
        return running[-1]

    yield start
    for decider in running:
        decider.stop()


def sealed(engine, clock, sealer=SEALER, **more):
    return seal_all(engine, sealer, clock=clock, **more)


def test_until_it_is_sealed_an_upgraded_database_gives_nothing_and_says_why(engine, old, started):
    for answer in (
        started().ask_and_wait(asking.request(periods=("2018-08",))),
        fetched(started(), old),
    ):
        assert codes(answer) == {("SEAL_BROKEN", "decision_seal")}
    assert [w for w in wrong(engine, JWKS) if "agreements seal" in w] == wrong(engine, JWKS) != []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM decision_seal")).scalar_one() == 0


def test_once_it_is_sealed_it_is_answered_as_before(engine, old, clock, started):
    names = sealed(engine, clock)

    assert {name.partition("/")[0] for name in names} == {
        *("opt_out_treatment", "holding", "holding_fate", "permit")
    }
    assert wrong(engine, JWKS) == []
    one = started()
    assert fetched(one, old).permitted
    assert codes(give(one, "list-2", periods=("2018-04",))) == DIFFERENCING
    assert give(one, "list-2", periods=("2018-06",)).permitted
    assert wrong(engine, JWKS) == []
    with pytest.raises(NotSealed, match="sealed before"):
        sealed(engine, clock)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM opt_out_treatment WHERE month = '2018-04'",
        "UPDATE opt_out_treatment SET treatment = 'not_applied'",
        "UPDATE opt_out_treatment SET permit_id = (SELECT max(id) FROM holding)",
        (
            "INSERT INTO opt_out_treatment SELECT environment_id, data_set, '2019-01', treatment,"
            " permit_id, reserved_at FROM opt_out_treatment WHERE month = '2018-04'"
        ),
        "DELETE FROM holding_fate WHERE fate = 'void'",
        "UPDATE holding_fate SET fate = 'void'",
        "UPDATE holding_fate SET fate = 'fetched'",
        "DELETE FROM holding WHERE periods = '[\"2018-04\"]'",
        "UPDATE holding SET periods = '[\"2018-07\"]'",
        "UPDATE holding SET environment_id = (SELECT id FROM permit LIMIT 1)",
        "UPDATE holding SET file = replace(file, '2018-04', '2018-07')",
        "UPDATE holding SET file = '{'",
        "DELETE FROM permit WHERE id = (SELECT max(id) FROM permit)",
        "UPDATE permit SET claims = replace(claims, '\"applied\":true', '\"applied\":false')",
        "UPDATE permit SET organisation = 'RXX'",
        "DELETE FROM decision WHERE action = 'release'",
        "UPDATE decision SET outcome = replace(outcome, 'holding', 'holding')||' '",
        "UPDATE decision SET permitted = 0 WHERE action = 'fetch'",
        "INSERT INTO holding_fate SELECT id, 'fetched', issued_at FROM permit LIMIT 1",
    ],
)
def test_nothing_is_sealed_where_rows_differ_from_the_logs(engine, old, clock, statement):
    changed(engine, statement)

    with pytest.raises(NotSealed) as found:
        sealed(engine, clock)

    assert found.value.differences
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM decision_seal")).scalar_one() == 0
        assert connection.execute(text("SELECT count(seal) FROM permit")).scalar_one() == 0


def test_a_fetch_from_before_fates_were_written_is_no_difference(engine, old, clock, started):
    changed(engine, "DELETE FROM holding_fate WHERE fate = 'fetched'")

    sealed(engine, clock)

    assert codes(give(started(), "list-2", periods=("2018-04",))) == DIFFERENCING
    assert fetched(started(), old).permitted
    assert wrong(engine, JWKS) == []


def test_what_was_fetched_before_there_were_fates_is_sealed_as_fetched(engine, old, clock, started):
    """Deleting the decision that alone told of it would have let both files be had."""
    changed(engine, "DELETE FROM holding_fate WHERE fate = 'fetched'")
    sealed(engine, clock)
    changed(engine, "DELETE FROM decision WHERE action = 'fetch'")

    assert codes(give(started(), "list-2", periods=("2018-04",))) == DIFFERENCING
    assert any("which is not recorded" in found for found in wrong(engine, JWKS))


def test_decisions_from_before_they_were_marked_are_marked_once_the_log_tells_of_them(
    engine, old, clock, started
):
    sealed(engine, clock)
    first = fetched(started(), old)
    undone(engine, "0043")
    renewal = asking.fetch(old.holding_id, renews=first.decision_id, evidence=None)
    with pytest.raises(EvidenceRefused):
        started().ask_and_wait(renewal)
    changed(engine, "UPDATE decision SET client_id = 'another' WHERE action = 'fetch'")
    with pytest.raises(NotSealed):
        sealed(engine, clock)
    changed(
        engine, f"UPDATE decision SET client_id = '{asking.CLIENT}' WHERE client_id = 'another'"
    )

    assert sealed(engine, clock) == ["decision"]

    assert started().ask_and_wait(renewal).permitted
    assert wrong(engine, JWKS) == []


def test_a_chain_that_was_deleted_is_not_sealed_again(engine, old, clock):
    sealed(engine, clock)
    changed(engine, "DELETE FROM decision_seal")

    with pytest.raises(Exception, match="deleted"):
        sealed(engine, clock)


def test_a_register_that_was_put_right_after_a_break_is_renewed(engine, old, clock, started):
    sealed(engine, clock)
    [register] = [n for n in first_names(engine) if n.startswith("opt_out_treatment/")]
    changed(
        engine, "UPDATE opt_out_treatment SET treatment = 'not_applied' WHERE month = '2018-04'"
    )
    with pytest.raises(NotSealed):
        sealed(engine, clock, renew=[register])
    one = started()
    assert codes(one.ask_and_wait(asking.request())) == {("SEAL_BROKEN", "opt_out_treatment")}
    changed(engine, "UPDATE opt_out_treatment SET treatment = 'applied'")
    with pytest.raises(NotSealed, match="not broken"):
        sealed(engine, clock, renew=[register])
    changed(engine, "UPDATE holding SET row_digest = NULL")
    [holdings] = [n for n in first_names(engine) if n.startswith("holding/")]

    assert sealed(engine, clock, renew=[holdings]) == [holdings]

    assert fetched(started(), old).permitted
    assert wrong(engine, JWKS) == []


def first_names(engine):
    with engine.connect() as connection:
        written = text("SELECT changes FROM decision_seal WHERE number = 0")
        return dict(json.loads(connection.execute(written).scalar_one()))


def test_after_a_change_of_the_signing_key_permits_are_signed_again(engine, old, clock, started):
    sealed(engine, clock)
    new = Signer(generate_jwk())
    former = Sealer(new, JWKS["keys"])
    assert fetched(started(former), old).permitted
    with engine.connect() as connection:
        many = len(connection.execute(select(PERMIT.c.id)).all())
    assert sum("permit" in w for w in wrong(engine, new.jwks())) == 0  # the chain comes first
    with pytest.raises(NotSealed, match="sealed before"):
        sealed(engine, clock, former)

    assert sealed(engine, clock, former, renew=["permit"]) == ["permit"]

    with engine.connect() as connection:
        assert len(connection.execute(select(PERMIT.c.id)).all()) == many
    of_decisions = [w for w in wrong(engine, new.jwks()) if "chain of seals" not in w]
    assert of_decisions == []
    assert codes(give(started(former), "list-2", periods=("2018-04",))) == DIFFERENCING
    with pytest.raises(NotSealed, match="not broken"):
        sealed(engine, clock, former, renew=["permit"])
