"""NHS England's registers of environments, imported with their days."""

import pytest

from agreements.db.decisions.facts import load
from agreements.db.epoch import current
from agreements.db.seals.chain import Book
from common.security.roles import Role
from dsfc_testing.workbooks import made
from services.agreements.tests.api.test_organisations import code
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, OTHER_CSU, REFERENCE, line

PATH = "/v1/environment-registers/ceff"
HEADER = "organisation,hosted_for,valid_from,valid_to\n"
FIRST = f"{CSU},,2013-11-22,\n{CCG},{OTHER_CCG},2014-04-01,2022-06-30\n"


def imported(service, rows, listed_on="2018-05-01", path=PATH, role=Role.REFERENCE_DATA_MANAGER):
    content = rows if isinstance(rows, bytes) else HEADER + rows
    return service.upload(f"{path}/imports", content, role, listed_on=listed_on)


def known(service, path=PATH):
    found = service.get(path, Role.AUDITOR).json()["items"]
    return {(e["organisation"], e["hosted_for"]): e["valid_to"] for e in found}


def test_a_register_is_taken_with_its_dates_and_the_same_again_changes_nothing(seeded):
    first = imported(seeded, FIRST)
    again = imported(seeded, FIRST)

    said = {"kind": "ceff", "listed_on": "2018-05-01", "listed": 2}
    assert first.json() == said | {"added": 2, "ended": 0, "unchanged": 0}
    assert (again.json()["added"], again.json()["unchanged"]) == (0, 2)
    assert known(seeded) == {(CSU, None): None, (CCG, OTHER_CCG): "2022-06-30"}
    assert known(seeded, "/v1/environment-registers/rs_supplier") == {}


def test_what_a_later_register_names_no_more_has_ended_before_its_day(seeded):
    imported(seeded, FIRST)

    later = imported(seeded, f"{OTHER_CSU},,2018-05-15,\n", "2018-06-01").json()

    assert (later["added"], later["ended"]) == (1, 2)
    assert known(seeded) == {
        (CSU, None): "2018-05-31",
        (CCG, OTHER_CCG): "2018-05-31",
        (OTHER_CSU, None): None,
    }


def test_a_register_comes_as_a_workbook_too(seeded):
    rows = [HEADER.strip().split(","), [CSU, "", "2013-11-22", ""]]

    assert imported(seeded, made(rows)).json()["added"] == 1
    assert code(imported(seeded, made([*rows, ["=A2"]]))) == (422, "WORKBOOK_HAS_FORMULAS")


def test_one_bad_row_changes_nothing_and_all_bad_rows_are_named(seeded):
    wrong = (
        f"ZZZ,,2013-04-01,\n{CSU},ZZZ,2013-04-01,\n!,,2013-04-01,\n{CSU},,31/12/2013,\n"
        f"{CSU},,2018-04-01,2018-03-31\n{CSU},2018-04-01\n"
    )

    refused = imported(seeded, FIRST + wrong)

    assert code(refused) == (422, "IMPORT_REFUSED")
    assert [(e["line"], e["column"]) for e in refused.json()["errors"]] == [
        (4, "organisation"),
        (5, "hosted_for"),
        (6, "organisation"),
        (7, "valid_from"),
        (8, "valid_to"),
        (9, ""),
    ]
    assert known(seeded) == {}


@pytest.mark.parametrize(
    ("rows", "listed_on", "expected"),
    [
        ("", "2018-05-01", "IMPORT_REFUSED"),
        (FIRST, "2018-06-02", "IMPORT_REFUSED"),
        (FIRST, "2018-03-31", "IMPORT_REFUSED"),
        (FIRST + f"{CSU},,2018-01-01,\n", "2018-05-01", "IMPORT_CONTRADICTS"),
    ],
    ids=["empty", "to come", "older than the one in force", "the same days twice"],
)
def test_a_register_that_cannot_be_one_changes_nothing(seeded, rows, listed_on, expected):
    imported(seeded, f"{OTHER_CSU},,2013-04-01,\n", "2018-04-01")

    assert code(imported(seeded, rows, listed_on)) == (422, expected)

    assert known(seeded) == {(OTHER_CSU, None): None}


def test_the_decision_reads_the_register_of_its_lines_kinds_alone(seeded):
    inside = line() | {"recipient_environment": {"organisation": CSU, "kind": "ceff"}}
    seeded.active(lines=[inside])
    imported(seeded, FIRST)
    imported(seeded, FIRST, path="/v1/environment-registers/rs_supplier")

    with seeded.parts.decision_logs.reading() as tx:
        facts = load(
            tx.session,
            REFERENCE,
            epoch=current(tx.session),
            book=Book(seeded.parts.sealer),
        )

    assert {(e.kind.value, e.organisation) for e in facts.listed} == {("ceff", CSU), ("ceff", CCG)}


def test_only_who_keeps_reference_data_imports_a_register(seeded):
    assert imported(seeded, FIRST, role=Role.CONTRACT_MANAGER).status_code == 403
    assert imported(seeded, FIRST, path="/v1/environment-registers/analytics").status_code == 422
