"""The service's commands: `python -m dissemination.cli serve`."""

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Annotated
from uuid import UUID

import typer

from common import faults, files
from common.db import engine as engines
from common.db import migrate as migrations
from common.db import texts
from common.logging import configure
from common.messaging import dead_letters
from common.web.server import serve as serve_apps
from common.workers import Worker, run_all
from dissemination import main
from dissemination.adapters.db.tables import metadata
from dissemination.main import PACKAGE, Parts
from dissemination.settings import Settings

app = typer.Typer(no_args_is_help=True, help=main.SUMMARY)
dead_letter_commands = typer.Typer(no_args_is_help=True, help="Events that could not be handled.")
app.add_typer(dead_letter_commands, name="dead-letters")


@app.command()
def serve(
    *,
    all_: Annotated[bool, typer.Option("--all", help="With all workers, in this process.")] = False,
) -> None:
    """Serve the API."""
    settings = _started()
    woken = threading.Event()
    running = main.workers(settings, woken=woken) if all_ else []
    application = main.create_app(settings, woken=woken)
    serve_apps([(application, settings.host, settings.port)], running, settings)


@app.command()
def work() -> None:
    """Run all workers without the API."""
    run_all(main.workers(_started()))


@app.command()
def relay() -> None:
    """Publish stored events."""
    _run(main.relays)


@app.command()
def consume() -> None:
    """Handle others' events."""
    _run(main.consumers)


@app.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    settings = Settings()
    configure(settings)
    _migrate(settings)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    typer.echo(json.dumps(main.create_app(Settings()).openapi(), indent=2, sort_keys=True))


@app.command("scan-texts")
def scan_texts() -> None:
    """List where personal data stand in what is stored: places, never values.

    Ends with 1 where there is any.
    """
    settings = Settings()
    configure(settings)
    engine = engines.from_settings(settings)
    is_clean = texts.report(engine, metadata, typer.echo)
    engine.dispose()
    raise typer.Exit(0 if is_clean else 1)


@dead_letter_commands.command("list")
def list_dead_letters(
    *,
    replayed: Annotated[bool, typer.Option(help="Also those that were replayed.")] = False,
) -> None:
    """Say what was laid aside, and why."""
    with closing(Parts(Settings())) as parts:
        for letter in dead_letters.listed(parts.engine, replayed=replayed):
            typer.echo(f"{letter.id} {letter.failed_at.isoformat()} {letter.topic} {letter.reason}")


@dead_letter_commands.command("replay")
def replay_dead_letter(dead_letter_id: UUID) -> None:
    """Handle one of them once more."""
    settings = _started()
    with closing(Parts(settings)) as parts:
        (consumer,) = main.consumers(parts)
        consumer.replay(dead_letter_id)


def _run(make: Callable[[Parts], Sequence[Worker]]) -> None:
    parts = Parts(_started())
    run_all(main.shared(parts, make(parts)))


def _started() -> Settings:
    """Settings, logs, faults; and the database, where it is a file of our own."""
    settings = Settings()
    configure(settings)
    faults.arm(settings.kill_at)
    if settings.database_url.startswith("sqlite"):
        _migrate(settings)
    return settings


def _migrate(settings: Settings) -> None:
    with closing(Parts(settings)) as parts:
        migrations.upgrade(parts.engine, PACKAGE)


if __name__ == "__main__":
    files.keep_private()
    app()
