"""Editions of relationships and days of publication replace as a whole, under the same guard."""

import csv
import io
import re
from datetime import date

import pytest
from sqlalchemy import select
from sqlmodel import Session

from agreements.db.tables import TaskRow
from common.security.roles import Role
from dsfc_testing.workbooks import made
from services.agreements.tests.api.test_imports import Lists
from services.agreements.tests.api.test_organisations import code
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CCG, CSU, OTHER_CCG, OTHER_CSU

HEADER = (
    "lcr_ref,commissioner_ods,commissioner_name,commissioner_type,nhse_area_team,csu_ods,csu_name,"
    "dscro_name,dscro_ods,other_processors,effective_from,effective_to,change_kind,"
    "publication_version,published_on\n"
)


def row(
    reference="LCR-1",
    commissioner=CCG,
    csu=CSU,
    dscro="yorkshire",
    since="2017-04-01",
    to="",
    version="7",
    on="2018-05-31",
    kind="",
    others="",
):
    return (
        f"{reference},{commissioner},A name,{kind},,{csu},A name,{dscro},,{others},{since},{to},"
        f"NEW,{version},{on}\n"
    )


@pytest.fixture
def service_of_the_world(service):
    seed(service.parts.engine, on_the_catalogue(plain.sound()), sealer=service.parts.sealer)
    return service


class Published:
    def __init__(self, service):
        self.service = service

    def send(self, path, content, role=Role.REFERENCE_DATA_MANAGER):
        headers = self.service.headers(role, who="loader") | {"Content-Type": "text/csv"}
        return self.service.client.post(path, headers=headers, content=content)

    def relationships(self, *rows):
        return self.send("/v1/relationships/imports", HEADER + "".join(rows))

    def publications(self, rows):
        content = "data_set,period,published_on\n" + rows
        return self.send("/v1/publications/imports", content, Role.REGISTER_PUBLISHER)

    def decide(self, sent, what="confirmation", who="second"):
        return Lists.decide(self, sent.json(), what, who)

    def known(self):
        found = self.service.get("/v1/relationships", Role.AUDITOR).json()["items"]
        return {r["reference"]: r for r in found}

    def published(self):
        found = self.service.get("/v1/publications", Role.AUDITOR).json()["items"]
        return {(p["data_set"], p["period"]): p["published_on"] for p in found}


@pytest.fixture
def lists(service_of_the_world):
    return Published(service_of_the_world)


def many(number, *, but=(), **more):
    return [row(f"LCR-M{n:03d}", **more) for n in range(number) if n not in but]


def test_what_an_edition_names_is_active_as_it_says(lists):
    sent = lists.relationships(row(others=f"{OTHER_CSU}; {OTHER_CSU}"))

    assert sent.status_code == 200, sent.text
    assert sent.json()["standing"]["state"] == "accepted"
    found = lists.known()["LCR-1"]
    assert (found["commissioner"], found["csu"], found["dscro"]) == (CCG, CSU, "yorkshire")
    assert found["processors"] == [OTHER_CSU]
    assert found["state"] == "ACTIVE_UNPUBLISHED"


def test_the_same_edition_again_changes_nothing(lists):
    lists.relationships(row())

    again = lists.relationships(row()).json()

    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 1)


def test_what_a_later_edition_leaves_out_has_ended_and_what_was_asked_for_here_stays(lists):
    before = lists.known()
    lists.relationships(row(), row("LCR-2"))

    later = lists.relationships(row(version="8", on="2018-06-01")).json()

    assert later["standing"]["change"]["removed"] == 1
    found = lists.known()
    assert found["LCR-2"]["effective_to"] == "2018-05-31"
    assert {r: found[r]["effective_to"] for r in before} == {
        r: one["effective_to"] for r, one in before.items()
    }


def test_a_first_edition_of_many_waits_and_a_second_person_lets_it_in(lists):
    sent = lists.relationships(*many(12))

    assert sent.json()["standing"]["state"] == "waiting"
    assert not any(r.startswith("LCR-M") for r in lists.known())
    assert lists.decide(sent).json()["standing"]["state"] == "confirmed"
    assert len([r for r in lists.known() if r.startswith("LCR-M")]) == 12


def test_an_edition_that_says_something_else_of_many_waits_and_can_be_taken_back(lists):
    lists.decide(lists.relationships(*many(40)))
    other = lists.relationships(*many(40, csu=OTHER_CSU, version="8", on="2018-06-01"))
    assert other.json()["standing"]["state"] == "waiting"
    lists.decide(other)
    assert lists.known()["LCR-M000"]["csu"] == OTHER_CSU

    leaving = lists.decide(other, "withdrawal", who="third").json()
    assert leaving["standing"]["state"] == "leaving"
    assert lists.known()["LCR-M000"]["csu"] == OTHER_CSU
    gone = lists.decide(other, "withdrawal", who="fourth").json()

    assert gone["standing"]["state"] == "taken_back"
    assert lists.known()["LCR-M000"]["csu"] == CSU


def test_what_only_ends_relationships_is_never_delayed(lists):
    lists.decide(lists.relationships(*many(40)))

    sent = lists.relationships(*many(40, but=range(1, 40), version="8", on="2018-06-01"))

    assert sent.json()["standing"]["state"] == "accepted"
    ended = [r for r in lists.known().values() if r["effective_to"] == "2018-05-31"]
    assert len(ended) == 39


@pytest.mark.parametrize(
    ("line", "column", "detail"),
    [
        (row("N/A"), "lcr_ref", "not a reference"),
        (row(commissioner="unknown!"), "commissioner_ods", "not a code"),
        (row(commissioner="ZZZ"), "", None),
        (row(dscro="somewhere"), "dscro_ods", "not a DSCRO, or two different ones"),
        (row(since="31/12/9999"), "effective_from", "not a date"),
        (row(to="2016-01-01"), "effective_to", "before the first day"),
        (row(kind="ICB"), "commissioner_type", "another kind of organisation"),
        (HEADER, "lcr_ref", "not a reference"),
    ],
)
def test_a_line_that_cannot_be_taken_refuses_the_edition_and_is_named(lists, line, column, detail):
    before = lists.known()

    refused = lists.relationships(row("LCR-9"), line)

    assert code(refused) == (422, "IMPORT_REFUSED")
    (named,) = refused.json()["errors"]
    assert (named["line"], named["column"]) == (3, column)
    assert detail is None or named["detail"] == detail
    assert lists.known() == before


def test_all_lines_that_cannot_be_taken_are_named_however_many_they_are(lists):
    wrong = [row(f"LCR-W{n}", commissioner="ZZZ") for n in range(150)]

    refused = lists.relationships(row("LCR-9"), *wrong, row("N/A")).json()

    assert refused["errors_total"] == 151
    assert [e["line"] for e in refused["errors"]] == [*range(3, 154)]
    assert not any(r.startswith("LCR-W") or r == "LCR-9" for r in lists.known())


def in_a_workbook(*rows):
    """The same edition as a workbook: days as days, the number of the edition as a number."""
    header, *found = csv.reader(io.StringIO(HEADER + "".join(rows)))
    cells = [
        [date.fromisoformat(c) if re.fullmatch(r"\d{4}-\d\d-\d\d", c) else c for c in line]
        for line in found
    ]
    at = header.index("publication_version")
    for line in cells:
        line[at] = int(line[at])
    return made([header, *cells])


def test_an_edition_is_taken_from_a_workbook_as_from_a_text(lists):
    sent = lists.send("/v1/relationships/imports", in_a_workbook(row(), row("LCR-2")))

    assert sent.status_code == 200, sent.text
    assert (sent.json()["listed"], sent.json()["added"]) == (2, 2)
    again = lists.relationships(row(), row("LCR-2")).json()
    assert (again["added"], again["changed"], again["unchanged"]) == (0, 0, 2)


def test_a_row_of_a_workbook_is_named_by_its_number(lists):
    header, *rows = csv.reader(io.StringIO(HEADER + row() + row("N/A")))

    refused = lists.send("/v1/relationships/imports", made([header, [], rows[0], [], rows[1]]))

    assert code(refused) == (422, "IMPORT_REFUSED")
    assert [(e["line"], e["column"]) for e in refused.json()["errors"]] == [(5, "lcr_ref")]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("=A1", "WORKBOOK_HAS_FORMULAS"), (17, "WORKBOOK_CELL_TYPE")],
)
def test_a_workbook_of_which_it_depends_what_it_says_changes_nothing(lists, cell, expected):
    before = lists.known()
    header, first = csv.reader(io.StringIO(HEADER + row()))

    refused = lists.send("/v1/relationships/imports", made([header, first, [cell]]))

    assert code(refused) == (422, expected)
    assert refused.json()["errors"][0]["line"] == 3
    assert lists.known() == before


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], (422, "IMPORT_REFUSED")),
        ([row(), row("LCR-2", version="8")], (422, "IMPORT_REFUSED")),
        ([row(on="2019-01-01")], (422, "IMPORT_REFUSED")),
        ([row(), row(csu=OTHER_CSU)], (422, "IMPORT_CONTRADICTS")),
        ([row(), row("LCR-2", dscro="south")], (422, "IMPORT_CONTRADICTS")),
    ],
    ids=["empty", "two editions", "to come", "one reference twice", "two DSCROs"],
)
def test_an_edition_that_cannot_be_one_is_refused_whole(lists, rows, expected):
    before = lists.known()

    answer = lists.relationships(*rows)

    assert code(answer) == expected
    assert lists.known() == before


def test_an_edition_older_than_the_one_in_force_is_refused(lists):
    lists.relationships(row())

    answer = lists.relationships(row(version="6", on="2018-04-30"))

    assert code(answer) == (422, "IMPORT_REFUSED")
    assert answer.json()["errors"][0]["column"] == "published_on"


def test_what_is_still_being_asked_for_is_not_made_active_by_an_edition(lists):
    asked = lists.service.post(
        "/v1/relationships",
        Role.CONTRACT_MANAGER,
        {
            "commissioner": CCG,
            "dscro": "yorkshire",
            "csu": CSU,
            "service": "commissioning",
            "effective_from": "2018-06-01",
            "service_contract_reference": "SC-1",
            "contract_signed_on": "2018-05-01",
        },
    )
    assert asked.status_code == 201, asked.text
    reference = asked.json()["reference"]

    refused = lists.relationships(row("LCR-9"), row(reference)).json()

    assert [p["column"] for p in refused["errors"]] == ["lcr_ref"]
    assert lists.known()[reference]["state"] == "REQUESTED"


def in_operation(lists, **changes):
    """A relationship that was asked for here, activated."""
    lists.service.cleared(organisation=OTHER_CCG)
    asked = {
        "commissioner": OTHER_CCG,
        "dscro": "south",
        "service": "commissioning",
        "effective_from": "2018-06-01",
        "service_contract_reference": "SC-1",
        "contract_signed_on": "2018-05-01",
    } | changes
    made = lists.service.post("/v1/relationships", Role.CONTRACT_MANAGER, asked).json()
    for step, role, body in (
        ("contract-verification", Role.CONTRACT_MANAGER, {}),
        ("dscro-agreement", Role.DSCRO_APPROVER, None),
        ("activation", Role.CONTRACT_MANAGER, None),
    ):
        answer = lists.service.post(f"/v1/relationships/{made['id']}/{step}", role, body)
        assert answer.status_code == 200, answer.text
    return made


@pytest.mark.scenario("L04")
def test_an_edition_that_waits_is_not_let_in_where_another_dscro_came_to_serve_meanwhile(lists):
    sent = lists.relationships(*many(12, commissioner=OTHER_CCG))
    assert sent.json()["standing"]["state"] == "waiting"
    other = in_operation(lists)
    before = lists.known()

    refused = lists.decide(sent)

    assert code(refused) == (409, "RELATIONSHIP_OVERLAPS")
    assert refused.json()["relationship"] == other["reference"]
    assert lists.known() == before
    ending = {"last_day": "2018-06-01"}
    path = f"/v1/relationships/{other['id']}/ending"
    lists.service.post(path, Role.CONTRACT_MANAGER, ending)
    assert code(lists.decide(sent)) == (409, "RELATIONSHIP_OVERLAPS"), "a day is of both"
    assert lists.decide(sent, "withdrawal").json()["standing"]["state"] == "taken_back"


@pytest.mark.scenario("L05")
def test_an_edition_by_which_a_processor_leaves_asks_for_an_amendment_when_it_is_let_in(lists):
    def tasks():
        with Session(lists.service.parts.engine) as session:
            return session.execute(select(TaskRow.subject)).scalars().all()

    ending = row(f"LCR-{CCG}", to="2018-12-31")
    sent = lists.relationships(ending, *many(12, csu=OTHER_CSU))

    assert sent.json()["standing"]["state"] == "waiting"
    assert tasks() == []
    lists.decide(sent)
    assert lists.known()[f"LCR-{CCG}"]["effective_to"] == "2018-12-31"
    assert tasks() == [CSU]


def months(number, day=15, data_set="CSDS"):
    return "".join(
        f"{data_set},{2018 + n // 12}-{n % 12 + 1:02d},2021-01-{day:02d}\n" for n in range(number)
    )


def test_days_of_publication_become_what_the_list_says_of_the_data_sets_that_it_names(lists):
    lists.publications("MHSDS,2017-12,2018-03-01\n")
    lists.publications("CSDS,2017-12,2018-04-01\nCSDS,2018-01,2018-05-01\n")

    sent = lists.publications("CSDS,2018-01,2018-05-02\n").json()

    assert sent["standing"]["change"] == {
        "before": 2, "after": 1, "added": 0, "removed": 1, "changed": 1,
    }  # fmt: skip
    assert lists.published() == {
        ("MHSDS", "2017-12"): "2018-03-01",
        ("CSDS", "2018-01"): "2018-05-02",
    }


def test_a_first_list_of_many_periods_and_one_that_moves_many_wait(lists):
    first = lists.publications(months(36))
    assert first.json()["standing"]["state"] == "waiting"
    assert lists.published() == {}
    lists.decide(first)
    assert len(lists.published()) == 36

    assert lists.publications(months(36, day=16)).json()["standing"]["state"] == "waiting"
    assert lists.publications(months(2)).json()["standing"]["state"] == "accepted"


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("C-S-D-S,2018-01,2018-05-01", "data_set"),
        ("CSDS,2018-13,2018-05-01", "period"),
        ("CSDS,2018-02/2018-01,2018-05-01", "period"),
        ("CSDS,2018-01,01/05/2018", "published_on"),
        ("CSDS,2018-01,1900-01-01", "published_on"),
        ("CSDS,2018-01,2018-01-31", "published_on"),
    ],
)
def test_a_publication_that_cannot_be_taken_refuses_the_list_and_takes_none_back(
    lists, line, column
):
    """Left out, it would have been unsaid: of a data set that is named the list is the whole."""
    lists.publications("CSDS,2017-12,2018-04-01\nCSDS,2018-01,2018-05-01\n")
    before = lists.published()

    sent = lists.publications(f"CSDS,2017-12,2018-04-02\n{line}\nA&E,2018-01,2018-05-01\n")

    assert code(sent) == (422, "IMPORT_REFUSED")
    assert [(no["line"], no["column"]) for no in sent.json()["errors"]] == [
        (3, column),
        (4, "data_set"),
    ]
    assert lists.published() == before


def test_a_period_with_two_days_contradicts_itself(lists):
    answer = lists.publications("CSDS,2017-12,2018-04-01\nCSDS,2017-12,2018-04-02\n")

    assert code(answer) == (422, "IMPORT_CONTRADICTS")
    assert [e["line"] for e in answer.json()["errors"]] == [2, 3]
