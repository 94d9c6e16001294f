"""What an edition replaces is shown before it is accepted: rows, people and totals."""

import pytest

from common.security.roles import Role
from services.pseudonymisation.tests.api.test_opt_outs import numbers
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

PEOPLE = numbers(2000, 2100)
STAFF = {"role": Role.DSCRO_APPROVER, "ods": "X26"}


def acm_row(**changes: str) -> dict[str, str]:
    row = {
        "FINANCIAL MONTH": "1",
        "FINANCIAL YEAR": "201819",
        "MONTH BEGINS": "2018-04-01",
        "ORGANISATION IDENTIFIER (CODE OF PROVIDER)": "RR8",
        "ORGANISATION IDENTIFIER (CODE OF COMMISSIONER)": "02P",
        "POINT OF DELIVERY CODE": "DC",
        "CONTRACT MONITORING ACTUAL ACTIVITY": "10",
        "CONTRACT MONITORING ACTUAL PRICE": "0.10",
    }
    return row | changes


def month(people: list[str], *, day: str = "2018-04-10", **changes: str) -> list[dict[str, str]]:
    dated = {"CDS_Activity_Date": day, "Admission_Date": day, "Discharge_Date": day}
    dated |= {"Episode_Start_Date": day, "Episode_End_Date": day, "Der_Spell_LoS": "0"}
    return [
        sus_row(NHS_Number=number, Unique_CDS_Identifier=f"B{day[5:7]}{n:09}", **dated, **changes)
        for n, number in enumerate(people)
    ]


def counts(before: int, after: int, added: int, removed: int) -> dict[str, int]:
    said = {"before": before, "after": after, "added": added, "removed": removed}
    return said | {"changed": 0}


def test_what_replaces_nothing_shows_nothing(intake):
    assert intake.submit(written(month(PEOPLE)))["replaced"] is None


def test_it_says_rows_and_people_each_once_and_so_does_the_edition(intake):
    twice = month(PEOPLE[:60]) + [
        row | {"Unique_CDS_Identifier": f"BX{n:09}"} for n, row in enumerate(month(PEOPLE[:30]))
    ]
    intake.submit(written(twice))

    sent = intake.submit(written(month(PEOPLE[1:60])))

    assert sent["state"] == "accepted"
    assert sent["replaced"]["rows"] == counts(90, 59, 0, 31)
    assert sent["replaced"]["people"] == counts(60, 59, 0, 1)
    edition = intake.get(f"/v1/editions/{sent['edition_id']}").json()
    assert edition["replaced"] == sent["replaced"]


def test_what_waits_shows_it_to_whoever_decides(intake):
    intake.submit(written(month(PEOPLE)))
    waiting = intake.submit(written(month(PEOPLE[:1])))

    (shown,) = intake.get("/v1/editions?state=waiting", **STAFF).json()["items"]

    assert shown["id"] == waiting["edition_id"]
    assert shown["replaced"]["people"] == counts(len(PEOPLE), 1, 0, len(PEOPLE) - 1)
    assert shown["replaced"]["rows"] == shown["change"]


def test_totals_are_sums_of_decimals_of_the_measures_of_the_data_set(intake):
    ten = [acm_row(**{"POINT OF DELIVERY CODE": f"P{n}"}) for n in range(10)]
    intake.submit(written(ten), data_set="ACM")

    sent = intake.submit(written(ten[:3]), data_set="ACM")

    # As floating-point numbers ten times 0.10 would be 0.9999999999999999.
    assert sent["replaced"]["totals"] == [
        {"field": "ACTUAL_ACTIVITY", "before": "100.000000", "after": "30.000000"},
        {"field": "ACTUAL_PRICE", "before": "1.000000", "after": "0.300000"},
    ]


def test_an_edition_that_cannot_be_read_any_more_goes_wholly_and_no_people_are_said(intake):
    landed = intake.submit(written(month(PEOPLE)))
    intake.parts.keys.destroy(f"edition/{landed['edition_id']}")

    sent = intake.submit(written(month(PEOPLE, Sex="2")))

    assert sent["state"] == "waiting"
    assert sent["replaced"]["rows"] == counts(len(PEOPLE), len(PEOPLE), len(PEOPLE), len(PEOPLE))
    assert (sent["replaced"]["people"], sent["replaced"]["totals"]) == (None, [])


SPRING = "2018-02/2018-04"


def quarter(intake: Intake, days: tuple[str, ...], **changes: str) -> dict:
    """Send a quarter in which only some months have rows, one each: far below the floor."""
    rows = [row for day in days for row in month(PEOPLE[:1], day=day, **changes)]
    return intake.submit(written(rows), period=SPRING)


@pytest.mark.parametrize(
    ("days", "missing"),
    [
        (("2018-02-10", "2018-03-10"), ["2018-04"]),
        (("2018-03-10", "2018-04-10"), ["2018-02"]),
        (("2018-02-10",), ["2018-03", "2018-04"]),
    ],
)
def test_a_period_that_is_longer_than_the_rows_that_come_waits_for_a_second_person(
    intake, days, missing
):
    landed = quarter(intake, ("2018-02-10", "2018-03-10", "2018-04-10"))

    sent = quarter(intake, days)

    assert (sent["state"], sent["code"]) == ("waiting", "SECOND_PERSON_NEEDED")
    assert sent["replaced"]["emptied"] == missing
    assert all(name in sent["detail"] for name in missing)
    assert intake.get(f"/v1/editions/{landed['edition_id']}").json()["superseded_by"] is None


@pytest.mark.parametrize(
    "days", [("2018-02-10", "2018-04-10"), ("2018-02-11", "2018-03-11", "2018-04-11")]
)
def test_a_month_in_the_middle_and_few_rows_do_not_wait(intake, days):
    quarter(intake, ("2018-02-10", "2018-03-10", "2018-04-10"))

    sent = quarter(intake, days)

    assert (sent["state"], sent["replaced"]["emptied"]) == ("accepted", [])


def test_months_that_the_edition_in_force_has_not_either_are_nothing_that_goes(intake):
    quarter(intake, ("2018-02-10", "2018-03-10"))

    assert quarter(intake, ("2018-02-10", "2018-03-10"), Sex="2")["state"] == "accepted"
