"""The `dsfc` command: run the suite, walk the journey, make input, look after what is kept."""

import json
import logging
import sys
import threading
import traceback
from datetime import date
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import catalogue
from catalogue import Protocol, describing
from common import files
from common.clock import SystemClock, legal_day
from common.workers import when_told_to_end
from dsfc_cli import (
    audit,
    contracts,
    data_sets,
    demo,
    downloading,
    keys,
    landing_rules,
    protecting,
    submitting,
    validating,
    waiting,
    watching,
)
from dsfc_cli.calling import Caller, ProfileFile
from dsfc_cli.demo import sandbox
from dsfc_cli.identities import Identities
from dsfc_cli.suite import DidNotStart, Suite
from dsfc_cli.synthetic import World, generate, generate_directory, read_ods
from dsfc_client import URLS, ConnectionLost, Dsfc, DsfcError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Data Services for Commissioners, enforced by software.",
    epilog="Start with [bold]dsfc demo[/bold], or [bold]dsfc up[/bold] and a browser.",
)
catalogue_app = typer.Typer(no_args_is_help=True, help="The data sets, as data.")
app.add_typer(catalogue_app, name="catalogue")
catalogue_app.command("validate")(validating.command)
app.add_typer(audit.app, name="audit")
app.add_typer(waiting.app, name="waiting")
app.command("demo")(demo.command)
app.command("contracts")(contracts.command)
app.command("keys")(keys.command)
app.command("protect")(protecting.command)
app.command("submit")(submitting.command)
app.command("watch")(watching.command)
app.command("download")(downloading.command)

out = Console()
err = Console(stderr=True)
VAR = Path("var")
UP = VAR / "up"
UNEXPECTED = VAR / "dsfc-error.txt"
"""Where a traceback goes. It may quote what a file held: it stays on this machine."""
BASE_PORT = 8400

Directory = Annotated[Path, typer.Option(help="Where the state is kept.")]


@app.command()
def up(
    directory: Directory = UP,
    base_port: Annotated[
        int, typer.Option(help="The issuer's port; the services follow.", min=1024, max=65_000)
    ] = BASE_PORT,
    empty: Annotated[bool, typer.Option("--empty", help="Start with nothing in it.")] = False,
) -> None:
    """Start the four services with a sandbox in them, say what to do next, and stay until Ctrl-C.

    The sandbox is synthetic: an agreement in force, a landed month, a released extract. It is made
    at the first start in a directory, and stays.

    Example: dsfc up --base-port 9400
    """
    stop = threading.Event()
    when_told_to_end(stop.set)
    err.print("Starting …")
    try:
        is_new = not (directory / "agreements.db").exists()
        with Suite(directory.absolute(), base_port=base_port) as suite:
            opened = sandbox.Sandbox.read(suite.directory)
            if opened is None and is_new and not empty:
                err.print("Opening the sandbox: synthetic data, half a minute …")
                opened = sandbox.furnish(suite)
            profile = suite.write_profile()
            _say_where(suite, directory, base_port)
            out.print(
                f"Where all of it is, for Dsfc.from_profile and --profile: {profile}",
                soft_wrap=True,
            )
            if opened is not None:
                _say_what_next(suite, opened, _elsewhere(suite, directory, base_port))
            out.print("Ctrl-C stops.")
            while not stop.wait(1.0):
                ended = [s for s in suite.services if suite.process(s).poll() is not None]
                if ended:
                    err.print(f"[red]{', '.join(ended)} ended[/red]; see {directory}/logs")
                    raise typer.Exit(1)
            err.print("Stopping …")
    except (DidNotStart, DsfcError) as error:
        err.print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def _elsewhere(suite: Suite, directory: Path, base_port: int) -> str:
    """Options that `dsfc token` needs beside the defaults."""
    elsewhere = "" if directory == UP else f" --directory {directory}"
    if base_port != BASE_PORT:
        elsewhere += f" --issuer {suite.urls['issuer']}"
    return elsewhere


def _say_what_next(suite: Suite, opened: sandbox.Sandbox, elsewhere: str) -> None:
    door = suite.urls["dissemination"]
    as_csu = 'curl -H "Authorization: Bearer $TOKEN"'
    asked = f"agreement={opened.agreement}&data_set={opened.data_set}"
    out.print(
        f"\nThe sandbox, all of it synthetic: agreement {opened.agreement} is in force,"
        f" {opened.data_set} for {opened.month} is landed, an extract of it is released. Next:",
        soft_wrap=True,
        markup=False,
    )
    for line in (
        f"curl {door}/v1/register",
        f"TOKEN=$(.venv/bin/dsfc token csu-0df-analytics dissemination{elsewhere})",
        f"{as_csu} {door}/v1/extracts/{opened.extract}",
        f'{as_csu} "{door}/v1/landed-months?{asked}"',
        f"{as_csu} -o extract.parquet {door}/v1/files/{opened.file}/content",
    ):
        out.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    out.print(f"The same for programs: {suite.directory / sandbox.FACTS}", soft_wrap=True)


def _say_where(suite: Suite, directory: Path, base_port: int) -> None:
    table = Table("what", "where", "interactive pages")
    for name, url in suite.urls.items():
        table.add_row(name, url, "" if name == "issuer" else f"{url}/docs")
    out.print(table)
    clients = Table("development identity", "organisation", "roles")
    for identity in suite.identities.known:
        clients.add_row(identity.client_id, identity.ods, ", ".join(sorted(identity.roles)))
    out.print(clients)
    out.print(f"Their private keys: {suite.identities.directory}", soft_wrap=True)
    out.print(f"Logs: {suite.directory / 'logs'}", soft_wrap=True)
    elsewhere = _elsewhere(suite, directory, base_port)
    out.print(f"A token: dsfc token csu-0df-analytics dissemination{elsewhere}", soft_wrap=True)
    out.print("It lasts five minutes; an interactive page takes it behind “Authorize”.")


@app.command()
def token(
    identity: Annotated[str, typer.Argument(help="A development identity.")],
    audience: Annotated[str, typer.Argument(help="The service that the token is for.")],
    role: Annotated[str | None, typer.Option(help="Where it has several.")] = None,
    directory: Directory = UP,
    issuer: Annotated[
        str, typer.Option(help="Where the issuer is.")
    ] = f"http://127.0.0.1:{BASE_PORT}",
    profile: ProfileFile = None,
) -> None:
    """Print an access token of a development identity.

    Example: curl -H "Authorization: Bearer $(dsfc token csu-0df-analytics dissemination)" …
    """
    if profile is not None:
        where = Caller(
            client=identity, role=role, key=None, directory=directory, urls=URLS, profile=profile
        )
        with where.connected() as dsfc:
            assert dsfc.tokens is not None
            typer.echo(dsfc.tokens.token(audience))
        return
    if not (directory / "identities").is_dir():
        err.print(
            f"There are no identities in {directory}: has `dsfc up` run there?",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1)
    try:
        credentials = Identities.create(directory / "identities").credentials(identity, role)
        with Dsfc(credentials=credentials, token_url=f"{issuer}/oauth2/token") as dsfc:
            assert dsfc.tokens is not None
            typer.echo(dsfc.tokens.token(audience))
    except ConnectionLost as error:
        err.print(
            f"{error} Is `dsfc up` running, with its issuer at {issuer}?",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1) from None
    except (LookupError, DsfcError) as error:
        err.print(str(error.args[0]), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


@app.command("generate")
def generate_input(
    data_set: Annotated[str, typer.Option(help="One of `dsfc catalogue list`.")],
    rows: Annotated[int, typer.Option(min=1, help="How many rows.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same bytes.")] = 1,
    first: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")] = "2018-04-01",
    last: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD.")] = "2018-04-30",
    protocol: Annotated[
        Protocol, typer.Option(help="`net_change`: with the day of each row, and deletions.")
    ] = Protocol.WHOLE_PERIOD,
    bad_rows: Annotated[int, typer.Option(min=0, help="Rows that are to be quarantined.")] = 0,
    ods: Annotated[Path | None, typer.Option(help="Published etr.csv and practices.csv.")] = None,
    output: Annotated[Path, typer.Option(help="A directory.")] = VAR / "synthetic",
) -> None:
    """Make synthetic input in the published layout, with its practice and postcode maps.

    NHS numbers are of the 999 test range. `planted.json` tells what was put in on purpose.

    Example: dsfc generate --data-set SUS_APC --rows 1000000 --output var/big
    """
    known = sorted({described.data_set for described in catalogue.load()})
    if data_set not in known:
        err.print(f"The catalogue has no {data_set}; it has {', '.join(known)}.")
        raise typer.Exit(2)
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
        if days[0] > days[1]:
            raise ValueError(f"The last day, {last}, is before the first, {first}.")
        people = max(50, min(rows // 4, 400_000))
        world = World.create(people=people, seed=seed, ods=read_ods(ods) if ods else None)
        path = output / f"{data_set.lower()}.csv"
        with Progress(console=err) as progress:
            task = progress.add_task(str(path), total=rows)
            planted = generate(
                data_set,
                rows=rows,
                seed=seed,
                first=days[0],
                last=days[1],
                world=world,
                path=path,
                bad_rows=bad_rows,
                protocol=protocol,
                progress=lambda n: progress.advance(task, n),
            )
        maps = world.write_maps(output)
    except ValueError as error:
        err.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    planted.write(output / "planted.json")
    for written in (path, *maps, output / "planted.json"):
        typer.echo(written)


@app.command("directory")
def generate_postcodes(
    rows: Annotated[int, typer.Option(min=1, help="How many postcodes.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same bytes.")] = 1,
    output: Annotated[Path, typer.Option(help="The file.")] = VAR / "synthetic" / "onspd.csv",
) -> None:
    """Make a synthetic postcode directory in the layout of the ONS, of any size.

    Example: dsfc directory --rows 2700000 --output var/onspd.csv
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with Progress(console=err) as progress:
        task = progress.add_task(str(output), total=rows)
        generate_directory(
            output, rows=rows, seed=seed, progress=lambda n: progress.advance(task, n)
        )
    typer.echo(output)


@catalogue_app.command("check")
def check_catalogue(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Say what is wrong with a data set file or with landing rules, and where.

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


@catalogue_app.command("add")
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


@catalogue_app.command("list")
def list_catalogue(
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """List the data sets that every service knows."""
    known = list(catalogue.load())
    if as_json:
        rows = [{"data_set": d.data_set, "version": d.version, "digest": d.digest} for d in known]
        typer.echo(json.dumps(rows, indent=2))
        return
    heads = ("data set", "version", "title", "fields", "coverage", "refresh", "disclosure rule")
    table = Table(*heads)
    for d in known:
        fields = str(len(d.fields))
        table.add_row(
            d.data_set, d.version, d.title, fields, d.coverage, d.refresh, d.disclosure_rule
        )
    out.print(table)


@catalogue_app.command("show")
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
        typer.echo(json.dumps(describing.table_schema(described, rules), indent=2))
        return
    for other in known:
        typer.echo(f"{other.data_set} {other.version}: {other.title}")
        typer.echo(f"  {other.digest}, {len(other.fields)} fields")
    for line in data_sets.of(described):
        typer.echo(line)
    for line in landing_rules.of(data_set):
        typer.echo(line)


def run() -> None:
    """Run the command; the built-in issuer's own log lines would stand between its sentences."""
    files.keep_private()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        app()
    except catalogue.InvalidDataSet as error:
        err.print(str(error), markup=False, soft_wrap=True)
        sys.exit(2)
    except OSError as error:
        err.print(
            f"{error.filename or ''}: {error.strerror}".lstrip(": "), markup=False, soft_wrap=True
        )
        sys.exit(2)
    except Exception as error:  # noqa: BLE001 - the last one: a traceback helps no user
        UNEXPECTED.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        UNEXPECTED.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        err.print(
            f"Something unexpected went wrong ({type(error).__name__}); report {UNEXPECTED}.",
            markup=False,
            soft_wrap=True,
        )
        sys.exit(70)


if __name__ == "__main__":
    run()
