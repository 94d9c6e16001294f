"""`dsfc bridging-file`: asks for pairs of pseudonyms of two lines, and fetches them."""

from pathlib import Path
from typing import Annotated

import typer

from dsfc_cli.calling import Caller, calls
from dsfc_cli.downloading import fetched, opt_outs_in
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
    to: Annotated[
        Path, typer.Option(file_okay=False, help="The directory to which files go.")
    ] = Path(),
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds after which it is no longer waited for.")
    ] = WAIT_SECONDS_MAX,
) -> None:
    """Ask for the pairs of pseudonyms of people who are in two lines, and fetch them.

    Both agreements have to allow it, and it is given once: name every month that is wanted. Ends
    with 1 where it is refused or not ready in time; `dsfc download` fetches it later by its id.

    Example: dsfc bridging-file DARS-NIC-1… SUS_APC DARS-NIC-2… SUS_OP --period 2018-04 --as csu
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
    with caller.connected() as dsfc:
        asked = dsfc.dissemination.bridge(body)
        typer.echo(f"Asked for; its id is {asked.id}.", err=True)
        if (said := opt_outs_in(asked)) is not None:
            typer.echo(said, err=True)
        made = dsfc.dissemination.wait_for_bridging_file(asked.id, timeout_seconds=timeout)
        for path in list(fetched(dsfc, made, to)):
            typer.echo(path)
