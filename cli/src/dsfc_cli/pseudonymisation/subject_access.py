"""`dsfc subject-access`: in which releases somebody was, asked by one person and told by another.

NHS numbers come from a file or a pipe, never from the command line, which other users of a machine
see and a shell keeps.
"""

import csv
import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from dsfc_cli.shell.calling import Caller, calls, err, text_of
from dsfc_cli.shell.printing import AsJson, print_list, print_one

app = typer.Typer(no_args_is_help=True, help="In which releases a person was (UK GDPR article 15).")

GOVERNANCE = "A client of information governance."


def numbers_of(file: Path) -> list[str]:
    """Read NHS numbers, one a line; `-` is what is piped."""
    return text_of(file).split()


@app.command("list")
@calls("pseudonymisation", client="body-governance-1", who=GOVERNANCE)
def list_requests(caller: Caller, as_json: AsJson = False) -> None:
    """List what was asked about people, by whom, and until when it waits; never about whom.

    Example: dsfc subject-access list
    """
    with caller.connected() as dsfc:
        print_list(
            dsfc.pseudonymisation.subject_access_requests(),
            {
                "id": "id",
                "state": "state",
                "asked by": "asked_by",
                "until": "ends_at",
                "answers": "answers",
            },
            as_json=as_json,
        )


@app.command()
@calls("pseudonymisation", client="body-governance-1", who=GOVERNANCE)
def show(
    caller: Caller,
    request: Annotated[UUID, typer.Argument(metavar="ID", help="As `list` names it.")],
    as_json: AsJson = False,
) -> None:
    """Show how a request stands, who asked and who confirmed it.

    Example: dsfc subject-access show ID
    """
    with caller.connected() as dsfc:
        print_one(dsfc.pseudonymisation.subject_access_request(request), as_json=as_json)


@app.command()
@calls("pseudonymisation", client="body-governance-1", who=GOVERNANCE)
def ask(
    caller: Caller,
    number: Annotated[Path, typer.Argument(help="A file with the NHS number; `-`: what is piped.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; nothing about the person.")],
) -> None:
    """Ask about one person, and print the request's id. Another person has to confirm it.

    Example: dsfc subject-access ask number.txt --reason "Asked for by letter of 2 May 2018"
    """
    asked = numbers_of(number)
    if len(asked) != 1:
        raise typer.BadParameter("There has to be one NHS number.", param_hint="NUMBER")
    with caller.connected() as dsfc:
        sent = dsfc.pseudonymisation.ask_for_subject_access(asked[0], reason)
    typer.echo(sent.id)
    err.print(f"It waits for another person until {sent.ends_at:%Y-%m-%d %H:%M} UTC.")


@app.command()
@calls("pseudonymisation", client="body-governance-2", who=GOVERNANCE)
def answer(
    caller: Caller,
    request: Annotated[str, typer.Argument(help="The request's id.")],
    reason: Annotated[str, typer.Option(help="Why it is right to tell; nothing about the person.")],
) -> None:
    """Confirm what another person asked, and print the releases as CSV.

    Example: dsfc subject-access answer ID --reason "Identity was checked."
    """
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
