"""The service as it is started: its settings, commands and workers, with nothing replaced."""

import json
import threading

import httpx
import pytest
from typer.testing import CliRunner

from agreements import cli, main
from agreements.main import Parts
from agreements.records.adapters.applications import HttpSnapshots
from agreements.records.use_cases import drafting
from agreements.settings import Settings
from common.messaging.envelope import Message
from common.security import keys
from common.security.roles import Role
from common.web.server import in_background
from services.agreements.tests.facts import approved

DEADLINE_SECONDS = 20


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """As `dsfc up` sets it."""
    for name in ("client", "signing"):
        keys.generate(tmp_path / f"{name}.jwk")
    given = {
        "ENVIRONMENT": "development",
        "PORT": "0",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'agreements.db'}",
        "EVENT_LOG": str(tmp_path / "events.db"),
        "CLIENT_KEY_FILE": str(tmp_path / "client.jwk"),
        "SIGNING_KEY_FILE": str(tmp_path / "signing.jwk"),
        "CHECKPOINT_DIR": str(tmp_path / "checkpoints"),
        "CHECKPOINT_SECONDS": "1",
        "ANNOUNCE_SECONDS": "0.1",
        "LOG_LEVEL": "ERROR",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"AGREEMENTS_{name}", value)
    return tmp_path


def run(*arguments):
    result = CliRunner().invoke(cli.app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def wait_until(is_so):
    """Poll with a deadline."""
    pause = threading.Event()
    for _ in range(DEADLINE_SECONDS * 20):
        if is_so():
            return
        pause.wait(0.05)
    raise AssertionError("it did not happen in time")


def test_served_with_its_workers_it_answers_relays_and_signs(environment, clock):
    run("migrate")
    settings = Settings()
    parts = Parts(settings, clock)
    drafting.draft(approved(), is_new=lambda _tx: True, ctx=parts.context(Role.SERVICE_AGREEMENTS))
    with (
        in_background(
            [(main.create_app(settings, clock=clock), "127.0.0.1", 0)],
            main.workers(settings, clock=clock),
        ) as (url,),
        parts.event_log.subscribe("a-reader", ["agreements.agreement"]) as reader,
    ):
        assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
        assert httpx.get(f"{url}/v1/registers/contracts", timeout=60).json()["items"] == []
        assert len(httpx.get(f"{url}/.well-known/jwks.json", timeout=60).json()["keys"]) == 1
        heard = []
        wait_until(lambda: heard.extend(reader.poll(0.1)) or heard)
        wait_until((environment / "checkpoints" / "agreements.checkpoints").exists)
    parts.close()

    event = heard[0].event()
    assert event.type == "agreements.agreement-drafted.v1"
    assert event.state == "AWAITING_SIGNATURE"


def test_a_poison_message_is_laid_aside_and_can_be_listed_and_replayed(environment, clock):
    run("migrate")
    parts = Parts(Settings(), clock)
    parts.event_log.append(
        Message(topic="applications.application", key=b"x", value=b"{}", headers={})
    )
    (consumer,) = main.consumers(parts)
    stop = threading.Event()
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: run("dead-letters", "list"))
    finally:
        stop.set()
        thread.join()
    parts.close()

    (line,) = run("dead-letters", "list").splitlines()
    assert "applications.application" in line
    failed = CliRunner().invoke(cli.app, ["dead-letters", "replay", line.split()[0]])
    assert failed.exit_code != 0


def test_the_document_can_be_printed(environment):
    assert json.loads(run("openapi"))["info"]["title"] == "Agreements"


def test_a_misspelt_setting_stops_the_start(environment, monkeypatch):
    monkeypatch.setenv("AGREEMENTS_DATABSE_URL", "sqlite://")

    with pytest.raises(ValueError, match="DATABSE"):
        Settings()


def test_production_refuses_what_is_for_development():
    with pytest.raises(ValueError, match="not in production"):
        Settings(environment="production")


def test_the_parts_are_made_from_the_settings(environment, clock):
    parts = Parts(Settings(), clock)

    assert isinstance(parts.snapshots, HttpSnapshots)
    assert str(parts.remote("applications").base_url).startswith("http://127.0.0.1:8401")
    parts.close()
