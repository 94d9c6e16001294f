"""A command is imported when it is called, and listed as it says of itself."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from uuid import UUID

import pytest
import typer
from typer.testing import CliRunner

from dsfc_cli import main
from dsfc_cli.commands import PARTS
from dsfc_cli.input import catalogued
from dsfc_cli.shell.lazy import Lazy, LazyGroup, loaded

HEAVY = (
    "agreements", "applications", "catalogue", "dissemination", "disclosure", "dsfc_client",
    "duckdb", "fastapi", "httpx", "numpy", "pandas", "pseudonymisation", "pyarrow", "pydantic",
    "sqlalchemy", "uvicorn",
)  # fmt: skip
"""What commands rest on, and their list does not."""


def groups() -> Iterator[tuple[tuple[str, ...], LazyGroup]]:
    """Every group that has lazy commands, by what is typed to come to it."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), typer.main.get_command(main.app))]
    while waiting:
        typed, found = waiting.pop()
        if isinstance(found, LazyGroup):
            yield typed, found
            waiting += [((*typed, name), loaded(name, it)) for name, it in found.lazy.items()]


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_the_list_of_commands_needs_none_of_their_libraries(arguments: tuple[str, ...]) -> None:
    program = (
        "import sys; from dsfc_cli.main import app\n"
        "try: app(sys.argv[1:])\n"
        f"finally: print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.stderr.splitlines()[-1] == "[]"
    assert "demo" in done.stdout + done.stderr


def test_every_lazy_command_is_there_and_is_listed_as_it_says_of_itself() -> None:
    found = dict(groups())

    assert set(found) == {(), ("catalogue",)}
    assert catalogued.LAZY.keys() < found["catalogue",].commands.keys()
    for typed, group in found.items():
        for name, lazy in group.lazy.items():
            command = loaded(name, lazy)
            assert command.name == name
            assert lazy.summary == " ".join(command.help.partition("\n\n")[0].split()), name
            for inside in islice(getattr(command, "commands", {}), 1):
                shown = CliRunner().invoke(main.app, [*typed, name, inside, "--help"])
                assert f" {name} {inside} " in shown.stdout, "help needs an option of the group"


def test_a_lazy_command_is_called_with_its_arguments_and_its_mistakes_are_said() -> None:
    run = CliRunner().invoke

    assert "SUS_APC" in run(main.app, ["catalogue", "list", "--json"]).output
    assert "No such option" in run(main.app, ["token", "--nothing"]).output
    assert "Did you mean 'demo'" in run(main.app, ["dem"]).output
    assert "Usage: " in run(main.app, ["catalogue", "validate", "--help"]).output


@pytest.mark.parametrize(
    "typed",
    [
        ["--as", "body-auditor", "end", "ID", "--last-day", "2018-06-30"],
        ["end", "ID", "--last-day", "2018-06-30", "--as", "body-auditor"],
        ["end", "--as=body-auditor", "ID", "--last-day", "2018-06-30"],
    ],
)
def test_who_asks_is_said_before_the_command_or_behind_it(typed: list[str], tmp_path: Path) -> None:
    said = [str(UUID(int=0)) if one == "ID" else one for one in typed]

    done = CliRunner().invoke(main.app, ["staff", "--directory", str(tmp_path), *said])

    assert f"There are no identities in {tmp_path}" in done.stderr
    assert done.exit_code == 1


@pytest.mark.parametrize(
    "typed",
    [
        ["lift", "ID", "--reason", "--as"],
        ["lift", "--", "ID", "--as", "body-auditor"],
        ["--as", "body-auditor"],
    ],
)
def test_what_a_command_is_given_is_not_taken_for_an_option_of_its_group(typed: list[str]) -> None:
    holds = loaded("holds", main.LAZY["holds"])

    assert holds.in_front(typed) == typed


def test_what_is_not_there_is_an_error_where_it_is_called() -> None:
    with pytest.raises(ModuleNotFoundError):
        loaded("gone", Lazy("dsfc_cli.gone:command", "Gone."))


def test_every_command_stands_under_a_heading_of_the_list() -> None:
    shown = CliRunner().invoke(main.app, ["--help"], env={"COLUMNS": "100"}).stdout

    assert all(it.part for it in main.LAZY.values())
    assert " Commands " not in shown
    for part in PARTS:
        assert f" {part} " in shown
    assert sum(map(len, PARTS.values())) == len(main.LAZY), "a command stands under two headings"
