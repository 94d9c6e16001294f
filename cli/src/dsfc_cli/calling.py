"""What commands that call services have in common: as whom they ask, and where."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from dsfc_cli.identities import Identities
from dsfc_client import ConnectionLost, Credentials, Dsfc, DsfcError, Profile

Role = Annotated[str | None, typer.Option(help="Where the client has several.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="Its private key (JWK). Without one: a development identity."),
]
SuiteDirectory = Annotated[Path, typer.Option(help="Of a running `dsfc up`.")]
ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        envvar="DSFC_PROFILE",
        help="Of a suite, as `dsfc up` and `dsfc keys` write it; goes before the options of where.",
    ),
]
IssuerUrl = Annotated[str, typer.Option(help="Where the issuer is.")]
PseudonymisationUrl = Annotated[str, typer.Option(help="Where pseudonymisation is.")]
DisseminationUrl = Annotated[str, typer.Option(help="Where dissemination is.")]
SUITE: Final = Path("var/up")
BASE_PORT: Final = 8400
"""Of the issuer of a suite that runs here; the services follow."""

PIPE_WIDTH: Final = 10_000
"""Characters. What is piped is read by a program, which has no edge."""

err = Console(stderr=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """As whom the services are asked, and where they are."""

    client: str
    role: str | None
    key: Path | None
    directory: Path
    urls: Mapping[str, str]
    profile: Path | None = None

    @contextmanager
    def connected(self) -> Iterator[Dsfc]:
        """Give a client that acts so, and say what goes wrong in one line."""
        try:
            with self._client() as dsfc:
                yield dsfc
        except ConnectionLost as error:
            raise failed(f"{error} `dsfc waiting --help` says where it is looked for.") from None
        except (LookupError, DsfcError) as error:
            raise failed(str(error.args[0])) from None

    def _client(self) -> Dsfc:
        if self.profile is not None and self.key is None:
            return Dsfc.from_profile(self.profile, self.client, self.role)
        if self.profile is not None:
            known = Profile.read(self.profile)
            return Dsfc(
                credentials=self._credentials(),
                urls=known.services,
                token_url=known.token_url,
                assertion_audience=known.assertion_audience,
            )
        return Dsfc(credentials=self._credentials(), urls=self.urls)

    def _credentials(self) -> Credentials:
        if self.key is not None:
            if self.role is None:
                raise LookupError("With --key, --role says as what the client asks.")
            return Credentials.from_file(self.client, self.role, self.key)
        if not (self.directory / "identities").is_dir():
            raise LookupError(
                f"There are no identities in {self.directory}: has `dsfc up` run there?"
                " Or give --key."
            )
        identities = Identities.create(self.directory / "identities")
        return identities.credentials(self.client, self.role)


def text_of(file: Path) -> str:
    """Read what is sent, in ASCII; `-` is what is piped."""
    return sys.stdin.read() if str(file) == "-" else file.read_text("ascii")


def print_table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, whole: Collection[str] = ("id",)
) -> None:
    """Print rows under their heads, and cut nothing off: one has to ask by what is listed.

    Where a terminal is too narrow other columns than `whole` are broken; into a pipe none is.
    """
    table = Table(box=None, padding=(0, 1, 0, 0))
    for head in heads:
        table.add_column(head, overflow="fold", no_wrap=head in whole)
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, markup=False).print(table)


def failed(what: str, *, code: int = 1) -> typer.Exit:
    """Say what went wrong in one line; give the end of the command."""
    err.print(what, style="red", markup=False, soft_wrap=True)
    return typer.Exit(code)


def bytes_moved() -> Progress:
    """Return the lines that say how much of a file is sent or fetched."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=err,
    )


def rows_done() -> Progress:
    """Return the line that says how many records are done of how many."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
    )
