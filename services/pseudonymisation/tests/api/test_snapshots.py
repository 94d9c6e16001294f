"""A month of GP Workforce that was not extracted is refused by name, for each staff group."""

from services.pseudonymisation.tests.submitting import written

STAFF = {
    "AS_AT_DATE": "2016-12-31",
    "PRACTICE_CODE": "A81001",
    "STAFF_GROUP": "GP",
    "STAFF_ROLE": "Partner",
    "ESTIMATED_FLAG": "0",
}


def people(*groups, day):
    return written(
        [
            STAFF | {"PERSON_KEY": f"P{n}", "STAFF_GROUP": group, "AS_AT_DATE": day}
            for n, group in enumerate(groups)
        ]
    )


def test_a_month_that_was_not_extracted_is_refused_and_the_nearest_are_named(intake):
    answer = intake.open("GPW", "2016-10")

    assert (answer.status_code, answer.json()["code"]) == (422, "PERIOD_INVALID")
    assert "2016-10" in answer.json()["detail"]
    assert "2016-09 or 2016-12" in answer.json()["detail"]


def test_rows_of_a_staff_group_that_the_month_has_not_are_set_aside(intake):
    sent = people("GP", "GP", "NURSES", day="2016-12-31")

    done = intake.submit(sent, data_set="GPW", period="2016-12")

    assert done["state"] == "accepted"
    rows = intake.get(f"/v1/submissions/{done['id']}/quarantine/rows").text.splitlines()
    assert [row[:27] for row in rows[1:]] == ["4,STAFF_GROUP:CODE_UNKNOWN,"]


def test_all_groups_are_there_in_the_half_years(intake):
    sent = people("GP", "NURSES", "ADMIN", day="2017-03-31")

    done = intake.submit(sent, data_set="GPW", period="2017-03")

    assert done["state"] == "accepted"
    rows = intake.get(f"/v1/submissions/{done['id']}/quarantine/rows").text.splitlines()
    assert rows[1:] == []
