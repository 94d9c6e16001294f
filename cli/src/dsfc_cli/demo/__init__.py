"""`dsfc demo`: one release from end to end, told in numbered sentences, each claim checked."""

import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dsfc_cli.demo import material, parts
from dsfc_cli.demo.chapters import ALL, CHAPTERS, play
from dsfc_cli.demo.journey import ClaimFailed, Journey
from dsfc_cli.demo.material import (
    FIELDS,
    PEOPLE,
    ROWS,
    ROWS_ELSEWHERE,
    SEED,
    Material,
    NotAFile,
)
from dsfc_cli.demo.release import NotPlayed
from dsfc_cli.demo.story import Story
from dsfc_cli.house.suite import DidNotStart, Suite
from dsfc_cli.shell.elsewhere import Elsewhere, Reachable
from dsfc_cli.synthetic import World
from dsfc_client import DsfcError

JOURNEY = "journey.json"
LEFT: Mapping[str, str] = {
    JOURNEY: "every claim: what was expected and what was observed",
    "extract.parquet, .csv": "what was released",
    "extract-of-…": "the same under another agreement: other tokens",
    "manifest.json": "its signed manifest",
    "register.json, .csv": "the public register",
    "data-quality.json": "what the provider was told about the file",
    "large.csv": "the download that was cut and resumed",
    "input/": "what was submitted, with the maps",
    "state/": "databases, objects, keys and logs of the services",
}


def command(
    events: Annotated[parts.Events, typer.Option(help="Where events go.")] = parts.Events.EMBEDDED,
    database: Annotated[
        parts.Database, typer.Option(help="Where state is kept.")
    ] = parts.Database.SQLITE,
    data_set: Annotated[str, typer.Option(help=f"One of {', '.join(FIELDS)}.")] = "SUS_APC",
    submission: Annotated[
        Path | None, typer.Option(help="A file of yours instead of synthetic rows.", exists=True)
    ] = None,
    provider: Annotated[str, typer.Option(help="Who submitted your file.")] = "RR8",
    rows: Annotated[
        int | None,
        typer.Option(
            help=f"Of synthetic input; the long download needs some: {ROWS}, or {ROWS_ELSEWHERE}"
            " with --against.",
            min=60_000,
        ),
    ] = None,
    directory: Annotated[Path, typer.Option(help="What it leaves.")] = Path("var/demo"),
    against: Annotated[
        Path | None,
        typer.Option(
            help="The profile of a suite that runs elsewhere, in place of one of our own."
        ),
    ] = None,
    chapter: Annotated[
        str | None,
        typer.Option(help=f"In place of the journey: {', '.join(CHAPTERS)}, or {ALL}."),
    ] = None,
) -> None:
    """Walk one release from end to end; exit non-zero at the first claim that does not hold.

    Example: dsfc demo --events kafka --database postgresql

    Example: dsfc demo --data-set DIDS --submission dids_sample_495.csv

    Example: dsfc demo --chapter lists

    Example: dsfc demo --against var/compose/profile.json
    """
    console = Console()
    if chapter is not None:
        _chapters(chapter, directory.absolute(), console)
        return
    rows = rows or (ROWS if against is None else ROWS_ELSEWHERE)
    if data_set not in FIELDS:
        raise typer.BadParameter(f"one of {', '.join(FIELDS)}", param_hint="--data-set")
    root = _emptied(directory.absolute())
    began = time.monotonic()
    journey = Journey(console)
    journey.write(root / JOURNEY)
    try:
        with ExitStack() as stack:
            suite: Reachable = (
                _suite(stack, root / "state", events, database)
                if against is None
                else stack.enter_context(Elsewhere(against))
            )
            _tell(journey, suite, root, data_set, submission, provider, rows)
    except (ClaimFailed, DidNotStart, DsfcError, NotAFile, NotPlayed, parts.NoBroker) as error:
        console.print(f"\n{error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    finally:
        journey.write(root / JOURNEY)
    seconds = time.monotonic() - began
    console.print(f"\nAll {len(journey.steps)} claims hold; it took {seconds:.0f} seconds.")
    console.print(f"Left to look at, in {directory}:", highlight=False, soft_wrap=True)
    for name, what in LEFT.items():
        console.print(f"  {name:<22} {what}", highlight=False, soft_wrap=True)


def _chapters(wanted: str, directory: Path, console: Console) -> None:
    """Play one chapter, or all, each from a copy of the prepared sandbox."""
    if wanted not in {ALL, *CHAPTERS}:
        raise typer.BadParameter(f"one of {', '.join(CHAPTERS)}, or {ALL}", param_hint="--chapter")
    root = directory.with_name(f"{directory.name}-chapters")
    kept = directory.with_name(f"{directory.name}-prepared")
    for name in CHAPTERS if wanted == ALL else [wanted]:
        try:
            play(name, root=root, kept=kept, console=console)
        except (ClaimFailed, DidNotStart, DsfcError) as error:
            console.print(f"\n{error}", style="red", markup=False, soft_wrap=True)
            raise typer.Exit(1) from None


def _emptied(root: Path) -> Path:
    """Clear what an earlier demo left, and nothing else."""
    if root.exists() and not root.is_dir():
        raise typer.BadParameter(f"{root} is not a directory", param_hint="--directory")
    if root.exists() and any(root.iterdir()) and not (root / JOURNEY).exists():
        raise typer.BadParameter(
            f"{root} is not empty and was not left by a demo", param_hint="--directory"
        )
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    return root


def _suite(stack: ExitStack, state: Path, events: parts.Events, database: parts.Database) -> Suite:
    suite = Suite(state)
    if events is parts.Events.KAFKA:
        suite.kafka_bootstrap = stack.enter_context(parts.kafka(state / "kafka"))
    if database is parts.Database.POSTGRESQL:
        server = stack.enter_context(parts.postgresql())
        suite.server = server
    return stack.enter_context(suite)


def _tell(
    journey: Journey,
    suite: Reachable,
    root: Path,
    data_set: str,
    submission: Path | None,
    provider: str,
    rows: int,
) -> None:
    inputs = root / "input"
    world = World.create(people=PEOPLE, seed=SEED)
    maps = world.write_maps(inputs)
    journey.console.print("Making synthetic input of the 999 test range …")
    large = material.synthetic("SUS_APC", world, inputs, "R0A", rows=rows)
    wanted: Material = large
    if submission is not None:
        wanted = material.given(data_set, submission, provider)
        maps = material.add_to_maps(wanted, maps)
        journey.console.print(
            "The file names no commissioner: a synthetic practice map, made for this"
            f" demonstration, says that every practice in it belongs to {material.COMMISSIONER}."
        )
    elif data_set != large.data_set:
        wanted = material.synthetic(data_set, world, inputs / data_set.lower(), "R0A", rows=rows)
    inside = suite if isinstance(suite, Suite) else None
    Story(journey, suite, wanted, large, root, maps, inside).tell()
