"""`dsfc table`: asks for a table of counts, waits until it is released, and fetches its files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from dsfc_cli.dissemination.downloading import Timeout, To, fetched_when_ready
from dsfc_cli.shell.calling import Caller, calls, failed
from dsfc_client.services import WAIT_SECONDS_MAX

SUPPRESSED, BY_RIGHT = "AGGREGATE_SUPPRESSED", "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED"


@calls("dissemination")
def command(
    caller: Caller,
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="Its reference.")],
    data_set: Annotated[str, typer.Argument(metavar="DATA_SET", help="One of its lines'.")],
    by: Annotated[
        list[str],
        typer.Option(
            help="What it is cut by: a column, or a column and what it lies in, as"
            " `LSOA/MSOA`; of several tables with its group, `Referrals.Gender`. Again for each"
            " dimension."
        ),
    ],
    period: Annotated[
        list[str],
        typer.Option(help="A month, cumulative quarter, year or edition. Again for each."),
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="What is counted; `records` if none is named. Of several tables with its group,"
            " `Referrals.people`. Again for each."
        ),
    ] = None,
    linked: Annotated[
        list[str] | None,
        typer.Option(
            "--with", help="A data set with whose table it is to be shown. Again for each."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Which rows: `Sex=1,2`, or `Age=18..64`, `Age=18..`. Again for each column."
        ),
    ] = None,
    form: Annotated[
        list[str] | None,
        typer.Option("--format", help="csv, xlsx, parquet, json, html; again for each."),
    ] = None,
    purpose: Annotated[str, typer.Option(help="Of the agreement's line.")] = "COM",
    exact: Annotated[
        bool,
        typer.Option(
            "--exact", help="By a line that has small numbers by right: for you alone, exact."
        ),
    ] = False,
    to: To = Path(),
    timeout: Timeout = WAIT_SECONDS_MAX,
) -> None:
    """Ask for a table of counts, wait until it is released, and fetch its files.

    Ends with 1 where it is refused, cannot be made safely, or is not ready in time; `dsfc download`
    fetches it later by its id.

    Example: dsfc table DARS-NIC-123456-A1B2C SUS_APC --by Provider_Code --by Sex
    --period 2018-04 --as csu-0df-analytics
    """
    body = {
        "agreement": agreement,
        "purpose": purpose,
        "data_set": data_set,
        "classification": BY_RIGHT if exact else SUPPRESSED,
        "periods": list(period),
        "measure": (measure or ["records"])[0],
        "further_measures": (measure or [])[1:],
        "linked_data_sets": linked or [],
        "dimensions": [dimension_of(one) for one in by],
        "formats": form or ["csv"],
        "filters": [filter_of(one) for one in only or ()],
    }
    fetched_when_ready(
        caller,
        lambda asking: asking.tabulate(body),
        lambda asking, id_: asking.wait_for_table(id_, timeout_seconds=timeout),
        to,
    )


def dimension_of(text: str) -> dict[str, Any]:
    """Read `LSOA/MSOA`."""
    column, *within = text.split("/")
    return {"column": column, **({"within": within} if within else {})}


def filter_of(text: str) -> dict[str, Any]:
    """Read `Sex=1,2` or `Age=18..64`.

    Raises:
        typer.Exit: it is neither

    """
    column, is_said, values = text.partition("=")
    if not (column and is_said and values):
        raise failed(f"--only {text}: write COLUMN=VALUE,VALUE or COLUMN=FROM..TO.", code=2)
    low, is_range, high = values.partition("..")
    if not is_range:
        return {"column": column, "any_of": values.split(",")}
    bounds = {"at_least": low, "at_most": high}
    try:
        found = {name: int(bound) for name, bound in bounds.items() if bound}
    except ValueError:
        found = {}
    if not found:
        raise failed(f"--only {text}: a range is of whole numbers, as 18..64 or 18..", code=2)
    return {"column": column, **found}
