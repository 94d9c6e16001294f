"""`dsfc staff`: who may act in a DSCRO role, and until when."""

from typing import Annotated
from uuid import UUID

import typer

from dsfc_cli.shell.calling import Caller, caller_of, calls
from dsfc_cli.shell.printing import AsJson, print_json, print_list

app = typer.Typer(no_args_is_help=True)

Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="As tokens name the person.")]
Employer = Annotated[str, typer.Option("--organisation", metavar="ODS", help="Where they work.")]


@app.callback()
@calls("agreements")
def staff(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Staff in DSCRO roles: policies signed, training done, secondments; who is cleared.

    Example: dsfc staff --as body-governance-1 list
    """
    context.obj = caller


@app.command("list")
def list_records(context: typer.Context, as_json: AsJson = False) -> None:
    """List the records; whoever acts in a DSCRO role sees their own.

    Example: dsfc staff --as body-governance-1 list
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.agreements.staff_records(),
            {
                "id": "id",
                "who": "subject",
                "of": "organisation",
                "what": "kind",
                "reference": "reference",
                "from": "valid_from",
                "to": "valid_to",
            },
            as_json=as_json,
        )


@app.command("record")
def record(
    context: typer.Context,
    subject: Subject,
    organisation: Employer,
    kind: Annotated[str, typer.Option(help="policy, training or secondment.")],
    reference: Annotated[str, typer.Option(help="Which policy, training or agreement.")],
    valid_from: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    valid_to: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.")
    ] = None,
) -> None:
    """Record a policy, a training or a secondment of somebody else than oneself; print its id.

    Example: dsfc staff --as body-governance-1 record dscro-approver --organisation X26
    --kind training --reference DATA-SECURITY-AWARENESS --from 2018-05-01 --to 2019-04-30
    """
    body = {
        "subject": subject,
        "organisation": organisation,
        "kind": kind,
        "reference": reference,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.record_staff(body).id)


@app.command("end")
def end(
    context: typer.Context,
    record: Annotated[UUID, typer.Argument(metavar="ID", help="As `list` names it.")],
    last_day: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="On which it counts.")],
) -> None:
    """End a record after a day.

    Example: dsfc staff --as body-governance-1 end ID --last-day 2018-06-30
    """
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.end_staff_record(record, last_day).valid_to)


@app.command("clearance")
def clearance(
    context: typer.Context,
    subject: Subject,
    organisation: Employer,
    as_at: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The day; today without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether somebody may act in a DSCRO role, and until when; exit with 1 if not.

    Example: dsfc staff --as body-governance-1 clearance dscro-approver --organisation X26
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.agreements.clearance(subject, organisation, as_at=as_at)
    if as_json:
        print_json(found)
    elif found.is_cleared:
        typer.echo(f"{subject} is cleared on {found.day}, until {found.until or 'an open end'}.")
    else:
        typer.echo(f"{subject} is not cleared on {found.day}.")
        for one in found.missing:
            lapsed = f", lapsed on {one['lapsed_on']}" if one["lapsed_on"] else ""
            typer.echo(f"{one['kind']} {one['reference'] or ''}{lapsed}".rstrip())
    if not found.is_cleared:
        raise typer.Exit(1)
