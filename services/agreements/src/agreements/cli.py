"""The service's commands: `python -m agreements.cli serve`."""

import json
from collections.abc import Callable, Sequence
from typing import Annotated
from uuid import UUID

import typer

from agreements import main
from agreements.adapters.db.seal_first import NotSealed, seal_all
from agreements.adapters.db.seals import SealBroken
from agreements.adapters.db.tables import metadata
from agreements.main import PACKAGE, Parts
from agreements.settings import Settings
from common import audit, faults, files
from common.audit.checkpoints import path_of
from common.db import engine as engines
from common.db import migrate as migrations
from common.db import texts
from common.logging import configure
from common.messaging import dead_letters
from common.web.server import serve as serve_apps
from common.workers import Worker, run_all

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
    running = main.workers(settings) if all_ else []
    serve_apps([(main.create_app(settings), settings.host, settings.port)], running, settings)


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
    migrations.upgrade(engines.from_settings(settings), PACKAGE)


@app.command()
def seal(
    *,
    renew: Annotated[
        list[str] | None,
        typer.Option(help="A register that was put right after a break. Repeatable."),
    ] = None,
) -> None:
    """Seal what was recorded before there were seals, once. Exit 1 where the audit log differs.

    Stop the service first. What the log tells of is compared with what is recorded; nothing is
    sealed where they differ.
    """
    settings = _started()
    parts = Parts(settings)
    report = audit.verify(
        parts.engine,
        path_of(settings.checkpoint_dir, PACKAGE),
        {"keys": [*parts.signer.jwks()["keys"], *settings.former_keys()]},
        log=PACKAGE,
    )
    try:
        if not report.is_whole:
            raise NotSealed([f"{f.kind}: {f.detail}" for f in report.findings])
        sealed = seal_all(parts.engine, parts.sealer, clock=parts.legal_clock, renew=renew or ())
    except (NotSealed, SealBroken) as error:
        for difference in getattr(error, "differences", [str(error)]):
            typer.echo(difference)
        raise typer.Exit(1) from None
    finally:
        parts.close()
    typer.echo(f"{len(sealed)} registers are sealed.")


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
    engine = engines.from_settings(Settings())
    for letter in dead_letters.listed(engine, replayed=replayed):
        typer.echo(f"{letter.id} {letter.failed_at.isoformat()} {letter.topic} {letter.reason}")


@dead_letter_commands.command("replay")
def replay_dead_letter(dead_letter_id: UUID) -> None:
    """Handle one of them once more."""
    (consumer,) = main.consumers(Parts(_started()))
    consumer.replay(dead_letter_id)


def _run(make: Callable[[Parts], Sequence[Worker]]) -> None:
    run_all(make(Parts(_started())))


def _started() -> Settings:
    """Settings, logs, faults; and the database, where it is a file of our own."""
    settings = Settings()
    configure(settings)
    faults.arm(settings.kill_at)
    if settings.database_url.startswith("sqlite"):
        migrations.upgrade(engines.from_settings(settings), PACKAGE)
    return settings


if __name__ == "__main__":
    files.keep_private()
    app()
