"""`dsfc extracts`: previews, asks for and shows extracts, and what was released from an edition."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec
from uuid import UUID

import typer

from dsfc_cli.dissemination.tabulating import filter_of
from dsfc_cli.shell.calling import KEYWORD, Caller, caller_of, calls, declared
from dsfc_cli.shell.methods import does, lists, shows
from dsfc_cli.shell.printing import AsJson, print_json, print_list, print_table
from dsfc_client import Dissemination, ExtractPreview

app = typer.Typer(no_args_is_help=True)

Body = dict[str, Any]
P = ParamSpec("P")
Id = Annotated[UUID, typer.Argument(metavar="ID", help="Of the extract.")]


def _asked_for(
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its reference.")],
    data_set: Annotated[str, typer.Argument(metavar="DATA_SET", help="One of its lines'.")],
    period: Annotated[
        list[str],
        typer.Option(help="A month, cumulative quarter, year or edition. Again for each."),
    ],
    field: Annotated[
        list[str] | None,
        typer.Option(help="A column; all of the line if none is named. Again for each."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Which rows: `Sex=1,2`, or `Age=18..64`. Again for each column."),
    ] = None,
    form: Annotated[
        list[str] | None, typer.Option("--format", help="parquet or csv; again for both.")
    ] = None,
    since: Annotated[
        UUID | None,
        typer.Option(help="An earlier extract that is held: with a change set since that one."),
    ] = None,
    purpose: Annotated[str, typer.Option(help="Of the agreement's line.")] = "COM",
    classification: Annotated[str, typer.Option(help="Of the line.")] = "PSEUDO_ANONYMISED",
) -> Body:
    """Return the body of a request; its parameters are those of each command that asks."""
    return {
        "agreement": agreement,
        "purpose": purpose,
        "data_set": data_set,
        "classification": classification,
        "periods": list(period),
        "fields": list(field) if field else None,
        "formats": form or ["parquet"],
        "filters": [filter_of(one) for one in only or ()],
        "changes_since": None if since is None else str(since),
    }


def _asks(
    command: Callable[Concatenate[typer.Context, Body, P], None],
) -> Callable[..., None]:
    """Give a command the parameters of what is asked for; it is handed them as a body."""
    context, _, *own = inspect.signature(command).parameters.values()
    asked = inspect.signature(_asked_for).parameters
    parameters = [one.replace(kind=KEYWORD) for one in (context, *asked.values(), *own)]

    def called(**values: Any) -> None:
        body = _asked_for(**{name: values.pop(name) for name in asked})
        command(values.pop(context.name), body, **values)  # type: ignore[call-arg]

    return declared(command, parameters, called)


@app.callback()
@calls("dissemination")
def extracts(
    caller: Caller,
    context: typer.Context,
) -> None:
    """Extracts: previewed with what should be warned of, asked for, and shown.

    Example: dsfc extracts --as csu-0df-analytics list
    """
    context.obj = caller


@app.command("preview")
@_asks
def preview(
    context: typer.Context,
    body: Body,
    as_json: AsJson = False,
) -> None:
    """Say what asking would be answered now, and what it is warned of. Nothing is asked for.

    Ends with 1 where it would be refused.

    Example: dsfc extracts --as csu-0df-analytics preview DARS-NIC-123456-A1B2C CSDS
    --period 2018-04
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.dissemination.preview(body)
    if as_json:
        print_json(found)
    else:
        _told(found)
    if _reasons(found):
        raise typer.Exit(1)


@app.command("ask")
@_asks
def ask(
    context: typer.Context,
    body: Body,
    is_accepted: Annotated[
        bool, typer.Option("--yes", help="Ask without being asked about warnings.")
    ] = False,
) -> None:
    """Ask for an extract, and print its id. What it is warned of is shown and asked about first.

    Ends with 1 where it is refused, or a warning is not accepted; `dsfc watch` waits for it.

    Example: dsfc extracts --as csu-0df-analytics ask DARS-NIC-123456-A1B2C CSDS --period 2018-04
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.dissemination.preview(body)
        _warned(found)
        if found.warnings and not is_accepted:
            typer.confirm("Ask for it all the same?", abort=True, err=True)
        typer.echo(dsfc.dissemination.request(body).id)


@app.command("list")
def list_extracts(
    context: typer.Context,
    agreement: Annotated[str | None, typer.Option(help="Only those under it.")] = None,
    edition: Annotated[
        str | None, typer.Option(help="Only what was released from this edition.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the extracts of one's own organisation; of an edition, what was released from it.

    Example: dsfc extracts --as csu-0df-analytics list --edition ID
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.dissemination.extracts(agreement=agreement, edition=edition),
            {
                "id": "id",
                "agreement": "agreement",
                "data set": "data_set",
                "state": "state",
                "files": lambda one: len(one["files"]),
                "replaced editions": lambda one: sum(
                    edition["replaced_by"] is not None for edition in one["editions"]
                ),
            },
            as_json=as_json,
        )


@app.command("show")
def show_extract(context: typer.Context, extract_id: Id, as_json: AsJson = False) -> None:
    """Show how an extract stands, of which editions it was made, and what replaced which.

    Example: dsfc extracts --as csu-0df-analytics show ID
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.dissemination.extract(extract_id)
    if as_json:
        print_json(found)
        return
    typer.echo(f"{found.id} {found.state} {found.code or ''}".rstrip())
    print_table(
        ("edition", "replaced by", "at"),
        ((one["id"], one["replaced_by"] or "", one["replaced_at"] or "") for one in found.editions),
        whole=("edition", "replaced by"),
    )
    for file in found.files:
        typer.echo(f"{file.id} {file.format} {file.rows} rows")


shows(
    app,
    "quality",
    Dissemination.quality,
    example="dsfc extracts --as csu-0df-analytics quality ID",
)
does(
    app,
    "withdraw",
    Dissemination.withdraw,
    example="dsfc extracts --as csu-0df-analytics withdraw ID",
)
lists(
    app,
    "months",
    Dissemination.landed_months,
    {"month": str},
    whole=("month",),
    example="dsfc extracts --as csu-0df-analytics months DARS-NIC-123456-A1B2C SUS_APC",
)


def _told(found: ExtractPreview) -> None:
    if reasons := _reasons(found):
        for reason in reasons:
            typer.echo(reason)
    else:
        typer.echo(
            f"It would be permitted: {len(found.fields)} columns of {', '.join(found.periods)}."
        )
    _warned(found)


def _reasons(found: ExtractPreview) -> list[str]:
    """Why it would be refused."""
    reasons = [f"{one['code']}: {one['detail']}" for one in found.refusals]
    if found.periods_without_records:
        reasons.append(f"NO_EDITION: nothing of {', '.join(found.periods_without_records)} is here")
    return reasons


def _warned(found: ExtractPreview) -> None:
    for one in found.warnings:
        typer.echo(f"{one['code']}: {one['detail']} Add: {', '.join(one['fields'])}.", err=True)
