"""`dsfc up`: starts the four services with a sandbox in them, and stays."""

import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from common.workers import when_told_to_end
from dsfc_cli.demo import sandbox
from dsfc_cli.house.suite import DidNotStart, Suite
from dsfc_cli.shell.calling import BASE_PORT, SUITE
from dsfc_cli.shell.printing import print_table
from dsfc_client import DsfcError

out = Console()
err = Console(stderr=True)


def command(
    directory: Annotated[Path, typer.Option(help="Where the state is kept.")] = SUITE,
    base_port: Annotated[
        int, typer.Option(help="The issuer's port; the services follow.", min=1024, max=65_000)
    ] = BASE_PORT,
    empty: Annotated[bool, typer.Option("--empty", help="Start with nothing in it.")] = False,
) -> None:
    """Start the four services with a sandbox in them, say what to do next, and stay until Ctrl-C.

    The sandbox is synthetic: an agreement in force, a landed month, a released extract. It is made
    at the first start in a directory, and stays.

    Example: dsfc up --base-port 9400
    """
    stop = threading.Event()
    when_told_to_end(stop.set)
    err.print("Starting …")
    try:
        is_new = not (directory / "agreements.db").exists()
        with Suite(directory.absolute(), base_port=base_port) as suite:
            opened = sandbox.Sandbox.read(suite.directory)
            if opened is None and is_new and not empty:
                err.print("Opening the sandbox: synthetic data, half a minute …")
                opened = sandbox.furnish(suite, suite.directory)
            profile = suite.write_profile()
            _say_where(suite, directory, base_port)
            out.print(
                f"Where all of it is, for Dsfc.from_profile and --profile: {profile}",
                soft_wrap=True,
            )
            if opened is not None:
                _say_what_next(suite, opened, _elsewhere(suite, directory, base_port))
            out.print("Ctrl-C stops.")
            while not stop.wait(1.0):
                ended = [s for s in suite.services if suite.process(s).poll() is not None]
                if ended:
                    err.print(f"[red]{', '.join(ended)} ended[/red]; see {directory}/logs")
                    raise typer.Exit(1)
            err.print("Stopping …")
    except (DidNotStart, DsfcError) as error:
        err.print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _elsewhere(suite: Suite, directory: Path, base_port: int) -> str:
    """Options that `dsfc token` needs beside the defaults."""
    elsewhere = "" if directory == SUITE else f" --directory {directory}"
    if base_port != BASE_PORT:
        elsewhere += f" --issuer {suite.urls['issuer']}"
    return elsewhere


def _say_what_next(suite: Suite, opened: sandbox.Sandbox, elsewhere: str) -> None:
    door = suite.urls["dissemination"]
    as_csu = 'curl -H "Authorization: Bearer $TOKEN"'
    asked = f"agreement={opened.agreement}&data_set={opened.data_set}"
    out.print(
        f"\nThe sandbox, all of it synthetic: agreement {opened.agreement} is in force,"
        f" {opened.data_set} for {opened.month} is landed, an extract of it is released. Next:",
        soft_wrap=True,
        markup=False,
    )
    for line in (
        f"curl {door}/v1/register",
        f"TOKEN=$(.venv/bin/dsfc token csu-0df-analytics dissemination{elsewhere})",
        f"{as_csu} {door}/v1/extracts/{opened.extract}",
        f'{as_csu} "{door}/v1/landed-months?{asked}"',
        f"{as_csu} -o extract.parquet {door}/v1/files/{opened.file}/content",
    ):
        out.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"The same for programs: {suite.directory / sandbox.FACTS}", soft_wrap=True)


def _say_where(suite: Suite, directory: Path, base_port: int) -> None:
    print_table(
        ("what", "where", "interactive pages"),
        (
            (name, url, "" if name == "issuer" else f"{url}/docs")
            for name, url in suite.urls.items()
        ),
        whole=("where", "interactive pages"),
    )
    print_table(
        ("development identity", "organisation", "roles"),
        ((one.client_id, one.ods, ", ".join(sorted(one.roles))) for one in suite.identities.known),
        whole=("development identity",),
    )
    out.print(f"Their private keys: {suite.identities.directory}", soft_wrap=True)
    out.print(f"Logs: {suite.directory / 'logs'}", soft_wrap=True)
    elsewhere = _elsewhere(suite, directory, base_port)
    out.print(f"A token: dsfc token csu-0df-analytics dissemination{elsewhere}", soft_wrap=True)
    out.print("It lasts five minutes; an interactive page takes it behind “Authorize”.")
