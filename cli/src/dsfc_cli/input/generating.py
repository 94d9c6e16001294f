"""`dsfc generate` and `dsfc directory`: synthetic input, of the 999 test range."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

import catalogue
from catalogue import Catalogue, DataSet, Protocol, UnknownDataSet
from catalogue.flows import read_flow
from dsfc_cli.synthetic import (
    World,
    aggregate,
    generate,
    generate_directory,
    generate_tables,
    read_ods,
)
from pseudonymisation.intake.domain.errors import PeriodInvalid
from pseudonymisation.intake.domain.period import Period

err = Console(stderr=True)
SYNTHETIC = Path("var/synthetic")
MONTH = "2018-04"


def generate_input(
    data_set: Annotated[str | None, typer.Option(help="One of `dsfc catalogue list`.")] = None,
    layout: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="In place of --data-set: a layout of one's own, as `dsfc local-flows check` takes"
            " it.",
        ),
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same bytes.")] = 1,
    period: Annotated[
        str | None,
        typer.Option(
            help="Of which it is, as it is submitted: 2018-04, 2018-W15, of an edition its last"
            " month. Where nothing is said: April 2018, or what is nearest to it."
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option(help="First day, YYYY-MM-DD, in place of the period's.")
    ] = None,
    last: Annotated[
        str | None, typer.Option(help="Last day, YYYY-MM-DD, in place of the period's.")
    ] = None,
    protocol: Annotated[
        Protocol, typer.Option(help="`net_change`: with the day of each row, and deletions.")
    ] = Protocol.WHOLE_PERIOD,
    bad_rows: Annotated[int, typer.Option(min=0, help="Rows that are to be quarantined.")] = 0,
    ods: Annotated[Path | None, typer.Option(help="Published etr.csv and practices.csv.")] = None,
    of: Annotated[
        list[str] | None,
        typer.Option(
            help="Of an aggregate: a file that substantiates it, DATA_SET=FILE; its sums"
            " are theirs, and `--rows` says nothing. May be repeated."
        ),
    ] = None,
    disagreeing: Annotated[
        int, typer.Option(min=0, help="Sums of an aggregate that are to be wrong, and are told.")
    ] = 0,
    output: Annotated[Path, typer.Option(help="A directory.")] = SYNTHETIC,
) -> None:
    """Make synthetic input in the published layout, with its practice and postcode maps.

    NHS numbers are of the 999 test range, and the people of one seed are the same in every data
    set and size. Beside a file, `NAME.planted.json` tells what was put in on purpose. An aggregate
    is made of the files that substantiate it: `--data-set ACM --of PLCM=plcm.csv`.

    Example: dsfc generate --data-set SUS_APC --rows 1000000 --output var/big
    """
    known = catalogue.load()
    try:
        if layout is not None:
            flow = read_flow(layout.read_text("utf-8"), name=layout.name).data_set
            known = Catalogue((*known.data_sets, flow), known.landing_rules)
            if data_set not in {None, flow.data_set}:
                raise ValueError(f"{layout.name} is of {flow.data_set}, and not of {data_set}.")
            data_set = flow.data_set
        names = sorted({described.data_set for described in known})
        if data_set not in names:
            raise ValueError(
                f"The catalogue has no {data_set}; it has {', '.join(names)}."
                if data_set
                else "Say --data-set, or --layout for a file of one's own."
            )
        days = _days(data_set, period, first, last, known)
        if of or disagreeing:
            _aggregate(data_set, of or [], days[1], disagreeing, output)
            return
        people = max(50, min(rows // 4, 400_000))
        world = World.create(people=people, seed=seed, ods=read_ods(ods) if ods else None)
        described = known.get(data_set)
        if described.tables:
            if bad_rows or protocol is not Protocol.WHOLE_PERIOD:
                raise ValueError(
                    f"{data_set} is several tables, of a whole period and without bad rows."
                )
            _several(described, rows, seed, days, world, output)
            return
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
                known=known,
                protocol=protocol,
                progress=lambda n: progress.advance(task, n),
            )
        maps = world.write_maps(output)
    except (ValueError, PeriodInvalid, UnknownDataSet) as error:
        err.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    for written in (path, *maps, planted.write(beside=path)):
        typer.echo(written)


def _days(
    name: str, period: str | None, first: str | None, last: str | None, known: Catalogue
) -> tuple[date, date]:
    """Say which days a file has: those that one of its period has, or those that are named.

    :raises ValueError, PeriodInvalid:
    """
    if period is not None and (first is not None or last is not None):
        raise ValueError("Say either --period or the days.")
    asked = Period.parse(period) if period is not None else _usual_period(name, known)
    data_set = known.for_period(name, asked.last)
    if period is not None:
        asked.require_of(data_set)
        asked.require_sent(data_set)
    begins = date.fromisoformat(first) if first else data_set.periods.first_day(asked.first_day)
    ends = date.fromisoformat(last) if last else asked.last_day
    if begins > ends:
        raise ValueError(f"The last day, {ends}, is before the first, {begins}.")
    return begins, ends


def _usual_period(name: str, known: Catalogue) -> Period:
    """Give what is nearest to a month of which most data sets have files."""
    periods = known.for_period(name, MONTH).periods
    month = max(MONTH, periods.earliest)
    if periods.latest is not None:
        month = min(month, periods.latest)
    if not periods.exists(month):
        month = periods.nearest(month)[-1]
    if periods.unit != "week":
        return Period.parse(month)
    # The first week that lies in one month.
    of_week = date.fromisoformat(f"{month}-07").isocalendar()
    return Period.parse(f"{of_week.year}-W{of_week.week:02}")


def _several(
    data_set: DataSet,
    rows: int,
    seed: int,
    days: tuple[date, date],
    world: World,
    output: Path,
) -> None:
    """Write each table of a data set of several, with the maps."""
    tables = generate_tables(
        data_set,
        rows=rows,
        seed=seed,
        first=days[0],
        last=days[1],
        world=world,
        directory=output / data_set.data_set.lower(),
    )
    for written in (*tables.values(), *world.write_maps(output)):
        typer.echo(written)


def _aggregate(name: str, of: list[str], on: date, disagreeing: int, output: Path) -> None:
    """Raise ValueError where a file is named wrongly, or cannot be part of it."""
    named = dict(one.partition("=")[::2] for one in of)
    if wrong := [part for part, file in named.items() if not Path(file).is_file()]:
        raise ValueError(f"No file is named of {', '.join(wrong)}: say DATA_SET=FILE.")
    path = output / f"{name.lower()}.csv"
    planted = aggregate(
        name,
        {part: Path(file) for part, file in named.items()},
        path=path,
        disagreeing=disagreeing,
        on=on,
    )
    for written in (path, planted.write(beside=path)):
        typer.echo(written)


def generate_postcodes(
    rows: Annotated[int, typer.Option(min=1, help="How many postcodes.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same bytes.")] = 1,
    output: Annotated[Path, typer.Option(help="The file.")] = SYNTHETIC / "onspd.csv",
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
