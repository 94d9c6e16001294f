"""`dsfc holdings`: what is held, what of it must go by when, and its destruction."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dsfc_cli.shell.calling import Caller, caller_of, calls, json_of
from dsfc_cli.shell.printing import AsJson, print_json, print_table

app = typer.Typer(no_args_is_help=True)

Agreement = Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its reference.")]


@app.callback()
@calls("agreements")
def holdings(
    caller: Caller,
    context: typer.Context,
) -> None:
    """What is held, and what of it must go by when; its destruction, certified and accepted.

    Example: dsfc holdings --as csu-0df-contact list
    """
    context.obj = caller


@app.command("list")
def list_holdings(
    context: typer.Context,
    is_due: Annotated[bool, typer.Option("--due", help="Only what must go.")] = False,
    as_json: AsJson = False,
) -> None:
    """List each file that is held under one's agreements; what must go first is first.

    Exits with 1 where something is overdue.

    Example: dsfc holdings --as csu-0df-contact list --due
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.agreements.holdings_statement()
    files = [one for one in found["files"] if one["due"] or not is_due]
    if as_json:
        print_json({**found, "files": files})
    else:
        typer.echo(f"{len(found['files'])} files, {found['due']} due, {found['overdue']} overdue")
        print_table(
            ("go by", "back-ups by", "why", "file", "agreement", "data set", "held at"),
            (_row(one) for one in files),
            whole=("go by", "file", "agreement"),
        )
        if not found["is_whole"] or found["unreadable"]:
            typer.echo("not all of it can be shown", err=True)
    if found["overdue"]:
        raise typer.Exit(1)


@app.command("certificate")
def certificate(
    context: typer.Context,
    agreement: Agreement,
    to: Annotated[Path | None, typer.Option(help="Where it goes; else it is printed.")] = None,
) -> None:
    """Fill in a certificate of destruction with every copy that it has to account for, as JSON.

    Say of each copy how and on which day it was destroyed, and hand it in by `certify`.

    Example: dsfc holdings --as csu-0df-contact certificate DARS-NIC-123456-A1B2C --to c.json
    """
    with caller_of(context).connected() as dsfc:
        copies = dsfc.agreements.prefilled_certificate(agreement)
    text = json.dumps([one.model_dump(mode="json") for one in copies], indent=2)
    if to is None:
        typer.echo(text)
    else:
        to.write_text(text + "\n", "ascii")


@app.command("certify")
def certify(
    context: typer.Context,
    agreement: Agreement,
    body: Annotated[
        Path, typer.Argument(metavar="FILE", help="The certificate, JSON, as /docs shows it.")
    ],
    key: Annotated[
        str | None, typer.Option("--once", help="A name: the same name again is the same one.")
    ] = None,
) -> None:
    """Hand in a certificate of destruction, of all copies or of a part; print how it stands.

    Example: dsfc holdings --as csu-0df-contact certify DARS-NIC-123456-A1B2C certificate.json
    """
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.certify_destruction(agreement, json_of(body), key=key).state)


@app.command("accept")
def accept(
    context: typer.Context,
    agreement: Agreement,
    reason: Annotated[str, typer.Option(help="Why; it stands in the audit log.")],
) -> None:
    """Give one of the two acceptances that close the agreement; print how it stands.

    Example: dsfc holdings --as body-approver accept DARS-NIC-123456-A1B2C --reason "Every copy."
    """
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.accept_destruction(agreement, reason).state)


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    due = one["due"] or {"by": "", "back_ups_by": "", "trigger": ""}
    held = sorted({f"{copy['holder']} {copy['place']}" for copy in one["copies"]})
    return (
        *(due["by"], due["back_ups_by"], due["trigger"]),
        *(one["file_id"], one["agreement"], one["data_set"], "; ".join(held)),
    )
