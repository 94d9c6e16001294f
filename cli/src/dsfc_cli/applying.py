"""`dsfc applications`: from the draft to the approval, by the applicant and by the Body."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer

from dsfc_cli.shell.calling import caller_of, json_of
from dsfc_cli.shell.methods import does, example_of_body, group, lists, shows
from dsfc_cli.shell.printing import AsJson, print_done, print_json
from dsfc_client import Applications

BODY: Final = "JSON, as the service's /docs shows it; `-`: what is piped."

applications = group(
    "applications",
    "Applications for data: drafted, checked, submitted, reviewed, decided.",
    example="dsfc applications --as ccg-02p-applicant list",
)
STEPS: Final[Mapping[str, tuple[str, str, str]]] = {
    "submit": (
        "submission",
        "As the applicant: submit; with a FILE, what was said of findings.",
        "ccg-02p-applicant",
    ),
    "withdraw": ("withdrawal", "As the applicant: take it back.", "ccg-02p-applicant"),
    "open": ("opening", "As case officer: turn an enquiry into a draft.", "body-case-officer"),
    "review": ("review", "As case officer: begin the review.", "body-case-officer"),
    "return": (
        "return",
        "As case officer: send it back with queries, each to be answered; FILE has them.",
        "body-case-officer",
    ),
    "refer-for-advice": (
        "advisory-referral",
        "As case officer: ask the advisory group.",
        "body-case-officer",
    ),
    "advise": ("advice", "For the advisory group; FILE has the outcome.", "body-adviser"),
    "refer-for-approval": (
        "approval-referral",
        "As case officer: put it before the approver.",
        "body-case-officer",
    ),
    "approve": ("approval", "As approver.", "body-approver"),
    "refuse": ("refusal", "As case officer or approver; FILE has the reason.", "body-approver"),
    "close": (
        "closure",
        "As case officer: end an enquiry that needs no application.",
        "body-case-officer",
    ),
}
"""What moves an application along: the last part of its path, who does it, and such a client."""

lists(
    applications,
    "list",
    Applications.list,
    {
        "id": "id",
        "reference": "reference",
        "of": "organisation",
        "state": "state",
        "title": "title",
    },
    whole=("id", "reference"),
    example="dsfc applications --as body-case-officer list --state submitted",
)
shows(
    applications,
    "show",
    Applications.application,
    example="dsfc applications --as ccg-02p-applicant show ID",
)
does(
    applications,
    "draft",
    Applications.draft,
    example="dsfc applications --as ccg-02p-applicant draft application.json --once 2018",
)
does(
    applications,
    "answer",
    Applications.answer,
    words={"body": BODY, "standard": "Its number, 1 to 20; `example` prints answers to it."},
    has_example=False,
    example="dsfc applications --as ccg-02p-applicant answer ID 9 purposes.json",
)


@applications.command("example")
def show_example(
    context: typer.Context,
    standard: Annotated[int, typer.Argument(metavar="STANDARD", min=1, max=20, help="Its number.")],
) -> None:
    """Print answers to a Standard, to begin with.

    Example: dsfc applications --as ccg-02p-applicant example 9
    """
    with caller_of(context).connected() as dsfc:
        asked = (dsfc.applications, Applications.answer, ["ID", standard, None])
        print_json(example_of_body(*asked))


shows(
    applications,
    "sections",
    Applications.sections,
    example="dsfc applications --as ccg-02p-applicant sections ID",
)
shows(
    applications,
    "section",
    Applications.section,
    example="dsfc applications --as ccg-02p-applicant section ID 9",
)
lists(
    applications,
    "findings",
    Applications.findings,
    {
        "severity": "severity",
        "code": "code",
        "standard": "standard",
        "where": "pointer",
        "what": "detail",
    },
    whole=("code",),
    example="dsfc applications --as ccg-02p-applicant findings ID",
)
shows(
    applications,
    "history",
    Applications.history,
    example="dsfc applications --as body-case-officer history ID",
)
shows(
    applications,
    "snapshot",
    Applications.snapshot,
    example="dsfc applications --as body-case-officer snapshot"
    " sha256:0000000000000000000000000000000000000000000000000000000000000000",
)


def _step(verb: str, said: str, example: str) -> Any:
    """Return a command that moves an application along."""

    def command(
        context: typer.Context,
        application: Annotated[UUID, typer.Argument(metavar="ID", help="Of the application.")],
        body: Annotated[Path | None, typer.Argument(metavar="FILE", help=BODY)] = None,
        as_json: AsJson = False,
    ) -> None:
        sent = None if body is None else json_of(body)
        with caller_of(context).connected() as dsfc:
            print_done(dsfc.applications.act(application, verb, sent), as_json=as_json)

    command.__doc__ = f"{said}\n\nExample: {example}"
    return command


for _name, (_verb, _said, _client) in STEPS.items():
    _file = f" {_name}.json" if "FILE" in _said else ""
    _example = f"dsfc applications --as {_client} {_name} ID{_file}"
    applications.command(_name)(_step(_verb, _said, _example))
