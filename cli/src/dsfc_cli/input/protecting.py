"""`dsfc protect`: apply a product's rule to a table, or check one that was protected by hand.

Reads CSV and writes CSV, XLSX, Parquet, JSON or a page on this machine; nothing is sent and nothing
is kept.
"""

import csv
import itertools
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from disclosure import (
    Checked,
    Dimension,
    DisclosureProblem,
    Hierarchy,
    Profile,
    Protected,
    Rule,
    Table,
    check,
    codes,
    protect,
    rule_for,
)
from disclosure.outputs import FORMATS, Printed, written
from disclosure.problems import TableInvalid
from disclosure.structure import told_count

TYPED = frozenset({"parquet", "xlsx"})
"""Formats that are no text, and so need a file."""


def command(
    table: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A CSV file.")],
    rule_codes: Annotated[
        list[str],
        typer.Option(
            "--rule",
            help=f"One of {', '.join(codes())}. Of a linked output several: the strictest holds.",
        ),
    ],
    count: Annotated[str, typer.Option(help="The column of counts.")] = "count",
    hierarchy: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=FILE: a CSV file of a child and its parent in each line."),
    ] = None,
    nation: Annotated[
        str | None, typer.Option(help="The column whose total is the nation's.")
    ] = None,
    total: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=LABEL: what its total is called, where it is not `Total`."),
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day whose rule it is; else the newest."),
    ] = None,
    parameters: Annotated[
        str | None, typer.Option(help="For GPW: the agreement's, as JSON.")
    ] = None,
    is_check: Annotated[
        bool, typer.Option("--check", help="Say what can be worked out of a protected table.")
    ] = False,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="The rule alone, without extra protection.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Where the table goes.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help=f"One of {', '.join(FORMATS)}; else as the file is named."),
    ] = None,
    title: Annotated[str, typer.Option(help="What stands above the table.")] = "",
    time: Annotated[
        str | None, typer.Option(help="The column of periods: the chart of a page has lines then.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0, help="How long to search.")] = 60.0,
) -> None:
    """Protect a table of counts by a rule, or check one that is protected already.

    The file has a line a cell: a column a dimension, and the count. Totals are computed; a total
    in the file (`Total`, what --total says, or a node of a hierarchy) is checked. What cannot be
    worked out is proved.

    Example: dsfc protect counts.csv --rule SHMI --hierarchy trust=regions.csv --nation trust
    """
    try:
        told = json.loads(parameters) if parameters else None
        chosen = rule_for(rule_codes, on=on.date() if on else None, parameters=told)
        names, rows = read(table, count)
        dimensions = cut_by(names, rows, hierarchy or [], nation, totals_of(names, total or []))
        if is_check:
            found = check(dimensions, dict(rows), chosen)
            say(found)
            raise typer.Exit(0 if found.is_safe else 1)
        chosen_format = form or (output.suffix.removeprefix(".") if output else "") or "csv"
        if chosen_format in TYPED and output is None:
            typer.echo(f"--output: {chosen_format} is no text; name a file.", err=True)
            raise typer.Exit(2)
        if time is not None and time not in names:
            raise TableInvalid(f"--time {time}: there is no such column.")
        shown = protected(dimensions, rows, chosen, as_published=as_published, seconds=seconds)
        printed = Printed.of(
            shown,
            title=title or f"{table.stem}, {chosen.title}",
            times=[time] if time else [],
            name=count,
        )
        made = written(printed, chosen_format)
    except json.JSONDecodeError:
        typer.echo("--parameters: not JSON.", err=True)
        raise typer.Exit(2) from None
    except DisclosureProblem as problem:
        typer.echo(f"refused, {problem.code}: {problem.detail}", err=True)
        raise typer.Exit(1) from None
    if output is None:
        typer.echo(made, nl=False)
    else:
        output.write_bytes(made)
    for note in notes(shown):
        typer.echo(note, err=True)


def read(path: Path, count: str) -> tuple[list[str], list[tuple[tuple[str, ...], str]]]:
    """Read the cells of a CSV file, up to its first empty line; footnotes stand below it.

    :raises TableInvalid: no such column, a line of another length, or a cell that is there twice.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(itertools.takewhile(bool, csv.reader(file)))
    except (UnicodeDecodeError, csv.Error):
        raise TableInvalid(
            f"{path.name} is no CSV file in UTF-8; save it as `CSV UTF-8`."
        ) from None
    if not lines or count not in lines[0] or len(set(lines[0])) != len(lines[0]):
        raise TableInvalid(f"The first line has to name the columns, `{count}` among them.")
    head = lines[0]
    place = head.index(count)
    rows: dict[tuple[str, ...], str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(head):
            raise TableInvalid(f"Line {number} has {len(line)} columns, not {len(head)}.")
        labels = tuple(text.strip() for at, text in enumerate(line) if at != place)
        if labels in rows:
            raise TableInvalid(f"Line {number} has a cell that another line has: {labels}.")
        rows[labels] = line[place].strip()
    if not rows:
        raise TableInvalid("The file has no cells.")
    return [name for name in head if name != count], list(rows.items())


def totals_of(names: list[str], told: list[str]) -> dict[str, str]:
    """Read what totals of columns are called. Raises TableInvalid."""
    found = dict.fromkeys(names, "Total")
    for one in told:
        name, _, label = one.partition("=")
        if name not in names or not label:
            raise TableInvalid(f"--total {one}: COLUMN=LABEL, of a column that there is.")
        found[name] = label
    return found


def cut_by(
    names: list[str],
    rows: list[tuple[tuple[str, ...], str]],
    hierarchies: list[str],
    nation: str | None,
    totals: dict[str, str],
) -> list[Dimension]:
    """Return the dimensions: by their hierarchies, or flat under their totals."""
    trees: dict[str, list[Hierarchy]] = {}
    for told in hierarchies:
        name, _, path = told.partition("=")
        if name not in names or not Path(path).is_file():
            raise TableInvalid(
                f"--hierarchy {told}: COLUMN=FILE, of a column and a file there are."
            )
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            pairs = [tuple(cell.strip() for cell in line) for line in csv.reader(file) if line]
        if any(len(pair) != 2 for pair in pairs):
            raise TableInvalid(f"--hierarchy {told}: each line needs a child and its parent.")
        trees.setdefault(name, []).append(Hierarchy.from_pairs((c, p) for c, p in pairs))
    if nation is not None and nation not in names:
        raise TableInvalid(f"--nation {nation}: there is no such column.")
    found = []
    for at, name in enumerate(names):
        if name in trees:
            found.append(Dimension(name, tuple(trees[name]), name == nation))
        else:
            root, is_nation = totals[name], name == nation
            categories = list(dict.fromkeys(r[at] for r, _ in rows if r[at] != root))
            found.append(Dimension.flat(name, categories, total=root, is_geography=is_nation))
    return found


def protected(
    dimensions: list[Dimension],
    rows: list[tuple[tuple[str, ...], str]],
    chosen: Rule,
    *,
    as_published: bool,
    seconds: float,
) -> Protected:
    """Protect the cells of a file."""
    cells = {labels: told_count(text) for labels, text in rows}
    table = Table.from_cells(dimensions, cells)
    profile = Profile.AS_PUBLISHED if as_published else Profile.PROTECTED
    return protect(table, chosen, profile=profile, seconds=seconds)


def notes(shown: Protected) -> list[str]:
    """Return what is to be said of a protected table beside it."""
    said = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in shown.reasons.items() if n)
    return [
        *shown.footnotes,
        f"{shown.table.cells.size} cells; {said or 'nothing hidden'}.",
        *(f"{' / '.join(f.cell)} can be worked out." for f in shown.findings),
    ]


def say(found: Checked) -> None:
    """Say which cells can be worked out, how, and from what."""
    for labels in found.shown_against_the_rule:
        typer.echo(f"{' / '.join(labels)}: shows what the rule hides, or is not rounded.")
    for finding in found.findings:
        at_most = "or more" if finding.high is None else f"to {finding.high}"
        is_one = finding.low == finding.high
        value = str(finding.low) if is_one else f"{finding.low} {at_most}"
        typer.echo(f"{' / '.join(finding.cell)}: {finding.verdict}, {value}.")
        for step in finding.because:
            typer.echo(f"    {step}")
    typer.echo(
        f"{found.hidden} hidden cells, {len(found.findings)} can be worked out or are undecided, "
        f"{len(found.shown_against_the_rule)} shown against the rule."
    )
