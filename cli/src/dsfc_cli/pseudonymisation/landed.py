"""`dsfc submissions`, `editions` and `expected-files`: what came, and what is late."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from dsfc_cli.shell.calling import caller_of
from dsfc_cli.shell.methods import does, group, lists, shows, writes
from dsfc_cli.shell.printing import AsJson, print_list
from dsfc_client import Pseudonymisation

submissions = group(
    "pseudonymisation",
    "Submissions: how each stands, its report, and the rows that were set aside.",
    example="dsfc submissions --as provider-rr8 list",
)
lists(
    submissions,
    "list",
    Pseudonymisation.submissions,
    {
        "id": "id",
        "data set": "data_set",
        "period": "period",
        "provider": "provider",
        "state": "state",
        "code": "code",
    },
    words={"data_set": "Only of this one."},
    example="dsfc submissions --as provider-rr8 list --data-set SUS_APC",
)
shows(
    submissions,
    "show",
    Pseudonymisation.submission,
    example="dsfc submissions --as provider-rr8 show ID",
)
writes(
    submissions,
    "report",
    Pseudonymisation.report_csv,
    example="dsfc submissions --as provider-rr8 report ID > report.csv",
)
writes(
    submissions,
    "report-page",
    Pseudonymisation.report_page,
    example="dsfc submissions --as provider-rr8 report-page ID --target report.html",
)


@submissions.command("quarantine")
def quarantine(
    context: typer.Context,
    submission_id: Annotated[UUID, typer.Argument(metavar="ID", help="As `list` names it.")],
    as_json: AsJson = False,
) -> None:
    """List the rows that were set aside: lines, columns and codes; never values.

    Example: dsfc submissions --as provider-rr8 quarantine ID
    """
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.pseudonymisation.quarantined(submission_id),
            {"line": "line", "column": "column", "code": "code", "why": "detail"},
            as_json=as_json,
            whole=("line", "code"),
        )


@submissions.command("rows")
def rows(
    context: typer.Context,
    submission_id: Annotated[UUID, typer.Argument(metavar="ID", help="As `list` names it.")],
    to: Annotated[Path, typer.Option(help="Where they go. They identify people.")],
) -> None:
    """Get the rows back that were set aside of a file that one sent oneself, with reasons.

    Example: dsfc submissions --as provider-rr8 rows ID --to set-aside.csv
    """
    with caller_of(context).connected() as dsfc:
        to.touch(mode=0o600)
        typer.echo(dsfc.pseudonymisation.quarantined_rows(submission_id, to))


editions = group(
    "pseudonymisation",
    "Editions of providers' periods: which is in force, what replaced what, how good each is.",
    client="dscro-operator",
    example="dsfc editions list",
)
lists(
    editions,
    "list",
    Pseudonymisation.editions,
    {
        "id": "id",
        "data set": "data_set",
        "period": "period",
        "provider": "provider",
        "number": "number",
        "rows": "rows",
        "state": "state",
        "superseded by": "superseded_by",
    },
    words={"data_set": "Only of this one."},
    whole=("id", "superseded by"),
    example="dsfc editions list --data-set SUS_APC --period 2018-04",
)
shows(editions, "show", Pseudonymisation.edition, example="dsfc editions show ID")


def _completeness(fields: Sequence[dict[str, int]]) -> str:
    """Say how many of the values that were judged are valid, over all fields."""
    judged = sum(one["judged"] for one in fields)
    return f"{sum(one['valid'] for one in fields)} of {judged}"


lists(
    editions,
    "quality",
    Pseudonymisation.edition_quality,
    {
        "edition": "edition_id",
        "data set": "data_set",
        "period": "period",
        "provider": "provider",
        "standing": "standing",
        "records": "records",
        "valid values": lambda one: _completeness(one["fields"]),
    },
    words={"data_set": "Only of this one.", "provider": "Only of this one (ODS)."},
    whole=("edition",),
    example="dsfc editions quality --data-set SUS_APC --in-force",
)
does(
    editions,
    "confirm",
    Pseudonymisation.confirm_edition,
    example='dsfc editions --as dscro-approver confirm ID --reason "A merger explains it."',
)
does(
    editions,
    "withdraw",
    Pseudonymisation.take_back_edition,
    example='dsfc editions withdraw ID --reason "Of another month."',
)

expected_files = group(
    "pseudonymisation",
    "Files that are expected: who should have sent what by when, and what came.",
    client="dscro-operator",
    example="dsfc expected-files board",
)
lists(
    expected_files,
    "board",
    Pseudonymisation.landing_board,
    {
        "data set": "data_set",
        "provider": "provider",
        "period": "period",
        "due on": "due_on",
        "state": "state",
        "late": "is_late",
        "rows": "rows",
        "shrunk": "has_shrunk",
    },
    words={"data_set": "Only of this one.", "provider": "Only of this one (ODS)."},
    whole=("data set", "period"),
    example="dsfc expected-files board --late",
)
lists(
    expected_files,
    "list",
    Pseudonymisation.expectations,
    {
        "id": "id",
        "data set": "data_set",
        "provider": "provider",
        "every": "every",
        "from": "from",
        "to": "to",
        "why": "reason",
    },
    words={"data_set": "Only of this one.", "provider": "Only of this one (ODS)."},
    example="dsfc expected-files list",
)
does(
    expected_files,
    "expect",
    Pseudonymisation.expect_files,
    example="dsfc expected-files expect expectation.json",
)
does(
    expected_files,
    "end",
    Pseudonymisation.end_expectation,
    example='dsfc expected-files end ID 2018-06 --reason "The provider was merged."',
)
