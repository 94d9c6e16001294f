"""Data passed on, places that an audit found, versions compared, over HTTP."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from common.ids import digest_of
from common.security.keys import REGISTER_STATEMENT, SignedVerifier
from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, OTHER_CSU, REFERENCE, snapshot

PATH = f"/v1/agreements/{REFERENCE}"
TRUST = "RFF"
FLOWS = {
    "activities": "Counting admissions",
    "flows": [
        {"from": CSU, "to": TRUST, "level": "PSEUDO_ANONYMISED", "onward": True},
        {"from": CSU, "to": "RJE", "level": "AGGREGATE_SUPPRESSED", "onward": True},
        {"from": CCG, "to": "RA1", "level": "PSEUDO_ANONYMISED", "onward": False},
    ],
}
LICENSED = {"sub_licence": True, "sections": snapshot()["sections"] | {"10": FLOWS}}


def shared(service, recipient, *, stopped="yes", key=None, **changes):
    body = {
        "recipient": recipient,
        "line": 1,
        "shared_on": "2018-06-01",
        "activity_stopped": stopped,
    } | changes
    return service.post(f"{PATH}/onward-shares", Role.CSU_ADVISER, body, key=key)


def breaches(service):
    return service.get("/v1/breaches", Role.BREACH_HANDLER).json()["items"]


def held(service):
    return service.get(PATH, Role.AUDITOR).json()["lines_held"]


@pytest.mark.scenario("R22")
@pytest.mark.parametrize(("stopped", "lines"), [("yes", []), ("no", [1]), ("not_known", [1])])
def test_what_no_clause_lets_go_on_is_a_breach_by_the_fact_itself(seeded, stopped, lines):
    seeded.active()

    answer = shared(seeded, TRUST, stopped=stopped)

    assert answer.status_code == 201, answer.text
    [breach] = breaches(seeded)
    assert answer.json()["breach_id"] == breach["id"]
    assert (answer.json()["ground"], breach["cause"]) == (None, "onward_share")
    assert (breach["lines"], breach["agreement"]) == ([1], REFERENCE)
    assert held(seeded) == lines
    assert breach["ico_notified_at"] is None
    assert "agreements.breach-reported.v1" in seeded.events()


@pytest.mark.scenario("R22")
def test_what_a_clause_lets_go_on_is_no_breach_and_has_its_line(seeded):
    seeded.active(**LICENSED)

    party, licensed = shared(seeded, CCG), shared(seeded, TRUST)

    assert [a.json()["ground"] for a in (party, licensed)] == ["party", "sub_licence"]
    assert breaches(seeded) == []
    listed = seeded.get(f"{PATH}/onward-shares", Role.AUDITOR).json()["items"]
    assert [(one["recipient"], one["version"]) for one in listed] == [
        (CCG, "v0.0"),
        (TRUST, "v0.0"),
    ]
    # The public register has a line each, of what a clause allowed alone.
    register = "/v1/registers/onward-shares"
    assert shared(seeded, "RA1").json()["breach_id"] is not None
    public = seeded.client.get(register, params={"limit": 1}).json()
    rest = seeded.client.get(register, params={"after": public["next"]}).json()
    lines = [*public["items"], *rest["items"]]
    assert [(one["reference"], one["recipient"], one["ground"]) for one in lines] == [
        (REFERENCE, CCG, "party"),
        (REFERENCE, TRUST, "sub_licence"),
    ]
    assert rest["next"] is None
    assert public["as_of"] == "2018-06-01T09:00:00Z"
    one = seeded.client.get(f"{register}/{lines[0]['id']}")
    assert one.json() == lines[0]
    breach = next(
        s["id"]
        for s in seeded.get(f"{PATH}/onward-shares", Role.AUDITOR).json()["items"]
        if s["ground"] is None
    )
    for unpublished in (breach, str(UUID(int=1))):
        answer = seeded.client.get(f"{register}/{unpublished}")
        assert (answer.status_code, answer.json()["code"]) == (404, "ONWARD_SHARE_NOT_FOUND")
    sheet = seeded.client.get(register, params={"format": "csv"}).text.splitlines()
    assert sheet[0].startswith("reference,version,line,level,recipient,shared_on")
    assert len(sheet) == 3
    book = seeded.client.get(register, params={"format": "xlsx"})
    assert book.content[:2] == b"PK"


def stated(service):
    answer = service.client.get("/v1/registers/statements/onward-shares")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("written", "missing", "unlike", "rows"),
    [
        ("DELETE FROM onward_share", [REFERENCE], [], 0),
        ("UPDATE onward_share SET ground = NULL", [], [REFERENCE], 0),
        ("UPDATE onward_share SET recipient = 'RJE'", [], [REFERENCE], 2),
    ],
    ids=["deleted", "hidden", "altered"],
)
def test_the_register_of_what_went_on_says_signed_whether_it_is_complete(
    seeded, written, missing, unlike, rows
):
    assert (stated(seeded)["rows"], stated(seeded)["is_complete"]) == (0, True)
    seeded.active(**LICENSED)
    shared(seeded, CCG), shared(seeded, TRUST)
    lines = seeded.client.get("/v1/registers/onward-shares").json()["items"]
    before = stated(seeded)
    assert before["is_complete"] is True
    without = [{k: v for k, v in line.items() if k != "not_as_sealed"} for line in lines]
    assert (before["rows"], before["digest"]) == (2, digest_of(without))

    with seeded.parts.engine.begin() as connection:
        connection.execute(text(written))

    after = stated(seeded)
    assert after["rows"] == rows
    assert after["is_complete"] is False
    assert (after["missing"], after["not_as_sealed"]) == (missing, unlike)
    claims = SignedVerifier(
        REGISTER_STATEMENT, seeded.parts.signer.jwks, clock=seeded.clock
    ).verify(after["statement"])
    assert claims["missing"] == missing


@pytest.mark.parametrize(
    ("terms", "recipient"),
    [
        (LICENSED | {"sub_licence": False}, TRUST),  # the flow without the sub-licence
        (LICENSED, "RJE"),  # another level
        (LICENSED, "RA1"),  # a flow that is not onward
        (LICENSED, OTHER_CSU),  # nobody at all
    ],
)
def test_each_part_of_the_clause_is_needed(seeded, terms, recipient):
    seeded.active(**terms)
    query = {"recipient": recipient, "line": 1}

    asked = seeded.get(f"{PATH}/onward-shares/permission", Role.CSU_ADVISER, **query).json()

    assert (asked["allowed"], asked["ground"]) == (False, None)
    assert breaches(seeded) == []
    assert shared(seeded, recipient).json()["ground"] is None
    assert len(breaches(seeded)) == 1


def test_who_asks_first_is_told_by_which_clause(seeded):
    seeded.active(**LICENSED)
    query = {"recipient": TRUST, "line": 1}

    asked = seeded.get(f"{PATH}/onward-shares/permission", Role.CSU_ADVISER, **query).json()

    assert (asked["allowed"], asked["ground"]) == (True, "sub_licence")
    assert seeded.get(f"{PATH}/onward-shares", Role.AUDITOR).json()["items"] == []


def test_what_is_to_come_of_no_line_or_by_a_stranger_is_refused_and_writes_nothing(seeded):
    seeded.active()

    to_come = shared(seeded, TRUST, shared_on="2018-06-02")
    no_line = shared(seeded, TRUST, line=9)
    body = {"recipient": TRUST, "line": 1, "shared_on": "2018-06-01", "activity_stopped": "yes"}
    stranger = seeded.post(f"{PATH}/onward-shares", Role.CSU_ADVISER, body, ods=OTHER_CSU)

    assert (to_come.status_code, to_come.json()["code"]) == (422, "SHARED_IN_FUTURE")
    assert no_line.json()["code"] == "LINE_NOT_IN_DSA"
    assert (stranger.status_code, stranger.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")
    assert breaches(seeded) == []
    assert seeded.get(f"{PATH}/onward-shares", Role.AUDITOR).json()["items"] == []


def test_the_same_share_sent_twice_is_one(seeded):
    seeded.active()

    assert shared(seeded, TRUST, key="k").json() == shared(seeded, TRUST, key="k").json()
    assert len(breaches(seeded)) == 1


PLACE = {
    "address": "1 High Street",
    "postcode": "SO53 3YA",
    "country": "GB-ENG",
    "operator": CSU,
    "kinds": ["storage"],
}


def found(service, *places, stopped="no"):
    body = {
        "places": [{"postcode": code, "operator": who} for code, who in places],
        "lines": [2],
        "activity_stopped": stopped,
    }
    return service.post(f"{PATH}/place-findings", Role.AUDITOR, body)


@pytest.mark.scenario("B05")
@pytest.mark.parametrize("place", [("LS1 4AP", CSU), ("SO53 3YA", OTHER_CSU)])
def test_a_place_that_an_audit_finds_and_the_agreement_does_not_name_is_a_breach(seeded, place):
    seeded.active(locations=[PLACE])

    answer = found(seeded, place).json()

    [breach] = breaches(seeded)
    assert answer == {
        "all_named": False,
        "breach_id": breach["id"],
        "breach_reference": breach["reference"],
    }
    assert (breach["cause"], breach["lines"]) == ("place_changed", [2])
    shown = seeded.get(PATH, Role.AUDITOR).json()
    assert [v["version"] for v in shown["versions"]] == ["v0.0"], "no amendment by itself"
    assert shown["lines_held"] == [2]
    assert [t["kind"] for t in shown["tasks"]] == ["AMEND_PLACES"]
    assert place[0] not in str(seeded.outbox())


@pytest.mark.scenario("B05")
def test_a_place_that_the_agreement_names_is_none(seeded):
    seeded.active(locations=[PLACE])

    assert found(seeded, ("SO533YA", CSU)).json() == {
        "all_named": True,
        "breach_id": None,
        "breach_reference": None,
    }
    assert (breaches(seeded), held(seeded)) == ([], [])


@pytest.mark.scenario("B05")
def test_the_amendment_that_was_asked_for_is_done_when_it_takes_effect(seeded):
    seeded.active(locations=[PLACE])
    found(seeded, ("LS1 4AP", CSU))
    seeded.clock.advance(timedelta(days=1))
    moved = PLACE | {"postcode": "LS1 4AP"}

    amended = seeded.sign_all(
        seeded.draft(version="v0.1", kind="amendment", locations=[PLACE, moved])
    )

    assert (amended["version"], amended["tasks"]) == ("v0.1", [])
    assert amended["lines_held"] == [2], "the hold stays until two people lift it"
    assert found(seeded, ("LS1 4AP", CSU)).json()["all_named"] is True


def test_what_an_amendment_changes_is_told_in_sentences(seeded):
    seeded.active()
    seeded.draft(version="v0.1", kind="amendment", locations=[PLACE])
    query = {"former": "v0.0", "later": "v0.1"}

    told = seeded.get(f"{PATH}/differences", Role.CSU_ADVISER, **query).json()

    assert [one["annex"] for one in told["differences"]] == ["D"]
    assert "1 High Street" in told["differences"][0]["sentence"]
    assert told["not_as_sealed"] == []
    missing = seeded.get(f"{PATH}/differences", Role.CSU_ADVISER, former="v0.0", later="v7.0")
    assert (missing.status_code, missing.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")


# Succession


def previewed(service, predecessor=CCG, successor="QF7", day="2020-04-01"):
    query = {"predecessor": predecessor, "successor": successor, "effective_from": day}
    return service.get("/v1/transfer-instruments/preview", Role.CONTRACT_MANAGER, **query)


def test_what_a_transfer_would_move_is_counted_before_it_is_recorded(seeded):
    seeded.active()
    seeded.relationship()

    found = previewed(seeded, successor=OTHER_CSU).json()

    assert found["text"] == "moves 1 contract, 1 agreement, 1 relationship, 0 files held, 1 domain"
    assert (found["agreements"], found["not_as_sealed"]) == ([REFERENCE], [])
    assert seeded.get("/v1/transfer-instruments", Role.AUDITOR).json()["items"] == []
    ended = previewed(seeded, successor=OTHER_CSU, day="2021-04-01").json()
    assert ended["agreements"] == [], "what is over by then, and of which nothing is held"
    nothing = previewed(seeded, predecessor="00L", successor=OTHER_CSU).json()
    assert (
        nothing["text"]
        == "moves 0 contracts, 0 agreements, 0 relationships, 0 files held, 0 domains"
    )
    unknown = previewed(seeded, successor="ZZZ")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "ORGANISATION_UNKNOWN")


@pytest.mark.parametrize(("predecessor", "successor"), [(CCG, CCG), (OTHER_CSU, CCG), ("00L", CCG)])
def test_nothing_passes_to_itself_or_in_a_circle(seeded, predecessor, successor):
    def recorded(before, after):
        body = {
            "predecessor": before,
            "successor": after,
            "effective_from": "2018-06-01",
            "evidence": "Transfer scheme",
        }
        return seeded.post("/v1/transfer-instruments", Role.CONTRACT_MANAGER, body)

    assert recorded(CCG, OTHER_CSU).status_code == 201
    assert recorded(OTHER_CSU, "00L").status_code == 201

    refused = recorded(predecessor, successor)

    assert (refused.status_code, refused.json()["code"]) == (422, "TRANSFER_IN_CIRCLE")
    asked = previewed(seeded, predecessor, successor, "2018-06-01")
    assert asked.json()["code"] == "TRANSFER_IN_CIRCLE"
    assert len(seeded.get("/v1/transfer-instruments", Role.AUDITOR).json()["items"]) == 2
