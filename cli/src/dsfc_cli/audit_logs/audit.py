"""`dsfc audit`: is the log whole? Judged offline, with no service running."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError

from agreements.db.seals import audit as seal_audit
from common.audit.checkpoints import path_of
from common.audit.findings import FINDINGS_MAX, FindingKind, Head, LogFinding, VerificationReport
from common.audit.verification import kept_checkpoints, kept_manifest
from common.audit.verification import verify as verify_log
from common.db import engine as engines
from common.errors import AppError
from common.ids import DIGEST
from common.security import keys
from common.security.jws import claimed
from dsfc_cli.audit_logs.decisions import NotAsWritten, entries, judge, rows
from dsfc_cli.shell.printing import print_json, print_table

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")
MANIFESTS_LOG = "dissemination"
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
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="Checkpoints that somebody else kept, a line each. Repeatable."),
    ] = None,
    manifest: Annotated[
        list[Path] | None,
        typer.Option(help="A manifest that a recipient kept. Repeatable."),
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(help="SIZE:ROOT of the log, as somebody else noted it. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Find what was edited, slipped in, deleted, reordered, forked, cut or put back.

    Exit 0: nothing was found; what could not be checked is said. Exit 1: something was found.
    Exit 2: it could not be judged.

    Example: dsfc audit verify --directory var/demo/state --checkpoint kept.checkpoints
    """
    if log is not None and log not in SERVICES:
        raise typer.BadParameter(f"one of {', '.join(SERVICES)}", param_hint="--log")
    if log is None and (database or checkpoints or jwks or head):
        raise typer.BadParameter("--database, --checkpoints, --jwks and --head go with --log")
    try:
        reports = []
        for name in [log] if log else SERVICES:
            url = _there(database or f"sqlite:///{directory.absolute() / f'{name}.db'}")
            known = _jwks(jwks, directory, name)
            report = verify_log(
                url,
                checkpoints or path_of(directory / "checkpoints", name),
                known,
                log=name,
                heads=[
                    *_heads(head or ()),
                    *_checkpoints(checkpoint or (), known, name, is_only=log is not None),
                    *_manifests(manifest or (), directory, jwks, name),
                ],
            )
            reports.append(_with_facts(report, url, known) if name == "agreements" else report)
    except (AppError, ValueError) as error:
        err.print(getattr(error, "detail", str(error)), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    if as_json:
        print_json([report.as_json() for report in reports])
    else:
        _print_reports(reports)
        for line in (*_findings(reports), *_unchecked(reports)):
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
    pseudonymisation: Annotated[
        str | None,
        typer.Option(help="URL of pseudonymisation's database, where it is another."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that led to something.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List permissions that led to nothing. Exit 1 where anything left without one of its own.

    Every leaf is held against its hash, and every logged decision against its leaf. Whether the
    logs are those that were signed, `dsfc audit verify` says.

    Example: dsfc audit decisions --directory var/demo/state
    """
    with ExitStack() as stack:
        opened = [
            stack.enter_context(_log(url or f"sqlite:///{directory.absolute() / f'{name}.db'}"))
            for name, url in (("agreements", agreements), ("dissemination", dissemination))
        ]
        haven = directory.absolute() / "pseudonymisation.db"
        url = pseudonymisation or (f"sqlite:///{haven}" if haven.exists() else None)
        told = None if url is None else entries(stack.enter_context(_log(url)))
        try:
            decided, done = map(entries, opened)
            logged = rows(opened[0])
            judged = judge(decided, done, logged, told=told)
        except NotAsWritten as error:
            err.print(f"{error} See `dsfc audit verify`.", markup=False, soft_wrap=True)
            raise typer.Exit(2) from None
    unchecked = [] if logged is not None else ["The rows of decisions: here is their log alone."]
    if told is None:
        unchecked.append("What was told of people: the haven's log is not here.")
    shown = judged.outcomes if every else judged.led_to_nothing
    if as_json:
        print_json(
            {
                "decisions": [o.as_json() for o in shown],
                "wrong": list(judged.wrong),
                "unchecked": unchecked,
            }
        )
    else:
        print_table(
            ("at", "action", "decision", "agreement", "about", "led to"),
            (
                (o.at, o.action, o.decision_id, o.agreement, o.about, o.led_to or "nothing")
                for o in shown
            ),
            whole=("decision",),
        )
        for line in (*judged.wrong, *(f"not checked: {what}" for what in unchecked)):
            typer.echo(line)
    raise typer.Exit(1 if judged.wrong else 0)


def _heads(written: Sequence[str]) -> Iterator[Head]:
    for one in written:
        size, _, root = one.partition(":")
        if not size.isdecimal() or DIGEST.fullmatch(root) is None:
            raise typer.BadParameter("SIZE:sha256:…", param_hint="--head")
        yield Head(int(size), root, f"the head of {size} that was given")


def _checkpoints(files: Sequence[Path], jwks: Any, log: str, *, is_only: bool) -> Iterator[Head]:
    """Read the kept checkpoints of this log; one file may hold those of several."""
    for file in files:
        lines = file.read_text("ascii", "replace").split()
        if not lines:
            raise typer.BadParameter(f"{file} is empty", param_hint="--checkpoint")
        # Where one log is judged, all of them must be its own.
        mine = [line for line in lines if is_only or claimed(line, "log") == log]
        yield from kept_checkpoints("\n".join(mine), jwks, log=log, source=str(file))


def _manifests(
    files: Sequence[Path], directory: Path, jwks: Path | None, log: str
) -> Iterator[Head]:
    if log != MANIFESTS_LOG:
        return
    for file in files:
        text = file.read_text("utf-8").strip()
        compact = str(json.loads(text)["jws"]) if text.startswith("{") else text
        head = kept_manifest(
            compact, _jwks(jwks, directory, MANIFESTS_LOG), log=log, source=str(file)
        )
        if head is not None:
            yield head


def _with_facts(report: VerificationReport, url: str, jwks: Any) -> VerificationReport:
    """Add what is wrong with the facts that agreements sealed."""
    engine = engines.create(url, pool_size=1, statement_timeout_seconds=600)
    try:
        found = seal_audit.wrong(engine, jwks)
    finally:
        engine.dispose()
    more = [LogFinding(FindingKind.SEAL, report.leaves, detail) for detail in found[:FINDINGS_MAX]]
    return replace(report, findings=(*report.findings, *more))


@contextmanager
def _log(url: str) -> Iterator[Engine]:
    engine = _opened(url)
    try:
        yield engine
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


def _print_reports(reports: list[VerificationReport]) -> None:
    print_table(
        ("log", "whole", "leaves", "vouched for", "checkpoints", "root"),
        (
            (
                *(r.log, "yes" if r.is_whole else "NO", str(r.leaves)),
                *(str(r.signed_size), str(r.checkpoints), r.root[:24]),
            )
            for r in reports
        ),
        whole=("log",),
    )


def _findings(reports: list[VerificationReport]) -> Iterator[str]:
    for report in reports:
        for found in report.findings:
            yield f"{report.log}: leaf {found.index}: {found.kind}: {found.detail}"


def _unchecked(reports: list[VerificationReport]) -> Iterator[str]:
    for report in reports:
        for what in report.unchecked:
            yield f"{report.log}: not checked: {what}"
