"""`dsfc opt-out-checks`: the national check from its request to its reply, and what comes next."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from common.clock import SystemClock, legal_day
from dsfc_cli.pseudonymisation.mesh import (
    NEEDS_A_PERSON,
    UNREACHABLE,
    Carrier,
    Journal,
    Mailbox,
    national_service,
)
from dsfc_cli.shell.calling import Caller, caller_of, calls, failed
from dsfc_cli.shell.methods import does, shows
from dsfc_cli.shell.printing import AsJson, print_json, print_list
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


@app.command("exchange")
def exchange(
    context: typer.Context,
    again: Annotated[
        list[UUID] | None, typer.Argument(metavar="[ID…]", help="Whose request is sent again.")
    ] = None,
    url: Annotated[str, typer.Option(envvar="DSFC_MESH_URL", help="Of MESH.")] = "",
    mailbox: Annotated[str, typer.Option(envvar="DSFC_MESH_MAILBOX", help="One's own.")] = "",
    password_file: Annotated[
        Path | None, typer.Option(envvar="DSFC_MESH_PASSWORD_FILE", help="Of the mailbox.")
    ] = None,
    shared_key_file: Annotated[
        Path | None, typer.Option(envvar="DSFC_MESH_SHARED_KEY_FILE", help="Of the environment.")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(envvar="DSFC_MESH_CERTIFICATE_FILE", help="One's own (PEM).")
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option(envvar="DSFC_MESH_PRIVATE_KEY_FILE", help="Its key (PEM).")
    ] = None,
    authority: Annotated[
        Path | None, typer.Option(envvar="DSFC_MESH_AUTHORITY_FILE", help="Whom to trust (PEM).")
    ] = None,
    recipient: Annotated[
        str | None,
        typer.Option(envvar="DSFC_MESH_RECIPIENT", help="In place of the national service's."),
    ] = None,
    journal: Annotated[
        Path,
        typer.Option(
            envvar="DSFC_MESH_JOURNAL", file_okay=False, help="Which request went by which message."
        ),
    ] = Path("var/mesh"),
    as_json: AsJson = False,
) -> None:
    """Carry requests and replies over MESH: take what came, send what is open, say what is late.

    To be run again and again, as by a timer; one at a time. Ends with 1 where a person has to look.

    Example: dsfc opt-out-checks exchange
    """
    settings = Mailbox(
        url=url,
        mailbox=mailbox,
        password_file=password_file,
        shared_key_file=shared_key_file,
        certificate=certificate,
        private_key=private_key,
        authority=authority,
    )
    if (wrong := settings.wrong()) is not None:
        raise failed(f"MESH_NOT_CONFIGURED: {wrong}", code=2)
    service = national_service(legal_day(SystemClock().now()), recipient)
    try:
        with caller_of(context).connected() as dsfc, settings.opened() as opened:
            carrier = Carrier(dsfc.pseudonymisation, opened, service, Journal(journal))
            happened = list(carrier.exchange(again or ()))
    except UNREACHABLE as error:
        raise failed(f"MESH_UNREACHABLE: {type(error).__name__}; run it again.") from None
    print_list(
        [one.as_json() for one in happened],
        {
            "code": "code",
            "check": "check",
            "reference": "reference",
            "about": "about",
            "next": "next_step",
        },
        as_json=as_json,
        whole=("code", "check", "reference"),
        none="Nothing came, and nothing is to be sent.",
    )
    if any(one.code in NEEDS_A_PERSON for one in happened):
        raise typer.Exit(1)


def _tell(check: OptOutCheck) -> None:
    typer.echo(f"{check.id} {check.state}, reference {check.reference}. {check.next_step}")
