"""A dry run of linkage: which lines share pseudonyms, by which clause, and why others do not."""

import copy

import pytest
from sqlalchemy import text

from common.security.roles import Role
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CCG, CSU
from services.agreements.tests.service import Service

PATH = f"/v1/agreements/{plain.REFERENCE}/linkage"
UNKNOWN = "DARS-NIC-654321-Z9Y8X"
STAYS, TESTS, VISITS = "SUS_APC", "DIDS", "SUS_OP"


def world_of_lines():
    """Stays and tests linked by a clause; visits by none; invoices; stays where opt-outs hold."""
    world = on_the_catalogue(plain.sound())
    (version,) = world["agreement"]["versions"]
    stays = version["snapshot"]["lines"][0]
    for number, changes in enumerate(
        (
            {"data_set": TESTS},
            {"data_set": VISITS},
            {"data_set": STAYS, "opt_out": {"applied": True, "reason": None}},
            {"data_set": TESTS, "classification": "AGGREGATE_SUPPRESSED"},
        ),
        start=3,
    ):
        version["snapshot"]["lines"].append({**copy.deepcopy(stays), "number": number, **changes})
    return world


@pytest.fixture
def house(service: Service) -> Service:
    seed(service.parts.engine, world_of_lines(), sealer=service.parts.sealer)
    return service


def asked(service, role=Role.CSU_SYSTEM, ods=CSU, **params):
    return service.get(PATH, role, ods, **params)


def test_lines_are_linked_by_a_clause_and_by_nothing_else(house):
    """Guard: two lines are put together where a permit would name one domain for both."""
    answer = asked(house)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["version"], found["is_in_effect"], found["apart"]) == ("v1.0", True, [])
    told = {tuple(line["number"] for line in one["lines"]): one for one in found["linked"]}
    assert set(told) == {(1, 3), (2,), (4,), (5,)}
    assert told[1, 3]["clauses"] == [[TESTS, STAYS]]
    assert told[4,]["clauses"] == []
    assert all(not line["refusals"] for one in told.values() for line in one["lines"])


APART = {
    1: {
        2: ["OTHER_PURPOSE", "OTHER_ENVIRONMENT", "OTHER_OPT_OUT_TREATMENT"],
        4: ["NOT_LINKED_BY_THE_AGREEMENT"],
        5: ["OTHER_OPT_OUT_TREATMENT"],
    },
    4: {
        1: ["NOT_LINKED_BY_THE_AGREEMENT"],
        2: [
            "OTHER_PURPOSE", "OTHER_ENVIRONMENT", "OTHER_OPT_OUT_TREATMENT",
            "NOT_LINKED_BY_THE_AGREEMENT",
        ],
        3: ["NOT_LINKED_BY_THE_AGREEMENT"],
        5: ["OTHER_OPT_OUT_TREATMENT", "NOT_LINKED_BY_THE_AGREEMENT"],
    },
}  # fmt: skip


def test_of_one_line_it_is_said_why_with_no_other_and_to_whom(house):
    for line, linked in ((1, [1, 3]), (4, [4])):
        found = asked(house, line=line).json()
        assert [[one["number"] for one in group["lines"]] for group in found["linked"]] == [linked]
        assert {one["number"]: one["because"] for one in found["apart"]} == APART[line]

    of_tables = asked(house, line=6)
    assert (of_tables.status_code, of_tables.json()["code"]) == (422, "LINE_NOT_IN_DSA")
    stranger = asked(house, ods="0CX")
    assert (stranger.status_code, stranger.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")
    missing = house.get(PATH.replace(plain.REFERENCE, UNKNOWN), Role.CSU_SYSTEM, CSU)
    assert (missing.status_code, missing.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")
    staff = asked(house, Role.DARS_CASE_OFFICER, "X26")
    assert staff.json()["linked"] == asked(house).json()["linked"]


def test_a_linkage_that_is_refused_is_shown_with_its_reason(service):
    """Drugs with stays are NHS England's to link alone (docs/adr/0065)."""
    world = on_the_catalogue(plain.sound())
    snapshot = world["agreement"]["versions"][0]["snapshot"]
    drugs = {**copy.deepcopy(snapshot["lines"][0]), "number": 3, "data_set": "DRPLCM"}
    snapshot["lines"].append(drugs)
    snapshot["linkage"] = [{"data_sets": ["DRPLCM", STAYS], "key": "person", "mitigation": "x"}]
    seed(service.parts.engine, world, sealer=service.parts.sealer)

    (group, *_) = asked(service).json()["linked"]

    assert [line["number"] for line in group["lines"]] == [1, 3]
    for line in group["lines"]:
        codes = {(one["code"], one["subject"]) for one in line["refusals"]}
        assert ("LINKAGE_NOT_FOR_RECIPIENT", CCG) in codes
        assert all(one["remedy"] for one in line["refusals"])
    assert "LINKAGE_NOT_NARROWED" in {one["code"] for one in group["lines"][1]["refusals"]}


def test_what_was_written_past_the_service_is_linked_by_nothing(house):
    with house.parts.engine.begin() as connection:
        connection.execute(text("UPDATE agreement_version SET valid_to = '2031-03-31'"))

    answer = asked(house)

    assert (answer.status_code, answer.json()["code"]) == (403, "SEAL_BROKEN")
