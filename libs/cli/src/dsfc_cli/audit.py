"""`dsfc audit`: is the log whole? Judged offline, with no service running."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError

from common.audit.checkpoints import path_of
from common.audit.verification import Report
from common.audit.verification import verify as verify_log
from common.db import engine as engines
from common.errors import AppError
from common.security import keys
from dsfc_cli.decisions import Entry, entries, judge

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
VAR = Path("var")

app = typer.Typer(no_args_is_help=True, help="The audit logs.")
err = Console(stderr=True)


@app.command("verify")
def verify(
    directory: Annotated[Path, typer.Option(help="Where `dsfc up` keeps its state.")] = VAR / "up",
    log: Annotated[str | None, typer.Option(help="One service's log instead of all.")] = None,
    database: Annotated[
        str | None, typer.Option(help="URL of the log's database, where it is another.")
    ] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="The log's signed checkpoints, where they are elsewhere.")
    ] = None,
    jwks: Annotated[
        Path | None, typer.Option(help="Public keys (JWKS) that signed the checkpoints.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Find every edit, deletion, reordering, fork and truncation. Exit 1 where there is one.

    Example: dsfc audit verify --directory var/demo/state
    """
    if log is not None and log not in SERVICES:
        raise typer.BadParameter(f"one of {', '.join(SERVICES)}", param_hint="--log")
    if log is None and (database or checkpoints or jwks):
        raise typer.BadParameter("--database, --checkpoints and --jwks go with --log")
    try:
        reports = [
            verify_log(
                _there(database or f"sqlite:///{directory.absolute() / f'{name}.db'}"),
                checkpoints or path_of(directory / "checkpoints", name),
                _jwks(jwks, directory, name),
                log=name,
            )
            for name in ([log] if log else SERVICES)
        ]
    except (AppError, ValueError) as error:
        err.print(getattr(error, "detail", str(error)), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps([report.as_json() for report in reports], indent=2))
    else:
        Console().print(_table(reports))
        for line in _findings(reports):
            typer.echo(line)
    raise typer.Exit(0 if all(report.is_whole for report in reports) else 1)


@app.command("decisions")
def list_decisions(
    directory: Annotated[Path, typer.Option(help="Where `dsfc up` keeps its state.")] = VAR / "up",
    agreements: Annotated[
        str | None, typer.Option(help="URL of agreements' database, where it is another.")
    ] = None,
    dissemination: Annotated[
        str | None, typer.Option(help="URL of dissemination's database, where it is another.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that led to something.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List permissions that led to nothing. Exit 1 where anything left without one of its own.

    Read `dsfc audit verify` first: this believes what the logs say.

    Example: dsfc audit decisions --directory var/demo/state
    """
    with ExitStack() as stack:
        logs = [
            stack.enter_context(_log(url or f"sqlite:///{directory.absolute() / f'{name}.db'}"))
            for name, url in (("agreements", agreements), ("dissemination", dissemination))
        ]
        judged = judge(*logs)
    shown = judged.outcomes if every else judged.led_to_nothing
    if as_json:
        typer.echo(
            json.dumps({"decisions": [o.as_json() for o in shown], "wrong": judged.wrong}, indent=2)
        )
    else:
        table = Table("at", "action", "decision", "agreement", "about", "led to")
        for o in shown:
            led_to = o.led_to or "nothing"
            table.add_row(o.at, o.action, o.decision_id, o.agreement, o.about, led_to)
        Console().print(table)
        for line in judged.wrong:
            typer.echo(line)
    raise typer.Exit(1 if judged.wrong else 0)


@contextmanager
def _log(url: str) -> Iterator[Iterator[Entry]]:
    engine = _opened(url)
    try:
        yield entries(engine)
    finally:
        engine.dispose()


def _opened(url: str) -> Engine:
    return engines.create(_there(url), pool_size=1)


def _there(url: str) -> str:
    """Return it if it is the URL of a database that may be there."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        err.print(
            "That is no URL of a database: sqlite:///FILE or postgresql://…",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(2) from None
    # SQLite would make an empty database of a name that is not there, and find nothing wrong.
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        err.print(f"There is no {parsed.database}.", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2)
    return url


def _jwks(file: Path | None, directory: Path, log: str) -> Any:
    if file is not None:
        return json.loads(file.read_text(encoding="utf-8"))
    return keys.Signer(directory / "keys" / f"{log}.jwk").jwks()


def _table(reports: list[Report]) -> Table:
    table = Table("log", "whole", "leaves", "vouched for", "checkpoints", "root")
    for r in reports:
        whole = "yes" if r.is_whole else "NO"
        table.add_row(
            r.log, whole, str(r.leaves), str(r.signed_size), str(r.checkpoints), r.root[:24]
        )
    return table


def _findings(reports: list[Report]) -> Iterator[str]:
    for report in reports:
        for found in report.findings:
            yield f"{report.log}: leaf {found.index}: {found.kind}: {found.detail}"
