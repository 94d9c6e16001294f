"""`dsfc linkage`: which lines of an agreement could be linked, and by which clause."""

import csv
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from dsfc_cli.shell.calling import Caller, calls
from dsfc_client import Linkage

HEADER = ("line", "purpose", "data_set", "classification", "linked", "by", "refused")
Row = tuple[int | str, ...]


@calls("agreements")
def command(
    caller: Caller,
    agreement: Annotated[str, typer.Argument(help="Reference of the agreement.")],
    line: Annotated[
        int | None,
        typer.Option(min=1, help="A line: what it is linked with, and why not with the others."),
    ] = None,
) -> None:
    """Print which lines of an agreement could be linked by person, as CSV.

    Nothing is made by it. Lines with the same number under `linked` have one pseudonym a person;
    `by` names the data sets of the clause. With --line, lines that are apart from it have `no`
    there, and say why.

    Example: dsfc linkage DARS-NIC-123456-A1B2C --line 1 --as csu-0df-analytics
    """
    with caller.connected() as dsfc:
        found = dsfc.agreements.linkage(agreement, line=line)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(rows_of(found))


def rows_of(found: Linkage) -> Iterator[Row]:
    """Write a row for each line: those that are linked have the number of their group."""
    for number, group in enumerate(found.linked, start=1):
        by = "; ".join(" with ".join(clause) for clause in group.clauses)
        for one in group.lines:
            refused = " ".join(refusal["code"] for refusal in one.refusals)
            yield (one.number, one.purpose, one.data_set, one.classification, number, by, refused)
    for other in found.apart:
        why = " ".join(other.because)
        yield (other.number, other.purpose, other.data_set, other.classification, "no", why, "")
