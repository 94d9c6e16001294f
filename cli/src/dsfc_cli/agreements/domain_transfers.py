"""`dsfc domain-transfers`: tokens that go on with another CSU, from the preview to the effect."""

from typing import Annotated

import typer

from dsfc_cli.shell.calling import Caller, caller_of, calls, failed
from dsfc_cli.shell.methods import shows
from dsfc_cli.shell.printing import AsJson, print_json, print_list
from dsfc_client import Agreements, DomainTransfer

app = typer.Typer(no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="Of the transfer.")]
Former = Annotated[str, typer.Option(metavar="ODS", help="The CSU that has the domains.")]
Following = Annotated[str, typer.Option(metavar="ODS", help="The one with which they go on.")]
FirstDay = Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")]


@app.callback()
@calls("agreements", client="body-contracts")
def domain_transfers(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Transfers of pseudonym domains: tokens that go on with a commissioner's next CSU.

    Example: dsfc domain-transfers list DARS-NIC-123456-A1B2C
    """
    context.obj = caller


@app.command("preview")
def preview(
    context: typer.Context,
    commissioner: Annotated[str, typer.Argument(metavar="ODS", help="Whose CSU changes.")],
    former: Former,
    following: Following,
    effective_from: FirstDay,
    as_json: AsJson = False,
) -> None:
    """Say what a change of CSU comes to, and what is missing yet; exit with 1 if something is.

    Example: dsfc domain-transfers preview 02P --former 0DF --following 0CX --from 2018-07-01
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.agreements.preview_csu_change(commissioner, former, following, effective_from)
    if as_json:
        print_json(found)
    else:
        typer.echo(found["text"])
        for one in found["transfers"]:
            typer.echo(f"{one['agreement']}: domains go on, {one['state']}")
        for table in found["not_as_sealed"]:
            typer.echo(f"{table} was written past the service: this may be wrong", err=True)
        for one in found["lacking"]:
            typer.echo(f"{one['lack']}: {one['said']}", err=True)
    if found["lacking"] or found["not_as_sealed"]:
        raise typer.Exit(1)


@app.command("propose")
def propose(
    context: typer.Context,
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its reference.")],
    former: Former,
    following: Following,
    effective_from: FirstDay,
    evidence: Annotated[str, typer.Option(help="Where the instruction can be read.")],
    kind: Annotated[str, typer.Option(help="Of the recipient environments.")] = "analytics",
) -> None:
    """Propose that an agreement's tokens go on with another CSU, and print the transfer's id.

    Example: dsfc domain-transfers propose DARS-NIC-123456-A1B2C --former 0DF --following 0CX
    --from 2018-07-01 --evidence "Letter of 2 May 2018"
    """
    with caller_of(context).connected() as dsfc:
        known = {
            one.organisation: str(one.id)
            for one in dsfc.agreements.recipient_environments()
            if one.kind == kind
        }
        for organisation in (former, following):
            if organisation not in known:
                raise failed(f"{organisation} has no recipient environment of kind {kind}.")
        transfer = dsfc.agreements.propose_domain_transfer(
            {
                "agreement": agreement,
                "former_environment": known[former],
                "following_environment": known[following],
                "effective_from": effective_from,
                "evidence": evidence,
            }
        )
    typer.echo(transfer.id)


@app.command("list")
def list_transfers(
    context: typer.Context,
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its reference.")],
    as_json: AsJson = False,
) -> None:
    """List the transfers of an agreement's domains, and for whom each waits.

    Example: dsfc domain-transfers list DARS-NIC-123456-A1B2C
    """
    with caller_of(context).connected() as dsfc:
        found = list(dsfc.agreements.domain_transfers(agreement))
        of = (
            {str(one.id): one.organisation for one in dsfc.agreements.recipient_environments()}
            if found
            else {}
        )

    def named(place: str) -> str:
        """Return whose it is, or its id where one may not see that environment."""
        return of.get(place, place)

    print_list(
        found,
        {
            "id": "id",
            "state": "state",
            "from": lambda one: named(one["former_environment"]),
            "to": lambda one: named(one["following_environment"]),
            "first day": "effective_from",
            "waits for": "waiting_for",
        },
        as_json=as_json,
    )


shows(app, "show", Agreements.domain_transfer, example="dsfc domain-transfers show ID")


@app.command("agree")
def agree(context: typer.Context, transfer_id: Id) -> None:
    """Agree for one's own organisation, a controller of the agreement.

    Example: dsfc domain-transfers --as ccg-02p-signatory --role controller-signatory agree ID
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.agreements.agree_to_domain_transfer(transfer_id))


@app.command("effect")
def put_into_effect(context: typer.Context, transfer_id: Id) -> None:
    """Let the tokens go on, once the former CSU's files are destroyed. It is not taken back.

    Example: dsfc domain-transfers effect ID
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.agreements.put_domain_transfer_into_effect(transfer_id))


@app.command("withdraw")
def withdraw(
    context: typer.Context,
    transfer_id: Id,
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
) -> None:
    """Take a transfer back before it is in effect: the next CSU begins with other tokens.

    Example: dsfc domain-transfers withdraw ID --reason "The change was put off."
    """
    with caller_of(context).connected() as dsfc:
        _told(dsfc.agreements.withdraw_domain_transfer(transfer_id, reason))


def _told(transfer: DomainTransfer) -> None:
    waiting = f", waits for {' '.join(transfer.waiting_for)}" if transfer.waiting_for else ""
    typer.echo(f"{transfer.id} {transfer.state}{waiting}")
