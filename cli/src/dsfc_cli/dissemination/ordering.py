"""`dsfc orders`: places, shows, confirms and ends standing orders."""

from typing import Annotated, Any
from uuid import UUID

import typer

from dsfc_cli.dissemination.tabulating import filter_of
from dsfc_cli.shell.calling import Caller, caller_of, calls
from dsfc_cli.shell.printing import AsJson, print_json, print_list, print_table
from dsfc_client import StandingOrder

app = typer.Typer(no_args_is_help=True)

Id = Annotated[UUID, typer.Argument(metavar="ID", help="Of the standing order.")]


@app.callback()
@calls("dissemination")
def orders(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Standing orders: each month of a line is asked for when its time has come.

    Example: dsfc orders --as csu-0df-analytics list
    """
    context.obj = caller


@app.command("place")
def place_order(
    context: typer.Context,
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its reference.")],
    data_set: Annotated[str, typer.Argument(metavar="DATA_SET", help="One of its lines'.")],
    first: Annotated[str, typer.Option("--from", help="First month, YYYY-MM.")],
    last: Annotated[
        str | None, typer.Option("--until", help="Last month; as long as the line lasts if none.")
    ] = None,
    when: Annotated[str, typer.Option(help="landed, flex, freeze or publication.")] = "landed",
    only: Annotated[
        list[str] | None, typer.Option(help="Which rows: `Sex=1,2`. Again for each column.")
    ] = None,
    form: Annotated[
        list[str] | None, typer.Option("--format", help="parquet or csv; again for both.")
    ] = None,
    purpose: Annotated[str, typer.Option(help="Of the agreement's line.")] = "COM",
    classification: Annotated[str, typer.Option(help="Of the line.")] = "PSEUDO_ANONYMISED",
) -> None:
    """Place a standing order, and print its id. Ends with 1 where it is refused.

    Example: dsfc orders --as csu-0df-analytics place DARS-NIC-123456-A1B2C SUS_APC
    --from 2018-04 --when freeze
    """
    body: dict[str, Any] = {
        "agreement": agreement,
        "purpose": purpose,
        "data_set": data_set,
        "classification": classification,
        "when": when,
        "from": first,
        "until": last,
        "formats": form or ["parquet"],
        "filters": [filter_of(one) for one in only or ()],
    }
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.dissemination.place_order(body).id)


@app.command("list")
def list_orders(context: typer.Context, as_json: AsJson = False) -> None:
    """List the standing orders of one's own organisation, and how far each is.

    Example: dsfc orders --as csu-0df-analytics list
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.dissemination.standing_orders(),
            {
                "id": "id",
                "agreement": "agreement",
                "data set": "data_set",
                "when": "when",
                "state": "state",
                "released": "counts.released",
                "skipped": "counts.skipped",
            },
            as_json=as_json,
        )


@app.command("show")
def show_order(context: typer.Context, order_id: Id, as_json: AsJson = False) -> None:
    """Show what became of each month: its extract, or every reason why there is none.

    Example: dsfc orders --as csu-0df-analytics show ID
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.dissemination.standing_order(order_id), as_json=as_json)


@app.command("confirm")
def confirm_order(context: typer.Context, order_id: Id, as_json: AsJson = False) -> None:
    """Confirm it: from now on each month is decided in the name of whoever confirms.

    Example: dsfc orders --as csu-0df-analytics confirm ID
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.dissemination.confirm_order(order_id), as_json=as_json)


@app.command("end")
def end_order(context: typer.Context, order_id: Id, as_json: AsJson = False) -> None:
    """End it: nothing is asked for any more.

    Example: dsfc orders --as csu-0df-analytics end ID
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.dissemination.end_order(order_id), as_json=as_json)


def _told(order: StandingOrder, *, as_json: bool) -> None:
    if as_json:
        print_json(order)
        return
    typer.echo(f"{order.id} {order.state} {(order.ended or {}).get('code', '')}".rstrip())
    print_table(
        ("month", "state", "extract", "why"),
        (
            (
                *(one.month, one.state, str(one.extract_id or "")),
                ", ".join(str(refusal["code"]) for refusal in one.refusals),
            )
            for one in order.periods
        ),
        whole=("month", "extract"),
    )
