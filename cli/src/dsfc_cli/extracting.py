"""`dsfc extracts`: previews, asks for and shows extracts, and what was released from an edition."""

import inspect
import json
from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec
from uuid import UUID

import typer

from dsfc_cli.calling import KEYWORD, AsJson, Caller, caller_of, calls, declared, print_table
from dsfc_cli.tabulating import filter_of
from dsfc_client import ExtractPreview

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

    Example: dsfc extracts --as csu preview DARS-NIC-… CSDS --period 2018-04
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.dissemination.preview(body)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
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

    Example: dsfc extracts --as csu ask DARS-NIC-… CSDS --period 2018-04
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

    Example: dsfc extracts --as csu list --edition 0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10
    """
    wanted = {"agreement": agreement, "edition": edition}
    filters = {name: value for name, value in wanted.items() if value is not None}
    with caller_of(context).connected() as dsfc:
        found = list(dsfc.dissemination.extracts(**filters))
    if as_json:
        typer.echo(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
        return
    print_table(
        ("id", "agreement", "data set", "state", "files", "replaced editions"),
        (
            (
                *(str(one.id), one.agreement, one.data_set, one.state, str(len(one.files))),
                str(sum(edition["replaced_by"] is not None for edition in one.editions)),
            )
            for one in found
        ),
    )


@app.command("show")
def show_extract(context: typer.Context, extract_id: Id, as_json: AsJson = False) -> None:
    """Show how an extract stands, of which editions it was made, and what replaced which.

    Example: dsfc extracts --as csu show 0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10
    """
    with caller_of(context).connected() as dsfc:
        found = dsfc.dissemination.extract(extract_id)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    typer.echo(f"{found.id} {found.state} {found.code or ''}".rstrip())
    print_table(
        ("edition", "replaced by", "at"),
        ((one["id"], one["replaced_by"] or "", one["replaced_at"] or "") for one in found.editions),
        whole=("edition", "replaced by"),
    )
    for file in found.files:
        typer.echo(f"{file.id} {file.format} {file.rows} rows")


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
