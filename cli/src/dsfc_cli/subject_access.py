"""`dsfc subject-access`: in which releases somebody was, asked by one person and told by another.

NHS numbers come from a file or a pipe, never from the command line, which other users of a machine
see and a shell keeps.
"""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from dsfc_cli.calling import (
    SUITE,
    Caller,
    IssuerUrl,
    KeyFile,
    ProfileFile,
    PseudonymisationUrl,
    Role,
    SuiteDirectory,
    err,
    text_of,
)
from dsfc_client import URLS

app = typer.Typer(no_args_is_help=True, help="In which releases a person was (UK GDPR article 15).")

Client = Annotated[str, typer.Option("--as", help="A client of information governance.")]
FIRST, SECOND = "body-governance-1", "body-governance-2"


def numbers_of(file: Path) -> list[str]:
    """Read NHS numbers, one a line; `-` is what is piped."""
    return text_of(file).split()


@app.command()
def ask(
    number: Annotated[Path, typer.Argument(help="A file with the NHS number; `-`: what is piped.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; nothing about the person.")],
    client: Client = FIRST,
    role: Role = None,
    key: KeyFile = None,
    directory: SuiteDirectory = SUITE,
    profile: ProfileFile = None,
    issuer: IssuerUrl = URLS["issuer"],
    pseudonymisation: PseudonymisationUrl = URLS["pseudonymisation"],
) -> None:
    """Ask about one person, and print the request's id. Another person has to confirm it."""
    asked = numbers_of(number)
    if len(asked) != 1:
        raise typer.BadParameter("There has to be one NHS number.", param_hint="NUMBER")
    caller = Caller(
        client=client,
        role=role,
        key=key,
        directory=directory,
        profile=profile,
        urls={**URLS, "issuer": issuer, "pseudonymisation": pseudonymisation},
    )
    with caller.connected() as dsfc:
        sent = dsfc.pseudonymisation.ask_for_subject_access(asked[0], reason)
    typer.echo(sent.id)
    err.print(f"It waits for another person until {sent.ends_at:%Y-%m-%d %H:%M} UTC.")


@app.command()
def answer(
    request: Annotated[str, typer.Argument(help="The request's id.")],
    reason: Annotated[str, typer.Option(help="Why it is right to tell; nothing about the person.")],
    client: Client = SECOND,
    role: Role = None,
    key: KeyFile = None,
    directory: SuiteDirectory = SUITE,
    profile: ProfileFile = None,
    issuer: IssuerUrl = URLS["issuer"],
    pseudonymisation: PseudonymisationUrl = URLS["pseudonymisation"],
) -> None:
    """Confirm what another person asked, and print the releases as CSV."""
    caller = Caller(
        client=client,
        role=role,
        key=key,
        directory=directory,
        profile=profile,
        urls={**URLS, "issuer": issuer, "pseudonymisation": pseudonymisation},
    )
    with caller.connected() as dsfc:
        dsfc.pseudonymisation.confirm_subject_access(request, reason)
        found = dsfc.pseudonymisation.releases_of_person(request)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(
        [
            *("released_at", "found", "agreement", "purpose", "data_set", "periods"),
            *("recipients", "identified", "opt_outs_applied"),
        ]
    )
    writer.writerows(
        [
            one.released_at.isoformat(),
            one.found,
            one.agreement,
            one.purpose,
            one.data_set,
            " ".join(one.periods),
            " ".join(one.recipients),
            one.identified,
            one.opt_outs_applied,
        ]
        for one in found
    )
