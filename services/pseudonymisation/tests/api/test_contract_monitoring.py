"""Patient level substantiates the aggregate: what differs is told, and nothing is refused."""

from services.pseudonymisation.tests.api.test_opt_outs import numbers
from services.pseudonymisation.tests.api.test_what_is_replaced import acm_row
from services.pseudonymisation.tests.submitting import Intake, written

PEOPLE = numbers(2000, 2040)


def plcm_row(key: int, price: str, **changes: str) -> dict[str, str]:
    row = {
        "NHS NUMBER": PEOPLE[key],
        "NHS NUMBER STATUS INDICATOR CODE": "01",
        "LOCAL PATIENT IDENTIFIER (EXTENDED)": f"L{key:07}",
        "PERSON BIRTH DATE": "1970-01-31",
        "POSTCODE OF USUAL ADDRESS": "S70 1AA",
        "LOCAL CONTRACT MONITORING RECORD IDENTIFIER": f"R{key:07}",
        "FINANCIAL MONTH": "1",
        "FINANCIAL YEAR": "201819",
        "MONTH BEGINS": "2018-04-01",
        "ORGANISATION IDENTIFIER (CODE OF PROVIDER)": "RR800",
        "ORGANISATION IDENTIFIER (CODE OF COMMISSIONER)": "02P00",
        "POINT OF DELIVERY CODE": "DC",
        "CONTRACT MONITORING ACTUAL ACTIVITY": "1",
        "TOTAL COST": price,
    }
    return row | changes


def aggregate(intake: Intake, activity: str, price: str) -> dict:
    said = {
        "CONTRACT MONITORING ACTUAL ACTIVITY": activity,
        "CONTRACT MONITORING ACTUAL PRICE": price,
    }
    sent = intake.submit(written([acm_row(**said)]), data_set="ACM")
    assert sent["state"] == "accepted"
    return sent


def patients(intake: Intake, *rows: dict[str, str]) -> dict:
    sent = intake.submit(written(rows), data_set="PLCM")
    assert sent["state"] == "accepted", sent
    return sent


def differences(intake: Intake, sent: dict) -> list[dict] | None:
    return intake.get(f"/v1/submissions/{sent['id']}/report").json()["differences"]


def on_board(intake: Intake) -> dict[str, int | None]:
    board = intake.get("/v1/landing-board?from=2018-04&to=2018-04").json()
    return {line["data_set"]: line["differences"] for line in board["items"]}


def test_sums_that_differ_are_in_the_report_of_either_file_and_on_the_board(intake):
    alone = aggregate(intake, "2", "300.00")
    assert differences(intake, alone) == []

    # By another spelling of provider and commissioner it is the same; a third is as if not sent.
    sent = patients(intake, plcm_row(1, "100.05"), plcm_row(2, "99.95"))

    whole, of_key = differences(intake, sent)
    assert whole == {
        "provider": "RR8",
        "month": "2018-04",
        "key": {},
        "measure": "ACTUAL_PRICE",
        "aggregate": "300.000000",
        "patient_level": "200.000000",
        "missing": ["DRPLCM", "DEPLCM"],
    }
    assert of_key["key"] == {
        "ORGANISATION_IDENTIFIER_COMMISSIONER": "02P",
        "POINT_OF_DELIVERY_CODE": "DC",
    }
    assert differences(intake, alone) == [whole, of_key]
    assert on_board(intake) == {"ACM": 2, "PLCM": 2}
    page = intake.client.get(
        f"/v1/submissions/{sent['id']}/report", headers=intake.headers(Accept="text/html")
    )
    assert "Patient level and aggregate" in page.text
    assert "DRPLCM, DEPLCM" in page.text


def test_what_is_put_right_is_told_no_more(intake):
    aggregate(intake, "2", "300.00")
    patients(intake, plcm_row(1, "100.00"), plcm_row(2, "100.00"))
    assert on_board(intake) == {"ACM": 2, "PLCM": 2}

    right = aggregate(intake, "2", "200.00")

    assert differences(intake, right) == []
    assert on_board(intake) == {"ACM": 0, "PLCM": 0}


def test_a_data_set_that_nothing_is_held_against_says_so(intake):
    sent = intake.submit(
        written(
            [
                {
                    "RECORD_ID": "A1",
                    "NHS_NUMBER": PEOPLE[0],
                    "PERSON_BIRTH_DATE": "1970-01-31",
                    "SEX": "1",
                    "PRACTICE_CODE": "A81001",
                    "EVENT_DATE": "2018-04-10",
                    "EVENT_CODE": "1048003",
                }
            ]
        ),
        data_set="GP_RS",
        left_out_at_source=0,
    )

    assert differences(intake, sent) is None
    assert on_board(intake) == {"GP_RS": None}
