"""Contracts, agreements, holds and holdings over HTTP."""

import pytest

from agreements.records.use_cases import agreements as use_cases
from common.clock import end_of
from common.ids import digest
from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, END, REFERENCE, line
from services.agreements.tests.service import BODY

CONTRACT = {"organisation": CCG, "legal_name": "NHS Barnsley CCG", "start": "2018-04-01"}


def code(answer):
    return answer.status_code, answer.json().get("code")


# Contracts


def test_a_contract_is_signed_by_the_organisation_and_then_the_body(seeded):
    issued = seeded.contract(signed=False)
    body_first = seeded.sign("contracts", issued, Role.DARS_APPROVER, BODY)
    first = seeded.sign("contracts", issued, Role.CONTROLLER_SIGNATORY, CCG)
    both = seeded.sign("contracts", issued, Role.DARS_APPROVER, BODY)
    again = seeded.sign("contracts", issued, Role.DARS_APPROVER, BODY)

    assert issued["state"] == "ISSUED"
    assert code(body_first) == (409, "ORGANISATION_SIGNS_FIRST")
    assert first.json()["state"] == "SIGNED_BY_ORGANISATION"
    assert both.json()["state"] == "IN_FORCE"
    assert code(again) == (409, "ALREADY_SIGNED")
    assert seeded.audited()[-3:] == ["contract-issued", "contract-signed", "contract-signed"]


def test_nobody_signs_for_another_organisation(seeded):
    issued = seeded.contract(signed=False)
    path = f"/v1/contracts/{issued['reference']}/signatures"
    body = {"party": CCG, "document_hash": issued["document_hash"], "name_of_role": "SIRO"}

    other = seeded.post(path, Role.CONTROLLER_SIGNATORY, body, ods="00L")
    for_body = seeded.post(path, Role.CONTROLLER_SIGNATORY, body | {"party": BODY}, ods=CCG)
    staff = seeded.post(path, Role.DARS_APPROVER, body)

    assert code(other) == (404, "CONTRACT_NOT_FOUND")
    assert code(for_body) == (403, "NOT_A_PARTY")
    assert code(staff) == (403, "NOT_A_PARTY")


def test_another_document_is_not_signed(seeded):
    issued = seeded.contract(signed=False) | {"document_hash": "sha256:" + "f" * 64}

    assert code(seeded.sign("contracts", issued, Role.CONTROLLER_SIGNATORY, CCG)) == (
        409,
        "DOCUMENT_HASH_DIFFERS",
    )


def test_a_second_contract_in_the_same_time_is_not_put_in_force(seeded):
    seeded.contract()
    second = seeded.contract(signed=False)
    seeded.sign("contracts", second, Role.CONTROLLER_SIGNATORY, CCG)

    assert code(seeded.sign("contracts", second, Role.DARS_APPROVER, BODY)) == (
        409,
        "CONTRACT_OVERLAPS",
    )


def test_a_location_of_an_icb_has_no_contract_of_its_own(seeded):
    location = seeded.post(
        "/v1/contracts", Role.CONTRACT_MANAGER, CONTRACT | {"start": "2022-07-01"}
    )
    unknown = seeded.post(
        "/v1/contracts", Role.CONTRACT_MANAGER, CONTRACT | {"organisation": "99Z"}
    )

    assert code(location) == (422, "NOT_A_LEGAL_ENTITY")
    assert location.json()["legal_entity"] == "QF7"
    assert code(unknown) == (422, "ORGANISATION_UNKNOWN")


def test_a_contract_is_issued_once_for_one_idempotency_key(seeded):
    first = seeded.post("/v1/contracts", Role.CONTRACT_MANAGER, CONTRACT, key="one")
    second = seeded.post("/v1/contracts", Role.CONTRACT_MANAGER, CONTRACT, key="one")
    other = seeded.post(
        "/v1/contracts", Role.CONTRACT_MANAGER, CONTRACT | {"legal_name": "x"}, key="one"
    )

    assert first.json() == second.json()
    assert code(other) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert first.headers["location"] == f"/v1/contracts/{first.json()['reference']}"


@pytest.mark.parametrize("written", ["Barnsley Clinical Commissioning Group", "nhs barnsley ccg"])
def test_another_spelling_of_the_name_is_corrected_with_notice(seeded, written):
    asked = CONTRACT | {"legal_name": written}
    issued = seeded.post("/v1/contracts", Role.CONTRACT_MANAGER, asked, key="one").json()

    assert issued["legal_name"] == "NHS Barnsley CCG"
    assert issued["notices"] == ["SPELLING_CORRECTED"]
    assert seeded.post("/v1/contracts", Role.CONTRACT_MANAGER, asked, key="one").json() == issued
    shown = seeded.get(f"/v1/contracts/{issued['reference']}", Role.CONTRACT_MANAGER).json()
    assert (shown["legal_name"], shown["notices"]) == ("NHS Barnsley CCG", [])


@pytest.mark.parametrize(
    "written", ["NHS Wakefield CCG", "Barnsley", "N/A", "NHS South Yorkshire ICB - 02P"]
)
def test_another_organisations_name_is_no_contracts(seeded, written):
    refused = seeded.post(
        "/v1/contracts", Role.CONTRACT_MANAGER, CONTRACT | {"legal_name": written}
    )

    assert (refused.status_code, refused.json()["code"]) == (422, "NAME_DIFFERS")
    assert (refused.json()["field"], refused.json()["listed"]) == ("legal_name", "NHS Barnsley CCG")
    assert seeded.get("/v1/contracts", Role.CONTRACT_MANAGER).json()["items"] == []


def test_a_contract_is_the_entitys_in_whichever_form_its_code_is_written(seeded):
    issued = seeded.post(
        "/v1/contracts", Role.CONTRACT_MANAGER, CONTRACT | {"organisation": f"{CCG}00"}
    )

    assert (issued.status_code, issued.json()["organisation"]) == (201, CCG)


def test_termination_suspends_the_agreements_and_is_answered_after_the_longest_lease(seeded):
    seeded.active()
    [contract] = seeded.get("/v1/contracts", Role.CONTRACT_MANAGER).json()["items"]
    seeded.pauses.clear()
    path = f"/v1/contracts/{contract['reference']}/termination"

    ended = seeded.post(path, Role.CONTRACT_MANAGER, {"reason": "merged"})
    again = seeded.post(path, Role.CONTRACT_MANAGER, {"reason": "merged"})

    assert ended.json()["state"] == "TERMINATED"
    assert again.json() == ended.json()
    assert len(seeded.pauses) == 2
    assert all(seconds >= 1.1 for seconds in seeded.pauses)
    shown = seeded.get(f"/v1/agreements/{REFERENCE}", Role.CSU_SYSTEM).json()
    assert shown["state"] == "SUSPENDED"
    use_cases.announce_changes(ctx=seeded.ctx)
    assert seeded.events()[-1] == "agreements.agreement-held.v1"


@pytest.mark.scenario("A03")
def test_a_predecessors_contract_counts_for_the_successor_only_by_an_instrument(seeded):
    seeded.contract(end=None)
    asked = {"organisation": "QF7", "as_at": "2022-07-01"}

    without = seeded.get("/v1/contracts", Role.SERVICE_APPLICATIONS, **asked).json()["items"]
    instrument = seeded.post(
        "/v1/transfer-instruments",
        Role.CONTRACT_MANAGER,
        {
            "predecessor": CCG,
            "successor": "QF7",
            "effective_from": "2022-07-01",
            "evidence": "Transfer scheme of 1 July 2022",
        },
    )
    with_it = seeded.get("/v1/contracts", Role.SERVICE_APPLICATIONS, **asked).json()["items"]
    before = seeded.get(
        "/v1/contracts", Role.SERVICE_APPLICATIONS, organisation=CCG, as_at="2022-06-30"
    ).json()["items"]

    assert without == []
    assert instrument.status_code == 201
    assert [(c["organisation"], c["state"]) for c in with_it] == [(CCG, "IN_FORCE")]
    assert [c["organisation"] for c in before] == [CCG]


def test_a_contract_signed_this_morning_is_in_force_today(seeded):
    reference = seeded.contract(start="2018-06-01")["reference"]

    def state(as_at):
        asked = {"organisation": CCG, "as_at": as_at}
        [one] = seeded.get("/v1/contracts", Role.SERVICE_APPLICATIONS, **asked).json()["items"]
        assert one["reference"] == reference
        return one["state"]

    assert state("2018-05-31") == "SIGNED"
    assert state("2018-06-01") == "IN_FORCE"
    assert state("2018-06-02") == "IN_FORCE"


def test_a_contract_is_shown_to_its_own_organisation_and_to_staff(seeded):
    reference = seeded.contract()["reference"]
    path = f"/v1/contracts/{reference}"

    assert seeded.get(path, Role.CONTROLLER_SIGNATORY).status_code == 200
    assert seeded.get(path, Role.AUDITOR).status_code == 200
    assert code(seeded.get(path, Role.CONTROLLER_SIGNATORY, "00L")) == (404, "CONTRACT_NOT_FOUND")
    assert seeded.get("/v1/contracts", Role.CONTROLLER_SIGNATORY, "00L").json()["items"] == []
    own = seeded.get("/v1/contracts", Role.CONTROLLER_SIGNATORY).json()["items"]
    assert [c["reference"] for c in own] == [reference]
    counted = seeded.get("/v1/contracts", Role.CSU_SYSTEM, "00L", organisation=CCG).json()
    assert counted["items"] == []


# Agreements


@pytest.mark.scenario("A25")
def test_an_agreement_past_its_start_with_one_signature_missing_is_not_active(seeded):
    seeded.contract()
    drafted = seeded.draft()
    seeded.sign("agreements", drafted, Role.CONTROLLER_SIGNATORY, CCG)
    waiting = seeded.sign("agreements", drafted, Role.DARS_APPROVER, BODY).json()

    assert waiting["state"] == "AWAITING_SIGNATURE"
    assert waiting["versions"][0]["missing_signatures"] == [CSU]
    assert waiting["versions"][0]["effective_from"] is None

    active = seeded.sign("agreements", drafted, Role.PROCESSOR_CONTACT, CSU).json()
    assert active["state"] == "ACTIVE"
    assert seeded.events() == [
        "agreements.agreement-drafted.v1",
        "agreements.agreement-signed.v1",
        "agreements.agreement-signed.v1",
        "agreements.agreement-signed.v1",
        "agreements.agreement-activated.v1",
    ]


def test_the_document_is_what_its_hash_says(seeded):
    from common.ids import digest

    drafted = seeded.draft()
    answer = seeded.get(f"/v1/agreements/{REFERENCE}/document", Role.CSU_SYSTEM, version="v0.0")

    assert digest(answer.content) == drafted["document_hash"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["snapshot"]["reference"] == REFERENCE
    missing = seeded.get(f"/v1/agreements/{REFERENCE}/document", Role.CSU_SYSTEM, version="v9.9")
    assert code(missing) == (404, "AGREEMENT_NOT_FOUND")


@pytest.mark.scenario("A27")
def test_an_unsigned_amendment_changes_nothing_that_is_shown(seeded):
    seeded.active()
    added = [
        {"ods": CSU, "legal_name": "South Central and West CSU"},
        {"ods": "0CX", "legal_name": "Midlands and Lancashire CSU"},
    ]
    amendment = seeded.draft(version="v0.1", kind="amendment", processors=added)
    for party in (CCG, CSU):
        role = Role.CONTROLLER_SIGNATORY if party == CCG else Role.PROCESSOR_CONTACT
        seeded.sign("agreements", amendment, role, party)
    unsigned = seeded.sign("agreements", amendment, Role.DARS_APPROVER, BODY).json()

    assert (unsigned["version"], unsigned["state"]) == ("v0.0", "ACTIVE")
    assert [p["ods"] for p in unsigned["processors"]] == [CSU]

    signed = seeded.sign("agreements", amendment, Role.PROCESSOR_CONTACT, "0CX").json()
    assert (signed["version"], signed["state"]) == ("v0.1", "ACTIVE")
    assert [p["ods"] for p in signed["processors"]] == [CSU, "0CX"]
    assert seeded.events()[-2:] == [
        "agreements.agreement-signed.v1",
        "agreements.agreement-amended.v1",
    ]


def test_an_agreement_is_shown_to_its_parties_and_to_staff_and_is_404_for_others(seeded):
    seeded.draft()
    path = f"/v1/agreements/{REFERENCE}"

    for role in (Role.CSU_SYSTEM, Role.CONTROLLER_SIGNATORY, Role.AUDITOR):
        assert seeded.get(path, role).status_code == 200
    for part in ("", "/document", "/holdings"):
        assert code(seeded.get(path + part, Role.CSU_SYSTEM, "0CX")) == (
            404,
            "AGREEMENT_NOT_FOUND",
        )
    assert seeded.get("/v1/agreements", Role.CSU_SYSTEM, "0CX").json()["items"] == []
    [own] = seeded.get("/v1/agreements", Role.CSU_SYSTEM).json()["items"]
    assert own["reference"] == REFERENCE
    stranger = seeded.post(
        f"{path}/termination", Role.CONTROLLER_SIGNATORY, {"reason": "x"}, ods="00L"
    )
    assert code(stranger) == (404, "AGREEMENT_NOT_FOUND")


def test_nobody_signs_an_agreement_for_another(seeded):
    drafted = seeded.draft()
    path = f"/v1/agreements/{REFERENCE}/signatures"
    body = {"document_hash": drafted["document_hash"], "name_of_role": "SIRO"}

    for_other = seeded.post(path, Role.PROCESSOR_CONTACT, body | {"party": CCG})
    for_body = seeded.post(path, Role.PROCESSOR_CONTACT, body | {"party": BODY})
    unnamed = seeded.post(path, Role.DARS_APPROVER, body | {"party": CCG})

    assert [code(a) for a in (for_other, for_body, unnamed)] == [(403, "NOT_A_PARTY")] * 3


def test_the_view_says_what_others_read_of_it(seeded):
    shown = seeded.active()

    assert (shown["start"], shown["end"], shown["version"]) == ("2018-04-01", "2021-03-31", "v0.0")
    assert shown["lines"] == [line(1), line(2, "DIDS")]
    assert shown["controllers"] == [{"ods": CCG, "legal_name": "NHS Barnsley CCG"}]
    assert (shown["commercial"], shown["sub_licence"], shown["territory"]) == (
        False,
        False,
        "england_and_wales",
    )
    assert {s["party"]: s["for_body"] for s in shown["versions"][0]["signatures"]} == {
        CCG: False,
        CSU: False,
        BODY: True,
    }


def test_a_controller_or_the_body_ends_it_and_a_processor_does_not(seeded):
    seeded.active()
    path = f"/v1/agreements/{REFERENCE}/termination"

    as_processor = seeded.post(path, Role.CONTROLLER_SIGNATORY, {"reason": "x"}, ods=CSU)
    assert code(as_processor) == (403, "NOT_A_PARTY")
    ended = seeded.post(path, Role.CONTROLLER_SIGNATORY, {"reason": "no longer needed"})
    again = seeded.post(path, Role.CONTRACT_MANAGER, {"reason": "no longer needed"})

    assert ended.json()["state"] == "TERMINATED"
    assert again.json()["state"] == "TERMINATED"
    assert seeded.events().count("agreements.agreement-terminated.v1") == 1
    assert len(seeded.pauses) >= 2


def test_a_condition_is_overdue_until_somebody_records_that_it_was_met(seeded):
    condition = {"id": "c-1", "text": "Report.", "due": "2018-05-31", "owner": CSU}
    shown = seeded.active(special_conditions=[condition])
    path = f"/v1/agreements/{REFERENCE}/conditions/c-1/fulfilment"

    assert shown["conditions"][0]["overdue"]
    met = seeded.post(path, Role.CONTRACT_MANAGER, {"evidence": "Report of 1 June"}).json()
    assert not met["conditions"][0]["overdue"]
    assert met["conditions"][0]["fulfilled_at"] is not None
    again = seeded.post(path, Role.CONTRACT_MANAGER, {"evidence": "again"}).json()
    assert again["conditions"] == met["conditions"]
    missing = seeded.post(path.replace("c-1", "c-2"), Role.CONTRACT_MANAGER, {"evidence": "x"})
    assert code(missing) == (404, "CONDITION_NOT_FOUND")


def test_what_only_time_changes_is_announced_and_no_decision_needs_it(seeded):
    seeded.active()
    seeded.clock.set(end_of(END))

    assert seeded.get(f"/v1/agreements/{REFERENCE}", Role.CSU_SYSTEM).json()["state"] == "EXPIRED"
    assert use_cases.announce_changes(ctx=seeded.ctx) == 1
    assert use_cases.announce_changes(ctx=seeded.ctx) == 0
    assert seeded.events()[-1] == "agreements.agreement-expired.v1"


# Holds


def test_one_person_sets_a_hold_and_two_lift_it(seeded):
    seeded.active()
    seeded.pauses.clear()
    answer = seeded.post(
        f"/v1/agreements/{REFERENCE}/holds",
        Role.BREACH_HANDLER,
        {"lines": [2], "reason": "A processor that is not named."},
    )
    assert answer.status_code == 200
    assert len(seeded.pauses) == 1
    hold = answer.json()
    shown = seeded.get(f"/v1/agreements/{REFERENCE}", Role.CSU_SYSTEM).json()
    assert (shown["state"], shown["lines_held"]) == ("ACTIVE", [2])

    path = f"/v1/holds/{hold['id']}/lift-approvals"
    first = seeded.post(path, Role.BREACH_HANDLER, {"reason": "mended"}, who="ann")
    same = seeded.post(path, Role.BREACH_HANDLER, {"reason": "mended"}, who="ann")
    same_in_another_role = seeded.post(path, Role.DARS_APPROVER, {"reason": "mended"}, who="ann")
    second = seeded.post(path, Role.DARS_APPROVER, {"reason": "seen"}, who="ben")
    third = seeded.post(path, Role.DARS_APPROVER, {"reason": "seen"}, who="eve")

    assert first.json()["lifted_at"] is None
    assert code(same) == (409, "LIFT_NEEDS_ANOTHER_PERSON")
    assert code(same_in_another_role) == (409, "LIFT_NEEDS_ANOTHER_PERSON")
    assert second.json()["lifted_at"] is not None
    assert code(third) == (409, "HOLD_LIFTED")
    assert [a["approved_by"] for a in second.json()["lift_approvals"]] == ["ann", "ben"]
    assert seeded.get(f"/v1/agreements/{REFERENCE}", Role.CSU_SYSTEM).json()["lines_held"] == []
    assert seeded.events()[-2:] == [
        "agreements.agreement-held.v1",
        "agreements.agreement-resumed.v1",
    ]


def test_a_hold_of_all_suspends_and_a_line_that_is_not_there_cannot_be_held(seeded):
    seeded.active()
    path = f"/v1/agreements/{REFERENCE}/holds"

    wrong = seeded.post(path, Role.BREACH_HANDLER, {"lines": [9], "reason": "x"})
    assert code(wrong) == (422, "LINE_NOT_IN_DSA")
    assert "agreements.agreement-held.v1" not in seeded.events()

    whole = seeded.post(path, Role.BREACH_HANDLER, {"reason": "all of it"})
    assert whole.json()["whole"]
    shown = seeded.get(f"/v1/agreements/{REFERENCE}", Role.CSU_SYSTEM).json()
    assert (shown["state"], shown["lines_held"]) == ("SUSPENDED", [1, 2])


def test_a_preview_tells_beforehand_what_a_hold_would_stop(seeded):
    seeded.active()
    path = f"/v1/agreements/{REFERENCE}/holds/preview"

    preview = seeded.get(path, Role.BREACH_HANDLER, lines=[1]).json()
    assert preview == {
        "lines": [1],
        "flows": 0,
        "under_way": 0,
        "text": "0 flows, 0 under way",
        "not_as_sealed": [],
    }
    assert seeded.get(path, Role.BREACH_HANDLER).json()["lines"] == [1, 2]
    assert code(seeded.get(path, Role.BREACH_HANDLER, lines=[9])) == (422, "LINE_NOT_IN_DSA")


def test_a_hold_that_is_not_there_is_404(seeded):
    path = "/v1/holds/019a0000-0000-7000-8000-000000000000/lift-approvals"

    assert code(seeded.post(path, Role.BREACH_HANDLER, {"reason": "x"})) == (404, "HOLD_NOT_FOUND")


def test_holdings_are_listed(seeded):
    seeded.active()

    answer = seeded.get(f"/v1/agreements/{REFERENCE}/holdings", Role.CSU_SYSTEM)
    assert answer.json() == {"items": [], "next": None, "unreadable": [], "gone": []}


def test_pages_follow_one_another(seeded):
    seeded.draft()
    seeded.draft(reference="DARS-NIC-222222-B2B2B")

    first = seeded.get("/v1/agreements", Role.AUDITOR, limit=1).json()
    second = seeded.get("/v1/agreements", Role.AUDITOR, limit=1, after=first["next"]).json()

    assert [p["items"][0]["reference"] for p in (first, second)] == [
        REFERENCE,
        "DARS-NIC-222222-B2B2B",
    ]
    assert second["next"] is None


@pytest.mark.parametrize("text", ["a\x00b", "a\u202eb", "   "])
def test_text_that_no_reader_could_trust_is_refused(seeded, text):
    answer = seeded.post("/v1/contracts", Role.CONTRACT_MANAGER, CONTRACT | {"legal_name": text})

    assert code(answer) == (422, "INVALID_REQUEST")


# The document for people


def test_the_document_for_people_is_named_by_the_one_that_is_signed(seeded):
    seeded.draft()
    path = f"/v1/agreements/{REFERENCE}/document"
    machines = seeded.get(path, Role.CONTROLLER_SIGNATORY)
    people = seeded.get(path, Role.CONTROLLER_SIGNATORY, format="html")

    assert machines.json()["schema"] == "dsfc-agreement/2"
    assert people.headers["content-type"].startswith("text/html")
    assert people.headers["digest-sha256"] == machines.json()["for_people"]["digest"]
    assert digest(people.content) == people.headers["digest-sha256"]
    assert people.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert "Commissioning for Barnsley" in people.text
    assert seeded.get(path, Role.CONTROLLER_SIGNATORY, "00L", format="html").status_code == 404


def test_every_version_has_its_own_page(seeded):
    seeded.active()
    seeded.draft(version="v1.0", kind="amendment", title="Commissioning, amended")
    path = f"/v1/agreements/{REFERENCE}/document"

    former, later = (
        seeded.get(path, Role.AUDITOR, format="html", version=version).text
        for version in ("v0.0", "v1.0")
    )
    assert "Commissioning for Barnsley" in former
    assert "Commissioning, amended" in later
