"""From the draft to the decision, as people walk it."""

import json

import pytest

from common.ids import digest
from common.security.roles import Role
from services.applications.tests.answers import AMENDED, CCG, complete
from services.applications.tests.world import organisation


def state(response):
    assert response.status_code == 200, response.text
    return response.json()["state"]


def code(response, status):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()["code"]


@pytest.mark.scenario("A01")
def test_a_complete_application_gets_its_reference_and_is_frozen(people, draft):
    path = draft({})
    for number, answers in complete().items():
        answered = people.editor.put(f"{path}/sections/{number}", json=answers)
        assert answered.status_code == 200, answered.text
    found = people.editor.get(f"{path}/findings").json()
    assert (found["can_be_submitted"], found["findings"]) == (True, [])
    assert {note["code"] for note in found["notes"]} == {"DATA_QUALITY_STATEMENT"}
    assert all(f"data_set={note['data_set']}" in note["href"] for note in found["notes"])

    submitted = people.editor.post(f"{path}/submission").json()

    assert submitted["state"] == "SUBMITTED"
    assert submitted["full_reference"].startswith("DARS-NIC-")
    assert submitted["full_reference"].endswith("-v0.0")
    assert submitted["sections_missing"] == []
    frozen = people.agreements.get(f"/v1/snapshots/{submitted['snapshot_hash']}")
    assert frozen.headers["content-type"] == "application/json"
    assert digest(frozen.content) == submitted["snapshot_hash"]
    assert json.loads(frozen.content)["application_id"] == submitted["id"]
    # What is frozen stays, whatever is tried afterwards.
    late = people.editor.put(f"{path}/sections/19", json={"confirmed": False})
    assert code(late, 409) == "TRANSITION_REFUSED"
    assert people.agreements.get(f"/v1/snapshots/{submitted['snapshot_hash']}").content == (
        frozen.content
    )


def test_three_different_people_decide_and_the_applicant_is_refused(people, in_review, token_for):
    path = in_review()
    referred = people.officer.post(f"{path}/advisory-referral", json={"novel": True})
    assert state(referred) == "WITH_ADVISORY"
    assert referred.json()["advisory_body"] == "IGARD"
    advised = people.member.post(f"{path}/advice", json={"outcome": "recommended"})
    assert state(advised) == "APPROVAL"

    own = people(Role.DARS_APPROVER, "X26", "editor")
    assert code(own.post(f"{path}/approval"), 403) == "OWN_APPLICATION"
    assert code(people.editor.post(f"{path}/approval"), 403) == "ROLE_NOT_PERMITTED"
    colleague = people(Role.DARS_APPROVER, CCG, "colleague")
    assert code(colleague.post(f"{path}/approval"), 403) == "OWN_ORGANISATION"
    approved = people.approver.post(f"{path}/approval")

    assert state(approved) == "APPROVED"
    assert approved.json()["decision"]["approved"] is True
    verbs = [line["verb"] for line in people.editor.get(f"{path}/history").json()["items"]]
    assert verbs[-5:] == ["submit", "review", "refer_to_advice", "advise", "approve"]


@pytest.mark.scenario("A24")
def test_the_case_officer_cannot_approve(people, in_review):
    path = in_review()
    people.officer.post(f"{path}/advisory-referral")
    people.member.post(f"{path}/advice", json={"outcome": "recommended"})
    before = people.officer.get(path).json()

    for name in ("officer", "member"):
        same = people(Role.DARS_APPROVER, "X26", name)
        assert code(same.post(f"{path}/approval"), 403) == "SAME_HANDS"

    assert people.officer.get(path).json() == before


@pytest.mark.scenario("A22")
def test_records_are_routed_by_the_rule_of_the_day(people, in_review, clock):
    path = in_review()
    refused = people.officer.post(f"{path}/approval-referral")
    assert code(refused, 409) == "ADVICE_REQUIRED"
    assert refused.json()["body"] == "IGARD"

    clock.set(clock.now().replace(year=2024))
    refused = people.officer.post(f"{path}/advisory-referral", json={"precedent": "P-12"})
    assert code(refused, 409) == "ADVICE_NOT_NEEDED"
    contentious = people.officer.post(f"{path}/approval-referral", json={"contentious": True})
    assert code(contentious, 409) == "ADVICE_REQUIRED"
    assert state(people.officer.post(f"{path}/approval-referral")) == "APPROVAL"


def amendable(wire, **changes):
    """The agreement that is amended, as agreements shows it."""
    term = complete()[1]
    wire.answers[f"/v1/agreements/{AMENDED}"] = {
        "reference": AMENDED,
        "version": "v1.0",
        "start": term["start"],
        "end": term["end"],
        "controllers": [{"ods": CCG}],
        "versions": [{"version": "v1.0"}],
        "may_be_amended": True,
    } | changes


AMENDS = {"kind": "amendment", "amends": AMENDED}


def test_an_amendment_of_what_was_ended_meanwhile_is_not_approved(people, in_review, wire):
    amendable(wire)
    path = in_review(**AMENDS)
    people.officer.post(f"{path}/advisory-referral", json={"novel": True})
    people.member.post(f"{path}/advice", json={"outcome": "recommended"})
    wire.is_away = True
    assert code(people.approver.post(f"{path}/approval"), 503) == "AGREEMENTS_UNAVAILABLE"
    wire.is_away = False

    amendable(wire, may_be_amended=False)
    refused = people.approver.post(f"{path}/approval")

    assert code(refused, 409) == "AGREEMENT_OVER"
    assert state(people.officer.get(path)) == "APPROVAL"
    amendable(wire)
    assert state(people.approver.post(f"{path}/approval")) == "APPROVED"


def test_two_amendments_that_are_under_way_have_numbers_of_their_own(people, submitted, wire):
    amendable(wire, versions=[{"version": "v1.0"}, {"version": "v1.1"}])

    labels = [people.editor.get(submitted(**AMENDS)).json()["label"] for _ in range(2)]

    assert labels == ["v1.2", "v1.3"], "v1.1 waits for signatures"


@pytest.mark.scenario("A23")
def test_suppressed_aggregates_go_without_contract_and_without_advice(people, in_review, wire):
    wire.answers[f"/v1/contracts?organisation={CCG}"] = {"items": []}
    raw = complete()
    raw[7]["lines"][0]["classification"] = "AGGREGATE_SUPPRESSED"

    path = in_review(raw)

    assert state(people.officer.post(f"{path}/approval-referral")) == "APPROVAL"


def test_the_approver_says_of_which_lines_tables_are_as_published_and_why(people, in_review):
    raw = complete()
    raw[7]["lines"][0]["classification"] = "AGGREGATE_SUPPRESSED"
    path = in_review(raw)
    people.officer.post(f"{path}/approval-referral")
    why = "Has to equal the published indicator."

    def approve(line):
        named = [{"line": line, "reason": why}]
        return people.approver.post(f"{path}/approval", json={"as_published": named})

    assert code(approve(2), 422) == "AS_PUBLISHED_REFUSED"
    approved = approve(1).json()

    frozen = people.agreements.get(f"/v1/snapshots/{approved['snapshot_hash']}").json()
    assert [line["as_published"] for line in frozen["lines"]] == [why]


def test_a_line_of_records_has_no_tables_as_published(people, in_review):
    path = in_review()
    people.officer.post(f"{path}/advisory-referral")
    people.member.post(f"{path}/advice", json={"outcome": "recommended"})

    named = {"as_published": [{"line": 1, "reason": "Has to equal the publication."}]}

    assert code(people.approver.post(f"{path}/approval", json=named), 422) == "AS_PUBLISHED_REFUSED"


def test_conditions_of_the_advice_are_in_what_is_approved(people, in_review):
    path = in_review()
    people.officer.post(f"{path}/advisory-referral")
    condition = {"id": "c1", "text": "Publish the notice.", "due": "2021-12-31", "owner": CCG}
    advised = people.member.post(
        f"{path}/advice",
        json={"outcome": "recommended_with_conditions", "conditions": [condition]},
    )
    assert state(advised) == "APPROVAL"

    approved = people.approver.post(f"{path}/approval").json()

    assert approved["conditions"] == [condition]
    frozen = people.agreements.get(f"/v1/snapshots/{approved['snapshot_hash']}").json()
    assert frozen["special_conditions"] == [condition]
    assert approved["snapshot_hash"] != advised.json()["snapshot_hash"]


def test_conditions_that_are_met_are_not(people, in_review):
    path = in_review()
    people.officer.post(f"{path}/advisory-referral")
    condition = {"id": "c1", "text": "Publish the notice.", "due": "2021-12-31", "owner": CCG}
    people.member.post(
        f"{path}/advice",
        json={"outcome": "recommended_with_conditions", "conditions": [condition]},
    )

    unknown = people.approver.post(f"{path}/approval", json={"conditions_met": ["c2"]})
    assert code(unknown, 422) == "CONDITION_REFUSED"
    approved = people.approver.post(f"{path}/approval", json={"conditions_met": ["c1"]})
    assert approved.json()["conditions"] == []


def test_against_advice_a_reason_is_needed(people, in_review):
    path = in_review()
    people.officer.post(f"{path}/advisory-referral")
    people.member.post(
        f"{path}/advice", json={"outcome": "unable_to_recommend", "reason": "Too wide."}
    )

    assert code(people.approver.post(f"{path}/approval"), 409) == "REASON_REQUIRED"
    assert state(people.approver.post(f"{path}/refusal", json={"reason": "As advised."})) == (
        "DECLINED"
    )


def test_the_officer_may_refuse_in_review_and_the_approver_not(people, in_review):
    path = in_review()

    early = people.approver.post(f"{path}/refusal", json={"reason": "No."})
    assert code(early, 403) == "NOT_YOURS"
    refused = people.officer.post(f"{path}/refusal", json={"reason": "Already published."})
    assert state(refused) == "DECLINED"
    assert refused.json()["decision"]["reason"] == "Already published."
    assert code(people.editor.post(f"{path}/submission"), 409) == "TRANSITION_REFUSED"


def test_what_was_returned_is_answered_and_handed_in_again(people, in_review):
    path = in_review()
    first = people.editor.get(path).json()
    returned = people.officer.post(
        f"{path}/return", json={"queries": [{"standard": 7, "text": "Why by month?"}]}
    )
    assert state(returned) == "RETURNED"
    assert returned.json()["queries"] == [
        {"id": "1", "standard": 7, "text": "Why by month?", "answer": ""}
    ]

    refused = people.editor.post(f"{path}/submission")
    assert code(refused, 403) == "QUERY_UNANSWERED"
    again = people.signatory.post(
        f"{path}/submission", json={"answers": [{"query": "1", "answer": "So they are counted."}]}
    ).json()

    assert (again["reference"], again["revision"]) == (first["reference"], 2)
    assert again["snapshot_hash"] != first["snapshot_hash"]
    assert again["queries"][0]["answer"] == "So they are counted."


def test_deferred_advice_returns_it(people, in_review):
    path = in_review()
    people.officer.post(f"{path}/advisory-referral")

    deferred = people.member.post(
        f"{path}/advice", json={"outcome": "deferred", "queries": [{"text": "Which notice?"}]}
    )

    assert state(deferred) == "RETURNED"


@pytest.mark.parametrize(
    "body",
    [
        {"outcome": "recommended", "queries": [{"text": "Why?"}]},
        {"outcome": "deferred"},
        {"outcome": "recommended_with_conditions"},
        {"outcome": "unable_to_recommend"},
        {"outcome": "shrugged"},
        {},
    ],
)
def test_advice_fits_its_outcome(people, in_review, body):
    path = in_review()
    people.officer.post(f"{path}/advisory-referral")

    response = people.member.post(f"{path}/advice", json=body)

    assert code(response, 422) == "INVALID_REQUEST"
    assert people.officer.get(path).json()["state"] == "WITH_ADVISORY"


@pytest.mark.scenario("A29")
def test_withdrawn_in_review_it_keeps_its_history(people, in_review):
    path = in_review()

    assert state(people.signatory.post(f"{path}/withdrawal")) == "WITHDRAWN"
    verbs = [line["verb"] for line in people.editor.get(f"{path}/history").json()["items"]]
    assert verbs[-3:] == ["submit", "review", "withdraw"]


def test_an_enquiry_is_opened_or_closed_by_an_officer(people, draft):
    first, second = draft({}, enquiry=True), draft({}, enquiry=True)
    answer = people.editor.put(f"{first}/sections/19", json={"confirmed": True})
    assert code(answer, 409) == "TRANSITION_REFUSED"

    assert state(people.officer.post(f"{first}/opening")) == "DRAFT"
    assert state(people.officer.post(f"{second}/closure")) == "CLOSED"
    assert people.editor.put(f"{first}/sections/19", json={"confirmed": True}).status_code == 200


@pytest.mark.scenario("A26")
def test_a_trust_that_wants_its_own_shmi_is_sent_elsewhere_and_nothing_is_opened(people):
    trust = people(Role.APPLICANT_EDITOR, "RJE", "trust")

    refused = trust.post("/v1/applications", json={"title": "SHMI", "data_sets": ["SHMI"]})

    assert code(refused, 409) == "REDIRECTED"
    assert refused.json()["service"] == "SHMI extract service"
    assert trust.get("/v1/applications").json()["items"] == []
    ccg = people.editor.post("/v1/applications", json={"title": "SHMI", "data_sets": ["SHMI"]})
    assert ccg.status_code == 201


def renewal_of(people, in_review, wire):
    path = in_review()
    people.officer.post(f"{path}/advisory-referral")
    people.member.post(f"{path}/advice", json={"outcome": "recommended"})
    reference = people.approver.post(f"{path}/approval").json()["reference"]
    wire.answers[f"/v1/agreements/{reference}"] = {
        "reference": reference,
        "version": "v1.0",
        "start": "2018-06-01",
        "end": "2021-05-31",
        "controllers": [{"ods": CCG}],
    }
    return reference


@pytest.mark.scenario("A09")
def test_a_renewal_follows_on_the_day_after_under_the_same_reference(
    people, in_review, draft, wire
):
    reference = renewal_of(people, in_review, wire)
    raw = complete()
    raw[12]["yielded"] = [{"description": "Waits fell."}]
    path = draft(raw, kind="renewal", amends=reference)

    raw[1]["start"] = "2021-06-02"
    people.editor.put(f"{path}/sections/1", json=raw[1])
    assert code(people.editor.post(f"{path}/submission"), 403) == "GAP_BEFORE_RENEWAL"
    raw[1]["start"] = "2021-06-01"
    people.editor.put(f"{path}/sections/1", json=raw[1])
    renewed = people.editor.post(f"{path}/submission").json()

    assert (renewed["reference"], renewed["label"]) == (reference, "v2.0")


@pytest.mark.scenario("A10")
def test_a_renewal_says_what_the_former_term_brought(people, in_review, draft, wire):
    path = draft(kind="renewal", amends=renewal_of(people, in_review, wire))

    assert code(people.editor.post(f"{path}/submission"), 403) == "YIELDED_BENEFITS_MISSING"


@pytest.mark.scenario("A03")
def test_a_successor_is_refused_until_agreements_counts_the_contract_for_it(people, wire):
    icb = people(Role.APPLICANT_EDITOR, "QF7", "icb")
    wire.answers |= {
        "/v1/organisations/QF7": organisation("QF7", "NHS South Yorkshire ICB"),
        "/v1/contracts?organisation=QF7": {"items": []},
        "/v1/assurance?organisation=QF7": wire.answers[f"/v1/assurance?organisation={CCG}"],
        "/v1/ico-registrations?organisation=QF7": {"items": []},
    }
    path = icb.post("/v1/applications", json={"title": "Admissions"}).headers["Location"]
    for number, answers in json.loads(
        json.dumps(complete())
        .replace(CCG, "QF7")
        .replace("NHS Barnsley CCG", "NHS South Yorkshire ICB")
    ).items():
        assert icb.put(f"{path}/sections/{number}", json=answers).status_code == 200

    assert code(icb.post(f"{path}/submission"), 403) == "DSFC_NOT_IN_FORCE"
    wire.answers["/v1/contracts?organisation=QF7"] = wire.answers[
        f"/v1/contracts?organisation={CCG}"
    ]
    assert state(icb.post(f"{path}/submission")) == "SUBMITTED"
