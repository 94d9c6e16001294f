"""`dsfc audits`: audits of recipients and of the service, from the plan to the follow-up."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from dsfc_cli.shell.calling import Caller, caller_of, calls, json_of
from dsfc_cli.shell.methods import shows
from dsfc_cli.shell.printing import AsJson, print_list
from dsfc_client import Agreements, Audit

app = typer.Typer(no_args_is_help=True)

Id = Annotated[UUID, typer.Argument(metavar="ID", help="Of the audit, as `list` names it.")]
Body = Annotated[Path, typer.Argument(metavar="FILE", help="JSON, as /docs shows it; `-`: a pipe.")]


@app.callback()
@calls("agreements")
def audits(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Audits of recipients and of the service; `dsfc audit` is of the audit logs.

    Example: dsfc audits --as body-auditor list
    """
    context.obj = caller


@app.command("list")
def list_audits(
    context: typer.Context,
    organisation: Annotated[str | None, typer.Option(help="Only those of whom (ODS).")] = None,
    as_json: AsJson = False,
) -> None:
    """List audits, with the actions that are still open.

    Example: dsfc audits --as body-auditor list --organisation 0DF
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.agreements.audits(organisation=organisation),
            {
                "id": "id",
                "reference": "reference",
                "of": "organisation",
                "state": "state",
                "planned for": "planned_for",
                "open actions": lambda one: sum(not a["done_on"] for a in one["actions"]),
            },
            as_json=as_json,
            whole=("id", "reference"),
        )


shows(app, "show", Agreements.audit, example="dsfc audits --as body-auditor show ID")


@app.command("plan")
def plan(
    context: typer.Context,
    body: Body,
    key: Annotated[
        str | None, typer.Option("--once", help="A name: the same name again is the same audit.")
    ] = None,
) -> None:
    """Plan an audit and its scope, and print its id.

    Example: dsfc audits --as body-governance-1 plan audit.json
    """
    with caller_of(context).connected() as dsfc:
        typer.echo(dsfc.agreements.plan_audit(json_of(body), key=key).id)


@app.command("report")
def report(context: typer.Context, audit: Id, body: Body) -> None:
    """Hand in what an audit found, and what is to be done by when.

    Example: dsfc audits --as body-auditor report ID report.json
    """
    with caller_of(context).connected() as dsfc:
        _tell(dsfc.agreements.report_audit(audit, json_of(body)))


@app.command("publish")
def publish(context: typer.Context, audit: Id) -> None:
    """Publish the report.

    Example: dsfc audits --as body-register publish ID
    """
    with caller_of(context).connected() as dsfc:
        _tell(dsfc.agreements.publish_audit(audit))


@app.command("complete")
def complete(
    context: typer.Context,
    audit: Id,
    number: Annotated[int, typer.Argument(help="Of the action.")],
    done_on: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day.")],
    evidence: Annotated[str, typer.Option(help="Where it can be seen; nothing about patients.")],
) -> None:
    """Record that an action is done.

    Example: dsfc audits --as body-governance-1 complete ID 1 --done-on 2018-05-31
    --evidence "Seen at work."
    """
    body = {"done_on": done_on, "evidence": evidence}
    with caller_of(context).connected() as dsfc:
        _tell(dsfc.agreements.complete_action(audit, number, body))


@app.command("follow-up")
def follow_up(context: typer.Context, audit: Id, body: Body) -> None:
    """Look again: the audit is closed, or asks for actions anew.

    Example: dsfc audits --as body-auditor follow-up ID follow-up.json
    """
    with caller_of(context).connected() as dsfc:
        _tell(dsfc.agreements.follow_up_audit(audit, json_of(body)))


def _tell(audit: Audit) -> None:
    typer.echo(f"{audit.id} {audit.reference} {audit.state}")
