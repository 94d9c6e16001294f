"""`dsfc relationships`, `environments` and `successions`: who supports whom, where data land."""

from dsfc_cli.shell.methods import does, group, lists, shows
from dsfc_client import Agreements

relationships = group(
    "agreements",
    "Legitimate relationships: asked for, consented to by each party, activated, ended.",
    example="dsfc relationships --as body-contracts list",
)
lists(
    relationships,
    "list",
    Agreements.relationships,
    {
        "id": "id",
        "reference": "reference",
        "state": "state",
        "commissioner": "commissioner",
        "CSU": "csu",
        "DSCRO": "dscro",
        "from": "effective_from",
        "to": "effective_to",
        "has still to consent": "consents_missing",
    },
    whole=("id", "reference"),
    example="dsfc relationships --as body-contracts list",
)
shows(
    relationships,
    "show",
    Agreements.relationship,
    example="dsfc relationships --as body-contracts show ID",
)
does(
    relationships,
    "request",
    Agreements.request_relationship,
    example="dsfc relationships --as ccg-02p-applicant request relationship.json",
)
does(
    relationships,
    "consent",
    Agreements.consent,
    example="dsfc relationships --as ccg-02p-signatory --role controller-signatory consent ID 02P",
)
does(
    relationships,
    "verify-contract",
    Agreements.verify_service_contract,
    example="dsfc relationships --as body-contracts verify-contract ID"
    " --service-contract SC-2018-17 --signed-on 2018-03-01",
)
does(
    relationships,
    "agree",
    Agreements.agree_for_dscro,
    example="dsfc relationships --as dscro-approver agree ID",
)
does(
    relationships,
    "activate",
    Agreements.activate_relationship,
    example="dsfc relationships --as body-contracts activate ID",
)
does(
    relationships,
    "refuse",
    Agreements.refuse_relationship,
    example="dsfc relationships --as body-contracts refuse ID",
)
does(
    relationships,
    "withdraw",
    Agreements.withdraw_relationship,
    example="dsfc relationships --as ccg-02p-applicant withdraw ID",
)
does(
    relationships,
    "end",
    Agreements.end_relationship,
    example="dsfc relationships --as body-contracts end ID --last-day 2018-06-30",
)
does(
    relationships,
    "import",
    Agreements.import_relationships,
    example="dsfc relationships --as body-reference-data import relationships.csv",
)
does(
    relationships,
    "publish",
    Agreements.publish_relationships,
    example="dsfc relationships --as body-register publish --once july",
)

environments = group(
    "agreements",
    "Recipient environments: where lines of agreements land, and which clients act for them.",
    client="body-contracts",
    example="dsfc environments list",
)
lists(
    environments,
    "list",
    Agreements.recipient_environments,
    {"id": "id", "organisation": "organisation", "kind": "kind", "clients": "clients"},
    example="dsfc environments list",
)
does(
    environments,
    "add",
    Agreements.add_environment,
    words={"kind": "analytics, ceff, risk_stratification ...; /docs names all."},
    example="dsfc environments add 0DF analytics csu-0df-analytics",
)
does(
    environments,
    "add-clients",
    Agreements.add_environment_clients,
    example="dsfc environments add-clients ID csu-0df-analytics",
)
does(
    environments,
    "remove-client",
    Agreements.remove_environment_client,
    words={"client_id": "As tokens name it."},
    example="dsfc environments remove-client ID csu-0df-analytics",
)

successions = group(
    "agreements",
    "Transfer instruments: what a predecessor's standing passes to its successor, and when.",
    client="body-contracts",
    example="dsfc successions list",
)
lists(
    successions,
    "list",
    Agreements.transfers,
    {
        "id": "id",
        "from": "predecessor",
        "to": "successor",
        "first day": "effective_from",
        "withdrawn": "withdrawn_at",
    },
    example="dsfc successions list",
)
shows(
    successions,
    "preview",
    Agreements.preview_transfer,
    example="dsfc successions preview 02P 02Q --effective-from 2021-04-01",
)
does(
    successions,
    "record",
    Agreements.record_transfer,
    example="dsfc successions record instrument.json --once 02p-02q",
)
does(
    successions,
    "withdraw",
    Agreements.withdraw_transfer,
    example='dsfc successions withdraw ID --reason "It was put off."',
)
