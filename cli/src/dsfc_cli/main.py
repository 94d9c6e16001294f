"""The `dsfc` command: run the suite, walk the journey, make input, look after what is kept."""

import logging
import sys
import traceback
from pathlib import Path

import structlog
import typer
from rich.console import Console

from common import files
from dsfc_cli.commands import LAZY
from dsfc_cli.shell.lazy import group

UNEXPECTED = Path("var/dsfc-error.txt")
"""Where a traceback goes. It may quote what a file held: it stays on this machine."""
app = typer.Typer(
    cls=group(LAZY),
    callback=lambda: None,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Data Services for Commissioners, enforced by software.",
    epilog="Start with [bold]dsfc demo[/bold], or [bold]dsfc up[/bold] and a browser.",
)
err = Console(stderr=True)


def run() -> None:
    """Run the command; the built-in issuer's own log lines would stand between its sentences."""
    files.keep_private()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the last one: a traceback helps no user
        sys.exit(_ended_by(error))


def _ended_by(error: Exception) -> int:
    """Say in one line what ended the command; return its exit status."""
    from catalogue import InvalidDataSet

    if isinstance(error, InvalidDataSet):
        err.print(str(error), markup=False, soft_wrap=True)
        return 2
    if isinstance(error, OSError):
        err.print(
            f"{error.filename or ''}: {error.strerror}".lstrip(": "), markup=False, soft_wrap=True
        )
        return 2
    UNEXPECTED.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    UNEXPECTED.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    err.print(
        f"Something unexpected went wrong ({type(error).__name__}); report {UNEXPECTED}.",
        markup=False,
        soft_wrap=True,
    )
    return 70


if __name__ == "__main__":
    run()
