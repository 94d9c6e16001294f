"""`dsfc local-flows`: checks, registers, shows and decides on layouts of local flows."""

from pathlib import Path
from typing import Annotated

import typer

from catalogue import InvalidDataSet
from catalogue.flows import example, flow_rules, read_flow
from catalogue.store import placed
from dsfc_cli.shell.calling import Caller, caller_of, calls
from dsfc_cli.shell.printing import AsJson, print_list
from dsfc_client import LocalFlow

app = typer.Typer(no_args_is_help=True)
PROBLEMS_MAX = 20
"""So many are told of a file at once, each with its line."""

FlowFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The layout, in YAML.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="Of the local flow.")]
Reason = Annotated[str, typer.Option(help="Why, in a sentence.")]
AgreementsUrl = Annotated[str, typer.Option(help="Where agreements is.")]


@app.callback()
@calls("agreements", client="dscro-operator")
def local_flows(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Local flows: layouts that one person registers and another approves.

    Example: dsfc local-flows check LPF_AMBULANCE-1.0.yaml
    """
    context.obj = caller


@app.command("example")
def show_example(
    *,
    tables: Annotated[
        bool, typer.Option("--tables", help="Of several tables, with two people in a row.")
    ] = False,
) -> None:
    """Print a layout to begin with, and the categories that there are.

    Example: dsfc local-flows example --tables > LPF_MINE-1.0.yaml
    """
    named = ", ".join(flow_rules().categories)
    typer.echo(f"# A category is one of {named}.\n{example(of_tables=tables)}", nl=False)


@app.command("check")
def check_file(file: FlowFile) -> None:
    """Say what is wrong with a layout, as registering it would; else print its digest.

    Example: dsfc local-flows check LPF_AMBULANCE-1.0.yaml
    """
    typer.echo(_read(file))


@app.command("register")
def register(
    context: typer.Context,
    file: FlowFile,
    evidence: Annotated[str, typer.Option(help="Where the agreement on it can be read.")],
) -> None:
    """Register a layout, and print its id. It permits nothing before a second person approves it.

    Example: dsfc local-flows register LPF_AMBULANCE-1.0.yaml --evidence "Schedule 6"
    """
    _read(file)
    with caller_of(context).connected() as dsfc:
        content = file.read_text("utf-8")
        flow = dsfc.agreements.register_local_flow(content, evidence=evidence)
    typer.echo(flow.id)


@app.command("list")
def list_flows(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only those: registered, approved …")] = None,
    as_json: AsJson = False,
) -> None:
    """List local flows, and how each stands.

    Example: dsfc local-flows list --state registered
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.agreements.local_flows(state=state),
            {
                "id": "id",
                "data set": "data_set",
                "version": "catalogue_version",
                "category": "category",
                "DSCRO": "dscro",
                "state": "state",
            },
            as_json=as_json,
        )


@app.command("show")
def show_flow(context: typer.Context, flow_id: Id) -> None:
    """Print a layout as it is kept: canonical JSON, over which its digest is.

    Example: dsfc local-flows show ID
    """
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.local_flow(flow_id).content)


@app.command("approve")
def approve(context: typer.Context, flow_id: Id, reason: Reason) -> None:
    """Approve a layout as the second person. From then on it never changes.

    Example: dsfc local-flows --as dscro-approver approve ID --reason "It is schedule 6."
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.agreements.approve_local_flow(flow_id, reason))


@app.command("refuse")
def refuse(context: typer.Context, flow_id: Id, reason: Reason) -> None:
    """Refuse a layout as the second person.

    Example: dsfc local-flows --as dscro-approver refuse ID --reason "A column is missing."
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.agreements.refuse_local_flow(flow_id, reason))


@app.command("withdraw")
def withdraw(context: typer.Context, flow_id: Id, reason: Reason) -> None:
    """Withdraw a layout that no agreement names.

    Example: dsfc local-flows withdraw ID --reason "The contract was not signed."
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.agreements.withdraw_local_flow(flow_id, reason))


def _read(file: Path) -> str:
    """Return the digest of a layout. Raise InvalidDataSet with every problem found."""
    size, most = file.stat().st_size, flow_rules().bounds.bytes
    if size > most:
        raise typer.BadParameter(f"{file} has more than {most} bytes.")
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is not UTF-8.") from None
    try:
        return read_flow(text, name=file.name).data_set.digest
    except InvalidDataSet as error:
        found = error.problems[:PROBLEMS_MAX]
        for problem in placed(text, found) if all(p.pointer for p in found) else found:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1) from None


def _told(flow: LocalFlow) -> None:
    typer.echo(f"{flow.id} {flow.data_set} {flow.catalogue_version} {flow.state}")
