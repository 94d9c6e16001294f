"""`dsfc submit`: opens a submission, sends its file, goes on where that broke off, and waits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from dsfc_cli.input.validating import TAB
from dsfc_cli.shell.calling import Caller, bytes_moved, calls, rows_done
from dsfc_cli.shell.printing import AsJson, print_json
from dsfc_client import Failed, Pseudonymisation, Submission, media_type_of

err = Console(stderr=True)


@calls("pseudonymisation", who="Who sends: a client of the issuer.")
def command(
    caller: Caller,
    data_set: Annotated[str, typer.Argument(help="Its name, as `catalogue list` has it.")],
    period: Annotated[
        str, typer.Option(help="Of which it is: 2018-04, 2016-07/2017-03, 2019-W15.")
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True, dir_okay=False, help="CSV; `.gz` is a gzip of CSV, `.parquet` is Parquet."
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            help="TABLE=FILE, of a data set of several tables; once for each. When all have come"
            " they are landed together."
        ),
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Whose records these are, where not one's own.")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Between values, where not as the catalogue says; `tab`.")
    ] = None,
    quoting: Annotated[str | None, typer.Option(help="`standard`, `backslash` or `none`.")] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="`whole_period` (the default), `net_change` or `bulk`."),
    ] = None,
    recipient: Annotated[
        str | None, typer.Option(help="Of a file in bulk: the prime recipient.")
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Of a file in bulk: its bulk replacement group.")
    ] = None,
    left_out: Annotated[
        int | None,
        typer.Option(min=0, help="People left out at the source, where that is asked for."),
    ] = None,
    submission: Annotated[
        str | None, typer.Option(help="Go on with this one, whose upload broke off.")
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait until it is landed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send a provider's file. An upload that breaks off goes on by itself, and by --submission.

    Example: dsfc submit DIDS april.csv.gz --period 2018-04 --as provider-rr8

    Several tables: dsfc submit IAPT --table IDS001=people.csv --table IDS101=referrals.csv ...
    """
    tables = _tables(file, table or [])
    with caller.connected() as dsfc, bytes_moved() as progress:
        haven = dsfc.pseudonymisation
        if submission is None:
            opened = haven.open_submission(
                data_set,
                period,
                provider=provider,
                delimiter=TAB.get(delimiter or "", delimiter),
                quoting=quoting,
                protocol=protocol,
                recipient=recipient,
                group=group,
                left_out_at_source=left_out,
            )
            submission = str(opened.id)
            err.print(f"submission {submission}", markup=False)
        if file is not None:
            task = progress.add_task(f"{file.name} as {media_type_of(file)}", total=None)
            sent = haven.upload(
                submission,
                file,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        else:
            for name, of_table in tables.items():
                progress.add_task(f"{name}: {of_table.name} as {media_type_of(of_table)}")
                haven.upload_table(submission, name, of_table)
            sent = haven.close(submission)
    failed: Failed | None = None
    if not no_wait:
        with caller.connected() as dsfc, rows_done() as progress:
            sent, failed = _landed(dsfc.pseudonymisation, submission, progress)
    _say(sent, as_json=as_json)
    if failed is not None:
        raise typer.Exit(1)


def _landed(
    haven: Pseudonymisation, submission: str, progress: Progress
) -> tuple[Submission, Failed | None]:
    """Wait until it is landed, and say how many of its records are read."""
    rows = progress.add_task("records read", total=None)
    try:
        done = haven.wait(
            submission,
            progress=lambda p: progress.update(rows, completed=p.rows_done, total=p.rows_total),
        )
    except Failed as no:
        return haven.submission(submission), no
    return done, None


def _tables(file: Path | None, said: list[str]) -> dict[str, Path]:
    """Read which file is of which table.

    Raises:
        BadParameter: neither or both are named, a table twice, or a file that is not there

    """
    if (file is None) != bool(said):
        raise typer.BadParameter("Send one FILE, or --table TABLE=FILE for each of several tables.")
    tables: dict[str, Path] = {}
    for one in said:
        name, _, path = one.partition("=")
        if name in tables:
            raise typer.BadParameter(f"--table {one}: {name} is named twice.")
        if not (name and Path(path).is_file()):
            raise typer.BadParameter(f"--table {one}: TABLE=FILE, and a file that is there.")
        tables[name] = Path(path)
    return tables


def _say(sent: Submission, *, as_json: bool) -> None:
    told = sent.model_dump(mode="json")
    if as_json:
        print_json(told)
        return
    typer.echo(f"{sent.id}: {sent.state}")
    if told.get("replaced"):
        typer.echo("\n".join(_replaced(told["replaced"])))
    if told.get("code"):
        typer.echo(f"{told['code']}: {told.get('detail')}")
    for name, said in (told.get("refusal") or {}).items():
        if said:
            typer.echo(f"  {name}: {json.dumps(said)}")


def _replaced(said: dict[str, Any]) -> Iterator[str]:
    """Say what gives way to a file, or would when it is confirmed."""
    for name in ("rows", "people"):
        if count := said[name]:
            yield (
                f"  {name}: {count['before']} before, {count['after']} after;"
                f" {count['added']} come, {count['removed']} go"
            )
    for total in said["totals"]:
        yield f"  {total['field']}: {total['before']} before, {total['after']} after"
    if said["emptied"]:
        yield f"  no rows any more: {', '.join(said['emptied'])}"
