"""`dsfc breaches` and `holds`: told of, judged, closed; and what keeps lines shut."""

from dsfc_cli.shell.methods import does, group, lists, shows
from dsfc_client import Agreements

breaches = group(
    "agreements",
    "Breaches: reported by anybody, established, judged and closed by a breach handler.",
    example="dsfc breaches --as body-breach-1 list",
)
lists(
    breaches,
    "list",
    Agreements.breaches,
    {
        "id": "id",
        "reference": "reference",
        "agreement": "agreement",
        "state": "state",
        "finding": "finding",
        "holds": lambda one: sum(hold["lifted_at"] is None for hold in one["holds"]),
    },
    whole=("id", "reference"),
    example="dsfc breaches --as body-breach-1 list",
)
shows(
    breaches,
    "show",
    Agreements.breach,
    example="dsfc breaches --as body-breach-1 show ID",
)
does(
    breaches,
    "report",
    Agreements.report_breach,
    example="dsfc breaches --as csu-0df-contact report breach.json",
)
does(
    breaches,
    "receipt",
    Agreements.issue_receipt,
    example="dsfc breaches --as body-breach-1 receipt ID",
)
does(
    breaches,
    "facts",
    Agreements.establish_facts,
    example="dsfc breaches --as body-breach-1 facts ID facts.json",
)
shows(
    breaches,
    "preview",
    Agreements.preview_finding,
    example="dsfc breaches --as body-breach-1 preview ID",
)
does(
    breaches,
    "judge",
    Agreements.judge_breach,
    example="dsfc breaches --as body-breach-1 judge ID finding.json",
)
does(
    breaches,
    "close",
    Agreements.close_breach,
    example="dsfc breaches --as body-breach-1 close ID closure.json",
)

holds = group(
    "agreements",
    "Holds: what shuts an agreement or some of its lines at once, until two people lift it.",
    client="body-breach-1",
    example="dsfc holds preview DARS-NIC-123456-A1B2C",
)
shows(
    holds,
    "preview",
    Agreements.preview_hold,
    example="dsfc holds preview DARS-NIC-123456-A1B2C --line 1 --line 2",
)
does(
    holds,
    "set",
    Agreements.set_hold,
    example='dsfc holds set DARS-NIC-123456-A1B2C --line 1 --reason "A file went astray."',
)
does(
    holds,
    "lift",
    Agreements.approve_lift,
    example='dsfc holds --as body-approver lift ID --reason "Nothing of it left the network."',
)
