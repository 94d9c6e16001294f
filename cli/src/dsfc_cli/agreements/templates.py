"""`dsfc templates`: many agreements at once, by two people."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from dsfc_cli.shell.calling import Caller, caller_of, calls, json_of
from dsfc_cli.shell.methods import shows
from dsfc_cli.shell.printing import AsJson, print_json, print_list, print_table
from dsfc_client import Agreements

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the template.")]
Batch = Annotated[UUID, typer.Argument(metavar="ID", help="Of the batch, as `batches` names it.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the audit log.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it comes to, and keep nothing.")]
Once = Annotated[
    str | None, typer.Option("--once", help="A name: the same name again is the same batch.")
]


@app.callback()
@calls("agreements", client="body-contracts")
def templates(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Templates of agreements: made, issued from to many at once, confirmed by a second person.

    Example: dsfc templates list
    """
    context.obj = caller


@app.command("list")
def list_templates(context: typer.Context, as_json: AsJson = False) -> None:
    """List the templates, each version of them.

    Example: dsfc templates list
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.agreements.templates(),
            {
                "name": "name",
                "version": "number",
                "made of": "agreement",
                "of": "agreement_version",
                "by": "made_by",
                "why": "reason",
            },
            as_json=as_json,
            whole=("name", "made of"),
        )


@app.command("make")
def make_template(
    context: typer.Context,
    name: Name,
    agreement: Annotated[str, typer.Option(help="Of which it is made: all have signed it.")],
    version: Annotated[str, typer.Option(help="Of the agreement, such as v0.0.")],
    reason: Reason,
) -> None:
    """Make the next version of a template, and print its number.

    Example: dsfc templates make ccg-commissioning --agreement DARS-NIC-123456-A1B2C
    --version v0.0 --reason "All commission alike."
    """
    body = {"agreement": agreement, "version": version, "reason": reason}
    with caller_of(context).connected() as dsfc:
        made = dsfc.agreements.make_template(name, body)
    typer.echo(made["number"])


@app.command("issue")
def issue(
    context: typer.Context,
    name: Name,
    sheet: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or a workbook (XLSX).")],
    number: Annotated[int, typer.Option("--version", help="Of the template.")],
    is_dry_run: DryRun = False,
    key: Once = None,
    as_json: AsJson = False,
) -> None:
    """Hand in to whom agreements are issued: `controller,title,start,end,reference`.

    A row that is wrong lets none be issued, and all such rows are named.

    Example: dsfc templates issue ccg-commissioning april.xlsx --version 1 --dry-run
    """
    with caller_of(context).connected() as dsfc:
        batch = dsfc.agreements.issue_from_template(
            name, number, sheet.read_bytes(), dry_run=is_dry_run, key=key
        )
    _tell(batch, as_json=as_json)


@app.command("import")
def import_in_force(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The body, JSON; `-` from a pipe.")],
    is_dry_run: DryRun = False,
    key: Once = None,
    as_json: AsJson = False,
) -> None:
    """Hand in agreements that were signed elsewhere and are in force.

    Example: dsfc templates import in-force.json --dry-run
    """
    body = json_of(file)
    with caller_of(context).connected() as dsfc:
        batch = dsfc.agreements.import_in_force(body, dry_run=is_dry_run, key=key)
    _tell(batch, as_json=as_json)


@app.command("batches")
def list_batches(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only those that stand so.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what was handed in, and how it stands.

    Example: dsfc templates batches --state waiting
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.agreements.batches(state=state),
            {
                "id": "id",
                "what": "kind",
                "of": "source",
                "agreements": "agreements",
                "state": "state",
                "by": "proposed_by",
            },
            as_json=as_json,
        )


shows(app, "show", Agreements.batch, example="dsfc templates show ID")


@app.command("confirm")
def confirm(context: typer.Context, batch: Batch, reason: Reason) -> None:
    """Let a batch be drafted, as the second person.

    Example: dsfc templates --as body-approver confirm ID --reason "Read, row by row."
    """
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.confirm_batch(str(batch), reason)["state"])


@app.command("withdraw")
def withdraw(context: typer.Context, batch: Batch, reason: Reason) -> None:
    """Take back a batch that waits.

    Example: dsfc templates withdraw ID --reason "Of last year."
    """
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.withdraw_batch(str(batch), reason)["state"])


def _tell(batch: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(batch)
        return
    kept = "not kept, a dry run" if batch["is_dry_run"] else f"{batch['id']} {batch['state']}"
    typer.echo(f"{kept}: {batch['agreements']} agreements")
    print_table(
        ("line", "reference", "version", "kind", "controllers", "from", "to"),
        (
            (
                *(str(one["line"]), one["reference"], one["version"], one["kind"]),
                *(" ".join(one["controllers"]), one["start"], one["end"]),
            )
            for one in batch["planned"]
        ),
        whole=("reference",),
    )
