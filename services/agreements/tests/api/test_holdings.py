"""What the decision wrote down is shown to the parties, and counted before a hold is set."""

from datetime import timedelta

import pytest
from sqlalchemy import insert

from agreements.db.decisions.tables import DecisionRow, HoldingRow, PermitRow
from agreements.records.adapters.events import handlers
from common.messaging.envelope import Event
from common.security.roles import Role
from services.agreements.tests.facts import CSU, NOW, REFERENCE, new_id


def permit(data_set="SUS_APC", **changes):
    return {
        "id": new_id(),
        "decision_id": new_id(),
        "extract_id": "e-1",
        "agreement": REFERENCE,
        "purpose": "COM",
        "data_set": data_set,
        "classification": "PSEUDO_ANONYMISED",
        "client_id": "scw",
        "organisation": CSU,
        "environment_id": new_id(),
        "claims": "{}",
        "issued_at": NOW,
        "expires_at": NOW,
    } | changes


def holding(permit, **changes):
    taken = (
        *("extract_id", "agreement", "purpose", "data_set", "classification"),
        *("client_id", "organisation", "environment_id"),
    )
    return {
        "id": new_id(),
        "file_id": str(new_id()),
        "permit_id": permit["id"],
        "decision_id": new_id(),
        "version": "v0.0",
        "document_hash": "sha256:" + "0" * 64,
        "line": 1,
        "holder": CSU,
        "format": "parquet",
        "bytes": 5_000_000_000,
        "digest": "sha256:" + "1" * 64,
        "periods": '["2018-04"]',
        "file": "{}",
        "attestation_digest": "sha256:" + "2" * 64,
        "released_at": NOW,
        **{name: permit[name] for name in taken},
    } | changes


def fetched(holding, **changes):
    return {
        "id": new_id(),
        "at": NOW,
        "last_at": NOW,
        "epoch": 1,
        "action": "fetch",
        "permitted": True,
        "agreement": REFERENCE,
        "client_id": "scw",
        "organisation": CSU,
        "asked_by": "dissemination",
        "subject": holding["file_id"],
        "inputs": "{}",
        "outcome": "{}",
        "rules": "sha256:" + "3" * 64,
        "renewals": 0,
    } | changes


@pytest.fixture
def world(seeded):
    """One file released and being downloaded; one preparation under way; both of them old too."""
    seeded.active()
    released, preparing = permit(), permit("DIDS")
    forgotten = permit("DIDS", issued_at=NOW - timedelta(days=2))
    file = holding(released)
    rows = {
        PermitRow: [released, preparing, forgotten],
        HoldingRow: [file],
        DecisionRow: [
            fetched(file),
            fetched(file, last_at=NOW - timedelta(minutes=1)),
            fetched(file, permitted=False),
        ],
    }
    with seeded.parts.engine.begin() as connection:
        for row, values in rows.items():
            connection.execute(insert(row), values)
    return seeded


def test_the_parties_see_which_files_were_released(world):
    [shown] = world.get(f"/v1/agreements/{REFERENCE}/holdings", Role.CSU_SYSTEM).json()["items"]

    assert (shown["data_set"], shown["line"], shown["format"]) == ("SUS_APC", 1, "parquet")
    assert shown["bytes"] == 5_000_000_000
    assert shown["periods"] == ["2018-04"]
    assert "file" not in shown


def test_of_a_file_that_somebody_wrote_past_the_service_it_is_said_that_it_is_not_sealed(world):
    [shown] = world.get(f"/v1/agreements/{REFERENCE}/holdings", Role.AUDITOR).json()["items"]

    assert shown["is_as_sealed"] is False


def test_a_preview_counts_files_and_what_is_under_way(world):
    def preview(**query):
        path = f"/v1/agreements/{REFERENCE}/holds/preview"
        return world.get(path, Role.BREACH_HANDLER, **query).json()["text"]

    assert preview() == "1 flow, 2 under way"
    assert preview(lines=[1]) == "1 flow, 1 under way"
    assert preview(lines=[2]) == "0 flows, 1 under way"


@pytest.mark.parametrize("state", ["failed", "withdrawn"])
def test_a_preview_does_not_count_what_came_to_nothing(world, state):
    """Guard: `SqlHoldings._preparing`, by what dissemination said of an extract."""
    extract_id, ended = str(new_id()), permit(extract_id=str(new_id()))
    with world.parts.engine.begin() as connection:
        connection.execute(insert(PermitRow), [ended, permit(extract_id=extract_id)])
    event = Event(
        id=new_id(),
        type=f"dissemination.extract-{state}.v1",
        source="/dissemination",
        subject=f"extracts/{ended['extract_id']}",
        time=NOW,
        topic="dissemination.extract",
        aggregate_id=ended["extract_id"],
        aggregate_version=3,
        state=state,
        data={"extract_id": ended["extract_id"], "state": state, "files": []},
    )
    hear = handlers(world.parts.context(Role.SERVICE_AGREEMENTS), world.parts.snapshots)
    path = f"/v1/agreements/{REFERENCE}/holds/preview"
    assert world.get(path, Role.BREACH_HANDLER).json()["under_way"] == 4

    for _ in range(2):
        hear[event.type](event)

    assert world.get(path, Role.BREACH_HANDLER).json()["under_way"] == 3


def test_a_hold_says_who_set_it_and_how_long_it_has_held(world):
    path = f"/v1/agreements/{REFERENCE}"
    body = {"lines": [1], "reason": "To look at it."}
    set_ = world.post(f"{path}/holds", Role.BREACH_HANDLER, body).json()
    world.clock.advance(90)

    [shown] = world.get(path, Role.CSU_SYSTEM).json()["holds"]

    assert set_["held_seconds"] == 0
    assert shown["held_seconds"] == 90
    assert shown["set_by"] == set_["set_by"] != ""
