"""`dsfc agreements`, `framework-contracts` and `instructions`: what is signed, and by whom."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from common.ids import digest
from dsfc_cli.shell.calling import caller_of
from dsfc_cli.shell.methods import does, group, lists, shows, writes
from dsfc_cli.shell.printing import AsJson, print_done
from dsfc_client import Agreements

Reference = Annotated[str, typer.Argument(metavar="REFERENCE", help="Of what is signed.")]
Party = Annotated[str, typer.Option(help="For whom one signs: its code (ODS).")]
RoleName = Annotated[str, typer.Option("--as-role", help="As what one signs, such as `SIRO`.")]
Hash = Annotated[str, typer.Option("--hash", help="Of the document that one has read: `show`.")]

agreements = group(
    "agreements",
    "Agreements: read, signed, compared, ended; and what went on to others.",
    example="dsfc agreements --as csu-0df-contact list",
)
lists(
    agreements,
    "list",
    Agreements.list,
    {
        "reference": "reference",
        "version": "version",
        "state": "state",
        "from": "start",
        "to": "end",
        "title": "title",
    },
    whole=("reference", "version"),
    example="dsfc agreements --as csu-0df-contact list",
)
shows(
    agreements,
    "show",
    Agreements.agreement,
    example="dsfc agreements --as csu-0df-contact show DARS-NIC-123456-A1B2C",
)
writes(
    agreements,
    "document",
    Agreements.document,
    example="dsfc agreements --as csu-0df-contact document DARS-NIC-123456-A1B2C > a.html",
)
lists(
    agreements,
    "differences",
    Agreements.differences,
    {"annex": "annex", "what changed": "sentence"},
    whole=("annex",),
    example="dsfc agreements --as csu-0df-contact differences DARS-NIC-123456-A1B2C"
    " --former v0.0 --later v1.0",
)


def _signs(app: typer.Typer, method: Callable[..., object], said: str) -> None:
    """Give a group a command that signs the document with a hash."""

    def sign(
        context: typer.Context,
        reference: Reference,
        party: Party,
        name_of_role: RoleName,
        document_hash: Hash,
        as_json: AsJson = False,
    ) -> None:
        body = {"party": party, "name_of_role": name_of_role, "document_hash": document_hash}
        with caller_of(context).connected() as dsfc:
            print_done(method(dsfc.agreements, reference, body), as_json=as_json)

    sign.__doc__ = (
        f"{said} --as-role SIRO"
        "\n--hash sha256:0000000000000000000000000000000000000000000000000000000000000000"
    )
    app.command("sign")(sign)


_signs(
    agreements,
    Agreements.sign,
    "Sign the document with this hash, for a party; all have to sign the same one."
    "\n\nExample: dsfc agreements --as csu-0df-contact sign DARS-NIC-123456-A1B2C --party 0DF",
)
shows(
    agreements,
    "sign-many",
    Agreements.sign_together,
    example="dsfc agreements --as csu-0df-contact sign-many documents.json",
)
does(
    agreements,
    "fulfil",
    Agreements.fulfil_condition,
    example="dsfc agreements --as body-contracts fulfil DARS-NIC-123456-A1B2C privacy-notice"
    ' --evidence "Notice seen on 2 May 2018"',
)
does(
    agreements,
    "terminate",
    Agreements.terminate_agreement,
    example="dsfc agreements --as body-contracts terminate DARS-NIC-123456-A1B2C"
    ' --reason "The project ended."',
)
shows(
    agreements,
    "may-share",
    Agreements.may_share,
    words={"line": "Its number."},
    example="dsfc agreements --as csu-0df-analytics may-share DARS-NIC-123456-A1B2C 00L 1",
)
does(
    agreements,
    "log-share",
    Agreements.log_onward_share,
    example="dsfc agreements --as csu-0df-analytics log-share DARS-NIC-123456-A1B2C share.json",
)
lists(
    agreements,
    "shares",
    Agreements.onward_shares,
    {
        "id": "id",
        "to": "recipient",
        "line": "line",
        "on": "shared_on",
        "by": "ground",
        "breach": "breach_id",
    },
    example="dsfc agreements --as csu-0df-analytics shares DARS-NIC-123456-A1B2C",
)
shows(
    agreements,
    "find-places",
    Agreements.find_places,
    example="dsfc agreements --as body-auditor find-places DARS-NIC-123456-A1B2C places.json",
)

framework_contracts = group(
    "agreements",
    "Framework contracts: issued, signed by both, ended.",
    client="body-contracts",
    example="dsfc framework-contracts list",
)
lists(
    framework_contracts,
    "list",
    Agreements.contracts,
    {
        "reference": "reference",
        "organisation": "organisation",
        "state": "state",
        "from": "start",
        "to": "end",
    },
    whole=("reference",),
    example="dsfc framework-contracts list --organisation 02P",
)
shows(
    framework_contracts,
    "show",
    Agreements.framework_contract,
    example="dsfc framework-contracts show DSFC-02P-0001",
)
does(
    framework_contracts,
    "issue",
    Agreements.contract,
    example="dsfc framework-contracts issue contract.json --once 02p-2018",
)


_signs(
    framework_contracts,
    Agreements.sign_contract,
    "Sign the contract with this hash, for the organisation or for the Body."
    "\n\nExample: dsfc framework-contracts sign DSFC-02P-0001 --party X26",
)
does(
    framework_contracts,
    "terminate",
    Agreements.terminate_contract,
    example='dsfc framework-contracts terminate DSFC-02P-0001 --reason "It was replaced."',
)

instructions = group(
    "agreements",
    "The Body's internal instructions, signed by two roles in place of a contract.",
    client="body-contracts",
    example="dsfc instructions list",
)
lists(
    instructions,
    "list",
    Agreements.internal_instructions,
    {
        "id": "id",
        "reference": "reference",
        "agreement": "agreement",
        "from": "valid_from",
        "to": "valid_to",
        "has still to be signed by": "missing",
        "withdrawn": "withdrawn_at",
    },
    whole=("id", "reference", "agreement"),
    example="dsfc instructions list",
)


@instructions.command("record")
def record_instruction(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REFERENCE", help="Of the instruction.")],
    document: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="As it is signed.")
    ],
    agreement: Annotated[str, typer.Option(help="Of the Body alone: its reference.")],
    valid_from: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    valid_to: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day.")],
    as_json: AsJson = False,
) -> None:
    """Record an instruction by its document, of which the digest is kept; sign it by `sign`.

    Example: dsfc instructions record INT-2018-1 instruction.pdf --agreement DARS-NIC-123456-A1B2C
    --from 2018-04-01 --to 2019-03-31
    """
    body = {
        "reference": reference,
        "agreement": agreement,
        "document_digest": digest(document.read_bytes()),
        "valid_from": valid_from,
        "valid_to": valid_to,
    }
    with caller_of(context).connected() as dsfc:
        print_done(dsfc.agreements.record_internal_instruction(body), as_json=as_json)


does(
    instructions,
    "sign",
    Agreements.sign_internal_instruction,
    example="dsfc instructions --as body-approver sign ID",
)
does(
    instructions,
    "withdraw",
    Agreements.withdraw_internal_instruction,
    example='dsfc instructions withdraw ID --reason "It was replaced."',
)
