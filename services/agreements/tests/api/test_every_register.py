"""Every public register is what a public register has to be (domain.md 5.3, 9).

Which there are is read from the routes: one that is added gets its line here, or a test fails.
"""

import csv
import io
import zipfile
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import text

from common.ids import digest_of
from common.security.keys import REGISTER_STATEMENT, SignedVerifier
from common.security.roles import Role
from services.agreements.tests.api.test_oversight import PLAN, REPORT
from services.agreements.tests.api.test_registers import publish, published_by_all
from services.agreements.tests.facts import CCG, REFERENCE

REGISTERS = "/v1/registers"
PEOPLE = ("Ada Byron", "ada.byron")
"""Who did all of it: no register names them."""


@dataclass(frozen=True)
class Expected:
    """What is known of a register besides what all of them have to do."""

    table: str
    named: str
    """By which the seals name its line."""
    link: str | None
    """Member of a line by which it is read alone; None: an edition is, by its number."""
    hidden: str | None
    """What takes its line out of the register, past the service; None: its signatures going."""


EVERY = {
    "contracts": Expected("contract", CCG, "con_ref", "SET body_signed_at = NULL"),
    "relationships": Expected("relationship_edition", "1", None, "SET content = '[]'"),
    "onward-shares": Expected("onward_share", REFERENCE, "id", "SET ground = NULL"),
    "audits": Expected("audit", "", "reference", "SET published_at = NULL"),
    "agreements": Expected("agreement", REFERENCE, "reference", None),
}


def test_every_register_of_the_service_is_tried(service):
    paths = service.client.app.openapi()["paths"]
    there = {
        path.removeprefix(f"{REGISTERS}/")
        for path, item in paths.items()
        if path.startswith(REGISTERS) and "get" in item and path.count("/") == 3
    }
    [stated] = [
        one["schema"]
        for one in paths[f"{REGISTERS}/statements/{{register}}"]["get"]["parameters"]
        if one["name"] == "register"
    ]
    schemas = service.client.app.openapi()["components"]["schemas"]

    assert there == set(EVERY)
    assert set(schemas[stated["$ref"].rpartition("/")[2]]["enum"]) == set(EVERY)


def done(answer):
    assert answer.is_success, answer.text
    return answer.json()


def filled(service):
    """One line in every register, by people who sign with their names."""
    service.active()
    body = {"recipient": CCG, "line": 1, "shared_on": "2018-06-01", "activity_stopped": "yes"}
    done(service.post(f"/v1/agreements/{REFERENCE}/onward-shares", Role.CSU_ADVISER, body))
    published_by_all(service)
    publish(service)
    audit = done(service.post("/v1/audits", Role.CONTRACT_MANAGER, PLAN, who=PEOPLE[1]))
    path = f"/v1/audits/{audit['id']}"
    done(service.post(f"{path}/report", Role.AUDITOR, REPORT, who=PEOPLE[1]))
    done(service.post(f"{path}/publication", Role.REGISTER_PUBLISHER, who=PEOPLE[1]))


def read(service, register, **params):
    answer = service.client.get(f"{REGISTERS}/{register}", params=params)
    assert answer.status_code == 200, answer.text
    return answer


def lines(service, register):
    """Its lines, without what is said of how each stands."""
    items = read(service, register).json()["items"]
    return [{k: v for k, v in one.items() if k != "not_as_sealed"} for one in items]


def stated(service, register):
    said = done(service.client.get(f"{REGISTERS}/statements/{register}"))
    claims = SignedVerifier(
        REGISTER_STATEMENT, service.parts.signer.jwks, clock=service.clock
    ).verify(said["statement"])
    assert {n: claims[n] for n in said if n not in ("statement", "as_of")} == {
        n: value for n, value in said.items() if n not in ("statement", "as_of")
    }
    return said


def in_workbook(content):
    """The cells of a workbook's only sheet, row by row."""
    space = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        shared = [
            "".join(part.text or "" for part in one.iterfind(".//s:t", space))
            for one in ET.fromstring(book.read("xl/sharedStrings.xml"))
        ]
        sheet = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))
    assert sheet.find(".//s:f", space) is None, "a formula"
    return [
        [shared[int(cell.findtext("s:v", namespaces=space))] for cell in row]
        for row in sheet.iterfind(".//s:row", space)
    ]


@pytest.fixture
def house(seeded):
    filled(seeded)
    return seeded


def test_each_register_is_what_a_public_register_has_to_be(house):
    for register, expected in EVERY.items():
        it_is_the_same_in_json_csv_and_xlsx(house, register)
        it_says_of_what_instant_it_is(house, register)
        each_line_has_a_link_that_shows_the_same_line(house, register, expected)
        it_names_nobody_and_no_role(house, register)
        it_is_stated_complete_under_signature(house, register)


def it_is_the_same_in_json_csv_and_xlsx(house, register):
    items = lines(house, register)
    sheet = read(house, register, format="csv")
    [row] = csv.DictReader(io.StringIO(sheet.text))
    heads, *cells = in_workbook(read(house, register, format="xlsx").content)

    assert len(items) == 1, register
    assert set(row) == set(items[0]), register
    for name, value in items[0].items():
        if isinstance(value, str):
            assert row[name] == value, (register, name)
        else:
            assert (row[name] == "") is (value in (None, [])), (register, name)
    assert len(heads) == len(row)
    assert cells == [list(row.values())], register
    assert register in sheet.headers["content-disposition"]


def it_says_of_what_instant_it_is(house, register):
    said = read(house, register).json()
    age = said["published_at"] if register == "relationships" else said["as_of"]
    assert age == "2018-06-01T09:00:00Z", register


def each_line_has_a_link_that_shows_the_same_line(house, register, expected):
    [line] = read(house, register).json()["items"]
    if expected.link is None:
        alone = read(house, register, edition=line["publication_version"]).json()["items"]
    else:
        found = read(house, f"{register}/{line[expected.link]}").json()
        alone = found.get("items", [found])
    assert alone == [line], register


def it_names_nobody_and_no_role(house, register):
    for params in ({}, {"format": "csv"}):
        said = read(house, register, **params).text
        for person in (*PEOPLE, "SIRO", "subject", "signator", "@"):
            assert person not in said, (register, person)


def it_is_stated_complete_under_signature(house, register):
    said = stated(house, register)
    assert said["is_complete"], register
    assert (said["rows"], said["digest"]) == (1, digest_of(lines(house, register))), register


def test_what_an_audit_found_is_a_sentence_each_in_a_spreadsheet(house):
    [row] = csv.DictReader(io.StringIO(read(house, "audits", format="csv").text))

    finding, action = REPORT["findings"][0], REPORT["actions"][0]
    assert row["findings"] == f"1. {finding['area']}, {finding['grade']}: {finding['text']}"
    assert row["actions"] == (
        f"1. On finding 1, by {action['owner']} until {action['due']}, not done: {action['text']}"
    )


def test_a_line_that_is_deleted_or_hidden_past_the_service_is_told(house):
    for register in EVERY:
        said = stated(house, register)
        assert said["is_complete"]
    audit = lines(house, "audits")[0]["reference"]

    def write(statement):
        with house.parts.engine.begin() as connection:
            connection.execute(text("PRAGMA foreign_keys = OFF"))
            connection.execute(text(statement))

    for register, expected in EVERY.items():
        named = expected.named or audit
        hiding = f"UPDATE {expected.table} {expected.hidden}"
        write(hiding if expected.hidden else "DELETE FROM signature")
        hidden = stated(house, register)
        write(f"DELETE FROM {expected.table}")
        deleted = stated(house, register)

        assert not hidden["is_complete"], register
        assert (hidden["not_as_sealed"], hidden["rows"]) == ([named], 0), register
        assert not deleted["is_complete"], register
        assert (deleted["missing"], deleted["rows"]) == ([named], 0), register


def test_an_audit_that_was_unpublished_past_the_service_is_told_in_the_register(house):
    [line] = lines(house, "audits")
    with house.parts.engine.begin() as connection:
        connection.execute(text("UPDATE audit SET published_at = NULL"))

    said = read(house, "audits").json()
    alone = house.client.get(f"{REGISTERS}/audits/{line['reference']}")

    assert said["items"] == []
    assert said["hidden"] == [{"reference": line["reference"], "not_as_sealed": ["audit"]}]
    assert (alone.status_code, alone.json()["code"]) == (409, "SEAL_BROKEN")
