"""The quality of what an extract was made of goes with it, in short."""

from uuid import uuid4


def test_a_released_extract_says_how_good_what_it_was_made_of_is(house):
    extract = house.released()

    answer = house.call("GET", f"/v1/extracts/{extract['id']}/quality")

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["data_set"], body["rule"], body["note"]) == ("SUS_APC", "HES", None)
    [edition] = body["editions"]
    assert (edition["provider"], edition["records"]) == ("RXX", "1005")
    assert edition["fields"] == [
        {"field": "Sex", "is_submitted": True, "completeness": "98", "validity": "*"}
    ]


def test_of_what_is_not_released_nothing_is_said(house):
    house.haven.prepares = False
    extract_id = house.ask().json()["id"]

    answer = house.call("GET", f"/v1/extracts/{extract_id}/quality")

    assert (answer.status_code, answer.json()["code"]) == (409, "EXTRACT_NOT_RELEASED")


def test_of_what_is_anothers_or_nobodys_nothing_is_said(house):
    answer = house.call("GET", f"/v1/extracts/{uuid4()}/quality")

    assert (answer.status_code, answer.json()["code"]) == (404, "EXTRACT_NOT_FOUND")


def test_while_the_haven_is_away_it_says_so(house):
    extract = house.released()
    house.haven.broken = 503

    answer = house.call("GET", f"/v1/extracts/{extract['id']}/quality")

    assert (answer.status_code, answer.json()["code"]) == (503, "PREPARATIONS_UNAVAILABLE")
