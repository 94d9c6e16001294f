"""`dsfc directions`: under what data are collected, and until when."""

from typing import Annotated

import typer

from dsfc_cli.shell.calling import Caller, caller_of, calls
from dsfc_cli.shell.printing import AsJson, print_json, print_list

app = typer.Typer(no_args_is_help=True)


@app.callback()
@calls("agreements", client="body-reference-data")
def directions(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Directions and provision notices: recorded with their days, and what may be collected.

    Example: dsfc directions list
    """
    context.obj = caller


@app.command("list")
def list_directions(context: typer.Context, as_json: AsJson = False) -> None:
    """List the directions and provision notices that are recorded.

    Example: dsfc directions list
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.agreements.directions(),
            {
                "reference": "reference",
                "kind": "kind",
                "from": "valid_from",
                "to": "valid_to",
                "data sets": "data_sets",
            },
            as_json=as_json,
            whole=("reference",),
        )


@app.command("record")
def record(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="Of the direction or notice.")],
    data_sets: Annotated[list[str], typer.Argument(metavar="DATA_SET…", help="What it is for.")],
    title: Annotated[str, typer.Option(help="As it is published.")],
    source: Annotated[str, typer.Option(help="Where it can be read.")],
    valid_from: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    valid_to: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.")
    ] = None,
    kind: Annotated[str, typer.Option(help="direction or provision_notice.")] = "direction",
) -> None:
    """Record a direction or a provision notice, or when one ends.

    Example: dsfc directions record DIR-2018-1 SUS_APC SUS_OP --title "Directions to collect data"
    --source "NHS England's page" --from 2018-04-01
    """
    body = {
        "reference": reference,
        "data_sets": data_sets,
        "title": title,
        "source": source,
        "valid_from": valid_from,
        "valid_to": valid_to,
        "kind": kind,
    }
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.record_direction(body).id)


@app.command("collected")
def collected(
    context: typer.Context,
    data_set: Annotated[str, typer.Argument(metavar="DATA_SET", help="Of the catalogue.")],
    as_at: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day; today without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a data set may be taken in on a day, and under what; exit with 1 if not.

    Example: dsfc directions collected SUS_APC --as-at 2018-04-01
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.agreements.collected(data_set, as_at=as_at)
    if as_json:
        print_json(found)
    else:
        may = "may" if found.is_allowed else "may not"
        under = "; ".join(found.titles) or "nothing that is recorded"
        typer.echo(f"{data_set} {may} be collected on {found.day}: {under}")
    if not found.is_allowed:
        raise typer.Exit(1)
