"""Assurance, ICO registrations, section 251 approvals and publications over HTTP."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, OTHER_CSU

DSPT = "Code,Organisation Name,Status,Date Of Publication,Primary Sector\n"
PUBLISHED = Path(__file__).parents[5] / "shared" / "data" / "dspt" / "csu_2023-11-16.csv"
AFTER = datetime(2023, 12, 2, 9, tzinfo=UTC)
"""The lists have been exported."""
EVIDENCE = {
    "organisation": CSU,
    "kind": "ISO27001",
    "reference": "IS 1",
    "status": "CERTIFIED",
    "expires_on": "2020-01-01",
    "seen_on": "2018-05-01",
    "reviewed_by_body": True,
    "locations_covered": True,
}


def code(answer):
    return answer.status_code, answer.json().get("code")


def imported(service, content, snapshot_on="2023-11-16"):
    service.clock.set(AFTER)
    return service.upload(
        "/v1/assurance/imports",
        content,
        Role.REFERENCE_DATA_MANAGER,
        layout="dspt_csu",
        snapshot_on=snapshot_on,
    )


def assurance(service, organisation, **query):
    return service.get(
        "/v1/assurance", Role.SERVICE_APPLICATIONS, organisation=organisation, **query
    ).json()


@pytest.mark.scenario("A13")
@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published file is not on this machine")
def test_of_the_published_five_nel_is_refused_and_the_others_pass(service):
    answer = imported(service, PUBLISHED.read_bytes())

    assert (answer.json()["listed"], answer.json()["added"]) == (5, 5)
    on = {"as_at": "2023-11-16"}
    assert not assurance(service, "0DJ", **on)["judgement"]["accepted"]
    for csu in ("0AR", "0CX", "0DE", "0DF"):
        judged = assurance(service, csu, **on)["judgement"]
        assert (judged["accepted"], judged["reason"]) == (True, "STANDARDS_EXCEEDED")
        assert judged["until"] == judged["evidence"]["published_on"].replace("2023", "2024")


def test_a_newer_list_takes_the_place_of_an_older_and_an_older_says_nothing(seeded):
    newer = DSPT + f"{CSU},SCW,22/23 Standards Met,29/06/2023,CSU\n"
    older = DSPT + f"{CSU},SCW,22/23 Approaching Standards,29/06/2023,CSU\n"

    assert imported(seeded, newer).json()["added"] == 1
    assert imported(seeded, newer).json()["unchanged"] == 1
    assert imported(seeded, older, "2023-07-01").json()["unchanged"] == 1
    assert imported(seeded, older, "2023-12-01").json()["changed"] == 1
    [item] = assurance(seeded, CSU)["items"]
    assert (item["status"], item["seen_on"]) == ("APPROACHING_STANDARDS", "2023-12-01")
    assert len(seeded.pauses) == 4


def test_what_the_body_reviewed_stays_reviewed_when_a_list_comes(seeded):
    listed = DSPT + f"{CSU},SCW,22/23 Approaching Standards,29/06/2023,CSU\n"
    imported(seeded, listed)
    reviewed = {
        "organisation": CSU,
        "kind": "DSPT",
        "reference": "22/23",
        "status": "APPROACHING_STANDARDS",
        "published_on": "2023-06-29",
        "seen_on": "2023-11-20",
        "reviewed_by_body": True,
        "plan_accepted": True,
        "plan_until": "2024-03-31",
    }
    answer = seeded.post("/v1/assurance", Role.REFERENCE_DATA_MANAGER, reviewed)
    imported(seeded, listed, "2023-12-01")

    assert answer.status_code == 201
    judged = assurance(seeded, CSU, as_at="2023-12-02", identifiable=True)["judgement"]
    assert (judged["accepted"], judged["needs_review"]) == (True, False)
    assert judged["until"] == "2024-03-31"
    assert judged["evidence"]["plan_until"] == "2024-03-31"


def test_what_is_no_export_is_refused(service):
    assert code(imported(service, "a,b\n1,2\n")) == (422, "IMPORT_REFUSED")
    assert service.audited() == []


def test_evidence_is_recorded_once_and_counts_for_the_locations_of_its_entity(seeded):
    path = "/v1/assurance"
    first = seeded.post(path, Role.REFERENCE_DATA_MANAGER, EVIDENCE)
    again = seeded.post(path, Role.REFERENCE_DATA_MANAGER, EVIDENCE)
    leaves = len(seeded.audited())
    icb = seeded.post(path, Role.REFERENCE_DATA_MANAGER, EVIDENCE | {"organisation": "QF7"})
    unknown = seeded.post(path, Role.REFERENCE_DATA_MANAGER, EVIDENCE | {"organisation": "99Z"})

    assert first.json() == again.json()
    assert leaves == 2
    assert code(icb) == (422, "ORGANISATION_UNKNOWN")  # there is no QF7 in 2018
    assert code(unknown) == (422, "ORGANISATION_UNKNOWN")
    assert assurance(seeded, CSU)["judgement"]["accepted"]
    assert not assurance(seeded, CSU, as_at="2020-01-02")["judgement"]["accepted"]
    assert assurance(seeded, OTHER_CSU) == {
        "items": [],
        "judgement": {
            "accepted": False,
            "reason": "no evidence",
            "needs_review": False,
            "until": None,
            "evidence": None,
        },
    }


ICO = {
    "organisation": CCG,
    "number": "Z1234567",
    "name": "NHS Barnsley CCG",
    "valid_from": "2018-04-01",
    "valid_to": "2019-03-31",
}


def test_a_registration_is_renewed_under_its_number(seeded):
    path = "/v1/ico-registrations"
    first = seeded.post(path, Role.REFERENCE_DATA_MANAGER, ICO)
    again = seeded.post(path, Role.REFERENCE_DATA_MANAGER, ICO)
    renewed = seeded.post(path, Role.REFERENCE_DATA_MANAGER, ICO | {"valid_to": "2020-03-31"})

    assert first.status_code == 201
    assert again.json() == first.json()
    assert renewed.json()["valid_to"] == "2020-03-31"
    found = seeded.get(path, Role.SERVICE_APPLICATIONS, organisation=CCG).json()["items"]
    assert found == [renewed.json() | {"not_as_sealed": []}]
    on = seeded.get(path, Role.SERVICE_APPLICATIONS, organisation=CCG, as_at="2018-04-01")
    assert on.json()["items"] == found


@pytest.mark.parametrize(
    "wrong", [{"number": "1234"}, {"valid_to": "2018-03-31"}, {"valid_from": "0001-01-01"}]
)
def test_what_is_no_registration_is_refused(seeded, wrong):
    answer = seeded.post("/v1/ico-registrations", Role.REFERENCE_DATA_MANAGER, ICO | wrong)

    assert code(answer) == (422, "INVALID_REQUEST")


APPROVAL = {
    "reference": "CAG 7-07(a)/2013",
    "purposes": ["IV"],
    "controllers": [CCG],
    "valid_from": "2013-04-01",
    "valid_to": "2020-09-30",
    "review_on": "2019-09-30",
}


def test_an_approval_is_extended_under_its_reference(seeded):
    path = "/v1/section-251-approvals"
    first = seeded.post(path, Role.REFERENCE_DATA_MANAGER, APPROVAL)
    again = seeded.post(path, Role.REFERENCE_DATA_MANAGER, APPROVAL)
    extended = seeded.post(
        path,
        Role.REFERENCE_DATA_MANAGER,
        APPROVAL | {"valid_to": "2022-09-30", "controllers": None},
    )
    backwards = seeded.post(
        path, Role.REFERENCE_DATA_MANAGER, APPROVAL | {"valid_to": "2013-03-31"}
    )

    assert again.json() == first.json()
    assert extended.json()["id"] == first.json()["id"]
    assert (extended.json()["valid_to"], extended.json()["controllers"]) == ("2022-09-30", None)
    assert code(backwards) == (422, "INVALID_REQUEST")
    [shown] = seeded.get(path, Role.CSU_SYSTEM).json()["items"]
    assert shown == extended.json() | {"in_force": True, "not_as_sealed": []}
    assert shown["former"] == [], "it was in force without a gap"


def test_an_approval_that_lapsed_and_is_extended_later_was_not_in_force_in_the_gap(seeded):
    path = "/v1/section-251-approvals"
    today = seeded.clock.now().date()
    lapsed = (today - timedelta(days=30)).isoformat()

    def recorded(**changes):
        return seeded.post(path, Role.REFERENCE_DATA_MANAGER, APPROVAL | changes)

    def in_force(day):
        [shown] = seeded.get(path, Role.CSU_SYSTEM, as_at=str(day)).json()["items"]
        return shown["in_force"]

    recorded(valid_to=lapsed)
    extended = recorded(valid_to="2022-09-30").json()

    assert extended["former"] == [{"valid_from": APPROVAL["valid_from"], "valid_to": lapsed}]
    assert (extended["valid_from"], extended["valid_to"]) == (str(today), "2022-09-30")
    assert in_force("2015-01-01")
    assert in_force(lapsed)
    assert not in_force(today - timedelta(days=29))
    assert not in_force(today - timedelta(days=1))
    assert in_force(today)
    assert in_force("2022-09-30")
    assert not in_force("2022-10-01")
    assert recorded(valid_to="2022-09-30").json()["former"] == extended["former"], "again"


def test_what_had_lapsed_is_not_extended_for_days_that_are_over(seeded):
    path = "/v1/section-251-approvals"
    seeded.post(path, Role.REFERENCE_DATA_MANAGER, APPROVAL | {"valid_to": "2017-03-31"})
    late = seeded.post(path, Role.REFERENCE_DATA_MANAGER, APPROVAL | {"valid_to": "2017-09-30"})

    assert code(late) == (422, "EXTENSION_IS_PAST")


def test_a_fee_that_was_paid_late_was_not_paid_in_between(seeded):
    path = "/v1/ico-registrations"
    seeded.post(
        path,
        Role.REFERENCE_DATA_MANAGER,
        ICO | {"valid_from": "2017-02-01", "valid_to": "2018-01-31"},
    )
    renewed = seeded.post(
        path,
        Role.REFERENCE_DATA_MANAGER,
        ICO | {"valid_from": "2017-02-01", "valid_to": "2019-01-31"},
    )

    assert renewed.json()["former"][0]["valid_to"] == "2018-01-31"
    assert renewed.json()["valid_from"] == seeded.clock.now().date().isoformat()


def test_a_publication_may_be_corrected(seeded):
    path = "/v1/publications"
    body = {"data_set": "CSDS", "period": "2019-04", "published_on": "2019-08-15"}

    first = seeded.post(path, Role.REGISTER_PUBLISHER, body)
    again = seeded.post(path, Role.REGISTER_PUBLISHER, body)
    corrected = seeded.post(path, Role.REGISTER_PUBLISHER, body | {"published_on": "2019-08-22"})

    assert first.json() == again.json() == body | {"not_as_sealed": None}
    assert seeded.get(path, Role.SERVICE_DISSEMINATION).json()["items"] == [
        corrected.json() | {"not_as_sealed": []}
    ]
    assert len(seeded.pauses) == 3


def test_every_recording_is_answered_after_the_longest_lease(seeded):
    seeded.pauses.clear()
    seeded.post("/v1/ico-registrations", Role.REFERENCE_DATA_MANAGER, ICO)
    seeded.post("/v1/section-251-approvals", Role.REFERENCE_DATA_MANAGER, APPROVAL)
    seeded.post("/v1/assurance", Role.REFERENCE_DATA_MANAGER, EVIDENCE)

    assert len(seeded.pauses) == 3


@pytest.mark.parametrize(
    ("written", "recorded", "notices"),
    [
        ("NHS Barnsley CCG", "NHS Barnsley CCG", []),
        ("Barnsley C.C.G.", "NHS Barnsley CCG", ["SPELLING_CORRECTED"]),
    ],
)
def test_a_registration_is_recorded_under_the_listed_name(seeded, written, recorded, notices):
    body = ICO | {"name": written, "organisation": f"{CCG}00"}
    answer = seeded.post("/v1/ico-registrations", Role.REFERENCE_DATA_MANAGER, body)

    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert (shown["organisation"], shown["name"], shown["notices"]) == (CCG, recorded, notices)


def test_a_registration_of_somebody_else_is_refused(seeded):
    body = ICO | {"name": "NHS Wakefield CCG"}
    refused = seeded.post("/v1/ico-registrations", Role.REFERENCE_DATA_MANAGER, body)

    assert (refused.status_code, refused.json()["code"]) == (422, "NAME_DIFFERS")
    assert refused.json()["field"] == "name"
    found = seeded.get("/v1/ico-registrations", Role.SERVICE_APPLICATIONS, organisation=CCG)
    assert found.json()["items"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"published_on": "2018-06-01", "expires_on": "2018-05-31", "seen_on": "2018-06-02"},
        {"published_on": "2018-06-01", "seen_on": "2018-05-31"},
        {"plan_until": "2019-03-31", "plan_accepted": False},
    ],
)
def test_evidence_whose_dates_contradict_one_another_is_refused(seeded, changes):
    answer = seeded.post("/v1/assurance", Role.REFERENCE_DATA_MANAGER, EVIDENCE | changes)

    assert code(answer) == (422, "INVALID_REQUEST")
