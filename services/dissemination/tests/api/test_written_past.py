"""Whatever somebody writes into the database past the service is told wherever it is shown."""

from pathlib import Path

import pytest

from common.db import tables as shared
from common.security.roles import Role
from dissemination.db.tables import metadata
from dsfc_testing.written_past import written_past
from services.dissemination.tests.api.test_bridging_files import (
    released as bridging_file_released,
)
from services.dissemination.tests.api.test_releasing import destroyed
from services.dissemination.tests.api.test_standing_orders import ORDER
from services.dissemination.tests.api.test_standings import told
from services.dissemination.tests.api.test_tabulations import released as table_released
from services.dissemination.tests.conftest import REFERENCE, until

NOT_SHOWN = {
    "pinned_edition": "an index: which editions a file was made of is read in its attestation",
    "superseded_edition": "what is superseded by it is, and says by what",
    "void_file": "what was withdrawn for it is; agreements refuses it whatever is here",
    "audit_subject": "a way to find leaves; each that is shown is held against its hash",
}
UNSEEN = {
    *("extract.due_at", "extract.claimed_until", "extract.attempts", "delivery.alive_at"),
    *("extract.rows_done", "extract.rows_total"),
    *("standing_order.due_at", "standing_order.claimed_until", "standing_order.woken_at"),
}
"""What workers note for themselves; the last two until a file is prepared, which then says it."""
OTHERWISE = {
    "/v1/landed-months": "the safe haven is asked",
    "/v1/extracts/{extract_id}/quality": "the safe haven is asked",
    "/v1/files/{file_id}/content": "agreements says whether it is what was released: SEAL_BROKEN",
    "/v1/released-files": "agreements holds it against its own sealed ledger: LEDGER_DIFFERS",
    "/v1/catalogue": "files of the catalogue",
    "/v1/catalogue/{data_set}": "files of the catalogue",
    "/v1/catalogue/{data_set}/table-schema": "files of the catalogue",
    "/.well-known/jwks.json": "the key's file",
    "/v1/register/statement": "says it of lines, signed anew each time: test_files_and_register",
}
CSV = "/v1/register?format=csv"


@pytest.fixture
def shown(build_house):
    """One of all that is shown, with the ids by which it is asked for."""
    house = build_house()
    extract = house.released()
    file = extract["files"][0]
    assert house.call("GET", file["content"]).status_code == 200
    house.ended(file)
    table = table_released(house, until)
    pairs = bridging_file_released(house)
    order = house.call("POST", "/v1/standing-orders", json=ORDER).json()
    until(lambda: house.call("GET", f"/v1/standing-orders/{order['id']}").json()["ended"])
    house.haven.fails_with = "PERMIT_EXPIRED"
    house.settled(house.ask().json()["id"], "failed")
    event = told(house, "activated", "ACTIVE")
    house.publish(event)
    until(lambda: (event.id,) in house.rows(shared.inbox.c.event_id))
    gone = destroyed(file["id"], extract["id"])
    house.publish(gone)
    until(lambda: (gone.id,) in house.rows(shared.inbox.c.event_id))
    house.named = {
        "extract_id": extract["id"],
        "file_id": file["id"],
        "tabulation_id": table["id"],
        "bridging_file_id": pairs["id"],
        "order_id": order["id"],
    }
    return house


def answers(house):
    paths = house.http.get("/openapi.json").json()["paths"]
    reading = [p for p, ways in paths.items() if "get" in ways and p not in OTHERWISE]
    queries = {"/v1/audit": {"agreement": REFERENCE}}
    return {
        path: house.call(
            "GET", path.format(**house.named), role=Role.AUDITOR, params=queries.get(path)
        )
        for path in (*reading, CSV)
    }


def test_a_row_of_each_table_that_was_written_past_the_service_is_told(shown):
    """Guards: `LoggedRows.compare` where each is read, `telling` where each is written."""
    only = set(one_of_each())

    found = written_past(
        Path(shown.engine.url.database),
        metadata,
        lambda: answers(shown),
        but=NOT_SHOWN,
        only=only,
    )

    assert (sorted(found.untold), found.shown, found.remained) == ([], only, set())


def one_of_each():
    """The last column of each table that anybody is shown."""
    for table in metadata.sorted_tables:
        if table.name not in {*shared.metadata.tables, *NOT_SHOWN}:
            names = [f"{table.name}.{column.name}" for column in table.columns]
            yield [name for name in names if name not in UNSEEN][-1]


@pytest.mark.long
def test_whatever_is_written_past_the_service_is_told_by_each_route_that_shows_it(shown):
    database = Path(shown.engine.url.database)

    found = written_past(database, metadata, lambda: answers(shown), but=NOT_SHOWN)

    assert sorted(found.untold) == []
    assert found.columns - found.shown == UNSEEN
    assert found.remained == set()


@pytest.mark.parametrize("table", ["delivery", "extract"])
def test_a_record_that_was_deleted_is_named_to_whoever_sees_all(shown, table):
    """Guard: `LoggedRows.look_for_gone`."""
    path = {"delivery": "/v1/deliveries", "extract": "/v1/extracts"}[table]
    before = shown.call("GET", path, role=Role.AUDITOR).json()
    gone = before["items"][0]["id"]
    with shown.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for one in ("register_line", "release", "pinned_edition", "delivery", "extract"):
            if table in {"extract", one}:
                connection.exec_driver_sql(f"DELETE FROM {one}")

    after = shown.call("GET", path, role=Role.AUDITOR).json()
    own = shown.call("GET", path).json()

    assert before["gone"] == []
    assert gone in after["gone"]
    assert own["gone"] == []
