"""The commands that every service has: `python -m applications.cli serve`."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar
from uuid import UUID

import typer
from fastapi import FastAPI
from sqlalchemy import MetaData

from common import faults, files
from common.audit.entries import Entry, entry_for
from common.db import migrate as migrations
from common.db import texts
from common.db.mending import Mending, NotMended, Order, mend
from common.logging import configure
from common.messaging import dead_letters
from common.messaging.consumer import Consumer
from common.security.principal import of_service
from common.service.parts import Parts, WakeSignals
from common.service.workers import beside
from common.settings import ServiceSettings
from common.web.server import Binding
from common.web.server import serve as serve_apps
from common.workers import Worker, run_all

S = TypeVar("S", bound=ServiceSettings)
P = TypeVar("P", bound=Parts)


@dataclass(frozen=True, kw_only=True)
class ServiceCommands(Generic[S, P]):
    """What the commands need to know of a service."""

    summary: str
    metadata: MetaData
    settings: Callable[[], S]
    parts: Callable[[S], P]
    apps: Mapping[str, Callable[[S], FastAPI]]
    """By the name of their port; the first is the service's own."""
    bindings: Callable[[S, WakeSignals], Sequence[Binding]]
    """The apps with host and port; `WakeSignals` are those of the workers in the same process."""
    workers: Callable[[S, WakeSignals], Sequence[Worker]]
    consumers: Callable[[P], Sequence[Consumer]]
    mending: Mending[P] | None = None
    """Which texts can be corrected after `scan-texts` found personal data in them; None: none."""
    prepare: Callable[[S], object] = lambda _: None
    """Makes what a first start in development lacks."""

    def configured(self) -> S:
        """Return the settings, with logs set up."""
        settings = self.settings()
        configure(settings)
        return settings

    def started(self) -> S:
        """Return the settings once logs, faults and a database file of our own are ready."""
        settings = self.configured()
        faults.arm(settings.kill_at)
        if settings.database_url.startswith("sqlite"):
            self.migrate(settings)
        self.prepare(settings)
        return settings

    def migrate(self, settings: S) -> None:
        """Bring the database to the newest revision."""
        with closing(self.parts(settings)) as parts:
            migrations.upgrade(parts.engine, parts.PACKAGE)


def commands(service: ServiceCommands[S, P]) -> typer.Typer:
    """Make the command of a service."""
    app = typer.Typer(
        no_args_is_help=True,
        help=service.summary,
        pretty_exceptions_enable=False,  # a log reads plain lines, and nothing of a frame's values
    )
    app.callback()(files.keep_private)  # before every command, however it was started
    _add_running(app, service)
    _add_looking(app, service)
    _add_mending(app, service)
    app.add_typer(_dead_letters(service), name="dead-letters")
    return app


def _add_running(app: typer.Typer, service: ServiceCommands[S, P]) -> None:

    @app.command()
    def serve(
        *,
        all_: Annotated[
            bool, typer.Option("--all", help="With all workers, in this process.")
        ] = False,
    ) -> None:
        """Serve the API."""
        settings, wakes = service.started(), WakeSignals()
        running = service.workers(settings, wakes) if all_ else []
        serve_apps(service.bindings(settings, wakes), running, settings)

    @app.command()
    def work() -> None:
        """Run all workers without the API."""
        run_all(service.workers(service.started(), WakeSignals()))

    @app.command()
    def relay() -> None:
        """Publish stored events."""
        parts = service.parts(service.started())
        run_all(beside(parts, [parts.relay()]))

    @app.command()
    def consume() -> None:
        """Handle others' events."""
        parts = service.parts(service.started())
        run_all(beside(parts, service.consumers(parts)))

    @app.command()
    def migrate() -> None:
        """Bring the database to the newest revision."""
        service.migrate(service.configured())


def _add_looking(app: typer.Typer, service: ServiceCommands[S, P]) -> None:
    @app.command()
    def openapi(
        *,
        port: Annotated[
            str | None, typer.Option(help=f"Of which port: {', '.join(service.apps)}.")
        ] = None,
    ) -> None:
        """Print the OpenAPI document."""
        name = port or next(iter(service.apps))
        if name not in service.apps:
            raise typer.BadParameter(f"there is {', '.join(service.apps)}", param_hint="--port")
        document = service.apps[name](service.settings()).openapi()
        typer.echo(json.dumps(document, indent=2, sort_keys=True))

    @app.command("scan-texts")
    def scan_texts() -> None:
        """List where personal data stand in what is stored: places, never values.

        Ends with 1 where there is any.
        """
        with closing(service.parts(service.configured())) as parts:
            is_clean = texts.report(parts.engine, service.metadata, typer.echo)
        raise typer.Exit(0 if is_clean else 1)


def _add_mending(app: typer.Typer, service: ServiceCommands[S, P]) -> None:
    @app.command("mend-texts")
    def mend_texts(
        table: Annotated[str, typer.Argument(help="As scan-texts lists it.")],
        row: Annotated[str, typer.Argument(help="As scan-texts lists it.")],
        place: Annotated[str, typer.Argument(help="Column and pointer, as scan-texts lists them.")],
        *,
        reason: Annotated[str, typer.Option(help="Why; it is written into the audit log.")],
        by: Annotated[str, typer.Option(help="Who mends it: a subject, for the audit log.")],
    ) -> None:
        """Put a text, read from standard input, in place of one that scan-texts lists.

        Also where it is frozen; where it was signed it cannot be. Neither text is shown or logged.
        Ends with 1, and has changed nothing, where it is refused.
        """
        text = typer.get_text_stream("stdin", encoding="utf-8").read().strip()
        order = Order(table=table, row=row, place=place, text=text, reason=reason, by=by)
        with closing(service.parts(service.configured())) as parts:
            try:
                mended(parts, service, order)
            except NotMended as refusal:
                typer.echo(f"Nothing was changed. {refusal}")
                raise typer.Exit(1) from None
        typer.echo(f"Mended: {table} {row} {place}.")


def mended(parts: P, service: ServiceCommands[S, P], order: Order) -> None:
    """Mend a text in one transaction with its audit entry. Raise NotMended."""
    if service.mending is None:
        raise NotMended("This service keeps no text of a person that could be mended.")

    def entry(resource: str) -> Entry:
        return entry_for(
            of_service(parts.PACKAGE, parts.ROLE, audience=parts.PACKAGE),
            at=parts.legal_clock.now(),
            action="text-mended",
            resource=resource,
            on_behalf_of=None,
            detail={"place": order.place, "by": order.by, "reason": order.reason},
        )

    with service.mending.transaction(parts) as session:
        mend(session, service.metadata, service.mending, order, entry)


def _dead_letters(service: ServiceCommands[S, P]) -> typer.Typer:
    letters = typer.Typer(no_args_is_help=True, help="Events that could not be handled.")

    @letters.command("list")
    def list_dead_letters(
        *,
        replayed: Annotated[bool, typer.Option(help="Also those that were replayed.")] = False,
    ) -> None:
        """List the events that were laid aside, with the reason."""
        with closing(service.parts(service.settings())) as parts:
            for letter in dead_letters.listed(parts.engine, replayed=replayed):
                typer.echo(
                    f"{letter.id} {letter.failed_at.isoformat()} {letter.topic} {letter.reason}"
                )

    @letters.command("replay")
    def replay_dead_letter(dead_letter_id: UUID) -> None:
        """Handle one of them once more."""
        with closing(service.parts(service.started())) as parts:
            (consumer,) = service.consumers(parts)
            consumer.replay(dead_letter_id)

    return letters
