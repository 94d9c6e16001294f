"""`dsfc token`: an access token of a development identity."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dsfc_cli.house.identities import Identities
from dsfc_cli.shell.calling import BASE_PORT, SUITE, Caller, ProfileFile
from dsfc_client import URLS, ConnectionLost, Dsfc, DsfcError

err = Console(stderr=True)


def command(
    identity: Annotated[str, typer.Argument(help="A development identity.")],
    audience: Annotated[str, typer.Argument(help="The service that the token is for.")],
    role: Annotated[str | None, typer.Option(help="Where it has several.")] = None,
    directory: Annotated[Path, typer.Option(help="Where the state is kept.")] = SUITE,
    issuer: Annotated[
        str, typer.Option(help="Where the issuer is.")
    ] = f"http://127.0.0.1:{BASE_PORT}",
    profile: ProfileFile = None,
) -> None:
    """Print an access token of a development identity.

    Example: curl -H "Authorization: Bearer $(dsfc token csu-0df-analytics dissemination)" …
    """
    if profile is not None:
        where = Caller(
            client=identity, role=role, key=None, directory=directory, urls=URLS, profile=profile
        )
        with where.connected() as dsfc:
            assert dsfc.tokens is not None
            typer.echo(dsfc.tokens.token(audience))
        return
    if not (directory / "identities").is_dir():
        err.print(
            f"There are no identities in {directory}: has `dsfc up` run there?",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1)
    try:
        credentials = Identities.create(directory / "identities").credentials(identity, role)
        with Dsfc(credentials=credentials, token_url=f"{issuer}/oauth2/token") as dsfc:
            assert dsfc.tokens is not None
            typer.echo(dsfc.tokens.token(audience))
    except ConnectionLost as error:
        err.print(
            f"{error} Is `dsfc up` running, with its issuer at {issuer}?",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1) from None
    except (LookupError, DsfcError) as error:
        err.print(str(error.args[0]), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
