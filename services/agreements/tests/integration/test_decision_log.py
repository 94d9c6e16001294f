"""The transaction of decisions has no session where none is needed, and is told of as any other."""

import pytest
from sqlalchemy import event, func, select
from sqlmodel import Session

from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.decisions.rows import DECISION, INSERT_DECISIONS
from agreements.decision.use_cases.ports import Batch
from agreements.records.domain.events import FileVoided, VoidCause
from common.db import outbox
from common.db.tables import outbox as table
from common.ids import new_id
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER

VOIDED = FileVoided(
    holding_id=new_id(),
    file_id="f",
    extract_id="e",
    agreement=plain.REFERENCE,
    cause=VoidCause.NEWER_FILE,
    at=plain.NOON,
)


@pytest.fixture
def database_kind():
    return "sqlite"


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def told(engine):
    """Whether each commit that wakes the relay was made when it was told of."""
    found: list[int] = []

    def committed(session: Session) -> None:
        if session.info.get(outbox.WAKE):
            with engine.connect() as other:
                found.append(other.execute(select(func.count()).select_from(table)).scalar_one())

    event.listen(Session, "after_commit", committed)
    yield found
    event.remove(Session, "after_commit", committed)


def test_every_column_of_a_decision_is_written():
    written = INSERT_DECISIONS._columns

    assert sorted(written) == sorted(DECISION.c.keys())


def test_an_event_of_a_decision_wakes_the_relay_once_it_is_committed(engine, told):
    logs = SqlDecisionLogs(engine, SEALER)

    with logs.writing() as tx:
        tx.append(Batch(voided=[VOIDED]))
        assert told == []

    assert told == [1]


def test_nothing_is_told_of_a_decision_that_was_not_committed(engine, told):
    logs = SqlDecisionLogs(engine, SEALER)

    def fail_afterwards() -> None:
        with logs.writing() as tx:
            tx.append(Batch(voided=[VOIDED]))
            raise LookupError

    with pytest.raises(LookupError):
        fail_afterwards()

    with logs.reading() as tx:
        assert tx.session.execute(select(func.count()).select_from(table)).scalar_one() == 0
    assert told == []
