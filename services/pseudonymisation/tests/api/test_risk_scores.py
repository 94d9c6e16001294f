"""Scores of risk stratification come back by token, and are landed of whom they are about."""

import json
from datetime import date

import pytest
from sqlalchemy import text

from common.errors import Refusal
from common.security.roles import Role
from dsfc_testing.written_past import altered
from pseudonymisation.db.tables import metadata
from pseudonymisation.people.adapters.score_lines import name
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

SUPPLIER = "0DF"


@pytest.fixture
def day(clock):
    return clock.now().date().isoformat()


@pytest.fixture
def surgery(intake, day):
    """A haven that knows the supplier, and who is registered where."""
    intake.rights.opened[SUPPLIER] = (date(2000, 1, 1), date(2099, 12, 31))
    surgery = Surgery(intake)
    assert surgery.register(REGISTERED, day).status_code == 201
    return surgery


def send(surgery, lines, *, client=f"{SUPPLIER}-risk", key="", **changes):
    headers = surgery.headers(SUPPLIER, Role.CSU_SYSTEM, client) | {"Content-Type": "text/csv"}
    if key:
        headers["Idempotency-Key"] = key
    said = {
        "agreement": AGREEMENT,
        "data_set": "SUS_APC",
        "classification": "PSEUDO_ANONYMISED",
        "as_at": "2018-04-30",
        "model": "Combined Model",
        "model_version": "2",
    } | changes
    return surgery.client.post(
        "/v1/risk-scores", params=said, content="".join(lines).encode(), headers=headers
    )


def scores(tokens):
    return [f"{token},{place}.5\n" for place, token in enumerate(tokens, start=1)]


def code(answer):
    return answer.status_code, answer.json()["code"]


def stored(surgery, what):
    with surgery.parts.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(what))]


def leaves(surgery, prefix="risk-scores"):
    rows = stored(surgery, 'SELECT entry FROM audit_leaf ORDER BY "index"')
    said = [json.loads(entry) for (entry,) in rows]
    return [leaf for leaf in said if leaf["action"].startswith(prefix)]


def submissions(surgery):
    return stored(surgery, "SELECT state FROM submission WHERE data_set = 'RISK_SCORES'")


def landed(surgery):
    """Rows of every edition in force: practice, commissioner, score, model, version."""
    surgery.intake.work()
    found = []
    with surgery.parts.people.uow.reading() as tx:
        editions = [edition.id for edition in tx.current_editions("RISK_SCORES")]
    for id_ in editions:
        found += [
            (
                row["PRACTICE_CODE"],
                row["reason_g"],
                float(row["SCORE"]),
                row["MODEL"],
                row["MODEL_VERSION"],
            )
            for row in surgery.intake.landed(str(id_))
        ]
    return sorted(found, key=str)


def test_scores_are_landed_with_the_practice_that_each_person_is_registered_with(surgery):
    answer = send(surgery, scores(surgery.mint()))

    assert answer.status_code == 202, answer.text
    said = answer.json()
    named = (said["state"], said["agreement"], said["model"], said["month"])
    assert named == ("received", AGREEMENT, "Combined Model", "2018-04")
    # One has no number, and one is on no list of a practice.
    assert (said["people"], said["without_number"], said["without_practice"]) == (3, 1, 1)
    assert landed(surgery) == [
        (OTHER_PRACTICE, "02P", 2.5, "Combined Model", "2"),
        (PRACTICE, "02P", 1.5, "Combined Model", "2"),
        (None, None, 3.5, "Combined Model", "2"),
    ]


def test_the_sender_sees_how_they_stand_and_no_number_is_told_or_logged(surgery):
    sent = send(surgery, scores(surgery.mint())).json()
    landed(surgery)
    headers = surgery.headers(SUPPLIER, Role.CSU_SYSTEM)
    shown = surgery.client.get(f"/v1/risk-scores/{sent['id']}", headers=headers)

    assert shown.json()["state"] == "accepted", shown.text
    (leaf,) = leaves(surgery)
    assert leaf["action"] == "risk-scores-returned"
    everything = shown.text + "".join(
        str(row) for row in stored(surgery, "SELECT entry FROM audit_leaf")
    )
    assert not any(number in everything for number in (OURS, THEIRS, NOBODYS))
    with altered(surgery.intake.directory / "service.db", metadata, "submission.provider"):
        past = surgery.client.get(f"/v1/risk-scores/{sent['id']}", headers=headers).json()
    assert (shown.json()["is_as_logged"], past["is_as_logged"]) == (True, False)
    other = surgery.headers("0CX", Role.CSU_SYSTEM)
    assert code(surgery.client.get(f"/v1/risk-scores/{sent['id']}", headers=other))[0] == 404


@pytest.mark.parametrize("role", [Role.CSU_SYSTEM, Role.PROVIDER_SYSTEM])
def test_nobody_is_given_the_rows_that_were_made_of_tokens(surgery, role):
    """They have NHS numbers in them, and their sender knows people by tokens."""
    sent = send(surgery, scores(surgery.mint())).json()
    landed(surgery)
    path = f"/v1/submissions/{sent['id']}/quarantine/rows"

    answer = surgery.client.get(path, headers=surgery.headers(SUPPLIER, role))

    assert answer.status_code in {403, 404}
    if role is Role.PROVIDER_SYSTEM:
        assert code(answer) == (404, "QUARANTINE_GONE")
        assert "token" in answer.json()["detail"]


def test_the_same_people_and_scores_have_another_digest_each_time(surgery):
    """Else whoever sends one token tries all numbers until the digest of a file is the same."""
    tokens = surgery.mint()[:1]
    for model in ("A", "B"):
        assert send(surgery, scores(tokens), model=model).status_code == 202
    digests = stored(surgery, "SELECT content_digest FROM submission")

    assert len(set(digests)) == len(digests) == 2


def test_a_name_by_chance_has_no_digit():
    assert all(name().isalpha() and len(name()) == 32 for _ in range(1000))


@pytest.mark.parametrize("place", [0, 1])
def test_of_a_file_with_an_unknown_token_nothing_is_taken(surgery, place):
    tokens = surgery.mint()
    # Of the right domain and kind by its head, and of nobody.
    tokens[place] = tokens[place][:4] + "A" * 20

    answer = send(surgery, scores(tokens))

    assert code(answer) == (409, "TOKENS_UNKNOWN")
    assert (answer.json()["tokens"], answer.json()["lines"]) == (1, [place + 1])
    assert tokens[place] not in answer.text
    assert submissions(surgery) == []
    (leaf,) = leaves(surgery)
    assert (leaf["action"], leaf["detail"]["codes"]) == ("risk-scores-refused", ["TOKENS_UNKNOWN"])


def test_tokens_of_another_line_are_refused_whole(surgery):
    others = surgery.mint(purpose="COM")
    own = surgery.mint()

    assert code(send(surgery, scores([*own, others[0]]))) == (409, "DOMAIN_MISMATCH")
    assert submissions(surgery) == []


def test_tokens_of_a_destroyed_key_are_refused(surgery):
    tokens = surgery.mint()
    with surgery.parts.people.uow.reading() as tx:
        domain = tx.domain(surgery.agreements.domain)
    surgery.parts.keys.destroy(domain.key_name)

    assert code(send(surgery, scores(tokens)))[1] == "KEY_DESTROYED"
    assert submissions(surgery) == []


def test_agreements_is_asked_with_the_senders_own_token_and_its_no_is_logged(surgery):
    tokens = surgery.mint()
    surgery.agreements.refuses = (Refusal("RISK_STRATIFICATION_ONLY", "No supplier.", "purpose"),)

    answer = send(surgery, scores(tokens))

    assert code(answer) == (403, "RISK_STRATIFICATION_ONLY")
    line = LineKey("RS", "SUS_APC", "PSEUDO_ANONYMISED")
    assert surgery.agreements.asked[-1][:4] == (AGREEMENT, line, 4, f"{SUPPLIER}-risk")
    (leaf,) = leaves(surgery)
    assert leaf["detail"] == {
        "agreement": AGREEMENT,
        "people": 4,
        "codes": ["RISK_STRATIFICATION_ONLY"],
    }
    assert submissions(surgery) == []


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        (["nobody,1\n"], 1),
        (["P" + "a" * 23 + ",1\n", "P" + "a" * 23 + ",12345.1\n"], 2),
        (["P" + "a" * 23 + ",1.23456\n"], 1),
        (["P" + "a" * 23 + ",1\n"] * 2, 2),
        (["x" * 200], 1),
        (["P" + "a" * 23 + ",=1+1\n"], 1),
    ],
)
def test_a_line_that_is_none_refuses_them_all_and_a_score_holds_no_number(surgery, lines, line):
    answer = send(surgery, lines)

    assert code(answer) == (422, "RISK_SCORES_INVALID")
    assert answer.json()["line"] == line
    assert submissions(surgery) == []


def test_an_empty_file_and_a_day_to_come_are_refused(surgery):
    assert code(send(surgery, [])) == (422, "RISK_SCORES_INVALID")
    assert code(send(surgery, scores(surgery.mint()), as_at="2999-01-01"))[1] == (
        "RISK_SCORES_INVALID"
    )


def test_without_a_list_of_registrations_nothing_is_taken(intake):
    intake.rights.opened[SUPPLIER] = (date(2000, 1, 1), date(2099, 12, 31))
    surgery = Surgery(intake)

    assert code(send(surgery, scores(surgery.mint()))) == (409, "REGISTRATIONS_OUT_OF_DATE")
    assert submissions(surgery) == []


def test_a_model_takes_the_place_of_itself_alone(surgery):
    tokens = surgery.mint()
    send(surgery, scores(tokens), model="A")
    send(surgery, scores(tokens), model="B")
    assert len(landed(surgery)) == 6

    send(surgery, scores(tokens), model="A", model_version="3")
    send(surgery, scores(tokens), agreement="DARS-NIC-654321-Z9Y8X", model="A")

    found = [(model, version) for *_, model, version in landed(surgery)]
    assert sorted(found) == sorted([("A", "2"), ("A", "3"), ("B", "2")] * 3)


def test_the_same_call_again_takes_nothing_again(surgery):
    tokens = surgery.mint()
    first = send(surgery, scores(tokens), key="scores-1").json()

    again = send(surgery, scores(tokens), key="scores-1")

    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    assert again.json()["people"] is None
    assert len(submissions(surgery)) == 1
    other = send(surgery, scores(tokens), key="scores-1", model="B")
    assert code(other)[1] == "IDEMPOTENCY_KEY_REUSED"
    corrected = [scores(tokens)[0].replace(".5", ".6"), *scores(tokens)[1:]]
    assert code(send(surgery, corrected, key="scores-1")) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert len(submissions(surgery)) == 1


def test_what_is_sent_by_token_is_not_taken_as_a_file(surgery):
    opened = surgery.intake.open("RISK_SCORES")

    assert code(opened) == (422, "SENT_BY_TOKEN")
    assert opened.json()["through"] == "/v1/risk-scores"
    for part in ({"recipient": "02P", "group": "010"}, {"protocol": "bulk"}):
        assert surgery.intake.open("RISK_SCORES", **part).status_code == 422
