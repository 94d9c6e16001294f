"""`dsfc match-invoice`: whether people were where an invoice says, in place of a file of them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dsfc_cli.pseudonymisation.subject_access import numbers_of
from dsfc_cli.shell.calling import Caller, calls


@calls(
    "pseudonymisation",
    client="csu-0df-ceff",
    who="A client of the controlled environment for finance.",
)
def command(
    caller: Caller,
    agreement: Annotated[str, typer.Argument(help="Reference of the agreement.")],
    data_set: Annotated[str, typer.Argument(help="Data set of the line.")],
    numbers: Annotated[
        Path, typer.Argument(help="A file with an NHS number a line; `-`: what is piped.")
    ],
    invoice: Annotated[str, typer.Option(help="The invoice's reference; no NHS number in it.")],
    provider: Annotated[str, typer.Option(help="Code of the provider that sent the invoice.")],
    month: Annotated[str, typer.Option(help="Month of the activity, `YYYY-MM`.")],
) -> None:
    """Print yes or no of each NHS number: whether the person was where an invoice says.

    In their order; no number is printed.

    Example: dsfc match-invoice DARS-NIC-123456-A1B2C SUS_APC numbers.txt
    --invoice RR8-2018-0042 --provider RR8 --month 2018-04
    """
    with caller.connected() as dsfc:
        found = dsfc.pseudonymisation.match_invoice(
            {
                "agreement": agreement,
                "data_set": data_set,
                "invoice": invoice,
                "provider": provider,
                "month": month,
                "nhs_numbers": numbers_of(numbers),
            }
        )
    sys.stdout.writelines(f"{'yes' if one else 'no'}\n" for one in found)
