"""The house is as design.md section 2 says, and stays so."""

import re
import subprocess
import sys

import nhs_number
import pytest
import yaml
from hypothesis import settings
from typer.testing import CliRunner

from common.web.auth import Permission, route_permissions
from dsfc_cli.generated import contracts
from dsfc_cli.main import app as cli
from tests.repository import ROOT, text_of, tracked

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
LIVE = re.compile(r"(?<!\d)(?:4\d{2}|6\d{2}|7\d{2})\d{7}(?!\d)")
"""Ten digits alone that could be a number in use (domain.md 8.1)."""
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")


def test_no_number_in_use_is_in_the_repository() -> None:
    found = [
        path.relative_to(ROOT)
        for path in tracked()
        for number in LIVE.findall(text_of(path))
        if nhs_number.is_valid(number)
    ]

    assert found == []


def test_examples_of_properties_are_the_same_every_day() -> None:
    """What `make test-random` finds by chance is for whoever runs that, and for nobody else."""
    today = settings()

    assert today.derandomize
    assert today.deadline is None
    assert today.database is None


def test_nothing_is_left_unfinished() -> None:
    assert [p.relative_to(ROOT) for p in tracked() if UNFINISHED.search(text_of(p))] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_declares_its_permission(service: str) -> None:
    for app in contracts.apps_of(service).values():
        routes = route_permissions(app)
        assert routes
        for method, path, permission in routes:
            assert permission is not None, f"{method} {path}"
            if isinstance(permission, Permission):
                assert permission.roles, f"{method} {path} is for nobody"


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_has_a_schema_and_is_on_its_services_topic(service: str) -> None:
    folder = ROOT / "contracts" / service
    files = {p.name for p in (folder / "events").glob("*.json")}
    messages = yaml.safe_load((folder / "asyncapi.json").read_text("utf-8"))

    assert files
    assert messages["asyncapi"].startswith("3.")


@pytest.mark.long  # `make check` says it too, before any test
def test_the_contracts_are_what_the_code_says() -> None:
    # In a process of its own: other tests of this one declare events and errors too.
    command = [sys.executable, "-m", "dsfc_cli.main", "contracts", "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=280)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_has_help_with_an_example_or_says_what_it_does() -> None:
    for command in (
        "up",
        "demo",
        "token",
        "generate",
        "catalogue",
        "audit",
        "contracts",
        "waiting",
        "inbox",
        "lapses",
        "templates",
        "holdings",
        "audits",
        "staff",
        "directions",
    ):
        result = CliRunner().invoke(cli, [command, "--help"])
        assert result.exit_code == 0
        assert "Usage:" in result.output
