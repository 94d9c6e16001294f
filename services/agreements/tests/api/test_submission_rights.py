"""Who may send whose activity: two people record it, the haven asks."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from common.security.roles import Role
from dsfc_testing.said import without_ids
from services.agreements.tests.api.test_organisations import code, imported

PATH = "/v1/submission-rights"
ORGANISATIONS = (
    "RFF,A Trust,NHS_TRUST,,,2013-04-01,\n"
    "RJE,Another Trust,NHS_TRUST,,,2013-04-01,\n"
    "RJE01,A site of it,SITE,RJE,RJE,2013-04-01,2017-03-31\n"
    "RA1,A closed Trust,NHS_TRUST,,,2013-04-01,2015-03-31\n"
    "R0A,A late Trust,NHS_TRUST,,,2019-04-01,\n"
)
RIGHT = {
    "submitter": "RFF",
    "provider": "RJE",
    "valid_from": "2018-04-01",
    "valid_to": "2019-03-31",
    "evidence": "Hosting agreement",
}
WHY = {"reason": "The hosting agreement was seen."}


@pytest.fixture
def listed(service):
    assert imported(service, ORGANISATIONS).status_code == 200
    return service


def recorded(service, **changes):
    return service.post(
        PATH, Role.REFERENCE_DATA_MANAGER, RIGHT | changes, who="recorder", key=changes.get("key")
    )


def confirmed(service, batch, *, who="confirmer", role=Role.CONTRACT_MANAGER):
    return service.post(f"{PATH}/{batch}/confirmation", role, WHY, who=who)


def asked(service, submitter="RFF", provider="RJE", as_at="2018-06-01"):
    query = {"submitter": submitter, "as_at": as_at} | ({"provider": provider} if provider else {})
    answer = service.get(PATH, Role.SERVICE_PSEUDONYMISATION, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def may(service, **query):
    [one] = asked(service, **query)["providers"]
    return one["may_submit"], one["basis"], one["standing"]


def test_a_provider_submits_its_own_records_and_no_others(listed):
    assert may(listed, provider="RFF") == (True, "own", "open")
    assert may(listed, provider="RFF00") == (True, "own", "open")
    assert may(listed, submitter="RFF00", provider="RFF") == (True, "own", "open")
    assert may(listed) == (False, None, "open")


def test_a_right_holds_once_a_second_person_confirmed_it_and_in_its_days_only(listed):
    batch = recorded(listed).json()
    [right] = batch["rights"]
    assert right["state"] == "waiting"
    assert may(listed) == (False, None, "open")

    answer = confirmed(listed, batch["id"])
    assert answer.json()["rights"][0]["state"] == "confirmed"
    assert may(listed) == (True, "right", "open")
    assert may(listed, provider="RJE00") == (True, "right", "open")
    assert may(listed, as_at="2018-03-31") == (False, None, "open")
    assert may(listed, as_at="2019-03-31") == (True, "right", "open")
    assert may(listed, as_at="2019-04-01") == (False, None, "open")
    assert may(listed, submitter="RJE", provider="RFF") == (False, None, "open")


def test_whoever_recorded_a_right_cannot_confirm_it(listed):
    batch = recorded(listed).json()["id"]

    same = confirmed(listed, batch, who="recorder", role=Role.REFERENCE_DATA_MANAGER)
    assert code(same) == (409, "SECOND_PERSON_NEEDED")
    assert may(listed) == (False, None, "open")
    assert confirmed(listed, batch).status_code == 200
    assert code(confirmed(listed, batch)) == (409, "REPLACEMENT_DECIDED")


def test_a_right_is_given_up_while_it_waits_and_ended_once_it_holds(listed):
    given_up = recorded(listed).json()["id"]
    withdrawal = f"{PATH}/{given_up}/withdrawal"
    assert listed.post(withdrawal, Role.REFERENCE_DATA_MANAGER, WHY).status_code == 200
    assert code(confirmed(listed, given_up)) == (409, "REPLACEMENT_DECIDED")

    batch = recorded(listed).json()
    confirmed(listed, batch["id"])
    ending = f"{PATH}/{batch['rights'][0]['id']}/ending"
    listed.pauses.clear()
    ended = listed.post(ending, Role.REFERENCE_DATA_MANAGER, {"last_day": "2018-05-31"})
    assert ended.json()["valid_to"] == "2018-05-31"
    assert len(listed.pauses) == 1
    assert may(listed) == (False, None, "open")
    assert may(listed, as_at="2018-05-31") == (True, "right", "open")
    later = listed.post(ending, Role.REFERENCE_DATA_MANAGER, {"last_day": "2018-12-31"})
    assert later.json()["valid_to"] == "2018-05-31", "an end is not put off"


@pytest.mark.parametrize(
    ("provider", "as_at", "standing"),
    [
        ("RA1", "2015-03-31", "open"),
        ("RA1", "2015-04-01", "closed"),
        ("R0A", "2018-06-01", "not_yet"),
        ("ZZZ", "2018-06-01", "unknown"),
        ("89999", "2018-06-01", "unknown"),
        ("RJE01", "2017-03-31", "open"),
        ("RJE01", "2017-04-01", "closed"),
    ],
)
def test_how_a_provider_stands_is_told_as_at_the_day(listed, provider, as_at, standing):
    permitted, _, found = may(listed, submitter=provider, provider=provider, as_at=as_at)

    assert found == standing
    assert permitted is (standing == "open")


def test_without_a_provider_all_are_named_for_whom_it_may(listed):
    confirmed(listed, recorded(listed).json()["id"])

    found = asked(listed, provider=None)
    assert [(p["entity"], p["basis"]) for p in found["providers"]] == [
        ("RFF", "own"),
        ("RJE", "right"),
    ]


def test_a_list_of_rights_waits_together_and_odd_lines_are_left_out(listed):
    content = (
        "submitter,provider,valid_from,valid_to,evidence\n"
        "RFF,RJE00,2018-04-01,,Hosting agreement\n"
        "RFF,ZZZ,2018-04-01,,In no list\n"
        "RFF,RJE,soon,,No date\n"
        "RJE,RFF,2018-04-01,2018-03-01,Ends before it begins\n"
        "RJE,RFF,2018-04-01,,Hosting agreement\n"
    )
    batch = listed.upload(f"{PATH}/imports", content, Role.REFERENCE_DATA_MANAGER).json()

    assert [(r["submitter"], r["provider"]) for r in batch["rights"]] == [
        ("RFF", "RJE"),
        ("RJE", "RFF"),
    ]
    assert [place["line"] for place in batch["left_out"]["named"]] == [3, 4, 5]
    assert may(listed) == (False, None, "open")
    assert confirmed(listed, batch["id"]).status_code == 200
    assert may(listed) == may(listed, submitter="RJE", provider="RFF") == (True, "right", "open")


def test_a_list_that_contradicts_itself_or_has_no_line_of_use_changes_nothing(listed):
    header = "submitter,provider,valid_from,valid_to,evidence\n"
    before = listed.audited()

    def sent(rows):
        return listed.upload(f"{PATH}/imports", header + rows, Role.REFERENCE_DATA_MANAGER)

    row = "RFF,RJE,2018-04-01,{},Hosting\n"
    contradicting = sent(row.format("") + row.format("2019-03-31"))
    assert code(contradicting) == (422, "IMPORT_CONTRADICTS")
    assert code(sent("RFF,ZZZ,2018-04-01,,In no list\n")) == (422, "IMPORT_REFUSED")
    assert code(sent("")) == (422, "IMPORT_REFUSED")
    assert listed.audited() == before
    assert listed.get(f"{PATH}/recorded", Role.AUDITOR).json()["items"] == []


def test_a_right_is_recorded_once_for_one_key_and_only_for_who_is_known(listed):
    body = RIGHT
    first = listed.post(PATH, Role.REFERENCE_DATA_MANAGER, body, key="k")
    again = listed.post(PATH, Role.REFERENCE_DATA_MANAGER, body, key="k")
    unknown = recorded(listed, provider="ZZZ")
    backwards = recorded(listed, valid_to="2018-03-31")

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert code(unknown) == (422, "ORGANISATION_UNKNOWN")
    assert code(backwards) == (422, "INVALID_REQUEST")
    found = listed.get(f"{PATH}/recorded", Role.AUDITOR, state="waiting").json()["items"]
    assert found == [right | {"not_as_sealed": []} for right in first.json()["rights"]]
    assert listed.get(f"{PATH}/recorded", Role.AUDITOR, state="confirmed").json()["items"] == []


@pytest.mark.parametrize(
    ("first", "last", "overlaps"),
    [
        ("2018-04-01", "2019-03-31", True),
        ("2017-04-01", "2018-04-01", True),
        ("2019-03-31", None, True),
        ("2018-06-01", "2018-06-30", True),
        ("2017-04-01", "2018-03-31", False),
        ("2019-04-01", None, False),
    ],
)
@pytest.mark.parametrize("is_confirmed", [True, False], ids=["confirmed", "waiting"])
def test_the_days_of_a_right_are_said_once(listed, first, last, overlaps, is_confirmed):
    known = recorded(listed).json()
    if is_confirmed:
        confirmed(listed, known["id"])
    before = listed.audited()

    answer = recorded(listed, valid_from=first, valid_to=last, provider="RJE00")

    if overlaps:
        assert code(answer) == (409, "SUBMISSION_RIGHT_OVERLAPS")
        assert answer.json()["right"] == known["rights"][0]["id"]
        assert listed.audited() == before
    else:
        assert answer.status_code == 201


def test_days_of_a_right_that_was_given_up_or_ended_are_recorded_anew(listed):
    given_up = recorded(listed).json()["id"]
    listed.post(f"{PATH}/{given_up}/withdrawal", Role.REFERENCE_DATA_MANAGER, WHY)
    held = recorded(listed).json()
    confirmed(listed, held["id"])
    ending = f"{PATH}/{held['rights'][0]['id']}/ending"
    listed.post(ending, Role.REFERENCE_DATA_MANAGER, {"last_day": "2018-06-01"})

    assert code(recorded(listed, valid_from="2018-06-01")) == (409, "SUBMISSION_RIGHT_OVERLAPS")
    again = recorded(listed, valid_from="2018-06-02").json()
    assert confirmed(listed, again["id"]).status_code == 200
    listed.post(ending, Role.REFERENCE_DATA_MANAGER, {"last_day": "2018-03-31"})
    assert recorded(listed, valid_to="2018-06-01").status_code == 201, "it has no day any more"


def test_a_right_that_waited_while_another_came_to_hold_is_not_confirmed(listed):
    """As of a version that let two be recorded."""
    first = recorded(listed).json()
    second = recorded(listed, valid_from="2019-04-01", valid_to=None).json()["id"]
    later = {"last_day": "2019-06-30"}
    with listed.parts.uow.writing() as tx:
        [right] = tx.submission_rights.find(batch=UUID(first["id"]))
        entry = listed.ctx.entry("test", "submission-rights/test", at=tx.at)
        tx.submission_rights.save(
            replace(right, valid_to=date.fromisoformat(later["last_day"])), audit=entry
        )
    assert confirmed(listed, first["id"]).status_code == 200

    assert code(confirmed(listed, second)) == (409, "SUBMISSION_RIGHT_OVERLAPS")
    assert may(listed, as_at="2019-07-01") == (False, None, "open")


def test_a_list_says_each_day_once_and_days_that_are_recorded_are_left_out(listed):
    header = "submitter,provider,valid_from,valid_to,evidence\n"
    row = "RFF,{},{},{},Hosting\n".format

    def sent(*rows):
        content = header + "".join(rows)
        return listed.upload(f"{PATH}/imports", content, Role.REFERENCE_DATA_MANAGER)

    nested = sent(
        row("RJE", "2018-04-01", ""),
        row("RJE", "2018-05-01", "2018-05-31"),
        row("RJE00", "2019-04-01", ""),
    )
    assert code(nested) == (422, "IMPORT_CONTRADICTS")
    assert [one["line"] for one in nested.json()["errors"]] == [2, 2, 3, 4]
    recorded(listed)

    some = sent(row("RJE", "2019-03-31", ""), row("RJE", "2019-04-01", "2020-03-31")).json()

    assert [right["valid_from"] for right in some["rights"]] == ["2019-04-01"]
    [left_out] = some["left_out"]["named"]
    assert (left_out["line"], left_out["column"]) == (2, "valid_from")
    assert code(sent(row("RJE", "2018-04-01", ""))) == (422, "IMPORT_REFUSED")


def test_what_is_not_there_is_404(listed):
    missing = f"{PATH}/019a0000-0000-7000-8000-000000000000"
    answers = [
        listed.post(f"{missing}/confirmation", Role.CONTRACT_MANAGER, WHY),
        listed.post(f"{missing}/withdrawal", Role.CONTRACT_MANAGER, WHY),
        listed.post(f"{missing}/ending", Role.CONTRACT_MANAGER, {}),
    ]

    assert {code(a) for a in answers} == {(404, "SUBMISSION_RIGHT_NOT_FOUND")}


def test_a_line_of_a_list_that_tells_of_a_person_is_left_out_and_not_repeated(listed):
    sent = listed.upload(
        "/v1/submission-rights/imports",
        "submitter,provider,valid_from,valid_to,evidence\n"
        "RFF,RJE,2018-04-01,,Letter about 999&nbsp;000&nbsp;0018\n"
        "RFF,RJE,2018-05-01,,Hosting agreement\n",
        Role.REFERENCE_DATA_MANAGER,
    )

    assert sent.status_code in {200, 201}, sent.text
    named = sent.json()["left_out"]["named"]
    assert [(place["line"], place["column"]) for place in named] == [(2, "evidence")]
    assert "0018" not in without_ids(sent.text)
