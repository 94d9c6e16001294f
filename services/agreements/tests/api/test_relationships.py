"""Commissioning relationships and their register over HTTP."""

import pytest

from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, OTHER_CSU, REFERENCE
from services.agreements.tests.service import ORGANISATIONS

ASKED = {
    "commissioner": CCG,
    "dscro": "yorkshire",
    "csu": CSU,
    "service": "commissioning",
    "effective_from": "2018-04-01",
    "service_contract_reference": "SC-1",
    "contract_signed_on": "2018-01-10",
}


NOBODYS = "018f0000-0000-7000-8000-000000000000"


def code(answer):
    return answer.status_code, answer.json().get("code")


def ask(service, role=Role.CSU_ADVISER, key=None, ods=None, **changes):
    return service.post("/v1/relationships", role, ASKED | changes, key=key, ods=ods)


def published(service, key=None):
    """The edition as everybody sees it."""
    shown = {k: v for k, v in sent(service, key).items() if k not in {"import_id", "standing"}}
    return shown | {"not_as_sealed": []}


def sent(service, key=None):
    path = "/v1/registers/relationships/editions"
    return service.post(path, Role.REGISTER_PUBLISHER, key=key, who="publisher").json()


def consent(service, r, role, party, *, given=True):
    return service.post(
        f"/v1/relationships/{r['id']}/consents",
        role,
        {"organisation": party, "given": given},
        ods=party,
    )


@pytest.mark.scenario("L01")
def test_without_a_signed_service_contract_nothing_is_asked_for(seeded):
    for lacking in (
        {"service_contract_reference": None},
        {"contract_signed_on": None},
        {"contract_signed_on": "2018-06-02"},
    ):
        assert code(ask(seeded, **lacking)) == (422, "SERVICE_CONTRACT_MISSING")

    assert seeded.get("/v1/relationships", Role.AUDITOR).json()["items"] == []
    assert seeded.events() == []


@pytest.mark.scenario("L02")
def test_without_the_csus_consent_it_is_active_and_absent_from_the_register(seeded):
    r = seeded.relationship()
    consent(seeded, r, Role.CONTROLLER_SIGNATORY, CCG)

    assert r["state"] == "ACTIVE_UNPUBLISHED"
    assert published(seeded)["items"] == []


@pytest.mark.scenario("L03")
def test_a_withdrawn_consent_leaves_the_next_edition_and_not_the_former(seeded):
    r = seeded.relationship()
    consent(seeded, r, Role.CONTROLLER_SIGNATORY, CCG)
    consent(seeded, r, Role.CSU_ADVISER, CSU)
    first = published(seeded)
    shown = seeded.get(f"/v1/relationships/{r['id']}", Role.CSU_SYSTEM).json()
    withdrawn = consent(seeded, r, Role.CSU_ADVISER, CSU, given=False).json()
    second = published(seeded)

    assert [row["lcr_ref"] for row in first["items"]] == [r["reference"]]
    assert first["items"][0]["commissioner_name"] == "NHS Barnsley CCG"
    assert shown["state"] == "ACTIVE_PUBLISHED"
    assert withdrawn["consents_missing"] == [CSU]
    assert second["items"] == []
    register = "/v1/registers/relationships"
    assert seeded.client.get(register, params={"edition": 1}).json() == first
    assert seeded.client.get(register).json() == second
    assert code(seeded.client.get(register, params={"edition": 3})) == (404, "EDITION_NOT_FOUND")


@pytest.mark.scenario("L04")
def test_a_change_of_dscro_that_overlaps_is_refused(seeded):
    old = seeded.relationship()
    overlapping = ask(
        seeded, change_kind="CHANGE_DSCRO", dscro="south", effective_from="2018-07-01"
    )
    seeded.post(
        f"/v1/relationships/{old['id']}/ending", Role.CONTRACT_MANAGER, {"last_day": "2018-06-30"}
    )
    following = ask(seeded, change_kind="CHANGE_DSCRO", dscro="south", effective_from="2018-07-01")
    a_day_early = ask(
        seeded, change_kind="CHANGE_DSCRO", dscro="south", effective_from="2018-06-30"
    )

    assert code(overlapping) == (409, "RELATIONSHIP_OVERLAPS")
    assert overlapping.json()["relationship"] == old["reference"]
    assert following.status_code == 201
    assert code(a_day_early) == (409, "RELATIONSHIP_OVERLAPS")


def activated(service, relationship):
    path = f"/v1/relationships/{relationship['id']}"
    steps = (
        ("contract-verification", Role.CONTRACT_MANAGER, {}),
        ("dscro-agreement", Role.DSCRO_APPROVER, None),
        ("activation", Role.CONTRACT_MANAGER, None),
    )
    return [service.post(f"{path}/{step}", role, body) for step, role, body in steps][-1]


@pytest.mark.scenario("L04")
def test_a_change_of_dscro_ends_the_former_the_day_before_by_one_act(seeded):
    old = seeded.relationship()
    new = {"change_kind": "CHANGE_DSCRO", "dscro": "south", "effective_from": "2018-07-01"}

    asked = ask(seeded, changes=old["id"], **new)
    assert asked.status_code == 201, asked.text
    shown = seeded.get(f"/v1/relationships/{old['id']}", Role.AUDITOR).json()
    assert (shown["state"], shown["effective_to"]) == ("ACTIVE_UNPUBLISHED", None)
    seeded.pauses.clear()
    answer = activated(seeded, asked.json())

    assert (answer.status_code, answer.json()["changes"]) == (200, old["id"])
    assert len(seeded.pauses) == 1, "it may take permission away"
    ended = seeded.get(f"/v1/relationships/{old['id']}", Role.AUDITOR).json()
    assert (ended["state"], ended["effective_to"]) == ("ENDING", "2018-06-30")
    assert seeded.audited()[-2:] == ["relationship-activated", "relationship-ended"]


def test_a_change_that_is_not_of_its_kind_is_not_asked_for_and_not_activated(seeded):
    old = seeded.relationship()
    change = {"effective_from": "2018-07-01", "changes": old["id"]}

    def by_the_body(**asked):
        return ask(seeded, Role.CONTRACT_MANAGER, **change | asked)

    other = by_the_body(change_kind="CHANGE_DSCRO", csu=OTHER_CSU)
    nobody = by_the_body(change_kind="CHANGE_DSCRO", dscro="south", changes=NOBODYS)
    anothers = ask(
        seeded,
        Role.APPLICANT_EDITOR,
        ods="00L",
        change_kind="SUCCESSION",
        commissioner="00L",
        **change,
    )
    added = by_the_body(change_kind="ADD_PARTY", processors=[OTHER_CSU])

    assert code(other) == (422, "CHANGE_NOT_OF_ITS_KIND")
    assert other.json()["differs"] == ["csu", "dscro"]
    assert code(nobody) == (404, "RELATIONSHIP_NOT_FOUND")
    assert code(anothers) == (404, "RELATIONSHIP_NOT_FOUND"), "who asks may not know of it"
    assert added.status_code == 201
    assert by_the_body(change_kind="NEW").json()["differs"] == ["change_kind"]
    path = f"/v1/relationships/{old['id']}/ending"
    seeded.post(path, Role.CONTRACT_MANAGER, {"last_day": "2018-06-20"})
    assert code(activated(seeded, added.json())) == (422, "CHANGE_NOT_OF_ITS_KIND")


def test_a_successor_takes_the_place_of_its_predecessor_by_the_instrument(seeded):
    old = seeded.relationship()
    change = {
        "change_kind": "SUCCESSION",
        "commissioner": "00L",
        "effective_from": "2018-07-01",
        "changes": old["id"],
    }
    before = seeded.post("/v1/relationships", Role.CONTRACT_MANAGER, ASKED | change)
    assert before.json()["differs"] == ["commissioner"]
    instrument = {
        "predecessor": CCG,
        "successor": "00L",
        "effective_from": "2018-07-01",
        "evidence": "Transfer scheme",
    }
    seeded.post("/v1/transfer-instruments", Role.CONTRACT_MANAGER, instrument)

    asked = seeded.post("/v1/relationships", Role.CONTRACT_MANAGER, ASKED | change)

    assert activated(seeded, asked.json()).status_code == 200
    ended = seeded.get(f"/v1/relationships/{old['id']}", Role.AUDITOR).json()
    assert ended["effective_to"] == "2018-06-30"


def test_of_two_that_were_asked_for_only_one_is_activated(seeded):
    seeded.cleared()
    one = ask(seeded).json()
    two = ask(seeded, dscro="south").json()
    steps = (
        ("contract-verification", Role.CONTRACT_MANAGER, {}),
        ("dscro-agreement", Role.DSCRO_APPROVER, None),
        ("activation", Role.CONTRACT_MANAGER, None),
    )
    answers = [
        seeded.post(f"/v1/relationships/{r['id']}/{step}", role, body)
        for r in (one, two)
        for step, role, body in steps
    ]

    assert [a.status_code for a in answers] == [200] * 5 + [409]
    assert code(answers[-1]) == (409, "RELATIONSHIP_OVERLAPS")


def test_a_change_of_csu_needs_a_contract_with_the_new_one(seeded):
    seeded.relationship()
    change = {"change_kind": "CHANGE_CSU", "csu": OTHER_CSU, "effective_from": "2018-07-01"}

    same = ask(seeded, ods=OTHER_CSU, **change)
    other = ask(seeded, ods=OTHER_CSU, service_contract_reference="SC-2", **change)

    assert code(same) == (422, "SERVICE_CONTRACT_MISSING")
    assert other.status_code == 201
    path = f"/v1/relationships/{other.json()['id']}"
    former = {"service_contract_reference": "SC-1"}
    seeded.post(f"{path}/contract-verification", Role.CONTRACT_MANAGER, former)
    seeded.post(f"{path}/dscro-agreement", Role.DSCRO_APPROVER)
    activated = seeded.post(f"{path}/activation", Role.CONTRACT_MANAGER)
    assert code(activated) == (422, "SERVICE_CONTRACT_MISSING")
    assert seeded.get(path, Role.AUDITOR).json()["state"] == "DSCRO_AGREED"


@pytest.mark.scenario("L05")
def test_a_change_of_csu_that_is_a_processor_raises_a_task_until_the_amendment_is_signed(seeded):
    seeded.active()
    old = seeded.relationship()
    path = f"/v1/relationships/{old['id']}/ending"
    seeded.pauses.clear()
    ended = seeded.post(path, Role.CONTRACT_MANAGER, {"last_day": "2018-06-30"}).json()
    seeded.post(path, Role.CONTRACT_MANAGER, {"last_day": "2018-06-30"})
    assert len(seeded.pauses) == 2
    seeded.relationship(
        change_kind="CHANGE_CSU",
        csu=OTHER_CSU,
        effective_from="2018-07-01",
        service_contract_reference="SC-2",
    )

    def tasks():
        shown = seeded.get(f"/v1/agreements/{REFERENCE}", Role.CONTROLLER_SIGNATORY).json()
        return [(t["kind"], t["subject"]) for t in shown["tasks"]]

    assert (ended["state"], ended["effective_to"]) == ("ENDING", "2018-06-30")
    assert tasks() == [("AMEND_PROCESSORS", CSU)]

    processors = [{"ods": OTHER_CSU, "legal_name": "Midlands and Lancashire CSU"}]
    amendment = seeded.draft(version="v0.1", kind="amendment", processors=processors)
    assert tasks() == [("AMEND_PROCESSORS", CSU)]
    seeded.sign_all(amendment, (CCG, OTHER_CSU))
    assert tasks() == []


def test_an_end_without_a_day_is_today_and_only_the_commissioner_or_the_body_ends_it(seeded):
    r = seeded.relationship()
    path = f"/v1/relationships/{r['id']}/ending"

    assert code(seeded.post(path, Role.CONTROLLER_SIGNATORY, {}, ods=CSU)) == (403, "NOT_A_PARTY")
    stranger = seeded.post(path, Role.CONTROLLER_SIGNATORY, {}, ods="00L")
    assert code(stranger) == (404, "RELATIONSHIP_NOT_FOUND")
    assert seeded.post(path, Role.CONTROLLER_SIGNATORY, {}).json()["effective_to"] == "2018-06-01"


def test_what_is_not_active_is_not_ended(seeded):
    r = ask(seeded).json()

    answer = seeded.post(f"/v1/relationships/{r['id']}/ending", Role.CONTRACT_MANAGER, {})
    assert code(answer) == (409, "TRANSITION_REFUSED")


def test_it_may_be_refused_or_given_up_before_it_is_active(seeded):
    one, two = ask(seeded).json(), ask(seeded).json()

    refused = seeded.post(f"/v1/relationships/{one['id']}/refusal", Role.CONTRACT_MANAGER)
    given_up = seeded.post(f"/v1/relationships/{two['id']}/withdrawal", Role.CSU_ADVISER)
    after = seeded.post(
        f"/v1/relationships/{one['id']}/contract-verification", Role.CONTRACT_MANAGER, {}
    )

    assert (refused.json()["state"], given_up.json()["state"]) == ("REFUSED", "WITHDRAWN")
    assert code(after) == (409, "TRANSITION_REFUSED")
    assert after.json()["allowed"] == []


def test_who_is_not_involved_neither_asks_nor_sees_nor_consents(seeded):
    r = ask(seeded).json()
    path = f"/v1/relationships/{r['id']}"

    assert code(ask(seeded, ods=OTHER_CSU)) == (403, "NOT_A_PARTY")
    assert code(seeded.get(path, Role.CSU_SYSTEM, OTHER_CSU)) == (404, "RELATIONSHIP_NOT_FOUND")
    assert seeded.get("/v1/relationships", Role.CSU_SYSTEM, OTHER_CSU).json()["items"] == []
    assert len(seeded.get("/v1/relationships", Role.CSU_SYSTEM).json()["items"]) == 1
    for_other = seeded.post(f"{path}/consents", Role.CSU_ADVISER, {"organisation": CCG}, ods=CSU)
    assert code(for_other) == (403, "NOT_A_PARTY")


def test_another_processor_sees_what_it_is_involved_in(seeded):
    r = ask(seeded, processors=[OTHER_CSU]).json()

    assert r["processors"] == [OTHER_CSU]
    found = seeded.get("/v1/relationships", Role.CSU_SYSTEM, OTHER_CSU).json()["items"]
    assert [one["id"] for one in found] == [r["id"]]


def test_it_is_asked_for_once_for_one_key_and_of_known_organisations_only(seeded):
    first, again = ask(seeded, key="k").json(), ask(seeded, key="k").json()

    assert first == again
    assert code(ask(seeded, csu="99Z", ods="99Z")) == (422, "ORGANISATION_UNKNOWN")
    assert code(ask(seeded, dscro="nowhere-at-all")) == (422, "DSCRO_UNKNOWN")
    assert ask(seeded, dscro="<script>").status_code == 422


def test_the_register_is_a_spreadsheet_too_and_empty_before_the_first_edition(seeded):
    register = "/v1/registers/relationships"
    empty = seeded.client.get(register).json()
    r = seeded.relationship(csu=None, processors=[])
    consent(seeded, r, Role.CONTROLLER_SIGNATORY, CCG)
    published(seeded)
    answer = seeded.client.get(register, params={"format": "csv"})

    assert empty == {
        "not_as_sealed": None,
        "number": None,
        "published_at": None,
        "digest": None,
        "state": None,
        "items": [],
    }
    header, row = answer.text.splitlines()
    assert header.startswith("lcr_ref,commissioner_ods,")
    assert row.startswith(f"{r['reference']},{CCG},NHS Barnsley CCG,CCG,,,,yorkshire,,,2018-04-01")


def test_every_change_is_told_and_audited(seeded):
    seeded.relationship()

    assert seeded.events() == ["agreements.relationship-changed.v1"] * 4
    assert seeded.audited()[-4:] == [
        "relationship-requested",
        "relationship-contract-verified",
        "relationship-agreed",
        "relationship-activated",
    ]


def test_a_relationship_is_of_those_whose_codes_are_written_in_another_form(seeded):
    long = {"commissioner": f"{CCG}00"}
    asked = seeded.post("/v1/relationships", Role.CONTRACT_MANAGER, ASKED | long).json()

    assert asked["commissioner"] == CCG
    again = ASKED | {"dscro": "north_west"}
    overlapping = seeded.post("/v1/relationships", Role.CONTRACT_MANAGER, again | long)
    other = seeded.post("/v1/relationships", Role.CONTRACT_MANAGER, again)
    assert overlapping.json()["code"] == other.json()["code"]
    assert overlapping.status_code == other.status_code != 201


# An edition that says much that was not said waits (ruling 20)


def consented(service, number, csu=None):
    """So many relationships that may be published."""
    made = []
    for _ in range(number):
        r = service.relationship(csu=csu, processors=[])
        consent(service, r, Role.CONTROLLER_SIGNATORY, CCG)
        made.append(r)
    return made


def decide(service, answer, what="confirmation", who="second"):
    path = f"/v1/imports/{answer['import_id']}/{what}"
    return service.post(path, Role.CONTRACT_MANAGER, {"reason": "It was compared."}, who=who)


def shown(service, **query):
    return service.client.get("/v1/registers/relationships", params=query).json()


def named(edition):
    return {row["lcr_ref"] for row in edition["items"]}


def references(made):
    return {r["reference"] for r in made}


def test_an_edition_that_says_much_for_the_first_time_waits_for_a_second_person(seeded):
    made = consented(seeded, 12)
    waiting = sent(seeded)

    assert waiting["standing"]["state"] == "waiting"
    assert waiting["standing"]["change"]["added"] == 12
    assert (waiting["number"], waiting["state"]) == (None, None)
    assert named(waiting) == references(made), "what it would say"
    assert shown(seeded)["items"] == []
    [listed] = seeded.get("/v1/imports", Role.AUDITOR, state="waiting").json()["items"]
    assert (listed["id"], listed["kind"]) == (waiting["import_id"], "register")
    assert code(decide(seeded, waiting, who="publisher")) == (409, "SECOND_PERSON_NEEDED")
    assert code(decide(seeded, waiting, who=" PUBLISHER")) == (409, "SECOND_PERSON_NEEDED")

    seeded.clock.advance(24 * 3600)
    assert decide(seeded, waiting).json()["standing"]["state"] == "confirmed"
    published_now = shown(seeded)
    assert (published_now["number"], named(published_now)) == (1, references(made))
    assert {row["published_on"] for row in published_now["items"]} == {"2018-06-02"}


def test_what_lost_its_consent_while_it_waited_is_not_published(seeded):
    made = consented(seeded, 12)
    waiting = sent(seeded)
    consent(seeded, made[0], Role.CONTROLLER_SIGNATORY, CCG, given=False)
    later = consented(seeded, 1)

    decide(seeded, waiting)

    assert named(shown(seeded)) == references(made[1:]), "nor what nobody looked at"
    assert not references(later) & named(shown(seeded))


def test_what_may_not_be_published_any_more_leaves_at_once_while_the_rest_waits(seeded):
    made = consented(seeded, 3)
    published(seeded)
    consent(seeded, made[0], Role.CONTROLLER_SIGNATORY, CCG, given=False)
    consented(seeded, 12)

    waiting = sent(seeded)

    assert waiting["standing"]["state"] == "waiting"
    assert named(shown(seeded)) == references(made[1:])
    assert shown(seeded)["number"] == 2
    assert named(shown(seeded, edition=1)) == references(made)


def test_a_later_edition_takes_the_place_of_one_that_waits(seeded):
    consented(seeded, 12)
    waiting = sent(seeded, key="monday")
    consented(seeded, 1)
    later = sent(seeded, key="tuesday")

    assert code(decide(seeded, waiting)) == (409, "REPLACEMENT_DECIDED")
    again = sent(seeded, key="monday")
    assert (again["import_id"], again["standing"]["state"]) == (waiting["import_id"], "superseded")
    assert again["items"] == []
    decide(seeded, later)
    assert len(shown(seeded)["items"]) == 13


def test_editions_that_say_a_little_more_every_time_wait_when_it_is_much(seeded):
    consented(seeded, 6)
    states = []
    for _ in range(3):
        states.append(sent(seeded)["standing"]["state"])
        consented(seeded, 6)

    assert states == ["accepted", "accepted", "waiting"]


def test_an_edition_is_taken_back_and_what_it_said_is_shown_no_more(seeded):
    before = consented(seeded, 2)
    published(seeded)
    wrong = consented(seeded, 3)
    edition = sent(seeded)
    consent(seeded, before[0], Role.CONTROLLER_SIGNATORY, CCG, given=False)

    back = decide(seeded, edition, "withdrawal").json()

    assert back["standing"]["state"] == "taken_back"
    assert named(shown(seeded)) == references(before[1:]), "what may still be published"
    gone = shown(seeded, edition=edition["number"])
    assert (gone["state"], gone["items"], gone["number"]) == ("taken_back", [], 2)
    assert (
        seeded.client.get(
            "/v1/registers/relationships", params={"edition": 2, "format": "csv"}
        ).text.count("\n")
        == 1
    )
    assert not references(wrong) & named(shown(seeded))


def test_an_edition_whose_going_says_much_again_needs_two_and_is_hidden_at_the_first_word(seeded):
    made = consented(seeded, 12)
    decide(seeded, sent(seeded))
    for r in made[1:]:
        consent(seeded, r, Role.CONTROLLER_SIGNATORY, CCG, given=False)
    few = sent(seeded)
    assert few["standing"]["state"] == "accepted", "it only takes away"
    for r in made[1:]:
        consent(seeded, r, Role.CONTROLLER_SIGNATORY, CCG)

    leaving = decide(seeded, few, "withdrawal").json()

    assert leaving["standing"]["state"] == "leaving"
    assert shown(seeded, edition=few["number"])["state"] == "taken_back"
    assert len(shown(seeded)["items"]) == 1
    assert code(decide(seeded, few, "withdrawal")) == (409, "SECOND_PERSON_NEEDED")
    assert decide(seeded, few, "withdrawal", who="third").status_code == 200
    assert named(shown(seeded)) == references(made)


def test_an_edition_that_gave_way_is_taken_back_too(seeded):
    wrong = consented(seeded, 1)
    first = sent(seeded)
    sent(seeded)

    assert decide(seeded, first, "withdrawal").json()["standing"]["state"] == "taken_back"

    assert shown(seeded, edition=1)["items"] == []
    assert named(shown(seeded)) == references(wrong), "what is in force stays"
    assert code(decide(seeded, first, "withdrawal")) == (409, "REPLACEMENT_DECIDED")


def test_what_is_published_opens_and_closes_nothing(seeded):
    consented(seeded, 12)
    sent(seeded)

    held = seeded.get("/v1/relationships", Role.AUDITOR).json()["items"]
    assert {r["state"] for r in held} == {"ACTIVE_UNPUBLISHED"}


# The register of contracts


def test_the_register_of_contracts_names_no_signatory_and_nothing_unsigned(seeded):
    signed = seeded.contract()
    seeded.contract("00L", signed=False)
    register = "/v1/registers/contracts"

    page = seeded.client.get(register).json()
    assert [row["con_ref"] for row in page["items"]] == [signed["reference"]]
    assert page["items"][0] == {
        "not_as_sealed": [],
        "con_ref": signed["reference"],
        "legal_entity": "NHS Barnsley CCG",
        "ods_code": CCG,
        "status": "IN_FORCE",
        "signed_on": "2018-06-01",
        "start": "2018-04-01",
        "end": None,
        "terminated_on": None,
    }
    sheet = seeded.client.get(register, params={"format": "csv"}).text.splitlines()
    assert sheet[1].startswith(f"{signed['reference']},NHS Barnsley CCG,{CCG},IN_FORCE")


def test_no_cell_of_a_register_is_a_formula(seeded):
    listed = ORGANISATIONS + "03L,=HYPERLINK(1),CCG,,,2013-04-01,\n"
    seeded.upload("/v1/organisations/imports", listed, Role.REFERENCE_DATA_MANAGER, layout="dsfc")
    issued = seeded.contract("03L", signed=False, legal_name="=HYPERLINK(1)")
    seeded.sign("contracts", issued, Role.CONTROLLER_SIGNATORY, "03L")
    seeded.sign("contracts", issued, Role.DARS_APPROVER, "X26")

    sheet = seeded.client.get("/v1/registers/contracts", params={"format": "csv"}).text
    assert "'=HYPERLINK(1)" in sheet


def test_pages_of_the_register_follow_one_another(seeded):
    seeded.contract("00L", signed=False)
    seeded.contract()

    first = seeded.client.get("/v1/registers/contracts", params={"limit": 1}).json()
    second = seeded.client.get(
        "/v1/registers/contracts", params={"limit": 1, "after": first["next"]}
    ).json()
    assert first["items"] == []
    assert (len(second["items"]), second["next"]) == (1, None)


def test_an_edition_is_published_once_for_a_key(seeded):
    first = published(seeded, key="april")
    again = published(seeded, key="april")
    next_one = published(seeded, key="may")

    assert again == first
    assert (first["number"], next_one["number"]) == (1, 2)
    assert seeded.audited().count("relationships-published") == 2
