"""A practice says how many people it left out, and a file without that is not taken (ruling 28)."""

import pytest

from services.pseudonymisation.tests.submitting import Intake, sus_row, written


def gp_row(**changes: str) -> dict[str, str]:
    row = {
        "RECORD_ID": "A81001-0000001",
        "NHS_NUMBER": "9990000018",
        "PERSON_BIRTH_DATE": "1970-01-31",
        "SEX": "1",
        "PRACTICE_CODE": "A81001",
        "EVENT_DATE": "2018-04-10",
        "EVENT_CODE": "1048003",
    }
    return row | changes


def report_of(intake: Intake, submission: dict) -> dict:
    return intake.get(f"/v1/submissions/{submission['id']}/report").json()


@pytest.mark.parametrize(
    ("data_set", "said", "code"),
    [
        ("GP_RS", {}, "LEFT_OUT_COUNT_MISSING"),
        ("SUS_APC", {"left_out_at_source": 0}, "LEFT_OUT_COUNT_UNEXPECTED"),
    ],
)
def test_a_count_is_said_where_the_data_set_asks_for_it_and_nowhere_else(
    intake, data_set, said, code
):
    answer = intake.open(data_set, **said)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["field"] == "left_out_at_source"
    assert intake.get("/v1/submissions").json()["items"] == []


@pytest.mark.parametrize("count", [-1, 10_000_001, "few", 1.5, None])
def test_a_count_is_a_number_of_people(intake, count):
    assert intake.open("GP_RS", left_out_at_source=count).status_code == 422


@pytest.mark.parametrize("count", [0, 12])
def test_the_count_is_in_the_report_and_the_edition(intake, count):
    sent = intake.submit(written([gp_row()]), data_set="GP_RS", left_out_at_source=count)

    assert (sent["state"], sent["left_out_at_source"]) == ("accepted", count)
    assert report_of(intake, sent)["totals"]["left_out_at_source"] == count
    edition = intake.get(f"/v1/editions/{sent['edition_id']}").json()
    assert (edition["left_out_at_source"], edition["rows"]) == (count, 1)
    page = intake.client.get(
        f"/v1/submissions/{sent['id']}/report",
        headers=intake.headers(Accept="text/html"),
    )
    assert "People whom the sender left out before" in page.text


def test_where_nobody_is_counted_the_report_says_nothing_of_it(intake):
    sent = intake.submit(written([sus_row()]))

    assert sent["left_out_at_source"] is None
    assert "left_out_at_source" not in report_of(intake, sent)["totals"]


def test_who_counted_wrongly_sends_the_same_file_with_another_count(intake):
    first = intake.submit(written([gp_row()]), data_set="GP_RS", left_out_at_source=1)
    again = intake.open("GP_RS", left_out_at_source=1).json()
    assert intake.put(again["id"], written([gp_row()])).json()["code"] == "DUPLICATE_UPLOAD"

    right = intake.submit(written([gp_row()]), data_set="GP_RS", left_out_at_source=2)

    assert right["state"] == "accepted"
    former = intake.get(f"/v1/editions/{first['edition_id']}").json()
    assert former["superseded_by"] == right["edition_id"]


def test_what_was_announced_before_the_count_was_asked_for_is_not_landed_without_it(intake):
    opened = intake.open("GP_RS", left_out_at_source=3).json()
    assert intake.put(opened["id"], written([gp_row()])).status_code == 202
    with intake.parts.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE submission SET left_out_at_source = NULL")

    intake.work()

    stands = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert (stands["state"], stands["code"]) == ("rejected", "LEFT_OUT_COUNT_MISSING")
    assert intake.get("/v1/editions").json()["items"] == []


@pytest.mark.parametrize(("count", "status"), [(None, 422), (5, 200)])
def test_a_file_is_checked_with_its_count(intake, count, status):
    said = {} if count is None else {"left_out_at_source": count}
    answer = intake.client.post(
        "/v1/file-checks",
        params={"data_set": "GP_RS", "period": "2018-04", **said},
        content=written([gp_row()]),
        headers=intake.headers() | {"Content-Type": "text/csv"},
    )

    assert answer.status_code == status, answer.text
