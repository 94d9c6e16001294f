"""What waits for whom, and many signatures as one act (ruling 19; docs/adr/0139)."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import event, select, text

from common.clock import end_of
from common.db.tables import audit_leaf
from common.security.roles import Role
from services.agreements.tests.api.test_breaches import REPORT
from services.agreements.tests.api.test_organisations import imported
from services.agreements.tests.api.test_submission_rights import ORGANISATIONS as TRUSTS
from services.agreements.tests.api.test_submission_rights import RIGHT
from services.agreements.tests.facts import CCG, CSU, END, OTHER_CCG, OTHER_CSU, REFERENCE, line
from services.agreements.tests.service import BODY

OTHERS = ("DARS-NIC-123457-A1B2C", "DARS-NIC-123458-A1B2C")
SIGNING = "/v1/agreement-signatures"


def together(service, role, party, drafted, **changes):
    documents = [
        {"reference": one["reference"], "document_hash": one["document_hash"]} for one in drafted
    ]
    body = {"party": party, "name_of_role": "SIRO", "documents": documents} | changes
    return service.post(SIGNING, role, body, ods=party)


def waiting(service, role, ods=None, **params):
    answer = service.get("/v1/inbox", role, ods, **params)
    assert answer.status_code == 200, answer.text
    return [(one["duty"], one["reference"]) for one in answer.json()["items"]]


def leaves(service, action):
    with service.parts.engine.connect() as connection:
        found = connection.execute(select(audit_leaf.c.entry).order_by(audit_leaf.c.index))
        entries = [json.loads(entry) for entry in found.scalars()]
    return [one for one in entries if one["action"] == action]


@pytest.fixture
def drafted(seeded):
    """Three agreements of a commissioner that nobody has signed."""
    seeded.contract()
    return [seeded.draft(reference=one) for one in (REFERENCE, *OTHERS)]


# Many signatures as one act


def test_many_documents_are_signed_as_one_act_each_by_its_own_hash(seeded, drafted):
    processor = together(seeded, Role.PROCESSOR_CONTACT, CSU, drafted)
    controller = together(seeded, Role.CONTROLLER_SIGNATORY, CCG, drafted)
    body = together(seeded, Role.DARS_APPROVER, BODY, drafted)

    assert [one.status_code for one in (processor, controller, body)] == [200] * 3
    assert {one["state"] for one in controller.json()["signed"]} == {"AWAITING_SIGNATURE"}
    assert [(one["reference"], one["state"]) for one in body.json()["signed"]] == [
        (one["reference"], "ACTIVE") for one in drafted
    ]
    told = leaves(seeded, "agreement-signed")
    assert [one["detail"]["document_hash"] for one in told[-3:]] == [
        one["document_hash"] for one in drafted
    ]
    assert {one["detail"]["act"] for one in told[-3:]} == {body.json()["act"]}
    assert len({one.json()["act"] for one in (processor, controller, body)}) == 3


def test_the_same_act_with_the_same_key_is_answered_as_it_was_and_without_it_refused(
    seeded, drafted
):
    body = {"party": CSU, "name_of_role": "SIRO", "documents": drafted}
    first = seeded.post(SIGNING, Role.PROCESSOR_CONTACT, body, key="one")
    seeded.clock.advance(timedelta(hours=1))
    again = seeded.post(SIGNING, Role.PROCESSOR_CONTACT, body, key="one")
    otherwise = seeded.post(SIGNING, Role.PROCESSOR_CONTACT, body | {"party": CCG}, key="one")
    anew = together(seeded, Role.PROCESSOR_CONTACT, CSU, drafted)

    assert (first.status_code, again.json()) == (200, first.json())
    assert (otherwise.status_code, otherwise.json()["code"]) == (403, "NOT_A_PARTY")
    assert (anew.status_code, anew.json()["code"]) == (422, "BATCH_REFUSED")
    assert [one["code"] for one in anew.json()["errors"]] == ["ALREADY_SIGNED"] * len(drafted)
    assert len(leaves(seeded, "agreement-signed")) == len(drafted)


def test_a_document_that_is_drafted_anew_between_reading_and_signing_is_not_signed(seeded, drafted):
    """The term of the next version is the same, so that the former one is signed no more."""
    read = [*drafted]
    seeded.draft(reference=REFERENCE, version="v1.0", kind="amendment", lines=[line(1)])
    seeded.sign_all(seeded.draft(reference=REFERENCE, version="v2.0", lines=[line(2, "DIDS")]))

    refused = together(seeded, Role.PROCESSOR_CONTACT, CSU, read)

    assert (refused.status_code, refused.json()["code"]) == (422, "BATCH_REFUSED")
    assert [(one["reference"], one["code"]) for one in refused.json()["errors"]] == [
        (REFERENCE, "VERSION_SUPERSEDED")
    ]
    assert [one["detail"]["party"] for one in leaves(seeded, "agreement-signed")] == [
        *(CCG, CSU, "X26"),
    ]


@pytest.mark.parametrize("kind", ["agreements", "contracts"])
def test_one_document_is_signed_once_and_with_its_key_answered_again(seeded, kind):
    contract = seeded.contract(signed=False)
    document = contract if kind == "contracts" else seeded.draft()
    path = f"/v1/{kind}/{document['reference']}/signatures"
    body = {"party": CCG, "document_hash": document["document_hash"], "name_of_role": "SIRO"}

    def sign(key=None, **changes):
        answer = seeded.post(path, Role.CONTROLLER_SIGNATORY, body | changes, key=key)
        return answer.status_code, answer.json()

    first = sign("one")
    assert (first[0], sign("one")) == (200, first)
    assert sign("one", name_of_role="Director")[1]["code"] == "IDEMPOTENCY_KEY_REUSED"
    for again in (sign(), sign("two"), sign(name_of_role="Director")):
        assert (again[0], again[1]["code"]) == (409, "ALREADY_SIGNED")
        assert again[1]["signed_at"] == "2018-06-01T09:00:00+00:00"
    assert len(leaves(seeded, f"{kind[:-1]}-signed")) == 1


def test_one_document_that_cannot_be_signed_lets_none_be_and_all_such_are_named(seeded, drafted):
    other = {**drafted[1], "document_hash": "sha256:" + "f" * 64}
    unknown = {"reference": "DARS-NIC-999999-A1B2C", "document_hash": "sha256:" + "e" * 64}
    refused = together(seeded, Role.PROCESSOR_CONTACT, CSU, [drafted[0], other, unknown])

    assert (refused.status_code, refused.json()["code"]) == (422, "BATCH_REFUSED")
    assert [(one["reference"], one["code"]) for one in refused.json()["errors"]] == [
        (OTHERS[0], "DOCUMENT_HASH_DIFFERS"),
        ("DARS-NIC-999999-A1B2C", "AGREEMENT_NOT_FOUND"),
    ]
    shown = seeded.get(f"/v1/agreements/{REFERENCE}", Role.CONTRACT_MANAGER).json()
    assert CSU in shown["versions"][0]["missing_signatures"]
    assert leaves(seeded, "agreement-signed") == []


def test_nobody_signs_together_for_another_nor_one_document_twice(seeded, drafted):
    for_another = seeded.post(
        SIGNING,
        Role.PROCESSOR_CONTACT,
        {"party": CCG, "name_of_role": "SIRO", "documents": drafted},
    )
    by_staff = together(seeded, Role.CONTRACT_MANAGER, BODY, drafted)
    twice = together(seeded, Role.PROCESSOR_CONTACT, CSU, [drafted[0], drafted[0]])
    not_named = together(seeded, Role.PROCESSOR_CONTACT, OTHER_CSU, drafted)

    assert (for_another.status_code, for_another.json()["code"]) == (403, "NOT_A_PARTY")
    assert by_staff.status_code == 403
    assert twice.status_code == 422
    assert {one["code"] for one in not_named.json()["errors"]} == {"AGREEMENT_NOT_FOUND"}
    assert leaves(seeded, "agreement-signed") == []


def test_the_answer_waits_for_leases_since_an_amendment_may_take_lines_away(seeded, drafted):
    seeded.pauses.clear()
    together(seeded, Role.PROCESSOR_CONTACT, CSU, drafted)

    assert len(seeded.pauses) == 1


# The inbox


def test_a_signature_waits_for_each_party_until_it_is_given(seeded, drafted):
    ours = [("sign_agreement", one["reference"]) for one in drafted]

    assert waiting(seeded, Role.CONTROLLER_SIGNATORY, CCG) == ours
    assert waiting(seeded, Role.PROCESSOR_CONTACT, CSU) == ours
    assert waiting(seeded, Role.DARS_APPROVER) == ours
    assert waiting(seeded, Role.CONTROLLER_SIGNATORY, OTHER_CCG) == []
    assert waiting(seeded, Role.APPLICANT_EDITOR, CCG) == []
    together(seeded, Role.PROCESSOR_CONTACT, CSU, drafted[:2])
    assert waiting(seeded, Role.PROCESSOR_CONTACT, CSU) == ours[2:]
    assert waiting(seeded, Role.CONTROLLER_SIGNATORY, CCG) == ours


def test_what_cannot_be_signed_any_more_does_not_wait(seeded, drafted):
    path = f"/v1/agreements/{REFERENCE}/termination"
    seeded.post(path, Role.CONTRACT_MANAGER, {"reason": "It was given up."})

    assert waiting(seeded, Role.PROCESSOR_CONTACT, CSU) == [
        ("sign_agreement", one) for one in OTHERS
    ]
    seeded.clock.set(end_of(END) + timedelta(seconds=1))
    assert waiting(seeded, Role.PROCESSOR_CONTACT, CSU) == []


def test_an_amendment_waits_while_the_former_version_governs(seeded):
    seeded.active()
    seeded.draft(version="v1.0", kind="amendment", lines=[line(1)])
    [item] = seeded.get("/v1/inbox", Role.PROCESSOR_CONTACT).json()["items"]

    assert item["path"] == f"/v1/agreements/{REFERENCE}/document?version=v1.0"
    assert item["by"] == END.isoformat()
    assert item["not_as_sealed"] == []
    shown = seeded.get(item["path"], Role.PROCESSOR_CONTACT)
    assert shown.status_code == 200


def test_a_contract_waits_for_the_organisation_and_then_for_the_body(seeded):
    issued = seeded.contract(signed=False)
    one = [("sign_contract", issued["reference"])]

    assert waiting(seeded, Role.CONTROLLER_SIGNATORY, CCG) == one
    assert waiting(seeded, Role.DARS_APPROVER) == []
    seeded.sign("contracts", issued, Role.CONTROLLER_SIGNATORY, CCG)
    assert waiting(seeded, Role.CONTROLLER_SIGNATORY, CCG) == []
    assert waiting(seeded, Role.DARS_APPROVER) == one
    seeded.sign("contracts", issued, Role.DARS_APPROVER, BODY)
    assert waiting(seeded, Role.DARS_APPROVER) == []


def test_a_relationship_waits_step_by_step_for_whose_step_it_is_and_then_for_consents(seeded):
    seeded.cleared()
    asked = seeded.post(
        "/v1/relationships",
        Role.CONTRACT_MANAGER,
        {
            "commissioner": CCG,
            "dscro": "yorkshire",
            "csu": CSU,
            "service": "commissioning",
            "effective_from": "2018-04-01",
            "service_contract_reference": "SC-1",
            "contract_signed_on": "2018-01-10",
        },
    ).json()
    path, name = f"/v1/relationships/{asked['id']}", asked["reference"]
    steps = (
        ("contract-verification", Role.CONTRACT_MANAGER, {}, "verify_service_contract"),
        ("dscro-agreement", Role.DSCRO_APPROVER, None, "agree_to_relationship"),
        ("activation", Role.CONTRACT_MANAGER, None, "activate_relationship"),
    )
    for step, role, body, duty in steps:
        assert waiting(seeded, role) == [(duty, name)]
        assert seeded.post(f"{path}/{step}", role, body).status_code == 200
        assert (duty, name) not in waiting(seeded, role)

    for role, ods in ((Role.CONTROLLER_SIGNATORY, CCG), (Role.CSU_ADVISER, CSU)):
        assert waiting(seeded, role, ods) == [("consent_to_publication", name)]
        body = {"organisation": ods, "given": True}
        assert seeded.post(f"{path}/consents", role, body).status_code == 200
        assert waiting(seeded, role, ods) == []


def test_relationships_are_read_once_for_all_duties_about_them(seeded):
    read = []

    def count(_connection, _cursor, statement, *_rest):
        read.append("FROM relationship \n" in statement)

    event.listen(seeded.parts.engine, "before_cursor_execute", count)
    assert waiting(seeded, Role.CONTRACT_MANAGER) == []
    event.remove(seeded.parts.engine, "before_cursor_execute", count)

    assert sum(read) == 1


def test_a_second_person_is_told_and_the_first_is_not(seeded):
    seeded.active()
    path = f"/v1/agreements/{REFERENCE}/holds"
    hold = seeded.post(path, Role.BREACH_HANDLER, {"reason": "A laptop."}).json()
    lift = f"/v1/holds/{hold['id']}/lift-approvals"
    seeded.post(lift, Role.BREACH_HANDLER, {"reason": "It was found."}, who="one")

    def told(who):
        headers = seeded.headers(Role.BREACH_HANDLER, who=who)
        items = seeded.client.get("/v1/inbox", headers=headers).json()["items"]
        return [(one["duty"], one["reference"]) for one in items]

    assert (told("one"), told("two")) == ([], [("lift_hold", REFERENCE)])
    seeded.post(lift, Role.BREACH_HANDLER, {"reason": "It was found."}, who="two")
    assert told("two") == []


def test_rights_to_submit_wait_for_somebody_else_than_who_recorded_them(service):
    assert imported(service, TRUSTS).status_code == 200
    path = "/v1/submission-rights"
    assert service.post(path, Role.CONTRACT_MANAGER, RIGHT, who="one").status_code == 201

    def told(who):
        headers = service.headers(Role.CONTRACT_MANAGER, who=who)
        return [
            one["duty"] for one in service.client.get("/v1/inbox", headers=headers).json()["items"]
        ]

    assert (told("one"), told("two")) == ([], ["confirm_submission_rights"])


def test_a_breach_waits_for_its_handler_until_it_is_closed(seeded):
    seeded.active()
    breach = seeded.post("/v1/breaches", Role.CSU_SYSTEM, REPORT).json()
    path = f"/v1/breaches/{breach['id']}"

    assert waiting(seeded, Role.BREACH_HANDLER) == [("judge_breach", breach["reference"])]
    assert waiting(seeded, Role.CONTRACT_MANAGER) == []
    for step, body in (
        ("facts", {"facts": "One mailbox had it."}),
        ("finding", {"finding": "minor"}),
        ("closure", {"outcome": "It was taken back.", "lesson": "Choose from a list."}),
    ):
        assert waiting(seeded, Role.BREACH_HANDLER) == [("judge_breach", breach["reference"])]
        answer = seeded.post(f"{path}/{step}", Role.BREACH_HANDLER, body)
        assert answer.status_code == 200, answer.text
    assert waiting(seeded, Role.BREACH_HANDLER) == []


def test_all_is_counted_and_the_soonest_is_shown_first(seeded):
    seeded.contract()
    later = seeded.draft()
    sooner = seeded.draft(reference=OTHERS[0], end="2018-12-31")
    answer = seeded.get("/v1/inbox", Role.CONTROLLER_SIGNATORY, CCG, limit=1).json()

    assert [one["reference"] for one in answer["items"]] == [sooner["reference"]]
    assert answer["counts"]["sign_agreement"] == 2
    assert set(answer["counts"]) == {
        *("sign_agreement", "sign_contract", "consent_to_publication", "certify_destruction"),
        "agree_to_domain_transfer",
    }
    assert later["reference"] == REFERENCE


def test_what_was_written_past_the_service_is_told_and_what_cannot_be_read_is_named(
    seeded, drafted
):
    def altered(statement):
        with seeded.parts.engine.begin() as connection:
            connection.execute(text(statement))
        return seeded.get("/v1/inbox", Role.PROCESSOR_CONTACT).json()

    named = f"WHERE reference = '{REFERENCE}'"
    told = altered(f"UPDATE agreement SET recorded_at = '2001-01-01 00:00:00.000000' {named}")
    assert [one["not_as_sealed"] for one in told["items"]] == [["agreement"], [], []]
    told = altered(f"UPDATE agreement SET announced_state = 'gar{{bage' {named}")
    assert [one["reference"] for one in told["items"]] == [*OTHERS]
    assert len(told["unreadable"]) == 1
    told = altered("UPDATE contract SET issued_at = 'gar{bage', body_signed_at = NULL")
    told = seeded.get("/v1/inbox", Role.CONTROLLER_SIGNATORY, CCG).json()
    assert told["incomplete"] == ["sign_contract"]
    assert [one["reference"] for one in told["items"]] == [*OTHERS]
