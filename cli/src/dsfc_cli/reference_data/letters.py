"""`dsfc letters` and `section-251`: what lets opt-outs or confidentiality be set aside."""

from pathlib import Path
from typing import Annotated

import typer

from common.ids import digest
from dsfc_cli.shell.calling import caller_of
from dsfc_cli.shell.methods import does, group, lists, shows
from dsfc_cli.shell.printing import AsJson, print_done
from dsfc_client import Agreements

letters = group(
    "agreements",
    "Letters that waive opt-outs for a purpose: recorded by one, confirmed by another.",
    client="body-reference-data",
    example="dsfc letters list",
)
lists(
    letters,
    "list",
    Agreements.opt_out_waivers,
    {
        "id": "id",
        "reference": "reference",
        "purpose": "purpose",
        "data sets": lambda one: one["data_sets"] or "all",
        "state": "state",
        "from": "valid_from",
        "to": "valid_to",
    },
    whole=("id", "reference"),
    example="dsfc letters list",
)


@letters.command("record")
def record_letter(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="Of the letter.")],
    document: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="As it came.")
    ],
    purpose: Annotated[str, typer.Option(help="For which opt-outs are not upheld: COM, RS …")],
    source: Annotated[str, typer.Option(help="Where the letter can be read.")],
    dated: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day of the letter.")],
    valid_from: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    valid_to: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day; open without.")
    ] = None,
    data_set: Annotated[
        list[str] | None, typer.Option(help="Only of this one; of all without. Again for each.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record a letter by its document, of which the digest is kept; it waits for `confirm`.

    Example: dsfc letters record CAG-7-04-A letter.pdf --purpose RS --source "The group's register"
    --dated 2018-03-01 --from 2018-04-01 --data-set SUS_APC
    """
    body = {
        "reference": reference,
        "purpose": purpose,
        "data_sets": data_set or [],
        "dated": dated,
        "source": source,
        "document_digest": digest(document.read_bytes()),
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    with caller_of(context).connected() as dsfc:
        print_done(dsfc.agreements.record_opt_out_waiver(body), as_json=as_json)


does(
    letters,
    "confirm",
    Agreements.confirm_opt_out_waiver,
    example='dsfc letters --as body-contracts confirm ID --reason "Read, and compared."',
)
does(
    letters,
    "withdraw",
    Agreements.withdraw_opt_out_waiver,
    example='dsfc letters --as body-contracts withdraw ID --reason "It was replaced."',
)

section_251 = group(
    "agreements",
    "Supports under section 251: recorded, extended, changed, withdrawn; and what would stop.",
    client="body-reference-data",
    example="dsfc section-251 list",
)
lists(
    section_251,
    "list",
    Agreements.section_251_approvals,
    {
        "reference": "reference",
        "purposes": "purposes",
        "for": lambda one: one["controllers"] or "all",
        "from": "valid_from",
        "to": "valid_to",
        "review on": "review_on",
        "in force": "in_force",
        "withdrawn on": "withdrawn_on",
    },
    whole=("reference",),
    example="dsfc section-251 list --as-at 2022-10-01",
)
does(
    section_251,
    "record",
    Agreements.record_section_251_approval,
    example="dsfc section-251 record approval.json",
)
shows(
    section_251,
    "preview-withdrawal",
    Agreements.preview_section_251_withdrawal,
    example="dsfc section-251 preview-withdrawal ID",
)
does(
    section_251,
    "withdraw",
    Agreements.withdraw_section_251_approval,
    example='dsfc section-251 withdraw ID --reason "Letter of the CAG of 14 May."',
)
shows(
    section_251,
    "preview-conditions",
    Agreements.preview_section_251_conditions,
    words={
        "purpose": "For which purposes it would be given: RS, IV, COM. Again for each.",
        "controller": "For whom alone (ODS); for all without. Again for each.",
    },
    example="dsfc section-251 preview-conditions ID --purpose IV --controller 02P",
)
does(
    section_251,
    "conditions",
    Agreements.change_section_251_conditions,
    example="dsfc section-251 conditions ID conditions.json",
)
