"""The landing board over HTTP: expectations as dated data, lines, filters, pages, the page."""

from datetime import date

import pytest

from common.security.roles import Role
from services.pseudonymisation.tests.submitting import OTHER_PROVIDER, Intake, sus_row, written

DSCRO = {"role": Role.DSCRO_OPERATOR, "ods": "X26"}
WINDOW = "from=2018-03&to=2018-05"


def expect(intake: Intake, key: str | None = None, **changes):
    body = {
        "data_set": "SUS_APC",
        "provider": "RR8",
        "from": "2018-03",
        "to": "2018-05",
        "reason": "Acute contract of 2018/19.",
    } | changes
    headers = intake.headers(**DSCRO) | ({"Idempotency-Key": key} if key else {})
    return intake.client.post("/v1/expectations", json=body, headers=headers)


def board(intake: Intake, query: str = WINDOW, **caller) -> dict:
    answer = intake.get(f"/v1/landing-board?{query}", **(caller or DSCRO))
    assert answer.status_code == 200, answer.text
    return answer.json()


def land(intake: Intake, count: int = 30, month: str = "04") -> dict:
    rows = [
        sus_row(Unique_CDS_Identifier=f"BRR8{n:09}", CDS_Activity_Date=f"2018-{month}-10")
        for n in range(count)
    ]
    return intake.submit(written(rows), period=f"2018-{month}")


def test_the_board_says_what_came_and_what_is_late(intake):
    assert expect(intake).status_code == 201
    land(intake)

    lines = board(intake)["items"]

    assert [(line["period"], line["state"], line["is_late"]) for line in lines] == [
        ("2018-05", "due", False),
        ("2018-04", "landed", True),
        ("2018-03", "late", True),
    ]
    assert (lines[1]["rows"], lines[1]["due_on"]) == (30, "2018-05-20")


def test_what_shrank_is_seen(intake):
    expect(intake)
    land(intake, 60)
    land(intake, 30, "05")

    [shrunk] = board(intake, f"{WINDOW}&shrunk=true")["items"]

    assert (shrunk["period"], shrunk["rows"], shrunk["rows_of_period_before"]) == (
        "2018-05",
        30,
        60,
    )


def test_the_board_is_filtered(intake):
    expect(intake)
    expect(intake, provider="R0A")
    land(intake)

    assert len(board(intake, f"{WINDOW}&provider=R0A")["items"]) == 3
    assert len(board(intake, f"{WINDOW}&state=landed")["items"]) == 1
    assert len(board(intake, f"{WINDOW}&data_set=DIDS")["items"]) == 0
    assert len(board(intake, f"{WINDOW}&late=false")["items"]) == 2
    assert len(board(intake, "from=2018-05&to=2018-05")["items"]) == 2


def test_the_board_comes_in_pages_that_miss_nothing(intake):
    expect(intake)
    expect(intake, provider="R0A")
    whole = board(intake)["items"]

    found, after = [], ""
    for _ in range(10):
        page = board(intake, f"{WINDOW}&limit=4{after}")
        found += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"

    assert found == whole
    assert len(whole) == 6


def test_a_provider_sees_its_own_lines(intake):
    expect(intake)
    expect(intake, provider=OTHER_PROVIDER)

    own = board(intake, role=Role.PROVIDER_SYSTEM, ods="RR8")["items"]

    assert {line["provider"] for line in own} == {"RR8"}


def test_the_page_is_readable_and_loads_nothing(intake):
    expect(intake)
    headers = intake.headers(**DSCRO) | {"Accept": "text/html"}
    answer = intake.client.get(f"/v1/landing-board?{WINDOW}", headers=headers)

    assert answer.headers["content-type"].startswith("text/html")
    assert "Landing board" in answer.text
    assert ">late<" in answer.text
    assert "<script" not in answer.text
    refused = intake.client.get(
        "/v1/landing-board", headers=intake.headers(**DSCRO) | {"Accept": "text/csv"}
    )
    assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("from=2018-06&to=2018-04", "WINDOW_INVALID"),
        ("from=2010-01&to=2018-04", "WINDOW_INVALID"),
        ("from=2018-13", "INVALID_REQUEST"),
        ("state=lost", "INVALID_REQUEST"),
        ("after=2018-04", "INVALID_REQUEST"),
        ("after=2018-00~SUS_APC~RR8", "PERIOD_INVALID"),
        ("provder=RR8", "UNKNOWN_PARAMETER"),
    ],
)
def test_a_board_that_cannot_be_is_refused(intake, query, code):
    answer = intake.get(f"/v1/landing-board?{query}", **DSCRO)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_the_board_without_months_shows_the_last_twelve(intake):
    expect(intake, **{"from": "2016-04", "to": None})

    lines = board(intake, "")["items"]

    assert (lines[0]["period"], lines[-1]["period"], len(lines)) == ("2018-06", "2017-07", 12)


# --- expectations ---------------------------------------------------------------------------------


def test_an_expectation_is_recorded_once_with_one_key(intake):
    first, again = expect(intake, "k1"), expect(intake, "k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert expect(intake, "k1", provider="R0A").json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    listed = intake.get("/v1/expectations", **DSCRO).json()["items"]
    assert listed == [first.json() | {"is_as_logged": True}]


def test_what_is_expected_already_is_not_expected_again(intake):
    expect(intake)
    answer = expect(intake, **{"from": "2018-05", "to": None})

    assert (answer.status_code, answer.json()["code"]) == (409, "EXPECTATION_OVERLAPS")


def test_an_ended_expectation_lets_another_begin(intake):
    made = expect(intake, to=None).json()
    ended = intake.client.post(
        f"/v1/expectations/{made['id']}/end",
        json={"to": "2018-04", "reason": "The contract ended."},
        headers=intake.headers(**DSCRO),
    )

    assert (ended.status_code, ended.json()["to"], ended.json()["version"]) == (200, "2018-04", 2)
    assert [line["period"] for line in board(intake)["items"]] == ["2018-04", "2018-03"]
    assert expect(intake, **{"from": "2018-05", "to": None}).status_code == 201


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"data_set": "NONE_SUCH"}, 422, "DATA_SET_UNKNOWN"),
        ({"to": "2018-02"}, 422, "EXPECTATION_INVALID"),
        ({"every": 0}, 422, "INVALID_REQUEST"),
        ({"from": "2018"}, 422, "INVALID_REQUEST"),
        ({"provider": "somebody"}, 422, "INVALID_REQUEST"),
        ({"provider": "ZZZ"}, 422, "PROVIDER_UNKNOWN"),
        ({"extra": 1}, 422, "INVALID_REQUEST"),
    ],
)
def test_an_expectation_that_cannot_be_is_refused(intake, changes, status, code):
    answer = expect(intake, **changes)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert intake.get("/v1/expectations", **DSCRO).json()["items"] == []


def test_of_a_provider_that_is_closed_by_then_or_not_open_yet_nothing_is_expected(intake):
    intake.rights.opened["RR8"] = (date(2018, 2, 15), date(2018, 4, 10))

    for first, status in (("2018-01", 422), ("2018-02", 201), ("2018-05", 422)):
        answer = expect(intake, **{"from": first, "to": first})
        assert answer.status_code == status, first
        if status == 422:
            assert answer.json()["code"] == "PROVIDER_NOT_OPEN"


def test_nothing_is_expected_of_anybody_while_the_lists_cannot_be_asked(intake):
    first = expect(intake, "k1")
    intake.rights.is_away = True

    assert expect(intake, "k2", provider="R0A").status_code == 503
    assert expect(intake, "k1").json() == first.json(), "what was recorded is told again"


def test_a_provider_is_expected_under_the_code_that_counts(intake):
    assert expect(intake, provider="RR800").json()["provider"] == "RR8"


def test_an_expectation_that_is_not_there_cannot_be_ended(intake):
    answer = intake.client.post(
        "/v1/expectations/01a2033b-fcd0-71b4-a233-672d0d336749/end",
        json={"to": "2018-05", "reason": "The contract ended."},
        headers=intake.headers(**DSCRO),
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "EXPECTATION_NOT_FOUND")
