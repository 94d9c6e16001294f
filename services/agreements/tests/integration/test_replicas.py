"""Permission that was taken away is gone on every replica, however late a clock answers.

Two replicas on one PostgreSQL; what is slow, lost or frozen is injected between one of them and
the database. Every test names the guard that it fails without.
"""

import threading
from contextlib import ExitStack
from datetime import timedelta
from time import sleep

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from agreements import main
from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.repository import SqlUnitOfWork
from agreements.decision.adapters import rules
from agreements.decision.domain.codes import Code
from agreements.decision.use_cases.decider import Decider
from agreements.records.use_cases import agreements as use_cases
from agreements.records.use_cases import drafting
from agreements.records.use_cases.context import Context
from common.clock import SystemClock, boottime
from common.db import clock as clocks
from common.db.clock import DatabaseClock
from common.security.roles import Role
from dsfc_testing import proxy
from services.agreements.tests.facts import REFERENCE, approved
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER, on_the_catalogue, seed
from services.agreements.tests.service import settings

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.timeout(120),
]
PATIENCE_SECONDS = 30


@pytest.fixture
def database_kind():
    """SQLite has one writer and one clock: replicas only meet on the other."""
    return "postgresql"


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def url(engine):
    return engine.url.render_as_string(hide_password=False)


@pytest.fixture
def between(url):
    """What stands between one replica and the database."""
    with proxy.before(url) as stands:
        yield stands


@pytest.fixture
def context(tmp_path, url):
    """The context of a replica of its own, on any database URL."""
    with ExitStack() as stack:

        def make(at=url, role=Role.BREACH_HANDLER):
            directory = tmp_path / f"replica-{len(list(tmp_path.iterdir()))}"
            directory.mkdir()
            parts = main.Parts(settings(at, directory))
            vars(parts)["sealer"] = SEALER  # replicas of one service have one key
            stack.callback(parts.close)
            return parts.context(role)

        yield make


@pytest.fixture
def decider():
    """Replicas that decide, each with facts and a clock of its own."""
    with ExitStack() as stack:

        def make(engine):
            made = Decider(SqlDecisionLogs(engine, SEALER), DatabaseClock(engine))
            stack.callback(made.stop)
            return made

        yield make


def draft(ctx):
    today = SystemClock().now().date()
    term = {"start": today.isoformat(), "end": (today + timedelta(days=364)).isoformat()}
    drafting.draft(approved(**term), is_new=lambda _tx: True, ctx=ctx)


def the_databases_time(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT clock_timestamp()")).scalar_one()


def run_ahead(ctx, seconds):
    """Make a replica's clock run ahead, as by a question that was long on its way."""
    ahead = DatabaseClock(ctx.uow._inner.engine)
    ahead._ask = lambda: (SystemClock().now() + timedelta(seconds=seconds), boottime())
    slow = Context(
        uow=SqlUnitOfWork(ctx.uow._inner.engine, ahead, SEALER),
        clock=ahead,
        principal=ctx.principal,
        reference=ctx.reference,
    )
    assert slow.clock.now() > SystemClock().now()
    return slow


TAKEN_AWAY = {
    "hold": lambda ctx: use_cases.set_hold(REFERENCE, None, reason="x", ctx=ctx)[0].set_at,
    "termination": lambda ctx: (
        use_cases.terminate(REFERENCE, reason="x", ctx=ctx).agreement.terminated_at
    ),
}


@pytest.mark.parametrize("what", TAKEN_AWAY)
def test_what_takes_permission_away_never_lies_ahead_of_its_commit(engine, context, what):
    """Guard: the instant is `tx.at`, read in the transaction, and not the replica's clock."""
    slow = run_ahead(context(), 1.6)
    draft(slow)

    instant = TAKEN_AWAY[what](slow)

    assert instant <= the_databases_time(engine)


def test_instants_have_the_order_of_epochs_whatever_the_replicas_clocks_say(engine, context):
    """Guard: the instant is read under the lock of the epoch."""
    quick = context()
    slow = run_ahead(context(), 1.6)
    draft(slow)
    for ctx in (slow, quick, slow, quick):
        use_cases.set_hold(REFERENCE, None, reason="x", ctx=ctx)

    with engine.connect() as connection:
        rows = connection.execute(text("SELECT recorded_at FROM fact_change ORDER BY epoch"))
        instants = list(rows.scalars())

    assert instants == sorted(instants)
    assert len(instants) == 5


def test_a_hold_set_by_a_slow_replica_is_believed_by_the_others_at_once(
    engine, context, decider, make_engine, url
):
    seed(engine, on_the_catalogue(plain.sound()))
    other = decider(make_engine(url))
    before = other.ask_and_wait(asking.request())
    slow = run_ahead(context(), 1.6)

    use_cases.set_hold(plain.REFERENCE, None, reason="x", ctx=slow)
    answer = other.ask_and_wait(asking.request())

    assert Code.BREACH_OPEN not in {r.code for r in before.refusals}
    assert Code.BREACH_OPEN in {r.code for r in answer.refusals}


def test_a_slow_replica_refuses_itself_and_never_the_others(
    engine, between, decider, make_engine, url, monkeypatch
):
    """Guard: `DatabaseClock` refuses an answer that was on its way for too long. What it logged
    would lie ahead, and the others' clocks would look behind."""
    seed(engine, on_the_catalogue(plain.sound()))
    slow, quick = decider(make_engine(between.url)), decider(make_engine(url))
    slow.ask_and_wait(asking.request())
    slow._clock._asked = None
    between.question = lambda piece: sleep(1.5 if proxy.CLOCK.search(piece) else 0)

    monkeypatch.setattr(clocks, "ASKED_TIMES_MAX", 2)
    with pytest.raises(clocks.ClockUncertain):
        slow.ask_and_wait(asking.request())
    monkeypatch.undo()  # the machine may be busy: the other may ask as often as it needs to
    answer = quick.ask_and_wait(asking.request())

    assert Code.CLOCK_UNTRUSTED not in {r.code for r in answer.refusals}


# The answer


@pytest.fixture
def replica(tmp_path, between, identities, engine):
    """One replica over HTTP, through the proxy; `replica.happened` is what was, in order."""
    happened = []

    async def pause(seconds):
        happened.append(("waited", seconds, holds(engine)))

    directory = tmp_path / "replica"
    directory.mkdir()
    app = main.create_app(
        settings(between.url, directory), verifier=identities.verifier(), pause=pause
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        client.happened = happened
        client.between = between
        yield client


def holds(engine):
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM hold")).scalar_one()


@pytest.fixture
def hold(replica, identities, context):
    """Ask the replica for a hold; return its status."""
    draft(context())
    token = identities.token_for(Role.BREACH_HANDLER, audience="agreements", ods="X26")

    def ask(reference=REFERENCE, **body):
        return replica.post(
            f"/v1/agreements/{reference}/holds",
            headers={"Authorization": f"Bearer {token}"},
            json={"reason": "A reason.", **body},
        ).status_code

    assert ask() == 200
    replica.happened.clear()
    return ask


@pytest.fixture
def clock():
    """Tokens are of today: the replicas go by the database's clock."""
    return SystemClock()


def waiting():
    return pytest.approx(1.1 * rules.load().longest_lease_seconds())


def test_a_commit_whose_confirmation_is_lost_is_answered_late(engine, hold, replica):
    """Guards: `watching` in `UnitOfWork.writing`, `RemovesPermission` waits for errors too."""

    def lose(piece):
        if proxy.COMMIT.search(piece):
            raise proxy.Cut

    before = holds(engine)
    replica.between.answer = lose

    status = hold()

    assert status == 503
    assert holds(engine) == before + 1  # it took effect all the same
    [(_, seconds, found)] = replica.happened
    assert seconds == waiting()
    assert found == before + 1


def test_the_wait_begins_only_when_it_is_known_what_became_of_the_commit(engine, hold, replica):
    """Guard: `_settle`. The database stands still in the commit, the connection breaks, and the
    commit takes effect when it goes on."""
    frozen, thaw = threading.Event(), threading.Event()

    def freeze(piece):
        if proxy.COMMIT.search(piece) and not frozen.is_set():
            frozen.set()
            replica.between.forget_clients()
            thaw.wait(PATIENCE_SECONDS)

    before = holds(engine)
    replica.between.question = freeze
    statuses = []
    asking_ = threading.Thread(target=lambda: statuses.append(hold()))
    asking_.start()
    try:
        assert frozen.wait(PATIENCE_SECONDS)
        sleep(1.5)
        assert replica.happened == []  # nobody has begun to wait, let alone answered
        assert holds(engine) == before
    finally:
        thaw.set()
        asking_.join(PATIENCE_SECONDS)

    [(_, seconds, found)] = replica.happened
    assert (statuses, seconds) == ([503], waiting())
    assert found == before + 1


def test_a_refusal_inside_the_transaction_waits_and_one_before_it_does_not(hold, replica):
    """Guard: `Watched.began`. What is refused as done, gone or unknown may have been so for a
    moment only."""
    assert hold(reference="DARS-NIC-999999-ZZZZZ") == 404
    assert [what for what, *_ in replica.happened] == ["waited"]

    replica.happened.clear()
    assert hold(nonsense=True) == 422
    assert replica.happened == []
