"""`dsfc watch`: how far a submission or an extract is, until it has come to its end."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import typer

from dsfc_cli.shell.calling import Caller, calls, rows_done
from dsfc_client import Dsfc, Extract, Progress, Submission
from dsfc_client.services import WAIT_SECONDS_MAX


class Watchable(StrEnum):
    SUBMISSION = "submission"
    EXTRACT = "extract"


DOING: Final[Mapping[Watchable, str]] = {
    Watchable.SUBMISSION: "Records landed",
    Watchable.EXTRACT: "Rows written",
}


@calls("pseudonymisation", "dissemination")
def command(
    caller: Caller,
    kind: Annotated[Watchable, typer.Argument(metavar="KIND", help="`submission` or `extract`.")],
    id_: Annotated[UUID, typer.Argument(metavar="ID", help="As its service named it.")],
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds after which it is given up.")
    ] = WAIT_SECONDS_MAX,
) -> None:
    """Show how many of how many records are done, until a submission or an extract is decided.

    Ends with 1 where it came to nothing, or did not end in time.

    Example: dsfc watch submission ID --as provider-rr8
    """
    with caller.connected() as dsfc, rows_done() as line:
        task = line.add_task(DOING[kind], total=None)

        def moved(progress: Progress) -> None:
            line.update(task, completed=progress.rows_done, total=progress.rows_total)

        found = _watched(dsfc, kind, id_, timeout, moved)
    typer.echo(found.state)


def _watched(
    dsfc: Dsfc, kind: Watchable, id_: UUID, timeout: float, moved: Callable[[Progress], None]
) -> Submission | Extract:
    """Raise DsfcError where it came to nothing, or did not end in time."""
    if kind is Watchable.SUBMISSION:
        return dsfc.pseudonymisation.wait(id_, timeout_seconds=timeout, progress=moved)
    return dsfc.dissemination.wait(id_, timeout_seconds=timeout, progress=moved)
