"""Whatever somebody writes into the database past the service is told wherever it is shown."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import make_url

from applications.adapters import events
from applications.db.tables import metadata
from common.ids import new_id
from common.messaging.envelope import Event
from common.security.roles import Role
from dsfc_testing.written_past import written_past

OTHERWISE = {
    "/v1/standards": "a file of the service",
    "/.well-known/jwks.json": "the key's file",
}
UNSEEN = {"snapshot.application_id", "snapshot.revision", "snapshot.frozen_at"}
"""Nobody is shown them: a snapshot is asked for by its hash."""


@pytest.fixture
def shown(client, people, draft, in_review):
    """One of all that is shown, with the ids by which it is asked for."""
    draft({})
    path = in_review()
    for role, way, body in (
        ("officer", "advisory-referral", {"novel": True}),
        ("member", "advice", {"outcome": "recommended"}),
        ("approver", "approval", {}),
    ):
        answer = getattr(people, role).post(f"{path}/{way}", json=body)
        assert answer.status_code == 200, answer.text
    world = client.app_state["context"]
    event = Event(
        id=new_id(),
        type="agreements.agreement-activated.v1",
        source="/agreements",
        subject="agreements/1",
        time=world.clock.now(),
        topic="agreements.agreement",
        aggregate_id=str(new_id()),
        aggregate_version=1,
        state="ACTIVE",
        data={"application_id": path.rpartition("/")[2], "version": "v1.0"},
    )
    events.handlers(world.uow, world.clock)[event.type](event)
    application = answer.json()
    return {
        "application_id": UUID(application["id"]),
        "number": 5,
        "snapshot_hash": application["snapshot_hash"],
    }


@pytest.fixture
def answers(client, people, shown):
    auditor = people(Role.AUDITOR, name="auditor")
    paths = client.get("/openapi.json").json()["paths"]
    reading = [p for p, ways in paths.items() if "get" in ways and p not in OTHERWISE]

    def read():
        return {
            path: (people.agreements if "snapshots" in path else auditor).get(path.format(**shown))
            for path in reading
        }

    return read


def test_whatever_is_written_past_the_service_is_told_by_each_route_that_shows_it(client, answers):
    """Guards: `LoggedRows.compare` where each is read, `telling` where each is written."""
    database = Path(make_url(str(client.app_state["engine"].url)).database)

    found = written_past(database, metadata, answers)

    assert sorted(found.untold) == []
    assert found.columns - found.shown == UNSEEN
    assert found.remained == set()


def test_a_deleted_history_or_application_is_told(client, people, shown, answers):
    """Guards: the history is one record; `LoggedRows.look_for_gone`."""
    history = "/v1/applications/{application_id}/history"
    assert answers()[history].json()["is_as_logged"] is True
    with client.app_state["engine"].begin() as connection:
        connection.exec_driver_sql("DELETE FROM application_step")
    assert answers()[history].json() == {
        "items": [],
        "next": None,
        "unreadable": [],
        "gone": [],
        "is_as_logged": False,
    }
    with client.app_state["engine"].begin() as connection:
        connection.exec_driver_sql("DELETE FROM snapshot")
        connection.exec_driver_sql("DELETE FROM application")

    assert str(shown["application_id"]) in answers()["/v1/applications"].json()["gone"]
    assert people.editor.get("/v1/applications").json()["gone"] == []
