"""`dsfc inbox` and `dsfc lapses`: what waits for whom, and what ends when."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from dsfc_cli.shell.calling import Caller, calls
from dsfc_cli.shell.printing import AsJson, print_json, print_list, print_table
from dsfc_client import Lapse, LapseCalendar


@calls("agreements")
def inbox(
    caller: Caller,
    limit: Annotated[int | None, typer.Option(help="At most so many; all are counted.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what waits for one's role and organisation: to sign, confirm, agree; the soonest first.

    Example: dsfc inbox --as ccg-02p-signatory --role controller-signatory
    """
    with caller.connected() as dsfc:
        found = dsfc.agreements.inbox(limit=limit)
    if as_json:
        print_json(found)
        return
    waits = {duty: number for duty, number in sorted(found["counts"].items()) if number}
    for duty, number in waits.items():
        typer.echo(f"{duty}: {number}")
    if not waits:
        typer.echo("Nothing waits.")
    else:
        print_table(
            ("duty", "reference", "by", "what", "route"),
            (
                (one["duty"], one["reference"], one["by"] or "", one["said"], one["path"])
                for one in found["items"]
            ),
            whole=("duty", "reference"),
        )
    for where in (*found["incomplete"], *found["unreadable"]):
        typer.echo(f"not all of it is shown: {json.dumps(where)}", err=True)


@calls("agreements")
def lapses(
    caller: Caller,
    first: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD; today.")] = None,
    last: Annotated[str | None, typer.Option(help="Last day; 90 days from today.")] = None,
    is_warned: Annotated[
        bool, typer.Option("--warned", help="The warnings that were given, in place of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what of one's own affairs ends between two days, or the warnings that were given.

    A warning of 0 days says that the last day is over.

    Example: dsfc lapses --as body-contracts --last 2018-12-31
    """
    calendar: LapseCalendar | None = None
    with caller.connected() as dsfc:
        if is_warned:
            found: Sequence[Lapse] = list(dsfc.agreements.lapse_warnings())
        else:
            calendar = dsfc.agreements.lapses(first=first, last=last)
            found = calendar.items
    if as_json and calendar is not None:
        print_json(calendar)
        return
    heads = {"ends on": "ends_on", "what": "kind", "reference": "reference", "of": "organisations"}
    print_list(
        found,
        heads | ({"days before": "days"} if is_warned else {}),
        as_json=as_json,
        whole=("ends on", "reference"),
        none="Nothing ends in that time.",
    )
    for one in found:
        if one.not_as_sealed:
            tables = ", ".join(one.not_as_sealed)
            typer.echo(f"{one.reference} is not as it was sealed: {tables}", err=True)
    for kind in () if calendar is None else calendar.incomplete:
        typer.echo(f"not all of it is shown: a {kind} cannot be read", err=True)
