"""`dsfc bridging-file`: asks for pairs of pseudonyms of two lines, and fetches them."""

from pathlib import Path
from typing import Annotated

import typer

from dsfc_cli.dissemination.downloading import Timeout, To, fetched_when_ready
from dsfc_cli.shell.calling import Caller, calls
from dsfc_client.services import WAIT_SECONDS_MAX


@calls("dissemination")
def command(
    caller: Caller,
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its reference.")],
    data_set: Annotated[str, typer.Argument(metavar="DATA_SET", help="One of its lines'.")],
    other_agreement: Annotated[
        str, typer.Argument(metavar="OTHER_AGREEMENT", help="Of the same recipient.")
    ],
    other_data_set: Annotated[
        str, typer.Argument(metavar="OTHER_DATA_SET", help="One of the lines of that agreement.")
    ],
    period: Annotated[
        list[str],
        typer.Option(help="In whose records people are looked for: a month. Again for each."),
    ],
    purpose: Annotated[str, typer.Option(help="Of the agreement's line.")] = "COM",
    other_purpose: Annotated[str, typer.Option(help="Of the other agreement's line.")] = "COM",
    form: Annotated[
        list[str] | None, typer.Option("--format", help="parquet, csv; again for each.")
    ] = None,
    to: To = Path(),
    timeout: Timeout = WAIT_SECONDS_MAX,
) -> None:
    """Ask for the pairs of pseudonyms of people who are in two lines, and fetch them.

    Both agreements have to allow it, and it is given once: name every month that is wanted. Ends
    with 1 where it is refused or not ready in time; `dsfc download` fetches it later by its id.

    Example: dsfc bridging-file DARS-NIC-123456-A1B2C SUS_APC DARS-NIC-234567-B2C3D SUS_OP
    --period 2018-04 --as csu-0df-analytics
    """
    body = {
        "agreement": agreement,
        "purpose": purpose,
        "data_set": data_set,
        "bridge": {
            "agreement": other_agreement,
            "purpose": other_purpose,
            "data_set": other_data_set,
        },
        "periods": list(period),
        "formats": form or ["parquet"],
    }
    fetched_when_ready(
        caller,
        lambda asking: asking.bridge(body),
        lambda asking, id_: asking.wait_for_bridging_file(id_, timeout_seconds=timeout),
        to,
    )
