"""What is wrong with what is sent: each its code, every bad row named, and nothing half-done.

What has its test elsewhere is not tried again here: a certificate for another's files
(`test_destruction`), signatures (`test_agreements`, `test_desk`), two people at once
(`test_rivals`), transfers in a circle (`test_sharing`), every part of a workbook
(`libs/common/tests/test_workbooks.py`).
"""

import csv
import io
import re
import zipfile
from datetime import date

import pytest

from common.security.roles import Role
from common.web.workbooks import UNPACKED_MAX
from dsfc_testing.workbooks import made
from services.agreements.tests.api.test_environment_registers import imported as register
from services.agreements.tests.api.test_issuing import template
from services.agreements.tests.api.test_oversight import PLAN, REPORT
from services.agreements.tests.api.test_published_lists import HEADER as RELATIONSHIPS
from services.agreements.tests.api.test_published_lists import row
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, OTHER_CSU, REFERENCE

MANAGER, RECORDER = Role.CONTRACT_MANAGER, Role.REFERENCE_DATA_MANAGER
EDITIONS = "/v1/relationships/imports"


def code(answer):
    return answer.status_code, answer.json().get("code")


def bad_rows(answer):
    return [(one["line"], one["column"]) for one in answer.json()["errors"]]


# Files


def sheet(rows):
    """A workbook of which the sheet was written by hand."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(made([["a"]]))) as old, zipfile.ZipFile(sink, "w") as new:
        for part in old.namelist():
            content = old.read(part)
            if part == "xl/worksheets/sheet1.xml":
                content = re.sub(
                    rb"<sheetData>.*</sheetData>", b"<sheetData>" + rows + b"</sheetData>", content
                )
            new.writestr(part, content, compress_type=zipfile.ZIP_DEFLATED)
    return sink.getvalue()


def with_part(name, content):
    sink = io.BytesIO(made([["a"]]))
    with zipfile.ZipFile(sink, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr(name, content)
    return sink.getvalue()


def with_entity():
    """Of which one text is what a file of the machine says."""
    declared = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><worksheet '
    book = sheet(b'<row r="1"><c r="A1" t="inlineStr"><is><t>&x;</t></is></c></row>')
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(sink, "w") as new:
        for part in old.namelist():
            new.writestr(part, old.read(part).replace(b"<worksheet ", declared))
    return sink.getvalue()


@pytest.fixture(scope="module")
def hostile():
    """None of them has more than a hundred thousand bytes."""
    found = _hostile()
    assert all(len(content) < 100_000 for files in found.values() for content in files)
    return found


def _hostile():
    return {
        "WORKBOOK_HAS_FORMULAS": [made([["a", "=1+1"]]), made([["=HYPERLINK(A1)"]])],
        "WORKBOOK_HAS_MACROS": [with_part("xl/vbaProject.bin", b"x")],
        "WORKBOOK_CELL_TYPE": [
            *(made([["a"], [1.5]]), made([["a"], [True]])),
            made([["organisation"], [2]]),  # of 002 the noughts are lost
        ],
        "WORKBOOK_HIDES_CELLS": [
            made([["a", "b"], ["x", "y"]], hidden_rows=[2]),
            made([["a", "b"], ["x", "y"]], hidden_columns=["B"]),
            made([["a", "b"], ["x", "y"], ["z"]], merged=["B2:B3"]),
        ],
        "WORKBOOK_TOO_LARGE": [
            sheet(b"<row/>" * 1_000_000),
            sheet(b'<row r="1">' + b"<c/>" * 1_000_001 + b"</row>"),
            with_part("xl/media/a.png", bytes(UNPACKED_MAX)),
        ],
        "WORKBOOK_UNREADABLE": [
            *(b"PK\x03\x04" + bytes(500), with_entity()),
            made([["a"]], hidden_sheets=1),
        ],
    }


SHEETS = {
    "/v1/relationships/imports": (RECORDER, {}),
    "/v1/environment-registers/{kind}/imports": (RECORDER, {"listed_on": "2018-05-01"}),
    "/v1/agreement-templates/{name}/issues": (MANAGER, {"number": 1}),
}


def test_each_route_that_takes_workbooks_is_tried(service):
    """A route that takes one more is put among them, or this fails."""
    paths = service.client.app.openapi()["paths"]
    taking = {
        path
        for path, item in paths.items()
        if "(XLSX)" in str(item.get("post", {}).get("requestBody", {}))
    }

    assert taking == set(SHEETS)


@pytest.mark.parametrize("path", SHEETS)
def test_a_spreadsheet_that_is_a_trap_is_refused_by_its_code_and_changes_nothing(
    seeded, hostile, path
):
    role, params = SHEETS[path]
    before = seeded.audited()
    place = path.format(kind="ceff", name="any")

    for expected, files in hostile.items():
        for content in files:
            assert code(seeded.upload(place, content, role, **params)) == (422, expected)

    assert seeded.audited() == before


DAY_FOR_A_CODE = date(2018, 3, 1)
"""What a spreadsheet makes of MAR1, a code."""
ROWS = {
    "/v1/relationships/imports": RELATIONSHIPS + row("LCR-1"),
    "/v1/environment-registers/{kind}/imports": (
        f"organisation,hosted_for,valid_from,valid_to\n{CSU},,2014-04-01,\n"
    ),
    "/v1/agreement-templates/{name}/issues": (
        "controller,title,start,end,reference\n02P,Care,2018-07-01,2019-03-31,\n"
    ),
}
CODES = {
    "/v1/relationships/imports": "commissioner_ods",
    "/v1/environment-registers/{kind}/imports": "organisation",
    "/v1/agreement-templates/{name}/issues": "controller",
}


@pytest.mark.parametrize("path", SHEETS)
def test_what_a_spreadsheet_made_of_a_code_or_a_day_is_a_bad_row_and_changes_nothing(seeded, path):
    """A code that became a day, one without its noughts, a day as text of this country."""
    role, params = SHEETS[path]
    seeded.active()
    assert template(seeded).is_success
    before = seeded.audited()
    header, cells = csv.reader(io.StringIO(ROWS[path]))
    at = header.index(CODES[path])
    day = next(n for n, cell in enumerate(cells) if re.fullmatch(r"[0-9-]{10}", cell))

    for column, value in ((at, DAY_FOR_A_CODE), (at, "2P"), (day, "01/04/2018"), (day, "1 Apr 18")):
        changed = [value if n == column else cell for n, cell in enumerate(cells)]
        content = made([header, changed])
        answer = seeded.upload(
            path.format(kind="ceff", name="ccg-commissioning"), content, role, **params
        )
        assert answer.status_code == 422, (value, answer.text)
        assert (2, header[column]) in bad_rows(answer) or (2, "") in bad_rows(answer), answer.text
    assert seeded.audited() == before


def test_all_bad_rows_of_an_edition_are_named_those_that_contradict_too(seeded):
    before = seeded.audited()
    rows = [
        row("LCR-1"),
        row("LCR-2", dscro="south"),
        row("N/A"),
        row("LCR-3", commissioner="ZZZ"),
        row("LCR-4", since="2018-04-31"),
        row("LCR-4", commissioner=OTHER_CCG),
        row("LCR-6", commissioner=OTHER_CCG, since="2010-04-01"),
    ]

    answer = seeded.upload(EDITIONS, RELATIONSHIPS + "".join(rows), RECORDER)

    assert code(answer) == (422, "IMPORT_CONTRADICTS")
    assert bad_rows(answer) == [
        (2, "dscro_ods"),
        (3, "dscro_ods"),
        (4, "lcr_ref"),
        (5, ""),
        (6, "effective_from"),
        (8, ""),
    ]
    assert seeded.audited() == before


def test_all_bad_rows_of_a_register_are_named_those_that_overlap_too(seeded):
    before = seeded.audited()
    wrong = (
        f"{CSU},,2013-11-22,2020-01-01\n{CSU},,2014-01-01,2015-01-01\n{CSU},,2019-01-01,\n"
        f"ZZZ,,2014-01-01,\n{OTHER_CSU},,2018-01-01,2017-01-01\n{OTHER_CCG},,2013-04-01,\n"
    )

    answer = register(seeded, wrong)

    assert code(answer) == (422, "IMPORT_CONTRADICTS")
    assert bad_rows(answer) == [
        (2, "valid_from"),
        (3, "valid_from"),
        (4, "valid_from"),
        (5, "organisation"),
        (6, "valid_to"),
    ]
    assert seeded.audited() == before


def test_thousands_of_rows_of_one_commissioner_are_held_against_one_another_in_order(seeded):
    """Each against each would be eight million pairs, and all of them would be told."""
    rows = [row(f"LCR-{n:05d}", dscro=("yorkshire", "south")[n % 2]) for n in range(4_000)]

    answer = seeded.upload(EDITIONS, RELATIONSHIPS + "".join(rows), RECORDER)

    assert code(answer) == (422, "IMPORT_CONTRADICTS")
    assert answer.json()["errors_total"] == 4_000


# Dates


RELATIONSHIP = {
    "commissioner": CCG,
    "dscro": "yorkshire",
    "csu": CSU,
    "service": "commissioning",
    "effective_from": "2018-04-01",
    "service_contract_reference": "SC-1",
    "contract_signed_on": "2013-01-10",
}
CONTRACT = {"organisation": CCG, "legal_name": "NHS Barnsley CCG", "start": "2018-04-01"}
APPROVAL = {
    "reference": "CAG 7-07(a)/2013",
    "purposes": ["IV"],
    "controllers": [CCG],
    "valid_from": "2013-11-22",
    "valid_to": "2025-09-30",
}


@pytest.mark.parametrize(
    ("path", "role", "body", "changes"),
    [
        ("/v1/contracts", MANAGER, CONTRACT, {"start": "2013-03-31"}),
        ("/v1/contracts", MANAGER, CONTRACT, {"start": "2022-07-01"}),
        ("/v1/relationships", MANAGER, RELATIONSHIP, {"effective_from": "2013-03-31"}),
        ("/v1/relationships", MANAGER, RELATIONSHIP, {"processors": ["ZZZ"]}),
        ("/v1/section-251-approvals", RECORDER, APPROVAL, {"controllers": [CCG, "ZZZ"]}),
        (
            "/v1/section-251-approvals",
            RECORDER,
            APPROVAL,
            {"controllers": ["QF7"], "valid_to": "2022-06-30"},
        ),
    ],
)
def test_a_code_that_did_not_exist_on_that_date_is_refused(seeded, path, role, body, changes):
    before = seeded.audited()

    refused = seeded.post(path, role, body | changes)

    assert code(refused) in {(422, "ORGANISATION_UNKNOWN"), (422, "NOT_A_LEGAL_ENTITY")}
    assert seeded.audited() == before
    assert seeded.post(path, role, body).status_code == 201


def test_overlapping_dates_are_refused_where_one_may_hold_at_a_time(seeded):
    seeded.contract()
    again = seeded.contract(signed=False)
    first = seeded.sign("contracts", again, Role.CONTROLLER_SIGNATORY, CCG)
    before = seeded.audited()

    second = seeded.sign("contracts", again, Role.DARS_APPROVER, "X26")

    assert first.status_code == 200
    assert code(second) == (409, "CONTRACT_OVERLAPS")
    assert seeded.audited() == before


RIGHT = {
    "submitter": CSU,
    "provider": CCG,
    "valid_from": "2018-04-01",
    "valid_to": None,
    "evidence": "Hosting",
}
EVIDENCE = {
    "kind": "DSPT",
    "organisation": CSU,
    "published_on": "2018-04-01",
    "reference": "17/18",
    "seen_on": "2018-05-01",
    "status": "STANDARDS_MET",
}
ICO = {
    "organisation": CCG,
    "number": "Z1234567",
    "name": "NHS Barnsley CCG",
    "valid_from": "2018-01-01",
    "valid_to": "2018-12-31",
}
STAFF = {
    "subject": "somebody",
    "organisation": "X26",
    "kind": "training",
    "reference": "DATA-SECURITY-AWARENESS",
    "valid_from": "2018-05-01",
    "valid_to": "2019-04-30",
}
TRANSFER = {
    "predecessor": CCG,
    "successor": "QF7",
    "effective_from": "2022-07-01",
    "evidence": "Order",
}
AREA = RELATIONSHIP | {"area_team": "X26", "processors": [OTHER_CSU]}
ASKED = {
    "/v1/assurance": (RECORDER, EVIDENCE, ["organisation"]),
    "/v1/audits": (MANAGER, PLAN, ["organisation"]),
    "/v1/audits/{audit_id}/report": (Role.AUDITOR, REPORT, ["actions[].owner"]),
    "/v1/contracts": (MANAGER, CONTRACT, ["organisation"]),
    "/v1/ico-registrations": (RECORDER, ICO, ["organisation"]),
    "/v1/recipient-environments": (
        MANAGER,
        {"organisation": CSU, "kind": "analytics", "clients": ["a-client"]},
        ["organisation"],
    ),
    "/v1/relationships": (MANAGER, AREA, ["commissioner", "csu", "area_team", "processors[]"]),
    "/v1/section-251-approvals": (RECORDER, APPROVAL, ["controllers[]"]),
    "/v1/section-251-approvals/{approval_id}/conditions": (
        RECORDER,
        {"purposes": ["IV"], "controllers": [CCG], "reason": "Letter of the CAG."},
        ["controllers[]"],
    ),
    "/v1/staff-records": (Role.INFORMATION_GOVERNANCE, STAFF, ["organisation"]),
    "/v1/submission-rights": (RECORDER, RIGHT, ["submitter", "provider"]),
    "/v1/transfer-instruments": (MANAGER, TRANSFER, ["predecessor", "successor"]),
}
"""Bodies that name organisations by their codes, which the dated lists are asked for."""
NOT_ASKED = {
    ("/v1/agreement-signatures", "party"): "a party of each document, or refused",
    ("/v1/agreements/{reference}/signatures", "party"): "a party of the document, or refused",
    ("/v1/contracts/{reference}/signatures", "party"): "a party of the contract, or refused",
    ("/v1/agreements-in-force", "agreements[].signatures[].party"): "a party of the snapshot",
    ("/v1/relationships/{relationship_id}/consents", "organisation"): "one that it involves",
    ("/v1/agreements/{reference}/onward-shares", "recipient"): "a fact: a breach, whoever it is",
    ("/v1/agreements/{reference}/place-findings", "places[].operator"): "a fact, as above",
}
ODS = "^[A-Z0-9]{3,9}$"


def naming(openapi):
    """Each member of a body that is a code of an organisation, by its path."""

    def members(schema, at):
        if "$ref" in schema:
            schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        if schema.get("pattern") == ODS:
            yield at
        for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from members(one, at)
        if "items" in schema:
            yield from members(schema["items"], f"{at}[]")
        for name, member in schema.get("properties", {}).items():
            yield from members(member, f"{at}.{name}" if at else name)

    for path, item in openapi["paths"].items():
        for operation in item.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None and path.startswith("/v1/"):
                yield from ((path, at) for at in members(body["schema"], ""))


def test_each_member_that_names_an_organisation_is_tried_or_said_why_not(service):
    asked = {(path, member) for path, (_, _, names) in ASKED.items() for member in names}

    assert {*naming(service.client.app.openapi())} == asked | {*NOT_ASKED}


def with_another(body, member, code_):
    """The body with one of its codes in another's place."""
    name, _, rest = member.partition(".")
    if name.endswith("[]"):
        of_it = [with_another(one, rest, code_) if rest else code_ for one in body[name[:-2]]]
        return body | {name[:-2]: of_it}
    return body | {name: code_}


@pytest.mark.parametrize(
    ("path", "member"), [(path, name) for path, (*_, names) in ASKED.items() for name in names]
)
def test_a_code_that_no_list_has_is_refused_wherever_one_is_named(seeded, path, member):
    role, body, _ = ASKED[path]
    if "{audit_id}" in path:
        planned = seeded.post("/v1/audits", MANAGER, PLAN).json()
        path = path.format(audit_id=planned["id"])
    if "{approval_id}" in path:
        given = seeded.post("/v1/section-251-approvals", RECORDER, APPROVAL).json()
        path = path.format(approval_id=given["id"])
    before = seeded.audited()

    refused = seeded.post(path, role, with_another(body, member, "ZZZ9"), who="somebody-else")

    assert code(refused) == (422, "ORGANISATION_UNKNOWN"), refused.text
    assert "ZZZ9" in refused.text
    assert seeded.audited() == before
    taken = seeded.post(path, role, body, who="somebody-else")
    assert taken.is_success, taken.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"data_set": "CSDX"}, "data_set"),
        ({"period": "2017-09", "published_on": "2018-01-11"}, "period"),
        ({"data_set": "CYPHS", "period": "2017-10"}, "period"),
        ({"period": "2017-08/2018-01"}, "period"),
    ],
)
def test_nothing_is_published_that_the_catalogue_does_not_have(seeded, changes, field):
    body = {"data_set": "CSDS", "period": "2018-04", "published_on": "2018-07-19"} | changes
    before = seeded.audited()
    listed = ("CSDS,2017-10,2018-01-11", ",".join(body.values()))

    refused = seeded.post("/v1/publications", Role.REGISTER_PUBLISHER, body)
    assert (code(refused), refused.json()["field"]) == ((422, "PUBLICATION_UNKNOWN"), field)
    assert seeded.audited() == before
    taken = seeded.upload(
        "/v1/publications/imports",
        "\n".join(("data_set,period,published_on", *listed)),
        Role.REGISTER_PUBLISHER,
    )

    assert code(taken) == (422, "IMPORT_REFUSED")
    assert [(one["line"], one["column"]) for one in taken.json()["errors"]] == [(3, field)]
    assert seeded.audited() == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"period": "2018-13"}, "period is not"),
        ({"period": "2018-04/2018-01"}, "period is not"),
        ({"published_on": "2018-04-30"}, "before the period was over"),
        ({"period": "2018-01/2018-06", "published_on": "2018-06-30"}, "before the period"),
    ],
)
def test_nothing_is_published_before_its_period_is_over(seeded, changes, said):
    """A year too early by a slip of the finger would open the gate."""
    body = {"data_set": "CSDS", "period": "2018-04", "published_on": "2018-07-19"}
    before = seeded.audited()

    refused = seeded.post("/v1/publications", Role.REGISTER_PUBLISHER, body | changes)

    assert code(refused) == (422, "INVALID_REQUEST")
    assert said in refused.json()["errors"][0]["detail"]
    assert seeded.audited() == before


def test_nobody_has_seen_what_is_still_to_come(seeded):
    evidence = {
        "kind": "DSPT",
        "organisation": CSU,
        "published_on": "2018-06-02",
        "reference": "18/19",
        "seen_on": "2018-06-02",
        "status": "STANDARDS_MET",
    }
    listed = (
        "Code,Organisation Name,Status,Date Of Publication,Primary Sector\n"
        f"{CSU},A CSU,18/19 Standards Met,02/06/2018,CSU\n"
    )
    before = seeded.audited()

    recorded = seeded.post("/v1/assurance", RECORDER, evidence)
    taken = seeded.upload(
        "/v1/assurance/imports", listed, RECORDER, layout="dspt_csu", snapshot_on="2018-06-02"
    )

    assert code(recorded) == (422, "EVIDENCE_IN_FUTURE")
    assert code(taken) == (422, "IMPORT_REFUSED")
    assert seeded.audited() == before
    seeded.clock.advance(86_400)
    assert seeded.post("/v1/assurance", RECORDER, evidence).status_code == 201


def test_a_breach_has_not_stopped_by_an_instant_that_is_still_to_come(seeded):
    """Else whoever says that it stops next year keeps their lines open until then."""
    seeded.active()
    report = {
        "activity_stopped": "yes",
        "agreement": REFERENCE,
        "lines": [1],
        "description": "A report went to a mailbox that is not named.",
        "discovered_at": "2018-06-01T08:00:00Z",
    }
    before = seeded.audited()

    for field in ("discovered_at", "activity_stopped_at", "ico_notified_at"):
        ahead = seeded.post(
            "/v1/breaches", Role.CSU_ADVISER, report | {field: "2018-06-01T09:06:00Z"}
        )
        assert code(ahead) == (422, "BREACH_DATES")
        assert ahead.json()["fields"] == [field]
    assert seeded.audited() == before
    by_a_clock_that_is_ahead = report | {"activity_stopped_at": "2018-06-01T09:04:00Z"}
    told = seeded.post("/v1/breaches", Role.CSU_ADVISER, by_a_clock_that_is_ahead)
    assert told.status_code == 201


def test_nothing_goes_on_to_who_passes_it_on(seeded):
    seeded.active()
    before = seeded.audited()

    refused = seeded.post(
        f"/v1/agreements/{REFERENCE}/onward-shares",
        Role.CSU_ADVISER,
        {"recipient": CSU, "line": 1, "shared_on": "2018-06-01", "activity_stopped": "yes"},
    )

    assert code(refused) == (422, "SHARED_WITH_ONESELF")
    assert seeded.audited() == before
