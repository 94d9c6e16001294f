"""`dsfc opt-out-checks`: the national check from its request to its reply, and what comes next."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from dsfc_cli.calling import Caller, caller_of, calls, failed
from dsfc_cli.methods import does, shows
from dsfc_cli.printing import AsJson, print_json
from dsfc_client import OptOutCheck, Pseudonymisation

app = typer.Typer(
    no_args_is_help=True,
    help="The national check: who of those asked about may be used, and how each check stands.",
)
Id = Annotated[UUID, typer.Argument(metavar="ID", help="As `list` names it.")]


@app.callback()
@calls("pseudonymisation", client="dscro-operator", who="The DSCRO's client.")
def opt_out_checks(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Open national checks, fetch their requests, send their replies, and see how they stand.

    Example: dsfc opt-out-checks list
    """
    context.obj = caller


@app.command("list")
def list_checks(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option(help="Only those that stand so, as `overdue` or `waiting`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List checks: how each stands, how old it is, until when it is good, and what comes next.

    Example: dsfc opt-out-checks list --state overdue
    """
    with caller_of(context).connected() as dsfc:
        found = list(dsfc.pseudonymisation.opt_out_checks(state=state))
    if as_json:
        print_json(found)
        return
    for one in found:
        about = f"{one.data_set} {' '.join(one.periods)} {one.purpose}"
        stands = " ".join([one.state, *(filter(None, [one.refused_code])), *one.signals])
        typer.echo(
            f"{one.id} {stands}\n"
            f"    {about}: {one.people} people, {one.age_days} days old, good until"
            f" {one.good_until}, reference {one.reference}\n    {one.next_step}"
        )
    if not found:
        typer.echo("There is no such check.")


shows(app, "show", Pseudonymisation.opt_out_check, example="dsfc opt-out-checks show ID")
does(
    app,
    "confirm",
    Pseudonymisation.confirm_check,
    example='dsfc opt-out-checks --as dscro-approver confirm ID --reason "Counted again."',
)
does(
    app,
    "withdraw",
    Pseudonymisation.take_back_check,
    example='dsfc opt-out-checks withdraw ID --reason "Of another check."',
)


@app.command("open")
def open_check(
    context: typer.Context,
    data_set: Annotated[str, typer.Argument(help="What is to be prepared.")],
    periods: Annotated[list[str], typer.Argument(metavar="PERIOD…", help="Months, YYYY-MM.")],
    purpose: Annotated[str, typer.Option(help="Of the line: COM, IV, RS or OTHER.")],
    key: Annotated[
        str | None,
        typer.Option("--once", help="A name: the same name again is the same check."),
    ] = None,
) -> None:
    """Open a check about everybody in these months who has an NHS number.

    Example: dsfc opt-out-checks open SUS_APC 2018-04 --purpose RS --once april
    """
    with caller_of(context).connected() as dsfc:
        _tell(dsfc.pseudonymisation.open_check(data_set, periods, purpose, key=key))


@app.command("request")
def fetch_request(
    context: typer.Context,
    id_: Id,
    to: Annotated[Path, typer.Option(help="Where it goes. It identifies people.")],
) -> None:
    """Fetch the request file, and say with which reference it is sent. It can be fetched again.

    Example: dsfc opt-out-checks request ID --to request.dat
    """
    if to.exists():
        raise failed(f"{to} is there already.")
    with caller_of(context).connected() as dsfc:
        to.touch(mode=0o600)
        dsfc.pseudonymisation.check_request(id_, to)
        _tell(dsfc.pseudonymisation.opt_out_check(id_))


@app.command("reply")
def send_reply(
    context: typer.Context,
    id_: Id,
    reply: Annotated[Path, typer.Argument(help="As it came.")],
    reference: Annotated[
        str, typer.Option(help="Of the message that it came with, as that message has it.")
    ],
) -> None:
    """Send the national service's reply, as it came: those who may be used.

    Example: dsfc opt-out-checks reply ID reply.dat --reference NDOO-BCDFGHJKLMNPQRST
    """
    with caller_of(context).connected() as dsfc:
        _tell(dsfc.pseudonymisation.answer_check(id_, reply, reference))


def _tell(check: OptOutCheck) -> None:
    typer.echo(f"{check.id} {check.state}, reference {check.reference}. {check.next_step}")
