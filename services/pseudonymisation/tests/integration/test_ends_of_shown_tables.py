"""What a table told is forgotten when all its files are destroyed, and not before."""

import json
from pathlib import Path

import jsonschema
import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from common.ids import new_id
from common.messaging.envelope import Event
from dsfc_testing.plugin import START
from pseudonymisation.db.preparation_tables import ShownTableRow
from pseudonymisation.preparations.adapters import events
from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.use_cases.domains import DomainContext
from pseudonymisation.preparations.use_cases.shown_tables import ShownContext
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.integration.test_shown_tables import elsewhere, is_told_of
from services.pseudonymisation.tests.integration.test_tables import (
    PROVIDER,
    SEX,
    THREE,
    ask,
    attested,
    cells_of,
    possible,
    records,
)

SCHEMA = Path(__file__).parents[4] / "contracts/agreements/events/file-destroyed.v1.json"
DESTROYED = "agreements.file-destroyed.v1"


@pytest.fixture
def haven(tmp_path, make_engine, database_url, clock):
    made = world(tmp_path / "haven", make_engine(database_url), clock)
    made.land(records(THREE))
    return made


def say_destroyed(haven, preparation, file_id, *, times=1):
    """Hand the event over as agreements says it."""
    data = {
        "holding_id": str(new_id()),
        "file_id": str(file_id),
        "extract_id": preparation.permit.extract_id,
        "agreement": preparation.permit.agreement.reference,
    }
    jsonschema.validate(data, json.loads(SCHEMA.read_text("utf-8")))
    event = Event(
        id=new_id(),
        type=DESTROYED,
        source="/agreements",
        subject=str(file_id),
        time=START,
        topic="agreements.holding",
        aggregate_id=str(file_id),
        aggregate_version=1,
        state="destroyed",
        data=data,
    )
    handlers = events.handlers(
        DomainContext(uow=haven.uow, clock=haven.clock, keys=haven.keys),
        ShownContext(uow=haven.uow, clock=haven.clock),
    )
    for _ in range(times):
        handlers[event.type](event)


def kept(haven):
    with Session(haven.engine) as session:
        return {str(one) for one in session.exec(select(ShownTableRow.preparation_id))}


def told_of(haven, action):
    with haven.engine.connect() as connection:
        rows = connection.execute(text("SELECT entry FROM audit_leaf"))
        leaves = [json.loads(entry) for (entry,) in rows]
    return [leaf for leaf in leaves if leaf["action"] == action]


def test_a_table_whose_files_are_all_destroyed_is_no_part_of_the_attack(haven):
    exact = ask(haven, SEX, disclosure="exact", formats=["csv", "json"])
    first, second = (file.id for file in exact.files)

    say_destroyed(haven, exact, first)
    beside = ask(haven, PROVIDER)
    is_told_of(haven, beside, exact)  # one file is still there
    assert len(possible(cells_of(haven, exact), cells_of(haven, beside))) >= 3

    say_destroyed(haven, exact, second, times=2)
    say_destroyed(haven, beside, beside.files[0].id)

    assert kept(haven) == set()
    is_told_of(haven, ask(haven, PROVIDER))
    assert len(told_of(haven, "shown-table-forgotten")) == 2


def test_a_file_that_is_said_to_be_destroyed_twice_is_one(haven):
    exact = ask(haven, SEX, disclosure="exact", formats=["csv", "json"])

    say_destroyed(haven, exact, exact.files[0].id, times=3)

    assert kept(haven) == {str(exact.id)}
    assert len(told_of(haven, "shown-table-file-destroyed")) == 1


def test_a_public_table_is_known_to_everybody_also_when_its_files_are_destroyed(haven):
    public = ask(haven, SEX, disclosure="as_published", **elsewhere("environment-2"))

    say_destroyed(haven, public, public.files[0].id)

    is_told_of(haven, ask(haven, PROVIDER), public)


def test_the_end_of_an_agreement_is_not_the_end_of_what_was_shown(haven):
    """Whoever has the file still has its numbers."""
    exact = ask(haven, SEX, disclosure="exact")
    handlers = events.handlers(
        DomainContext(uow=haven.uow, clock=haven.clock, keys=haven.keys),
        ShownContext(uow=haven.uow, clock=haven.clock),
    )
    reference = exact.permit.agreement.reference
    event = Event(
        id=new_id(), type="agreements.agreement-expired.v1", source="/agreements", subject="x",
        time=START, topic="agreements.agreement", aggregate_id="a", aggregate_version=9,
        state="EXPIRED", data={"reference": reference},
    )  # fmt: skip

    handlers[event.type](event)

    assert kept(haven) == {str(exact.id)}


def test_a_table_after_one_was_forgotten_has_a_number_of_its_own(haven):
    """The first of three is forgotten: the next is not the third again."""
    tables = [ask(haven, SEX), ask(haven, PROVIDER), ask(haven, SEX)]
    say_destroyed(haven, tables[0], tables[0].files[0].id)

    another = ask(haven, PROVIDER)

    assert another.state is PreparationState.PREPARED, (another.code, another.subject)
    assert attested(haven, another).table.earlier == tuple(
        one.permit.extract_id for one in tables[1:]
    )


@pytest.mark.parametrize("which", ["unknown", "of records"])
def test_a_file_that_is_none_of_a_table_changes_nothing(haven, which):
    table = ask(haven, SEX)
    file_id = new_id()
    if which == "of records":
        file_id = haven.prepare().files[0].id

    say_destroyed(haven, table, file_id)

    assert kept(haven) == {str(table.id)}
