"""Breaches over HTTP: asked first, receipted at once, held where it must be."""

from datetime import UTC, datetime

import pytest

from agreements.records.use_cases import breaches as use_cases
from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, OTHER_CSU, REFERENCE

REPORT = {
    "activity_stopped": "no",
    "agreement": REFERENCE,
    "lines": [1],
    "description": "A processor that is not in the agreement was used.",
    "discovered_at": "2018-05-31T10:00:00Z",
}


def code(answer):
    return answer.status_code, answer.json().get("code")


def report(service, role=Role.CSU_SYSTEM, ods=None, key=None, **changes):
    return service.post("/v1/breaches", role, REPORT | changes, ods=ods, key=key)


def held(service):
    return service.get(f"/v1/agreements/{REFERENCE}", Role.CSU_SYSTEM).json()["lines_held"]


@pytest.mark.scenario("B01")
def test_a_report_says_first_whether_the_activity_has_stopped_and_is_receipted(seeded):
    seeded.active()
    without = seeded.post(
        "/v1/breaches",
        Role.CSU_SYSTEM,
        {k: v for k, v in REPORT.items() if k != "activity_stopped"},
    )
    answer = report(seeded, activity_stopped="yes", activity_stopped_at="2018-05-31T09:00:00+01:00")

    assert code(without) == (422, "INVALID_REQUEST")
    assert without.json()["errors"][0]["pointer"].endswith("activity_stopped")
    breach = answer.json()
    assert answer.status_code == 201
    assert breach["receipt"]["reference"].startswith("REC-")
    assert breach["reference"].startswith("BRE-")
    assert breach["activity_stopped_at"] == "2018-05-31T08:00:00Z"
    assert (breach["holds"], held(seeded)) == ([], [])
    assert answer.headers["location"] == f"/v1/breaches/{breach['id']}"


@pytest.mark.scenario("B02")
def test_a_report_by_telephone_without_a_receipt_tells_the_reporter_what_to_do(seeded):
    seeded.active()
    path = (
        "/v1/breaches/"
        + report(seeded, Role.BREACH_HANDLER, channel="telephone", activity_stopped="yes").json()[
            "id"
        ]
    )

    waiting = seeded.get(path, Role.BREACH_HANDLER).json()
    assert (waiting["receipt"], waiting["advice"]) == (None, None)
    assert use_cases.alert_overdue_receipts(ctx=seeded.ctx) == 0

    seeded.clock.set(datetime(2018, 6, 4, 23, 0, tzinfo=UTC))  # the Monday is over in London
    overdue = seeded.get(path, Role.BREACH_HANDLER).json()
    assert "4.1.8" in overdue["advice"]
    assert use_cases.alert_overdue_receipts(ctx=seeded.ctx) == 1
    assert use_cases.alert_overdue_receipts(ctx=seeded.ctx) == 0
    assert seeded.audited()[-1] == "breach-receipt-overdue"

    receipted = seeded.post(f"{path}/receipt", Role.BREACH_HANDLER).json()
    again = seeded.post(f"{path}/receipt", Role.BREACH_HANDLER).json()
    assert receipted["advice"] is None
    assert again["receipt"] == receipted["receipt"]


@pytest.mark.scenario("B03")
@pytest.mark.parametrize("stopped", ["no", "not_known"])
def test_one_that_may_go_on_holds_its_lines_before_the_answer_comes(seeded, stopped):
    seeded.active()
    seeded.pauses.clear()

    breach = report(seeded, activity_stopped=stopped).json()

    assert held(seeded) == [1]
    assert [h["lines"] for h in breach["holds"]] == [[1]]
    assert breach["holds"][0]["breach_id"] == breach["id"]
    assert len(seeded.pauses) == 1
    assert seeded.events()[-2:] == [
        "agreements.breach-reported.v1",
        "agreements.agreement-held.v1",
    ]
    assert seeded.outbox()[-1].data["lines_held"] == [1]


@pytest.mark.scenario("B03")
def test_a_finding_of_serious_holds_once_and_a_lesser_one_does_not(seeded):
    seeded.active()
    breach = report(seeded, activity_stopped="yes").json()
    path = f"/v1/breaches/{breach['id']}/finding"

    minor = seeded.post(path, Role.BREACH_HANDLER, {"finding": "minor"}).json()
    assert (minor["holds"], held(seeded)) == ([], [])
    seeded.pauses.clear()
    serious = seeded.post(path, Role.BREACH_HANDLER, {"finding": "serious"}).json()
    again = seeded.post(path, Role.BREACH_HANDLER, {"finding": "serious"}).json()

    assert len(serious["holds"]) == len(again["holds"]) == 1
    assert held(seeded) == [1]
    assert len(seeded.pauses) == 2


@pytest.mark.scenario("B04")
def test_closing_fills_in_nothing_and_lifts_nothing(seeded):
    seeded.active()
    breach = report(seeded).json()
    path = f"/v1/breaches/{breach['id']}"
    taught = {"outcome": "Taught.", "lesson": "Addresses are checked."}
    early = seeded.post(f"{path}/closure", Role.BREACH_HANDLER, taught)
    seeded.post(f"{path}/finding", Role.BREACH_HANDLER, {"finding": "major"})
    without_facts = seeded.post(f"{path}/closure", Role.BREACH_HANDLER, taught)
    facts = {"facts": "Sent to one wrong mailbox.", "records_affected": 12}
    seeded.post(f"{path}/facts", Role.BREACH_HANDLER, facts)
    closed = seeded.post(f"{path}/closure", Role.BREACH_HANDLER, taught).json()
    again = seeded.post(f"{path}/closure", Role.BREACH_HANDLER, taught | {"outcome": "x"}).json()

    assert code(early) == code(without_facts) == (409, "TRANSITION_REFUSED")
    assert "no facts" in without_facts.json()["detail"]
    assert (closed["facts"], closed["records_affected"]) == ("Sent to one wrong mailbox.", 12)
    assert closed["lesson"] == "Addresses are checked."
    assert closed["register_changes"] == []
    assert closed["state"] == "CLOSED"
    assert (closed["ico_required"], closed["ico_notified_at"]) == ("not_known", None)
    assert again == closed
    assert held(seeded) == [1]
    assert seeded.events().count("agreements.breach-closed.v1") == 1
    late = seeded.post(f"{path}/finding", Role.BREACH_HANDLER, {"finding": "minor"})
    assert code(late) == (409, "TRANSITION_REFUSED")
    late = seeded.post(f"{path}/facts", Role.BREACH_HANDLER, facts | {"records_affected": 13})
    assert code(late) == (409, "TRANSITION_REFUSED")


def test_a_finding_that_ends_a_contract_says_before_what_stops_and_after_what_registers_say(seeded):
    contract = seeded.contract()["reference"]
    seeded.sign_all(seeded.draft())
    seeded.contract(OTHER_CCG)
    path = f"/v1/breaches/{report(seeded, activity_stopped='yes').json()['id']}"

    before = seeded.get(f"{path}/preview", Role.BREACH_HANDLER).json()
    judged = seeded.post(
        f"{path}/finding",
        Role.BREACH_HANDLER,
        {"finding": "serious", "actions": ["end_contract"], "contracts": [contract]},
    ).json()

    assert before["contracts"] == [
        {"reference": contract, "organisation": CCG, "agreements": [REFERENCE]}
    ]
    assert before["hold"]["lines"] == [1]
    assert (before["agreement"], before["files_to_destroy"]) == (REFERENCE, 0)
    ended = seeded.get(f"/v1/contracts/{contract}", Role.CONTRACT_MANAGER).json()
    assert (ended["state"], judged["contracts"]) == ("TERMINATED", [contract])
    after = seeded.get(f"/v1/agreements/{REFERENCE}", Role.CONTRACT_MANAGER).json()
    assert after["state"] == "SUSPENDED"
    assert [(c["register_name"], c["entry"], c["status"]) for c in judged["register_changes"]] == [
        ("agreements", REFERENCE, "SUSPENDED"),
        ("contracts", contract, "TERMINATED"),
    ]
    again = seeded.get(f"{path}/preview", Role.BREACH_HANDLER).json()
    assert again["contracts"] == []

    taken_back = seeded.post(f"{path}/finding", Role.BREACH_HANDLER, {"finding": "minor"})
    assert code(taken_back) == (409, "TRANSITION_REFUSED")


def test_a_finding_ends_no_contract_of_another_and_then_nothing_is_written(seeded):
    seeded.active()
    others = seeded.contract(OTHER_CCG)["reference"]
    path = f"/v1/breaches/{report(seeded, activity_stopped='yes').json()['id']}"
    audited = len(seeded.audited())

    def find(**body):
        return seeded.post(f"{path}/finding", Role.BREACH_HANDLER, {"finding": "major"} | body)

    refused = find(actions=["end_contract"], contracts=[others])
    assert code(refused) == (422, "CONTRACT_OF_ANOTHER")
    assert refused.json()["contracts"] == [others]
    for body in (
        {"actions": ["end_contract"]},
        {"contracts": [others]},
        {"finding": "not_breach", "actions": ["destroy"]},
    ):
        assert code(find(**body)) == (422, "INVALID_REQUEST")

    assert seeded.get(path, Role.BREACH_HANDLER).json()["state"] == "REPORTED"
    assert len(seeded.audited()) == audited


def test_a_breach_that_ended_the_agreement_says_so_of_the_register(seeded):
    seeded.active()
    path = f"/v1/breaches/{report(seeded).json()['id']}"
    judged = seeded.post(
        f"{path}/finding",
        Role.BREACH_HANDLER,
        {"finding": "serious", "actions": ["end_agreement"]},
    ).json()

    assert [(c["register_name"], c["status"]) for c in judged["register_changes"]] == [
        ("agreements", "TERMINATED")
    ]


@pytest.mark.scenario("B05")
def test_a_location_changed_without_notice_is_a_breach_and_no_amendment(seeded):
    seeded.active()

    breach = report(
        seeded,
        Role.AUDITOR,
        channel="audit",
        activity_stopped="not_known",
        description="Data are stored at an address that is not in the agreement.",
    ).json()

    shown = seeded.get(f"/v1/agreements/{REFERENCE}", Role.AUDITOR).json()
    assert breach["channel"] == "audit"
    assert [v["version"] for v in shown["versions"]] == ["v0.0"]
    assert shown["lines_held"] == [1]


@pytest.mark.scenario("R22")
def test_an_onward_share_that_the_recipient_reports_opens_a_breach(seeded):
    seeded.active()

    answer = report(
        seeded, activity_stopped="yes", description="Shared with somebody not in the agreement."
    )
    assert answer.status_code == 201
    assert answer.json()["state"] == "REPORTED"


def test_a_report_of_a_stranger_is_receipted_and_holds_nothing(seeded):
    seeded.active()

    answer = report(seeded, ods=OTHER_CSU)
    assert answer.status_code == 201
    assert answer.json()["receipt"] is not None
    assert (answer.json()["holds"], held(seeded)) == ([], [])


def test_a_report_of_all_lines_holds_the_whole(seeded):
    seeded.active()

    breach = report(seeded, lines=None).json()
    assert (breach["lines"], breach["holds"][0]["whole"]) == (None, True)
    assert held(seeded) == [1, 2]


def test_a_report_is_stored_once_for_one_key(seeded):
    seeded.active()

    first, again = report(seeded, key="k"), report(seeded, key="k")
    assert first.json() == again.json()
    assert seeded.events().count("agreements.breach-reported.v1") == 1


def test_a_wrong_report_stores_nothing(seeded):
    seeded.active()
    before = len(seeded.audited())

    unknown = report(seeded, agreement="DARS-NIC-999999-Z9Z9Z")
    assert code(unknown) == (404, "AGREEMENT_NOT_FOUND")
    assert code(report(seeded, lines=[7])) == (422, "LINE_NOT_IN_DSA")
    contradictory = report(seeded, activity_stopped_at="2018-05-31T09:00:00Z")
    assert code(contradictory) == (422, "INVALID_REQUEST")
    assert "activity_stopped_at is for" in contradictory.text
    assert len(seeded.audited()) == before


def test_a_breach_is_known_to_its_reporter_to_the_parties_and_to_staff(seeded):
    seeded.active()
    own = report(seeded).json()["id"]
    strange = report(seeded, ods=OTHER_CSU).json()["id"]

    def seen(role, ods):
        found = seeded.get("/v1/breaches", role, ods).json()["items"]
        return [b["id"] for b in found]

    assert seen(Role.CONTROLLER_SIGNATORY, CCG) == [own, strange]
    assert seen(Role.CSU_SYSTEM, OTHER_CSU) == [strange]
    assert seen(Role.CSU_SYSTEM, "00L") == []
    assert seen(Role.BREACH_HANDLER, "X26") == [own, strange]
    hidden = seeded.get(f"/v1/breaches/{own}", Role.CSU_SYSTEM, OTHER_CSU)
    assert code(hidden) == (404, "BREACH_NOT_FOUND")
    assert seeded.get(f"/v1/breaches/{own}", Role.CSU_SYSTEM, CSU).status_code == 200


def test_no_event_carries_the_description(seeded):
    seeded.active()
    report(seeded)

    for event in seeded.outbox():
        assert "processor that is not" not in str(event.as_json())
