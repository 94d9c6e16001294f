"""`dsfc generate` and `dsfc directory`: synthetic input, of the 999 test range."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

import catalogue
from catalogue import DataSet, Protocol
from dsfc_cli.synthetic import (
    World,
    aggregate,
    generate,
    generate_directory,
    generate_tables,
    read_ods,
)

err = Console(stderr=True)
SYNTHETIC = Path("var/synthetic")


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

    NHS numbers are of the 999 test range. `planted.json` tells what was put in on purpose. An
    aggregate is made of the files that substantiate it: `--data-set ACM --of PLCM=plcm.csv`.

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
        if of or disagreeing:
            _aggregate(data_set, of or [], days[1], disagreeing, output)
            return
        people = max(50, min(rows // 4, 400_000))
        world = World.create(people=people, seed=seed, ods=read_ods(ods) if ods else None)
        described = catalogue.load().get(data_set)
        if described.tables:
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
    planted.write(output / f"{name.lower()}.planted.json")
    for written in (path, output / f"{name.lower()}.planted.json"):
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
