"""`dsfc opt-out-lists`, `practice-registrations`, `re-identifications`, `invoice-matches`."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from dsfc_cli.pseudonymisation.reidentifying import print_people
from dsfc_cli.pseudonymisation.subject_access import numbers_of
from dsfc_cli.shell.calling import caller_of
from dsfc_cli.shell.methods import does, group, lists, shows
from dsfc_cli.shell.printing import AsJson, print_list
from dsfc_client import OfWhom, Pseudonymisation

DECIDED = {
    "id": "id",
    "of": "list_date",
    "people": "people",
    "state": "state",
    "+": "change.added",
    "-": "change.removed",
}

opt_out_lists = group(
    "pseudonymisation",
    "Lists of people who objected: sent by one person, confirmed by another where many go.",
    client="dscro-operator",
    example="dsfc opt-out-lists list",
)
lists(
    opt_out_lists,
    "list",
    Pseudonymisation.opt_out_lists,
    DECIDED,
    example="dsfc opt-out-lists list --state waiting",
)
shows(opt_out_lists, "show", Pseudonymisation.opt_out_list, example="dsfc opt-out-lists show ID")
does(
    opt_out_lists,
    "send",
    Pseudonymisation.import_opt_outs,
    example="dsfc opt-out-lists send objectors.csv --list-date 2018-04-01 --declared-count 1200",
)
does(
    opt_out_lists,
    "confirm",
    Pseudonymisation.confirm_opt_outs,
    example='dsfc opt-out-lists --as dscro-approver confirm ID --reason "Counted again."',
)
does(
    opt_out_lists,
    "withdraw",
    Pseudonymisation.take_back_opt_outs,
    example='dsfc opt-out-lists withdraw ID --reason "Of another day."',
)

practice_registrations = group(
    "pseudonymisation",
    "Lists of who is registered with which practice: without one nobody is re-identified.",
    client="dscro-operator",
    example="dsfc practice-registrations list",
)
lists(
    practice_registrations,
    "list",
    Pseudonymisation.registrations,
    DECIDED,
    example="dsfc practice-registrations list",
)
shows(
    practice_registrations,
    "show",
    Pseudonymisation.registration_list,
    example="dsfc practice-registrations show ID",
)
does(
    practice_registrations,
    "send",
    Pseudonymisation.import_registrations,
    example="dsfc practice-registrations send registered.csv 1200 --list-date 2018-04-01",
)
does(
    practice_registrations,
    "confirm",
    Pseudonymisation.confirm_registrations,
    example='dsfc practice-registrations --as dscro-approver confirm ID --reason "A merger."',
)
does(
    practice_registrations,
    "withdraw",
    Pseudonymisation.take_back_registrations,
    example='dsfc practice-registrations withdraw ID --reason "Of another day."',
)

re_identifications = group(
    "pseudonymisation",
    "What practices asked of their own patients: confirmed, answered; and who was told.",
    client="practice-j81002",
    example="dsfc re-identifications list",
)
lists(
    re_identifications,
    "list",
    Pseudonymisation.reidentifications,
    {
        "id": "id",
        "practice": "practice",
        "agreement": "agreement",
        "people": "people",
        "state": "state",
        "until": "ends_at",
        "answers": "answers",
    },
    example="dsfc re-identifications list",
)
shows(
    re_identifications,
    "show",
    Pseudonymisation.reidentification,
    example="dsfc re-identifications show ID",
)
does(
    re_identifications,
    "confirm",
    Pseudonymisation.confirm_reidentification,
    example='dsfc re-identifications confirm ID --reason "The review is due."',
)


@re_identifications.command("answer")
def answer(
    context: typer.Context,
    asked: Annotated[UUID, typer.Argument(metavar="ID", help="As `list` names it.")],
) -> None:
    """Fetch the answer to what was confirmed, and print CSV: keep it where records are.

    Example: dsfc re-identifications answer ID > patients.csv
    """
    with caller_of(context).connected() as dsfc:
        print_people(dsfc.pseudonymisation.reidentified(asked))


@re_identifications.command("who-was-told")
def who_was_told(
    context: typer.Context,
    number: Annotated[
        Path | None, typer.Option(help="A file with the NHS number; `-`: what is piped.")
    ] = None,
    practice: Annotated[str | None, typer.Option(help="Its code (ODS).")] = None,
    told_to: Annotated[str | None, typer.Option(help="As tokens name the person.")] = None,
    as_json: AsJson = False,
) -> None:
    """List who was told of a patient, by a practice or to a person, as an auditor.

    Example: dsfc re-identifications --as body-auditor who-was-told --practice J81002
    """
    wanted: OfWhom = {}
    if number is not None:
        numbers = numbers_of(number)
        if len(numbers) != 1:
            raise typer.BadParameter("There has to be one NHS number.", param_hint="--number")
        wanted["nhs_number"] = numbers[0]
    if practice is not None:
        wanted["practice"] = practice
    if told_to is not None:
        wanted["told_to"] = told_to
    with caller_of(context).connected() as dsfc:
        print_list(
            dsfc.pseudonymisation.who_was_told(**wanted),
            {
                "at": "told_at",
                "practice": "practice",
                "told to": "told_to",
                "outcome": "outcome",
                "agreement": "agreement",
                "why": "reason_code",
                "asked by": "reidentification_id",
            },
            as_json=as_json,
            whole=("at", "asked by"),
        )


invoice_matches = group(
    "pseudonymisation",
    "What was asked of people by invoices: which invoice, how many, how many were there.",
    client="body-auditor",
    example="dsfc invoice-matches list",
)
lists(
    invoice_matches,
    "list",
    Pseudonymisation.invoice_matches,
    {
        "id": "id",
        "organisation": "organisation",
        "agreement": "agreement",
        "invoice": "invoice",
        "people": "people",
        "matched": "matched",
        "run of no": "run_of_no",
        "alert": "alerts",
    },
    example="dsfc invoice-matches list",
)
