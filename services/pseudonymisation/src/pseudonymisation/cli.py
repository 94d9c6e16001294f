"""The service's commands: `python -m pseudonymisation.cli serve`."""

import json
from collections.abc import Callable, Sequence
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
from pseudonymisation import main
from pseudonymisation.adapters.db.tables import metadata
from pseudonymisation.main import PACKAGE, Parts, Woken
from pseudonymisation.settings import Settings

app = typer.Typer(no_args_is_help=True, help=main.SUMMARY)
dead_letter_commands = typer.Typer(no_args_is_help=True, help="Events that could not be handled.")
app.add_typer(dead_letter_commands, name="dead-letters")


@app.command()
def serve(
    *,
    all_: Annotated[bool, typer.Option("--all", help="With all workers, in this process.")] = False,
) -> None:
    """Serve both ports: intake, and preparations for dissemination."""
    settings = _started()
    woken = Woken()
    running = main.workers(settings, woken=woken) if all_ else []
    serve_apps(
        [
            (main.create_app(settings, woken=woken), settings.host, settings.port),
            (
                main.create_preparations_app(settings, woken=woken),
                settings.preparations_host or settings.host,
                settings.preparations_port,
            ),
        ],
        running,
        settings,
    )


@app.command()
def work() -> None:
    """Run all workers without the APIs."""
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
    migrations.upgrade(engines.from_settings(settings), PACKAGE)


@app.command()
def sweep() -> None:
    """Clean up once: what was kept long enough, and what no row names."""
    parts = Parts(_started())
    parts.landing_jobs.sweep()
    parts.preparation_jobs.sweep()
    parts.close()


@app.command()
def rewrap() -> None:
    """Wrap all keys under the newest key-encryption key."""
    parts = Parts(_started())
    typer.echo(f"{parts.keys.rewrap()} keys were wrapped anew")
    parts.close()


@app.command()
def openapi(
    *,
    preparations: Annotated[bool, typer.Option(help="Of the second port.")] = False,
) -> None:
    """Print the OpenAPI document."""
    make = main.create_preparations_app if preparations else main.create_app
    typer.echo(json.dumps(make(Settings()).openapi(), indent=2, sort_keys=True))


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
    engine = engines.from_settings(Settings())
    for letter in dead_letters.listed(engine, replayed=replayed):
        typer.echo(f"{letter.id} {letter.failed_at.isoformat()} {letter.topic} {letter.reason}")


@dead_letter_commands.command("replay")
def replay_dead_letter(dead_letter_id: UUID) -> None:
    """Handle one of them once more."""
    parts = Parts(_started())
    (consumer,) = main.consumers(parts)
    consumer.replay(dead_letter_id)
    parts.close()


def _run(make: Callable[[Parts], Sequence[Worker]]) -> None:
    parts = Parts(_started())
    run_all(main.shared(parts, make(parts)))


def _started() -> Settings:
    """Settings, logs, faults; the database where it is a file of our own; development's key."""
    settings = Settings()
    configure(settings)
    faults.arm(settings.kill_at)
    if settings.database_url.startswith("sqlite"):
        migrations.upgrade(engines.from_settings(settings), PACKAGE)
    main.prepare_development(settings)
    return settings


if __name__ == "__main__":
    files.keep_private()
    app()
