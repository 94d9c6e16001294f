"""What commands that call services have in common: as whom they ask, and where."""

import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, Final, ParamSpec

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

from dsfc_cli.house.identities import Identities
from dsfc_client import URLS, ConnectionLost, Credentials, Dsfc, DsfcError, Profile

ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        envvar="DSFC_PROFILE",
        help="Of a suite, as `dsfc up` and `dsfc keys` write it; goes before the options of where.",
    ),
]
SUITE: Final = Path("var/up")
BASE_PORT: Final = 8400
"""Of the issuer of a suite that runs here; the services follow."""

WHERE: Final = {"issuer": "the issuer"}
CALLER: Final = ("client", "role", "key", "directory", "profile")
KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY

err = Console(stderr=True)

P = ParamSpec("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """As whom the services are asked, and where they are."""

    urls: Mapping[str, str]
    client: str | None = None
    """Nobody: the public routes."""
    role: str | None = None
    key: Path | None = None
    directory: Path = SUITE
    profile: Path | None = None

    @contextmanager
    def connected(self) -> Iterator[Dsfc]:
        """Give a client that acts so, and say what goes wrong in one line."""
        try:
            client = self._client()
        except (LookupError, DsfcError) as error:
            raise failed(str(error.args[0])) from None
        try:
            with client as dsfc:
                yield dsfc
        except ConnectionLost as error:
            raise failed(f"{error} `dsfc waiting --help` says where it is looked for.") from None
        except DsfcError as error:
            raise failed(str(error.args[0])) from None

    def _client(self) -> Dsfc:
        if self.client is None:
            return self._of_nobody()
        if self.profile is not None and self.key is None:
            return Dsfc.from_profile(self.profile, self.client, self.role)
        if self.profile is not None:
            known = Profile.read(self.profile)
            return Dsfc(
                credentials=self._credentials(),
                urls=known.services,
                token_url=known.token_url,
                assertion_audience=known.assertion_audience,
                authority=known.authority_file(beside=self.profile.parent),
            )
        return Dsfc(credentials=self._credentials(), urls=self.urls)

    def _of_nobody(self) -> Dsfc:
        if self.profile is None:
            return Dsfc(urls=self.urls)
        known = Profile.read(self.profile)
        authority = known.authority_file(beside=self.profile.parent)
        return Dsfc(urls={**self.urls, **known.services}, authority=authority)

    def _credentials(self) -> Credentials:
        assert self.client is not None
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


def calls(
    *services: str,
    client: str | None = None,
    who: str = "Who asks: a client of the issuer.",
    is_public: bool = False,
) -> Callable[[Callable[Concatenate[Caller, P], None]], Callable[..., None]]:
    """Give a command the options of as whom and where it asks; it is handed them as a `Caller`.

    Args:
        services: Which services it asks; each gets an option for its address.
        client: As whom it asks where nobody is named; without one, `--as` has to be given.
        who: What the help says of `--as`.
        is_public: Whether it asks for what everybody may know, as nobody.

    """
    asked = services if is_public else ("issuer", *services)
    profile = inspect.Parameter("profile", KEYWORD, default=None, annotation=ProfileFile)
    places = [
        _option(name, str, typer.Option(help=f"Where {WHERE.get(name, name)} is."), URLS[name])
        for name in asked
    ]
    identity = [
        _option("client", str, typer.Option("--as", help=who), client),
        _option("role", str | None, typer.Option(help="Where the client has several."), None),
        _option(
            "key",
            Path | None,
            typer.Option(help="Its private key (JWK). Without one: a development identity."),
            None,
        ),
        profile,
        _option("directory", Path, typer.Option(help="Of a running `dsfc up`."), SUITE),
    ]
    options = [*([profile] if is_public else identity), *places]

    def given(command: Callable[Concatenate[Caller, P], None]) -> Callable[..., None]:
        _, *own = inspect.signature(command).parameters.values()
        parameters = [*(one.replace(kind=KEYWORD) for one in own), *options]

        def called(**values: Any) -> None:
            caller = Caller(
                urls={**URLS, **{name: values.pop(name) for name in asked}},
                **{name: values.pop(name) for name in CALLER if name in values},
            )
            command(caller, **values)  # type: ignore[call-arg]

        return declared(command, parameters, called)

    return given


def declared(
    command: Callable[..., None],
    parameters: Sequence[inspect.Parameter],
    called: Callable[..., None],
) -> Callable[..., None]:
    """Return what typer calls for a command: it reads these parameters, in place of its own."""
    shown = wraps(command)(called)
    shown.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    shown.__annotations__ = {one.name: one.annotation for one in parameters}
    return shown


def _option(name: str, type_: Any, said: Any, default: Any) -> inspect.Parameter:
    """Return a parameter as typer reads it: required where nothing stands for it."""
    required = default is None and type_ is str
    return inspect.Parameter(
        name,
        KEYWORD,
        default=inspect.Parameter.empty if required else default,
        annotation=Annotated[type_, said],
    )


def caller_of(context: typer.Context) -> Caller:
    """Return the caller that a group of commands was given."""
    caller: Caller = context.obj
    return caller


def text_of(file: Path) -> str:
    """Read what is sent, in ASCII; `-` is what is piped."""
    return sys.stdin.read() if str(file) == "-" else file.read_text("ascii")


def json_of(file: Path) -> Any:
    """Read a body, JSON in UTF-8; `-` is what is piped. Ends the command where it is none."""
    try:
        return json.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except OSError as error:
        raise failed(f"{file}: {error.strerror}.", code=2) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise failed(f"{file}: no JSON at {where}: {error.msg}.", code=2) from None
    except UnicodeDecodeError:
        raise failed(f"{file}: not in UTF-8.", code=2) from None


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
