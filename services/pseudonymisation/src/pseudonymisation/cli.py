"""The service's commands: `python -m pseudonymisation.cli serve`."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from common.errors import ObjectStoreUnavailable
from common.service.cli import commands
from pseudonymisation.engine.errors import NotMoved
from pseudonymisation.engine.objects import landing_store
from pseudonymisation.engine.objects.moving import move
from pseudonymisation.intake.adapters.intake import FOLDERS
from pseudonymisation.main import SERVICE, Parts
from pseudonymisation.people.adapters.sealed_people import FOLDER as REGISTRATIONS

app = commands(SERVICE)


@app.command()
def sweep() -> None:
    """Delete once what is past its retention, and objects that no row names."""
    with closing(Parts(SERVICE.started())) as parts:
        parts.landing_jobs.sweep()
        parts.preparation_jobs.sweep()
        parts.people_jobs.sweep()


@app.command()
def rewrap(
    *,
    preview: Annotated[
        bool, typer.Option(help="Say how many keys would be wrapped anew, and change none.")
    ] = False,
) -> None:
    """Wrap all keys under the newest key-encryption key; no key changes, and so no token.

    A key-encryption key is given up by its line in the file, when no key is wrapped under it.
    """
    with closing(Parts(SERVICE.started())) as parts:
        newest = parts.keys.newest_version()
        if not preview:
            typer.echo(f"{parts.keys.rewrap()} keys were rewrapped.")
        for version, count in sorted(parts.keys.wrapped_under().items()):
            stays = "the newest" if version == newest else "an older one"
            typer.echo(f"{count} keys are wrapped under key-encryption key {version}, {stays}.")


@app.command()
def move_landing(
    from_: Annotated[
        str,
        typer.Option("--from", help="Where it was: a directory, or s3://bucket/prefix."),
    ],
    *,
    credentials_file: Annotated[
        Path | None,
        typer.Option(help="AWS credentials of the bucket where it was."),
    ] = None,
    delete: Annotated[
        bool,
        typer.Option(help="Empty where it was, once every object has been read back here."),
    ] = False,
) -> None:
    """Move what was landed into the landing store of the settings. Stop the service first.

    Objects stay sealed as they are. It can be ended at any moment and begun again. Exit 1 where
    something could not be moved: then nothing was deleted.
    """
    settings = SERVICE.configured()
    if from_.rstrip("/") == settings.landing_store.rstrip("/"):
        raise typer.BadParameter("that is the landing store of the settings", param_hint="--from")
    source = landing_store(from_, credentials_file)
    target = landing_store(settings.landing_store, settings.landing_credentials_file)
    try:
        moved = move(source, target, (*FOLDERS, REGISTRATIONS), delete=delete, report=typer.echo)
    except NotMoved as different:
        typer.echo(f"{different} is not the same where it was moved to. Nothing was deleted.")
        raise typer.Exit(1) from None
    except ObjectStoreUnavailable as away:
        typer.echo(f"{away.detail} Nothing was deleted that was not moved; begin again.")
        raise typer.Exit(1) from None
    typer.echo(
        f"{moved.written} objects were written, {moved.there} were there already,"
        f" {moved.deleted} were deleted where they were. {moved.bytes} bytes in all."
    )


if __name__ == "__main__":
    app()
