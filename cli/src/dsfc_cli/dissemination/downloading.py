"""`dsfc download`: fetches released files of an extract or a table, and goes on where it broke."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from dsfc_cli.shell.calling import Caller, bytes_moved, calls, failed
from dsfc_client import Dissemination, Dsfc, Extract, NotFound, Tabulation

Asked = TypeVar("Asked", bound=Extract)
Wait = Callable[[Dissemination, UUID], Extract]
To = Annotated[Path, typer.Option(file_okay=False, help="The directory to which files go.")]
Timeout = Annotated[
    float, typer.Option(min=1, help="Seconds after which it is no longer waited for.")
]


@calls("dissemination")
def command(
    caller: Caller,
    extract: Annotated[
        UUID, typer.Argument(metavar="ID", help="Of an extract, table or bridging file.")
    ],
    to: To = Path(),
    zipped: Annotated[
        bool,
        typer.Option(
            "--zip",
            help="Each file in a zip, with its manifest, what its columns mean, how good they"
            " are, and a page to read.",
        ),
    ] = False,
) -> None:
    """Fetch every file of a released extract or table, checked against its manifest's digest.

    A download that broke off goes on when the command is given again. Ends with 1 where there is
    nothing to fetch, or the gate is shut.

    Example: dsfc download ID --zip --to extracts --as csu-0df-analytics
    """
    with caller.connected() as dsfc:
        found = _asked_for(dsfc, extract)
        if not found.files:
            raise failed(f"There are no files: it is {found.state}.")
        if (said := opt_outs_in(found)) is not None:
            typer.echo(said, err=True)
        for path in fetched(dsfc, found, to, zipped=zipped):
            typer.echo(path)


def fetched(dsfc: Dsfc, released: Extract, to: Path, *, zipped: bool = False) -> Iterator[Path]:
    """Fetch all files of an extract or a table, each checked against its manifest."""
    to.mkdir(parents=True, exist_ok=True)
    with bytes_moved() as progress:
        for file in released.files:
            name = f"{file.id}.{file.format}{'.zip' if zipped else ''}"
            task = progress.add_task(name, total=None if zipped else file.bytes)
            yield dsfc.dissemination.download(
                file.id, to / name, zipped=zipped, progress=partial(progress.advance, task)
            )


def fetched_when_ready(
    caller: Caller, ask: Callable[[Dissemination], Asked], wait: Wait, to: Path
) -> None:
    """Ask for something, say its id and what is to be known of it, wait, and fetch its files."""
    with caller.connected() as dsfc:
        asked = ask(dsfc.dissemination)
        typer.echo(f"Asked for; its id is {asked.id}.", err=True)
        if (said := opt_outs_in(asked)) is not None:
            typer.echo(said, err=True)
        if isinstance(asked, Tabulation):
            for line in what_one_is(asked):
                typer.echo(line, err=True)
        for path in list(fetched(dsfc, wait(dsfc.dissemination, asked.id), to)):
            typer.echo(path)


def what_one_is(asked: Tabulation) -> Iterator[str]:
    """Say of each measure what one of it is, as the service has it."""
    for name, grain in zip((asked.measure, *asked.further_measures), asked.grains, strict=False):
        yield f"{name}: one is a {grain}, and each is counted once."


def opt_outs_in(asked: Extract) -> str | None:
    """Say whether opt-outs are upheld in it, and why; None of a service that does not say it."""
    said = asked.opt_outs
    if said is None:
        return None
    how = "are upheld" if said.applied else "are not upheld"
    if said.ground is None:
        return f"Opt-outs {how}."
    letter = f"; {said.ground.letter}" if said.ground.letter else ""
    by = f"by {said.ground.by}: {said.ground.reason}"
    return f"Opt-outs {how}, {by} ({said.ground.source}{letter})."


def _asked_for(dsfc: Dsfc, id_: UUID) -> Extract:
    """Return the extract of this id, or else the table, or the bridging file."""
    for read in (dsfc.dissemination.extract, dsfc.dissemination.tabulation):
        with suppress(NotFound):
            return read(id_)
    return dsfc.dissemination.bridging_file(id_)
