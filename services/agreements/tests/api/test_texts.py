"""Texts that people write to agreements are taken without personal data only (issue A6)."""

import json

import pytest
from sqlalchemy import text

from common.security.roles import Role
from services.agreements.tests.facts import CCG, REFERENCE

NUMBER = "999 000 0018"
TEXT = f"A letter about {NUMBER} was sent."
REPORT = {
    "activity_stopped": "yes",
    "agreement": REFERENCE,
    "description": "A report was sent to the wrong office.",
    "discovered_at": "2018-05-31T10:00:00Z",
}
ICO = {
    "organisation": CCG,
    "number": "Z1234567",
    "name": "NHS Barnsley CCG",
    "valid_from": "2018-04-01",
    "valid_to": "2019-03-31",
}
ASKED = {
    "commissioner": CCG,
    "dscro": "yorkshire",
    "service": "commissioning",
    "effective_from": "2018-04-01",
}
COMMANDS = [
    ("/v1/breaches", Role.PROCESSOR_CONTACT, REPORT | {"description": TEXT}, "description"),
    ("/v1/breaches", Role.PROCESSOR_CONTACT, REPORT | {"dspt_incident": TEXT}, "dspt_incident"),
    (f"/v1/agreements/{REFERENCE}/holds", Role.BREACH_HANDLER, {"reason": TEXT}, "reason"),
    (f"/v1/agreements/{REFERENCE}/termination", Role.CONTRACT_MANAGER, {"reason": TEXT}, "reason"),
    (
        f"/v1/agreements/{REFERENCE}/signatures",
        Role.CONTROLLER_SIGNATORY,
        {"party": CCG, "document_hash": "sha256:" + "0" * 64, "name_of_role": TEXT},
        "name_of_role",
    ),
    (
        f"/v1/agreements/{REFERENCE}/conditions/c1/fulfilment",
        Role.CONTRACT_MANAGER,
        {"evidence": TEXT},
        "evidence",
    ),
    (
        "/v1/contracts",
        Role.CONTRACT_MANAGER,
        {"organisation": CCG, "legal_name": TEXT, "start": "2018-04-01"},
        "legal_name",
    ),
    (
        "/v1/transfer-instruments",
        Role.CONTRACT_MANAGER,
        {
            "predecessor": CCG,
            "successor": "QF7",
            "effective_from": "2022-07-01",
            "evidence": "Of somebody born on 31 January 1970",
        },
        "evidence",
    ),
    ("/v1/ico-registrations", Role.REFERENCE_DATA_MANAGER, ICO | {"name": TEXT}, "name"),
    (
        "/v1/section-251-approvals",
        Role.REFERENCE_DATA_MANAGER,
        {
            "reference": f"CAG {NUMBER}",
            "purposes": ["IV"],
            "valid_from": "2018-01-01",
            "valid_to": "2019-01-01",
        },
        "reference",
    ),
    (
        "/v1/relationships",
        Role.CSU_ADVISER,
        ASKED | {"service": "care-of-9990000018"},
        "service",
    ),
    (
        "/v1/relationships",
        Role.CSU_ADVISER,
        ASKED | {"service_contract_reference": NUMBER},
        "service_contract_reference",
    ),
]


@pytest.mark.parametrize(
    ("path", "role", "body", "name"), COMMANDS, ids=[f"{c[0]}:{c[3]}" for c in COMMANDS]
)
def test_a_text_with_personal_data_changes_nothing_and_is_not_repeated(
    seeded, caplog, path, role, body, name
):
    before = seeded.audited()

    answer = seeded.post(path, role, body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "PERSONAL_DATA_IN_TEXT"
    assert [e["pointer"] for e in answer.json()["errors"]] == [f"#/body/{name}"]
    for said in (answer.text, caplog.text):
        assert NUMBER not in said
        assert "9990000018" not in said
        assert "1970" not in said
    assert seeded.audited() == before


def test_a_question_for_access_carries_no_number_into_the_log(seeded):
    question = {
        "subject": {"type": "client", "id": "csu-0df"},
        "action": {"name": "request"},
        "resource": {
            "type": "agreement",
            "id": REFERENCE,
            "properties": {
                "purpose": "COM",
                "data_set": "A9990000018",
                "classification": "PSEUDO_ANONYMISED",
                "periods": ["2018-04"],
                "fields": ["NHS_9990000018"],
            },
        },
        "context": {"extract_id": "9990000018", "dry_run": True},
    }

    answer = seeded.post("/access/v1/evaluation", Role.CSU_SYSTEM, question, who="csu-0df")

    assert answer.json()["code"] == "PERSONAL_DATA_IN_TEXT"
    kinds = [e["kind"] for e in answer.json()["errors"]]
    assert kinds.count("personal_data") == 3
    assert "9990000018" not in answer.text
    with seeded.parts.engine.connect() as connection:
        logged = connection.execute(text("SELECT entry FROM audit_leaf")).scalars()
        assert not any("9990000018" in json.dumps(str(entry)) for entry in logged)
