"""The chassis: what is made is closed, the last first, whenever and however its users end."""

import threading
from dataclasses import dataclass, field

import pytest
from sqlmodel import SQLModel
from typer.testing import CliRunner

from common.security.roles import Role
from common.service import Parts, WakeSignals, beside, create_app
from common.service.cli import ServiceCommands, commands
from common.settings import ServiceSettings
from common.workers import join, start


class Made(Parts):
    PACKAGE = "made"
    ROLE = Role.SERVICE_AGREEMENTS


@pytest.fixture
def settings(tmp_path):
    return ServiceSettings(
        environment="development",
        database_url=f"sqlite:///{tmp_path / 'made.db'}",
        event_log=tmp_path / "events.db",
        signing_key_file=tmp_path / "signing.jwk",
    )


@dataclass
class Watched:
    """Parts of which it is seen how often they were closed."""

    closed: int = 0
    gone: threading.Event = field(default_factory=threading.Event)

    def close(self):
        self.closed += 1
        self.gone.set()


class Waits:
    def __init__(self, name):
        self.name = name
        self.began = threading.Event()

    def run(self, stop):
        self.began.set()
        stop.wait()


class Fails:
    name = "fails"

    def __init__(self):
        self.failed = threading.Event()

    def run(self, _stop):
        self.failed.set()
        raise RuntimeError("the database is away")


def end(running, stop):
    stop.set()
    assert join(running, timeout_seconds=30) == []


def test_what_was_made_is_closed_the_last_first_and_what_was_not_is_not_made(settings):
    closed = []
    parts = Made(settings)
    for name in ("first", "second"):
        parts.closing(name, closed.append)

    parts.close()
    parts.close()

    assert closed == ["second", "first"]
    assert "engine" not in vars(parts)


def test_a_client_of_another_service_is_closed_with_the_parts(settings):
    parts = Made(settings)
    remote = parts.remote("agreements")
    assert str(remote.base_url) == "http://127.0.0.1:8402"

    parts.close()

    assert remote.is_closed


def test_the_parts_are_closed_once_by_the_last_worker_that_ends():
    parts, stop = Watched(), threading.Event()
    workers = [Waits("one"), Waits("two")]
    running = start(beside(parts, workers), stop)
    for worker in workers:
        assert worker.began.wait(30)
    assert parts.closed == 0

    end(running, stop)

    assert parts.closed == 1


def test_the_parts_are_closed_though_a_worker_that_failed_waits_to_be_started_again():
    """Guard: `_UntilTheEnd`. Told to stop in that pause, the worker never comes back."""
    parts, stop, worker = Watched(), threading.Event(), Fails()
    running = start(beside(parts, [worker]), stop)
    assert worker.failed.wait(30)
    assert not parts.gone.wait(0.05)

    end(running, stop)

    assert parts.closed == 1


def test_one_wake_is_the_same_event_for_whoever_asks():
    wakes = WakeSignals()

    assert wakes["landing"] is wakes["landing"]
    assert wakes["landing"] is not wakes["preparation"]


@pytest.fixture
def command(settings):
    made = create_app(
        settings, lambda: Made(settings), title="Made", summary="For tests", routers=[]
    )
    return commands(
        ServiceCommands(
            summary="For tests",
            metadata=SQLModel.metadata,
            settings=lambda: settings,
            parts=Made,
            apps={"api": lambda _: made},
            bindings=lambda *_: [],
            workers=lambda *_: [],
            consumers=lambda _: [],
        )
    )


def test_the_document_of_a_port_is_printed_and_an_unknown_port_is_named(command):
    assert '"title": "Made"' in CliRunner().invoke(command, ["openapi"]).output

    refused = CliRunner().invoke(command, ["openapi", "--port", "other"])

    assert refused.exit_code == 2
    assert "api" in refused.output


@pytest.mark.parametrize(
    "name",
    ["serve", "work", "relay", "consume", "migrate", "openapi", "scan-texts", "dead-letters"],
)
def test_every_service_has_these_commands_and_each_has_help(command, name):
    result = CliRunner().invoke(command, [name, "--help"])

    assert result.exit_code == 0, result.output
