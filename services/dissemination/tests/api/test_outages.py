"""S6: what this service needs is away, or talks nonsense; the answer is no, in a defined time."""

import json
import threading
import time
from uuid import UUID

import pytest
from typer.testing import CliRunner

from common.db import engine as engines
from common.db import migrate
from common.db import tables as shared
from common.ids import new_id
from common.service import cli as service_cli
from dissemination import cli
from dissemination.db.tables import ExtractRow

YES = {"id": str(UUID(int=1)), "epoch": 1, "refusals": []}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"decision": "true", "context": YES},
        {"decision": 1, "context": YES},
        {"decision": True},
        {"decision": True, "context": {"epoch": 1}},
        {"decision": True, "context": YES},
        {"decision": True, "context": {**YES, "permit": "a.b.c"}},
    ],
    ids=str,
)
def test_what_is_not_quite_a_yes_is_none(house, answer):
    """Guard: `HttpAgreements._evaluate` and `.request` demand all of the contract."""
    house.agreements.raw = answer
    before = len(house.rows(ExtractRow.id))

    asked = house.ask()

    assert (asked.status_code, asked.json()["code"]) == (503, "DECISION_UNAVAILABLE")
    assert len(house.rows(ExtractRow.id)) == before


@pytest.mark.parametrize("lease", [None, {}, {"seconds": "soon"}, {"seconds": -1}], ids=str)
def test_a_yes_to_a_fetch_without_a_lease_is_none(house, lease):
    file = house.released()["files"][0]
    house.agreements.raw = {"decision": True, "context": {**YES, "lease": lease}}

    answer = house.call("GET", file["content"])

    assert (answer.status_code, answer.json()["code"]) == (503, "DECISION_UNAVAILABLE")
    assert house.deliveries(file) == []


def test_a_no_without_a_reason_is_a_no(house):
    house.agreements.raw = {"decision": False, "context": YES}

    answer = house.ask()

    assert (answer.status_code, answer.json()["code"]) == (403, "REFUSED")


def test_a_token_that_agreements_does_not_accept_is_a_no(house):
    house.agreements.broken, house.agreements.broken_code = 403, "EVIDENCE_NOT_ACCEPTED"

    answer = house.ask()

    assert (answer.status_code, answer.json()["code"]) == (403, "EVIDENCE_NOT_ACCEPTED")


def test_lines_that_nobody_understands_are_none(house):
    house.agreements.terms["lines"][0]["fields"] = "all"

    assert house.ask(fields=None).json()["code"] == "DECISION_UNAVAILABLE"


@pytest.mark.parametrize("status", [401, 500, 502])
def test_a_haven_that_fails_is_waited_for(house, until, status):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")
    house.haven.broken = status
    house.haven.prepare(next(reversed(house.haven.jobs)))
    assert house.extract(extract_id)["state"] == "preparing"

    house.haven.broken = None

    assert house.settled(extract_id, "released")["files"]


def test_a_haven_that_lost_the_job_fails_the_extract(house):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]
    house.settled(extract_id, "preparing")

    house.haven.jobs.clear()

    assert house.settled(extract_id, "failed")["code"] == "PREPARATION_NOT_FOUND"


@pytest.mark.postgresql
def test_a_database_that_is_gone_means_no(build_house, postgresql_server):
    url = postgresql_server.create()
    engine = engines.create(url)
    migrate.upgrade(engine, "dissemination")
    engine.dispose()
    house = build_house(database_url=url, database_pool_size=3)
    file = house.released()["files"][0]
    postgresql_server.drop(url)
    began = time.monotonic()

    answers = [
        house.ask(),
        house.call("GET", file["content"]),
        house.call("GET", "/v1/register", role=None),
        house.call("GET", "/readyz", role=None),
    ]

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["code"] for answer in answers} == {"DATABASE_UNAVAILABLE", "NOT_READY"}
    assert house.call("GET", "/livez", role=None).status_code == 200
    assert time.monotonic() - began < 60


def test_a_stream_whose_end_cannot_be_written_down_is_ended_by_the_sweeper(
    house, download, until, monkeypatch
):
    """The delivery was written down before its first byte, so its end can be missing, not it."""
    from common.errors import ObjectStoreUnavailable
    from dissemination.use_cases import deliveries

    tried = threading.Event()

    def away(*_args, **_more):
        tried.set()
        raise ObjectStoreUnavailable("The disk is full.")

    file = house.big(1000)
    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "end", away)
        assert house.call("GET", file["content"]).status_code == 200
        assert tried.wait(30)  # the client has all before the end is to be written down
        assert house.deliveries(file)[0]["outcome"] == "under_way"
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE delivery SET alive_at = '2000-01-01 00:00:00.000000'")

    deliveries.sweep(ctx=house.context)  # or the worker, which may be there first

    ended = house.ended(file)
    assert (ended["outcome"], ended["code"]) == ("cut", "OUTCOME_UNKNOWN")


def test_an_event_that_cannot_be_read_is_laid_aside_and_the_rest_goes_on(
    house, until, wake_up, monkeypatch
):
    bad, good = wake_up(new_id()), wake_up(new_id())
    bad.data.pop("extract_id")
    house.publish(bad)
    house.publish(good)

    until(lambda: any(str(row.event_id) == str(bad.id) for row in house.rows(shared.dead_letter)))
    until(lambda: any(row.event_id == good.id for row in house.rows(shared.inbox)))

    told(house, monkeypatch)
    listed = CliRunner().invoke(cli.app, ["dead-letters", "list"])
    assert listed.exit_code == 0
    (line,) = [
        line for line in listed.stdout.splitlines() if "pseudonymisation.preparation" in line
    ]
    again = CliRunner().invoke(cli.app, ["dead-letters", "replay", line.split()[0]])
    assert again.exit_code != 0


def told(house, monkeypatch):
    """The house's settings in the environment, as a command finds them.

    A command sends the logs of its process to its own stderr, which here ends before the house.
    """
    monkeypatch.setattr(service_cli, "configure", lambda _settings: None)
    for name, value in house.settings.model_dump(mode="json", exclude_unset=True).items():
        monkeypatch.setenv(
            f"DISSEMINATION_{name}".upper(), value if isinstance(value, str) else json.dumps(value)
        )


def test_the_commands_migrate_and_print_the_document(house, monkeypatch, tmp_path):
    told(house, monkeypatch)
    monkeypatch.setenv("DISSEMINATION_DATABASE_URL", f"sqlite:///{tmp_path / 'fresh.db'}")

    migrated = CliRunner().invoke(cli.app, ["migrate"])
    printed = CliRunner().invoke(cli.app, ["openapi"])

    assert (migrated.exit_code, printed.exit_code) == (0, 0)
    assert (tmp_path / "fresh.db").exists()
    assert "/v1/extracts" in json.loads(printed.stdout)["paths"]


def test_a_service_whose_log_was_put_back_is_not_ready_and_says_so(house):
    """Guard: `audit.ensure_extends` in `Parts.readiness`."""
    house.released()  # which signs the head of the log
    size, nodes = house.rows(shared.audit_frontier.c.size, shared.audit_frontier.c.nodes)[0]
    ready = house.call("GET", "/readyz", role=None)
    with house.engine.begin() as connection:
        connection.execute(shared.audit_frontier.update().values(size=0, nodes=b""))
    try:
        answer = house.call("GET", "/readyz", role=None)
    finally:
        with house.engine.begin() as connection:
            connection.execute(shared.audit_frontier.update().values(size=size, nodes=nodes))

    assert ready.status_code == 200
    assert (answer.status_code, answer.json()["failed"]) == (
        503,
        {"audit log": "AUDIT_LOG_BROKEN"},
    )
