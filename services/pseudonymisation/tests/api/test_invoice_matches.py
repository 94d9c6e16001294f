"""Whether people were where an invoice says: told to the line's environment, and nobody kept."""

import json
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from sqlalchemy import text

from common.clock import end_of, legal_day
from common.errors import Refusal
from common.security.roles import Role
from services.pseudonymisation.tests.api.test_opt_outs import body, numbers, take
from services.pseudonymisation.tests.submitting import sus_row, written
from statements.filters import RowFilter

THERE, ALSO_THERE, OTHERS, NOWHERE = "9990000018", "9990000026", "9990000034", "9990000042"
"""At the provider for the line's commissioner, twice; for another commissioner; not at all."""
ASKED = [THERE, OTHERS, NOWHERE, ALSO_THERE]
ELSEWHERE = {
    "GP_Practice_Code": "A81002",
    "Postcode": "NE61 1AA",
    "Commissioner_Code": "00L",
    "Org_Code_Res_Resp": "00L",
}
"""Whatever would make the row the line's commissioner's is another one's."""


@pytest.fixture
def landed(intake):
    people = [(THERE, "1", {}), (ALSO_THERE, "2", {}), (OTHERS, "1", ELSEWHERE), ("", "1", {})]
    rows = [
        sus_row(NHS_Number=number, Unique_CDS_Identifier=f"BRR8{place:09}", Sex=sex, **more)
        for place, (number, sex, more) in enumerate(people)
    ]
    sent = intake.submit(written(rows))
    assert sent["state"] == "accepted", sent
    return intake


def ask(intake, asked=None, *, client="csu-0df-ceff", ods="0DF", role=Role.CSU_SYSTEM, **changes):
    token = intake.issuer.token_for(role, audience="pseudonymisation", ods=ods, client_id=client)
    wanted = {
        "agreement": "DARS-NIC-123456-A1B2C",
        "data_set": "SUS_APC",
        "invoice": "RR8-2018-0042",
        "provider": "RR8",
        "month": "2018-04",
        "nhs_numbers": ASKED if asked is None else asked,
    } | changes
    return intake.client.post(
        "/v1/invoice-matches", json=wanted, headers={"Authorization": f"Bearer {token}"}
    )


def found(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["found"]


def code(answer):
    return answer.status_code, answer.json()["code"]


def stored(intake, what):
    with intake.parts.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(what))]


def leaves(intake, prefix="invoice-match"):
    rows = stored(intake, 'SELECT entry FROM audit_leaf ORDER BY "index"')
    said = [json.loads(entry) for (entry,) in rows]
    return [leaf for leaf in said if leaf["action"].startswith(prefix)]


def permit(intake, **changes):
    intake.direct_care.match = replace(intake.direct_care.match, **changes)


def test_yes_or_no_is_said_of_each_number_and_no_number_comes_back(landed):
    answer = ask(landed)

    assert found(answer) == [True, False, False, True]
    assert not any(number in answer.text for number in ASKED)


def test_only_the_lines_people_the_provider_the_month_and_valid_numbers_count(landed):
    assert found(ask(landed, provider="R0A")) == [False] * 4
    assert found(ask(landed, provider="RR800"))[0] is True  # ruling 23: the entity is what counts
    assert code(ask(landed, month="2018-05")) == (409, "NO_EDITION")
    assert found(ask(landed, ["9990000019"])) == [False]
    permit(landed, codes=("00L",))
    assert found(ask(landed)) == [False, True, False, False]
    permit(landed, national=True, codes=())
    assert found(ask(landed)) == [True, True, False, True]


def test_rows_that_the_lines_filters_leave_out_do_not_count(landed):
    permit(landed, filters=(RowFilter(column="Sex", any_of=("2",)),))

    assert found(ask(landed)) == [False, False, False, True]


def test_who_opted_out_counts_as_not_there_where_that_is_upheld(landed, clock):
    """Ruling 27: in invoice validation opt-outs are upheld until a letter waives them."""
    permit(landed, opt_outs_applied=True)
    assert code(ask(landed)) == (409, "OPT_OUT_NOT_APPLIED")

    day = clock.now().date().isoformat()
    assert take(landed, body([ALSO_THERE]), day).json()["state"] == "accepted"

    assert found(ask(landed)) == [True, False, False, False]
    permit(landed, opt_outs_applied=False)
    assert found(ask(landed)) == [True, False, False, True]
    permit(landed, opt_outs_applied=True)
    clock.advance(timedelta(days=8))
    assert code(ask(landed)) == (409, "OPT_OUT_NOT_APPLIED")


@pytest.mark.scenario("R10")
def test_a_commissioning_team_of_the_same_organisation_is_refused_and_it_is_logged(landed):
    landed.direct_care.refuses = (Refusal("ENVIRONMENT_MISMATCH", "Another environment's."),)

    answer = ask(landed, client="csu-0df-analytics")

    assert code(answer) == (403, "ENVIRONMENT_MISMATCH")
    (leaf,) = leaves(landed)
    assert (leaf["action"], leaf["client_id"], leaf["detail"]) == (
        "invoice-match-refused",
        "csu-0df-analytics",
        {"agreement": "DARS-NIC-123456-A1B2C", "people": 4, "codes": ["ENVIRONMENT_MISMATCH"]},
    )
    assert stored(landed, "SELECT count(*) FROM invoice_match") == [(0,)]


def test_agreements_is_asked_with_the_clients_own_token(landed):
    ask(landed)

    ((agreement, key, people, client, token),) = landed.direct_care.asked
    assert (agreement, tuple(key), people, client) == (
        "DARS-NIC-123456-A1B2C",
        ("IV", "SUS_APC", "IDENTIFIABLE"),
        4,
        "csu-0df-ceff",
    )
    assert token.count(".") == 2


def test_one_question_and_one_day_have_a_limit(landed, clock):
    too_many = ask(landed, numbers(100, 350)[:201])
    assert (code(too_many), too_many.json()["people_max"]) == ((413, "TOO_MANY_PEOPLE"), 200)

    for _ in range(10):
        found(ask(landed, [THERE] * 200))
    assert code(ask(landed, [THERE])) == (413, "DAILY_LIMIT_REACHED")
    assert found(ask(landed, [THERE], agreement="DARS-NIC-999999-Z9Z9Z")) == [True]
    # A day is the legal one: in summer it ends an hour before that of UTC.
    midnight = end_of(legal_day(clock.now()))
    assert (midnight - timedelta(hours=23)).astimezone(UTC).hour == 0
    clock.set(midnight - timedelta(seconds=1))
    assert code(ask(landed, [THERE])) == (413, "DAILY_LIMIT_REACHED")
    clock.set(midnight)
    assert found(ask(landed, [THERE])) == [True]


def test_a_run_of_no_is_an_alert_once_also_over_several_questions(landed):
    """Whoever tries numbers gets many."""
    strangers = numbers(100, 130)
    found(ask(landed, strangers[:19]))
    assert [leaf["action"] for leaf in leaves(landed)] == ["invoice-matched"]

    found(ask(landed, [NOWHERE, NOWHERE]))
    found(ask(landed, [NOWHERE]))
    found(ask(landed, [THERE]))
    found(ask(landed, strangers[:21]))

    assert [(leaf["action"], leaf["detail"]["run_of_no"]) for leaf in leaves(landed)] == [
        ("invoice-matched", 19),
        ("invoice-match-alert", 21),
        ("invoice-matched", 22),
        ("invoice-matched", 0),
        ("invoice-match-alert", 21),
    ]
    headers = landed.headers(Role.INFORMATION_GOVERNANCE, "X26")
    listed = landed.client.get("/v1/invoice-matches", headers=headers).json()["items"]
    assert [one["alerts"] for one in listed] == [False, True, False, False, True]
    assert {one["is_as_logged"] for one in listed} == {True}


def test_whoever_goes_on_is_seen_again_and_a_known_number_hides_no_run(landed):
    strangers = numbers(100, 1_000)
    found(ask(landed, strangers[:25]))
    found(ask(landed, [THERE, *strangers[25:50]]))  # a run of its own, after one that alerted
    found(ask(landed, strangers[50:60]))
    found(ask(landed, strangers[60:70]))  # the fortieth in a row

    headers = landed.headers(Role.INFORMATION_GOVERNANCE, "X26")
    listed = landed.client.get("/v1/invoice-matches", headers=headers).json()["items"]
    assert [(one["run_of_no"], one["alerts"]) for one in listed] == [
        (25, True),
        (25, True),
        (35, False),
        (45, True),
    ]


def test_so_many_no_of_a_day_are_an_alert_however_they_are_mixed(landed, clock):
    """Guard: `alert_after_no_day`. A number that is known ends each run before it is one."""
    strangers = iter(numbers(100, 1_000))

    def mixed(no):
        return [THERE if place % 20 == 19 else next(strangers) for place in range(no + no // 19)]

    found(ask(landed, mixed(171)))
    found(ask(landed, mixed(19)))
    found(ask(landed, mixed(19)))
    clock.advance(timedelta(days=1))
    found(ask(landed, mixed(171)))

    alerts = [leaf["action"] == "invoice-match-alert" for leaf in leaves(landed)]
    assert alerts == [False, False, True, False]


def test_each_question_is_logged_by_haven_token_and_no_number_is_anywhere(landed, caplog):
    ask(landed)

    (leaf,) = leaves(landed)
    assert (leaf["detail"]["invoice"], leaf["detail"]["matched"]) == ("RR8-2018-0042", 2)
    rows = stored(landed, "SELECT person, is_there FROM invoice_matched_person ORDER BY position")
    person = landed.parts.people.haven.person_of
    assert rows == [(person(n), n in (THERE, ALSO_THERE)) for n in ASKED]
    database = (landed.directory / "service.db").read_bytes()
    assert not any(number.encode() in database for number in ASKED)
    assert not any(number in caplog.text for number in ASKED)


def test_whose_rows_were_altered_past_the_service_is_told(landed):
    ask(landed)
    with landed.parts.engine.begin() as connection:
        connection.execute(text("UPDATE invoice_matched_person SET is_there = true"))

    headers = landed.headers(Role.AUDITOR, "X26")
    (one,) = landed.client.get("/v1/invoice-matches", headers=headers).json()["items"]
    assert one["is_as_logged"] is False


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"invoice": THERE}, "PERSONAL_DATA_IN_TEXT"),
        ({"month": "2018"}, "INVALID_REQUEST"),
        ({"nhs_numbers": ["999 000 0018"]}, "INVALID_REQUEST"),
        ({"nhs_numbers": []}, "INVALID_REQUEST"),
    ],
)
def test_what_is_no_question_is_refused_and_no_number_is_repeated(landed, changes, refused):
    answer = ask(landed, **changes)

    assert code(answer) == (422, refused)
    assert "999 000 0018" not in answer.text
    assert THERE not in answer.text
