"""`dsfc catalogue`: the data sets as data: checked, added, listed and shown."""

from pathlib import Path
from typing import Annotated

import typer

import catalogue
from catalogue import describing
from common.clock import SystemClock, legal_day
from dsfc_cli.generated import data_sets, landing_rules
from dsfc_cli.shell.lazy import Lazy, group
from dsfc_cli.shell.printing import AsJson, print_json, print_list

LAZY = {
    "validate": Lazy(
        "dsfc_cli.input.validating:command",
        "Check a file before it is sent, and print the report that the intake would write.",
    )
}
app = typer.Typer(cls=group(LAZY), no_args_is_help=True, help="The data sets, as data.")


@app.command("check")
def check_catalogue(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Check a data set file or landing rules, and print what is wrong and where.

    Example: dsfc catalogue check my-data-set.yaml
    """
    problems = catalogue.check(file)
    for problem in problems:
        typer.echo(f"{file}: {' '.join(str(problem).split())}")  # YAML's own say it in several
    if problems:
        raise typer.Exit(1)
    found = catalogue.read_either(file)
    holds = "rules" if isinstance(found, catalogue.LandingRules) else "fields"
    typer.echo(f"{found.data_set} {found.version}: {len(found.fields)} {holds}, right")
    typer.echo(found.digest)


@app.command("add")
def add_to_catalogue(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Publish a data set file or landing rules: keep it, with its digest, beside the others.

    A published file never changes; what is to change is the next version, in a file of its own.

    Example: dsfc catalogue add AE_LOCAL-1.0.yaml
    """
    try:
        target = catalogue.add(file)
    except catalogue.InvalidDataSet as error:
        for problem in error.problems:
            typer.echo(f"{error.name}: {' '.join(str(problem).split())}", err=True)
        raise typer.Exit(1) from None
    typer.echo(target)
    typer.echo(catalogue.read_either(target).digest)


@app.command("list")
def list_catalogue(
    as_json: AsJson = False,
) -> None:
    """List the data sets that every service knows."""
    print_list(
        [_row(d) for d in catalogue.load()],
        {
            "data set": "data_set",
            "version": "version",
            "title": "title",
            "fields": "fields",
            "coverage": "coverage",
            "refresh": "refresh",
            "disclosure rule": "disclosure_rule",
        },
        as_json=as_json,
        whole=("data set", "version"),
    )
    if as_json:
        return
    for one in catalogue.absent():
        typer.echo(f"not yet: {one.title}: {one.reason}")


def _row(data_set: catalogue.DataSet) -> dict[str, str | int]:
    return {
        "data_set": data_set.data_set,
        "version": data_set.version,
        "digest": data_set.digest,
        "title": data_set.title,
        "fields": len(data_set.fields),
        "coverage": data_set.coverage,
        "refresh": data_set.refresh,
        "disclosure_rule": data_set.disclosure_rule,
    }


@app.command("show")
def show_data_set(
    data_set: Annotated[str, typer.Argument(help="Its name, as `catalogue list` has it.")],
    version: Annotated[str | None, typer.Option(help="In place of the newest.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="The list of columns, as CSV.")] = False,
    as_schema: Annotated[
        bool, typer.Option("--table-schema", help="The Table Schema of a provider's file.")
    ] = False,
) -> None:
    """Show a data set: its columns, what is said of it, and its landing rules with their sources.

    What nobody published is marked `assumed`.

    Example: dsfc catalogue show ECDS --csv > ecds.csv
    """
    known = [d for d in catalogue.load() if d.data_set == data_set]
    if not known:
        names = ", ".join(dict.fromkeys(d.data_set for d in catalogue.load()))
        typer.echo(f"There is no such data set; there are {names}.", err=True)
        raise typer.Exit(1)
    described = next((d for d in known if d.version == version), None)
    if version is None:
        described = catalogue.load().get(data_set)
    if described is None:
        versions = ", ".join(d.version for d in known)
        typer.echo(f"There is no such version; there are {versions}.", err=True)
        raise typer.Exit(1)
    if as_csv:
        typer.echo(describing.field_list_csv(described), nl=False)
        return
    if as_schema:
        rules = catalogue.load().rules_of(data_set, legal_day(SystemClock().now()))
        print_json(describing.table_schema(described, rules))
        return
    for other in known:
        typer.echo(f"{other.data_set} {other.version}: {other.title}")
        typer.echo(f"  {other.digest}, {len(other.fields)} fields")
    for line in data_sets.of(described):
        typer.echo(line)
    for line in landing_rules.of(data_set):
        typer.echo(line)
