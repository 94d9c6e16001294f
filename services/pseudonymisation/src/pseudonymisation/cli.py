"""The service's commands: `python -m pseudonymisation.cli serve`."""

from contextlib import closing

import typer

from common.service.cli import commands
from pseudonymisation.main import SERVICE, Parts

app = commands(SERVICE)


@app.command()
def sweep() -> None:
    """Delete once what is past its retention, and objects that no row names."""
    with closing(Parts(SERVICE.started())) as parts:
        parts.landing_jobs.sweep()
        parts.preparation_jobs.sweep()


@app.command()
def rewrap() -> None:
    """Wrap all keys under the newest key-encryption key."""
    with closing(Parts(SERVICE.started())) as parts:
        typer.echo(f"{parts.keys.rewrap()} keys were rewrapped.")


if __name__ == "__main__":
    app()
