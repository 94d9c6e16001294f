"""`dsfc risk-scores`: what a supplier of risk stratification sends back."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from dsfc_cli.shell.calling import caller_of, err
from dsfc_cli.shell.methods import group, shows
from dsfc_client import Pseudonymisation

app = group(
    "pseudonymisation",
    "Scores of risk stratification: sent back by the tokens of a line, and how they stand.",
    client="csu-0cx-risk",
    example="dsfc risk-scores show ID",
)


@app.command("send")
def send(
    context: typer.Context,
    agreement: Annotated[str, typer.Argument(help="Reference of the agreement.")],
    data_set: Annotated[str, typer.Argument(help="Data set of the line.")],
    scores: Annotated[
        Path, typer.Argument(help="A file of `token,score` lines; `-`: what is piped.")
    ],
    as_at: Annotated[str, typer.Option(help="Day up to which the records were looked at.")],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    model_version: Annotated[str, typer.Option(help="Version of the model.")],
    classification: Annotated[str, typer.Option(help="Of the line.")] = "IDENTIFIABLE",
) -> None:
    """Send scores of risk stratification back, by the tokens of a line, and print their id.

    Example: dsfc risk-scores send DARS-NIC-123456-A1B2C SUS_APC scores.csv
    --as-at 2018-04-30 --model "Combined Model" --model-version 2

    All or none is taken; `show` says how they stand afterwards.
    """
    content = sys.stdin.buffer.read() if str(scores) == "-" else scores.read_bytes()
    with caller_of(context).connected() as dsfc:
        sent = dsfc.pseudonymisation.return_scores(
            content,
            agreement=agreement,
            data_set=data_set,
            classification=classification,
            as_at=as_at,
            model=model,
            model_version=model_version,
        )
    typer.echo(sent.id)
    err.print(
        f"{sent.people} people; left out: {sent.without_number} without an NHS number."
        f" {sent.without_practice} are on no practice's list."
    )


shows(app, "show", Pseudonymisation.returned_scores, example="dsfc risk-scores show ID")
