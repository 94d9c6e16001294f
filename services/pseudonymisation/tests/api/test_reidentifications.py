"""A practice is told which of its own patients a token is, and nobody is told anything else."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from common.errors import Refusal
from common.security.roles import Role
from pseudonymisation.people.use_cases.sweeping import PeopleJobs
from services.pseudonymisation.tests.api.test_opt_outs import numbers
from services.pseudonymisation.tests.asking_back import (
    AGREEMENT,
    NOBODYS,
    OTHER_PRACTICE,
    OURS,
    PRACTICE,
    REGISTERED,
    THEIRS,
    Surgery,
)
from statements.vocabulary import LineKey

TODAY = "2018-06-01"


@pytest.fixture
def surgery(intake, clock):
    return Surgery(intake)


@pytest.fixture
def day(clock):
    return clock.now().date().isoformat()


@pytest.fixture
def tokens(surgery, day):
    """Tokens of a line, with a list of registrations in force."""
    tokens = surgery.mint()
    answer = surgery.register(REGISTERED, day)
    assert (answer.status_code, answer.json()["state"]) == (201, "accepted"), answer.text
    return tokens


def rows(answer):
    assert answer.status_code == 200, answer.text
    return {row["token"]: (row["outcome"], row["nhs_number"]) for row in answer.json()["people"]}


def stored(surgery, what):
    with surgery.parts.engine.connect() as connection:
        return [row[0] for row in connection.execute(text(what))]


def leaves(surgery, action):
    found = map(json.loads, stored(surgery, 'SELECT entry FROM audit_leaf ORDER BY "index"'))
    return [leaf for leaf in found if leaf["action"] == action]


def code(answer):
    return answer.status_code, answer.json()["code"]


@pytest.mark.scenario("G01")
@pytest.mark.scenario("G02")
def test_a_practice_is_told_its_own_patient_and_of_others_only_that_they_are_not(surgery, day):
    tokens = surgery.prepare()
    surgery.register(REGISTERED, day)
    asked = surgery.ask(tokens)
    assert (asked.status_code, asked.json()["state"]) == (201, "ready"), asked.text
    assert asked.headers["location"] == f"/v1/re-identifications/{asked.json()['id']}"

    found = rows(surgery.answer(asked.json()["id"]))

    assert sorted(found.values(), key=str) == [
        ("not_known", None),  # without an NHS number there is nobody to lead back to
        ("not_registered_with_you", None),
        ("not_registered_with_you", None),
        ("number", OURS),
    ]
    assert list(found) == tokens


def test_agreements_is_asked_at_the_request_and_again_at_each_answer(surgery, tokens):
    asked = surgery.ask(tokens[:1]).json()
    surgery.answer(asked["id"])
    surgery.answer(asked["id"])

    line = LineKey("RS", "SUS_APC", "PSEUDO_ANONYMISED")
    assert [said[:3] for said in surgery.agreements.asked] == [(AGREEMENT, line, 1)] * 3
    assert all(token.count(".") == 2 for *_, token in surgery.agreements.asked)


def test_a_permission_that_ended_meanwhile_ends_the_answer_and_the_attempt_is_logged(
    surgery, tokens
):
    asked = surgery.ask(tokens).json()
    surgery.agreements.refuses = (Refusal("DSA_NOT_ACTIVE", "It ended."),)

    answer = surgery.answer(asked["id"])

    assert code(answer) == (403, "DSA_NOT_ACTIVE")
    (leaf,) = leaves(surgery, "re-identification-refused")
    assert leaf["detail"]["codes"] == ["DSA_NOT_ACTIVE"]
    assert stored(surgery, "SELECT count(*) FROM re_identified_person") == [0]


@pytest.mark.scenario("G03")
@pytest.mark.parametrize(
    ("role", "ods"),
    [(Role.CSU_SYSTEM, "0DF"), (Role.CONTROLLER_SIGNATORY, "02P"), (Role.APPLICANT_EDITOR, "02P")],
)
def test_commissioner_and_csu_are_refused_and_the_attempt_is_logged(surgery, tokens, role, ods):
    surgery.agreements.refuses = (Refusal("DIRECT_CARE_ONLY", "No practice.", ods),)

    answer = surgery.ask(tokens, headers=surgery.headers(ods, role))

    assert code(answer) == (403, "DIRECT_CARE_ONLY")
    (leaf,) = leaves(surgery, "re-identification-refused")
    assert (leaf["organisation"], leaf["role"]) == (ods, role.value)
    assert leaf["detail"] == {"agreement": AGREEMENT, "people": 4, "codes": ["DIRECT_CARE_ONLY"]}
    assert stored(surgery, "SELECT count(*) FROM re_identification") == [0]


@pytest.mark.scenario("U01")
def test_staff_of_a_practice_in_the_role_of_a_csu_are_refused(surgery, tokens):
    """Agreements said yes to the practice; it does not know in which role somebody acts."""
    answer = surgery.ask(tokens, headers=surgery.headers(PRACTICE, Role.CSU_SYSTEM))

    assert code(answer) == (403, "DIRECT_CARE_ONLY")


def test_who_is_whose_patient_is_said_by_the_registrations_of_the_moment(surgery, tokens, day):
    asked = surgery.ask(tokens).json()
    assert ("number", OURS) in rows(surgery.answer(asked["id"])).values()

    moved = f"{OURS},{OTHER_PRACTICE}\n{THEIRS},{OTHER_PRACTICE}\n"
    assert surgery.register(moved, day).json()["state"] == "accepted"

    assert ("number", OURS) not in rows(surgery.answer(asked["id"])).values()


def test_without_registrations_that_are_new_enough_nobody_is_told(surgery, clock, day):
    tokens = surgery.mint()
    assert code(surgery.ask(tokens)) == (409, "REGISTRATIONS_OUT_OF_DATE")

    surgery.register(REGISTERED, day)
    clock.advance(timedelta(days=7))
    assert surgery.ask(tokens).status_code == 201
    clock.advance(timedelta(days=1))
    assert code(surgery.ask(tokens)) == (409, "REGISTRATIONS_OUT_OF_DATE")


def test_a_patient_listed_under_a_practice_that_merged_is_nobodys_until_the_list_says_the_new_code(
    surgery, tokens, day
):
    """Nothing passes to a successor by itself (ruling 4): the code of the list is the asker's."""
    merged = "J81009"
    assert surgery.register(f"{OURS},{merged}\n", day).json()["state"] == "accepted"
    asked = surgery.ask(tokens).json()
    assert {said for said, _ in rows(surgery.answer(asked["id"])).values()} == {
        "not_registered_with_you",
        "not_known",
    }

    assert surgery.register(f"{OURS},{PRACTICE}\n", day).json()["state"] == "accepted"
    assert ("number", OURS) in rows(surgery.answer(asked["id"])).values()


def many(practice, count=30):
    """So many registrations that a second person has to look."""
    return "".join(f"{number},{practice}\n" for number in numbers(100, 100 + count))


def test_while_a_list_waits_both_lists_have_to_say_so(surgery, tokens, day):
    """Ruling 20: the stricter of both. A list that gives a practice many people waits."""
    waits = surgery.register(f"{THEIRS},{PRACTICE}\n{many(PRACTICE)}", day).json()
    asked = surgery.ask(tokens).json()

    assert waits["state"] == "waiting"
    assert {said for said, _ in rows(surgery.answer(asked["id"])).values()} == {
        "not_registered_with_you",
        "not_known",
    }
    assert code(surgery.decide(waits["id"], "confirmation", role=Role.DSCRO_OPERATOR)) == (
        409,
        "SECOND_PERSON_NEEDED",
    )
    assert surgery.decide(waits["id"], "confirmation").json()["state"] == "confirmed"
    assert ("number", THEIRS) in rows(surgery.answer(asked["id"])).values()


def test_a_list_taken_back_leaves_nobody_to_be_told(surgery, tokens):
    (list_id,) = stored(surgery, "SELECT id FROM registration_list")
    assert surgery.decide(list_id, "withdrawal").json()["state"] == "taken_back"

    assert code(surgery.ask(tokens)) == (409, "REGISTRATIONS_OUT_OF_DATE")


def test_what_took_the_place_of_a_list_destroys_it(surgery, tokens, day):
    (former,) = stored(surgery, "SELECT object_key FROM registration_list")
    surgery.register(REGISTERED, day)

    PeopleJobs(surgery.parts.people).sweep()

    kept = stored(surgery, "SELECT object_key FROM registration_list ORDER BY id")
    assert kept[0] is None
    assert kept[1] is not None
    landing = Path(surgery.intake.settings.landing_store)
    assert not (landing / former).exists()
    assert (landing / kept[1]).exists()


@pytest.mark.parametrize(
    ("lines", "count", "refused"),
    [
        ("9990000018\n", 1, "REGISTRATIONS_INVALID"),
        ("9990000019,J81002\n", 1, "REGISTRATIONS_INVALID"),
        ("nhs_number,practice\n9990000018,J81002\n", 1, "REGISTRATIONS_INVALID"),
        ("9990000018,J81002\n9990000018,A81001\n", 2, "REGISTRATIONS_INVALID"),
        ("9990000018,J81002\n", 2, "REGISTRATIONS_COUNT_DIFFERS"),
        ("", 1, "REGISTRATIONS_COUNT_DIFFERS"),
    ],
)
def test_a_list_that_is_not_what_it_says_is_refused_and_leaves_nothing(
    surgery, day, lines, count, refused
):
    answer = surgery.register(lines, day, count=count)

    assert code(answer) == (422, refused)
    assert "999000001" not in answer.text
    assert stored(surgery, "SELECT count(*) FROM registration_list") == [0]
    landing = Path(surgery.intake.settings.landing_store)
    assert not [path for path in landing.rglob("*") if path.is_file()]


def test_a_list_of_a_day_to_come_is_refused(surgery):
    assert code(surgery.register(REGISTERED, "2099-01-01")) == (422, "REGISTRATIONS_INVALID")


@pytest.mark.scenario("R18")
def test_a_token_of_another_domain_refuses_the_whole_request(surgery, tokens):
    ours = surgery.agreements.domain
    others = surgery.mint(purpose="COM")
    surgery.agreements.domain = ours

    answer = surgery.ask([tokens[0], others[0]])

    assert code(answer) == (409, "DOMAIN_MISMATCH")
    assert answer.json()["tokens"] == 1
    assert stored(surgery, "SELECT count(*) FROM re_identification") == [0]


def test_tokens_of_a_line_of_which_nothing_was_ever_made_are_from_elsewhere(surgery, tokens):
    surgery.agreements.domain = "sha256:" + "a" * 64

    assert code(surgery.ask(tokens)) == (409, "DOMAIN_MISMATCH")


def test_a_made_up_token_of_the_right_domain_is_nobodys(surgery, tokens):
    made_up = tokens[0][:4] + "A" * 20
    asked = surgery.ask([made_up]).json()

    assert rows(surgery.answer(asked["id"])) == {made_up: ("not_known", None)}


def test_a_destroyed_key_leads_back_to_nobody(surgery, tokens):
    asked = surgery.ask(tokens).json()
    surgery.parts.keys.destroy(f"domain/{surgery.agreements.domain.removeprefix('sha256:')}")

    assert code(surgery.answer(asked["id"])) == (409, "KEY_DESTROYED")
    assert code(surgery.ask(tokens)) == (409, "KEY_DESTROYED")


def test_above_a_number_another_person_of_the_practice_confirms(surgery, clock, day):
    people = tuple(line.split(",")[0] for line in many(PRACTICE, 11).splitlines())
    tokens = surgery.mint(people)
    surgery.register(many(PRACTICE, 11), day)

    asked = surgery.ask(tokens[:11]).json()
    assert asked["state"] == "waiting"
    assert code(surgery.answer(asked["id"])) == (409, "RE_IDENTIFICATION_WAITING")
    alone = surgery.confirm(asked["id"], headers=surgery.headers())
    assert code(alone) == (409, "SECOND_PERSON_NEEDED")
    strangers = surgery.headers(OTHER_PRACTICE, client="someone-else")
    assert code(surgery.confirm(asked["id"], headers=strangers)) == (
        404,
        "RE_IDENTIFICATION_NOT_FOUND",
    )

    other = surgery.headers(client="second-person")
    confirmed = surgery.confirm(asked["id"], headers=other)

    assert (confirmed.json()["state"], confirmed.json()["confirmed_by"]) == (
        "ready",
        "second-person",
    )
    assert code(surgery.confirm(asked["id"], headers=other)) == (409, "RE_IDENTIFICATION_DECIDED")
    assert len(rows(surgery.answer(asked["id"]))) == 11
    assert surgery.ask(tokens[:10]).json()["state"] == "ready"


def test_a_request_may_not_be_about_everybody(surgery, tokens):
    made_up = [f"{tokens[0][:4]}{n:020}" for n in range(101)]

    answer = surgery.ask(made_up)

    assert code(answer) == (413, "TOO_MANY_PEOPLE")
    assert answer.json()["people_max"] == 100


def test_a_practice_may_not_ask_about_everybody_a_little_at_a_time(surgery, tokens, clock, day):
    """Guard: `require_day`, in the transaction that adds to it."""
    made_up = [f"{tokens[0][:4]}{n:020}" for n in range(100)]
    assert {surgery.ask(made_up).status_code for _ in range(5)} == {201}

    answer = surgery.ask(tokens[:1])

    assert code(answer) == (413, "DAILY_LIMIT_REACHED")
    assert answer.json()["people_max"] == 500
    assert leaves(surgery, "re-identification-refused")[-1]["detail"]["codes"] == [
        "DAILY_LIMIT_REACHED"
    ]
    assert stored(surgery, "SELECT count(*) FROM re_identification") == [5]
    clock.advance(timedelta(days=1))
    assert surgery.ask(tokens[:1]).status_code == 201


@pytest.mark.parametrize(
    ("changes", "status", "refused"),
    [
        ({"reason_code": "curiosity"}, 422, "REASON_UNKNOWN"),
        ({"reason": "About 999 000 0018"}, 422, "PERSONAL_DATA_IN_TEXT"),
        ({"reason": ""}, 422, "INVALID_REQUEST"),
        ({"tokens": ["9990000018"]}, 422, "INVALID_REQUEST"),
        ({"tokens": []}, 422, "INVALID_REQUEST"),
    ],
)
def test_a_request_without_a_reason_or_with_something_else_than_tokens_is_refused(
    surgery, tokens, changes, status, refused
):
    answer = surgery.ask(tokens, **changes)

    assert code(answer) == (status, refused)
    assert "9990000018" not in answer.text
    assert "999 000 0018" not in answer.text


def test_each_token_is_asked_about_once(surgery, tokens):
    assert code(surgery.ask([tokens[0], tokens[0]])) == (422, "INVALID_REQUEST")


def test_after_its_time_the_answer_and_the_tokens_are_gone(surgery, clock, tokens):
    asked = surgery.ask(tokens).json()
    clock.advance(timedelta(minutes=60))

    assert code(surgery.answer(asked["id"])) == (409, "RE_IDENTIFICATION_OVER")
    jobs = PeopleJobs(surgery.parts.people)
    while claim := jobs.claim():
        jobs.run(claim)
    assert stored(surgery, "SELECT tokens FROM re_identification") == ["[]"]
    path = f"/v1/re-identifications/{asked['id']}"
    over = surgery.client.get(path, headers=surgery.headers()).json()
    assert (over["state"], over["people"], over["is_as_logged"]) == ("over", 4, True)


def test_another_practice_knows_nothing_of_it(surgery, tokens):
    asked = surgery.ask(tokens).json()
    others = surgery.headers(OTHER_PRACTICE)

    assert code(surgery.answer(asked["id"], headers=others)) == (404, "RE_IDENTIFICATION_NOT_FOUND")
    listed = surgery.client.get("/v1/re-identifications", headers=others).json()
    assert listed["items"] == []
    own = surgery.client.get("/v1/re-identifications", headers=surgery.headers()).json()
    assert [one["id"] for one in own["items"]] == [asked["id"]]


@pytest.mark.scenario("G01")
@pytest.mark.scenario("U02")
def test_an_auditor_finds_by_patient_practice_and_person_who_was_told(surgery, tokens):
    asked = surgery.ask(tokens).json()
    surgery.answer(asked["id"])

    (own,) = surgery.told(nhs_number=OURS)
    (other,) = surgery.told(nhs_number=THEIRS)

    assert (own["outcome"], own["practice"], own["told_to"]) == (
        "number",
        PRACTICE,
        f"gp-practice-{PRACTICE}",
    )
    assert (own["agreement"], own["reason_code"], own["is_as_logged"]) == (
        AGREEMENT,
        "case_finding",
        True,
    )
    assert other["outcome"] == "not_registered_with_you"
    assert surgery.told(nhs_number="9990000042") == []
    assert len(surgery.told(practice=PRACTICE)) == 3
    assert surgery.told(practice=OTHER_PRACTICE) == []
    assert len(surgery.told(told_to=f"gp-practice-{PRACTICE}")) == 3
    assert len(leaves(surgery, "re-identified-people-looked-up")) == 6


def test_an_answer_is_logged_before_it_is_given_and_no_number_is_anywhere(surgery, tokens, caplog):
    asked = surgery.ask(tokens).json()
    surgery.answer(asked["id"])
    surgery.told(nhs_number=OURS)

    (leaf,) = leaves(surgery, "re-identification-answered")
    assert leaf["detail"]["outcomes"] == {
        "number": 1,
        "not_registered_with_you": 2,
        "not_known": 1,
    }
    assert leaf["decision_id"] is not None
    kept = stored(surgery, "SELECT entry FROM audit_leaf") + stored(
        surgery, "SELECT event FROM outbox"
    )
    everything = "".join(kept) + caplog.text
    assert not any(number in everything for number in (OURS, THEIRS, NOBODYS))
    assert not any(token in "".join(kept) for token in tokens)
    database = (surgery.intake.directory / "service.db").read_bytes()
    assert not any(number.encode() in database for number in (OURS, THEIRS, NOBODYS))


def test_the_practices_guardian_is_told_by_events(surgery, tokens):
    asked = surgery.ask(tokens).json()
    surgery.answer(asked["id"])

    told = [json.loads(event) for event in stored(surgery, "SELECT event FROM outbox ORDER BY seq")]
    of_it = [event for event in told if "re-identification" in event["type"]]

    assert [event["type"] for event in of_it] == [
        "pseudonymisation.re-identification-asked.v1",
        "pseudonymisation.re-identification-answered.v1",
    ]
    assert of_it[1]["data"] == {
        "reidentification_id": asked["id"],
        "practice": PRACTICE,
        "agreement": AGREEMENT,
        "people": 4,
        "reason_code": "case_finding",
        "numbers": 1,
    }


def test_a_request_that_somebody_wrote_past_the_service_is_not_answered(surgery, tokens):
    """Guard: `require_as_logged`. Otherwise tokens slipped into a row would be led back."""
    asked = surgery.ask(tokens[:1]).json()
    with surgery.parts.engine.begin() as connection:
        connection.execute(
            text("UPDATE re_identification SET tokens = :t"), {"t": json.dumps(tokens)}
        )

    assert code(surgery.answer(asked["id"])) == (409, "RECORD_NOT_AS_LOGGED")


def test_registrations_that_somebody_wrote_past_the_service_are_not_believed(surgery, tokens):
    with surgery.parts.engine.begin() as connection:
        connection.execute(text("UPDATE registration_list SET list_date = '2018-06-02'"))

    assert code(surgery.ask(tokens)) == (409, "RECORD_NOT_AS_LOGGED")


def test_the_same_list_under_the_same_key_is_taken_once(surgery, day):
    first = surgery.register(REGISTERED, day, key="list-1")
    again = surgery.register(REGISTERED, day, key="list-1")

    assert first.json()["id"] == again.json()["id"]
    assert stored(surgery, "SELECT count(*) FROM registration_list") == [1]
