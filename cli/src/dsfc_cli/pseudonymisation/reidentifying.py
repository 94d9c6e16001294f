"""`dsfc reidentify`: which of a practice's own patients tokens are."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from dsfc_cli.shell.calling import Caller, calls, err, failed, text_of
from dsfc_client.people_models import ReidentifiedPerson


@calls("pseudonymisation", client="practice-j81002", who="The practice's client.")
def command(
    caller: Caller,
    agreement: Annotated[str, typer.Argument(help="Reference of the agreement.")],
    data_set: Annotated[str, typer.Argument(help="Data set of the line.")],
    tokens: Annotated[Path, typer.Argument(help="A file with a token a line; `-`: what is piped.")],
    reason_code: Annotated[str, typer.Option(help="Why, by a code of the rule of today.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; nothing about a person.")],
    classification: Annotated[str, typer.Option(help="Of the line.")] = "PSEUDO_ANONYMISED",
) -> None:
    """Ask which of the practice's own registered patients tokens are, and print CSV.

    Example: dsfc reidentify DARS-NIC-123456-A1B2C SUS_APC tokens.txt
    --reason-code case_finding --reason "A review is due"

    Where another person of the practice has to confirm it, its id is printed and the exit status
    is 3; `dsfc re-identifications answer` fetches it afterwards. The numbers go to standard output
    alone: keep them where the practice's records are.
    """
    sent = text_of(tokens).split()
    with caller.connected() as dsfc:
        asked = dsfc.pseudonymisation.reidentify(
            {
                "agreement": agreement,
                "purpose": "RS",
                "data_set": data_set,
                "classification": classification,
                "tokens": sent,
                "reason_code": reason_code,
                "reason": reason,
            }
        )
        if asked.state == "waiting":
            raise failed(f"{asked.id} waits for another person of the practice.", code=3)
        found = dsfc.pseudonymisation.reidentified(asked.id)
    print_people(found)
    err.print(f"{asked.id}: the answer can be fetched until {asked.ends_at:%H:%M} UTC.")


def print_people(found: Iterable[ReidentifiedPerson]) -> None:
    """Print whom tokens are, as CSV."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["token", "outcome", "nhs_number"])
    writer.writerows((row.token, row.outcome, row.nhs_number or "") for row in found)
