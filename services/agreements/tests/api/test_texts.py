"""Texts that people write to agreements are taken without personal data only (docs/adr/0028)."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from agreements.db.seals.audit import wrong
from agreements.db.seals.sealed import SEALED
from agreements.db.written import MENDABLE
from agreements.main import SERVICE
from agreements.records.use_cases import agreements
from common.db.tables import table_of
from common.security.roles import Role
from common.service import cli as service_cli
from common.texts import WITHHELD
from dsfc_testing.said import without_ids
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
        assert "1970" not in without_ids(said)
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


# What is there already


def test_the_registers_withhold_what_came_before_it_was_scanned(seeded):
    contract = seeded.contract()
    relationship = seeded.relationship()
    with seeded.parts.engine.begin() as connection:
        connection.execute(text("UPDATE contract SET legal_name = :n"), {"n": f"CCG {NUMBER}"})
        connection.execute(text("UPDATE organisation SET name = :n"), {"n": f"CCG {NUMBER}"})
    for who, role in ((CCG, Role.CONTROLLER_SIGNATORY), ("0DF", Role.PROCESSOR_CONTACT)):
        body = {"organisation": who, "given": True}
        path = f"/v1/relationships/{relationship['id']}/consents"
        assert seeded.post(path, role, body, ods=who).status_code in {200, 201}
    published = seeded.post("/v1/registers/relationships/editions", Role.REGISTER_PUBLISHER)

    contracts = seeded.client.get("/v1/registers/contracts")
    editions = seeded.client.get("/v1/registers/relationships")
    sheets = [
        seeded.client.get(f"/v1/registers/{name}", params={"format": "csv"})
        for name in ("contracts", "relationships")
    ]

    assert published.status_code == 201
    assert contracts.json()["items"][0]["con_ref"] == contract["reference"]
    assert contracts.json()["items"][0]["legal_entity"] == WITHHELD
    assert editions.json()["items"][0]["commissioner_name"] == WITHHELD
    for answer in (published, contracts, editions, *sheets):
        assert NUMBER not in answer.text
        assert WITHHELD in answer.text


def test_a_list_of_organisations_with_a_name_that_tells_of_a_person_is_not_taken(seeded):
    listed = (
        "ods,name,kind,legal_entity,parent,valid_from,valid_to\n"
        f"8AB12,Dr A of {NUMBER},SUPPLIER,,,2018-01-01,\n"
        "8AB13,Acme Limited,SUPPLIER,,,2018-01-01,\n"
    )

    answer = seeded.upload(
        "/v1/organisations/imports", listed, Role.REFERENCE_DATA_MANAGER, layout="dsfc"
    )

    assert answer.status_code == 422, answer.text
    assert NUMBER not in answer.text
    assert [(e["line"], e["column"]) for e in answer.json()["errors"]] == [(2, "name")]
    for code in ("8AB12", "8AB13"):
        assert seeded.get(f"/v1/organisations/{code}", Role.CSU_SYSTEM).status_code == 404


def scan_texts(seeded, monkeypatch):
    monkeypatch.setattr(service_cli, "configure", lambda _settings: None)
    command = service_cli.commands(replace(SERVICE, settings=lambda: seeded.parts.settings))
    return CliRunner().invoke(command, ["scan-texts"])


def test_the_command_lists_places_and_no_values(seeded, monkeypatch):
    seeded.contract()
    with seeded.parts.engine.begin() as connection:
        connection.execute(text("UPDATE contract SET legal_name = :n"), {"n": f"CCG {NUMBER}"})
        connection.execute(
            text('UPDATE audit_leaf SET entry = :e WHERE "index" = 0'),
            {"e": json.dumps({"detail": {"reason": TEXT}})},
        )
    found = scan_texts(seeded, monkeypatch)

    assert found.exit_code == 1
    assert NUMBER not in found.output
    lines = found.output.splitlines()
    assert any(
        line.startswith("contract ") and line.endswith("legal_name: nhs_number, characters 5 to 16")
        for line in lines
    )
    assert any("audit_leaf 0 entry/detail/reason: nhs_number" in line for line in lines)
    assert lines[-1] == "4 places with personal data."  # three rows of one contract, and a leaf


def mend_texts(seeded, monkeypatch, *words, new):
    monkeypatch.setattr(service_cli, "configure", lambda _settings: None)
    settings = seeded.parts.settings
    parts = lambda _settings: replace(seeded.parts)  # noqa: E731 - closed by the command
    command = service_cli.commands(replace(SERVICE, settings=lambda: settings, parts=parts))
    options = ("--reason", "Found by scan-texts.", "--by", "operator-7")
    return CliRunner().invoke(command, ["mend-texts", *words, *options], input=new)


def test_a_text_that_nobody_signed_is_mended_and_its_seal_holds(seeded, monkeypatch):
    """As it may have been stored before texts were looked through; terminated, and so frozen."""
    seeded.active()
    ctx = seeded.parts.context(Role.BREACH_HANDLER)
    agreements.terminate(REFERENCE, reason=TEXT, ctx=ctx)
    lines = scan_texts(seeded, monkeypatch).output.splitlines()
    table, row, place = next(li for li in lines if "termination_reason" in li).split(":")[0].split()

    refused = mend_texts(seeded, monkeypatch, table, row, place, new=TEXT)
    mended = mend_texts(seeded, monkeypatch, table, row, place, new="A letter was sent.")

    assert refused.exit_code == 1
    assert (mended.exit_code, NUMBER in mended.output) == (0, False)
    assert "0 places" in scan_texts(seeded, monkeypatch).output
    assert wrong(seeded.parts.engine, seeded.parts.signer.jwks()) == []
    assert seeded.audited()[-2:].count("text-mended") == 1
    state = seeded.get(f"/v1/agreements/{REFERENCE}", Role.AUDITOR).json()["state"]
    assert state == "TERMINATED"


@pytest.mark.parametrize(
    ("table", "place"),
    [("agreement_version", "document"), ("agreement_version", "title"), ("audit_leaf", "entry")],
)
def test_what_a_hash_or_signature_is_over_is_not_mended(seeded, monkeypatch, table, place):
    answer = mend_texts(seeded, monkeypatch, table, "1", place, new="A letter was sent.")

    assert answer.exit_code == 1
    assert "amendment" in answer.output


def test_every_text_that_can_be_mended_is_a_column_of_a_sealed_table():
    for name, columns in MENDABLE.items():
        (row,) = [row for row in SEALED if table_of(row).name == name]
        assert columns <= set(table_of(row).columns.keys())


def test_the_command_is_content_where_there_is_nothing(seeded, monkeypatch):
    seeded.contract()
    seeded.relationship()
    found = scan_texts(seeded, monkeypatch)

    assert (found.exit_code, found.output) == (0, "0 places with personal data.\n")
