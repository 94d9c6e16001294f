"""Lists of opt-outs: taken in as haven tokens, never as numbers."""

import json
from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.security.roles import Role
from pseudonymisation.engine.blocks import Cipher, words_of
from pseudonymisation.engine.session import EngineLimits, literal, session
from pseudonymisation.intake.domain.opt_out import in_force
from pseudonymisation.settings import MEGABYTE
from services.pseudonymisation.tests.submitting import Intake, in_both_stores, sus_row, written

NUMBERS = ["9990000018", "9990000026", "9990000034"]


def take(
    intake: Intake,
    content: bytes,
    list_date: str = "2018-06-01",
    *,
    kind: str | None = "objectors",
    declared: int | None = None,
    client_id: str | None = None,
    **headers: str,
):
    asked = {"list_date": list_date, "kind": kind, "declared_count": declared}
    return intake.client.post(
        "/v1/opt-out-lists",
        params={name: value for name, value in asked.items() if value is not None},
        content=content,
        headers=staff(intake, client_id=client_id) | {"Content-Type": "text/csv"} | headers,
    )


def staff(intake: Intake, role: Role = Role.DSCRO_OPERATOR, client_id: str | None = None):
    token = intake.issuer.token_for(
        role, audience="pseudonymisation", ods="X26", client_id=client_id
    )
    return {"Authorization": f"Bearer {token}"}


def decide(intake: Intake, list_id: str, verb: str, *, by: str):
    return intake.client.post(
        f"/v1/opt-out-lists/{list_id}/{verb}",
        json={"reason": "compared with the national service by telephone"},
        headers=staff(intake, Role.DSCRO_APPROVER, by),
    )


def numbers(first: int, last: int) -> list[str]:
    """NHS numbers of the test range, made with the check digit of domain.md 8.1."""
    found = []
    for middle in range(first, last):
        nine = f"999{middle:06}"
        digit = (
            11 - sum(int(d) * w for d, w in zip(nine, range(10, 1, -1), strict=True)) % 11
        ) % 11
        if digit != 10:
            found.append(f"{nine}{digit}")
    return found


def body(people: list[str]) -> bytes:
    return "".join(f"{number}\n" for number in people).encode()


def newest_of(intake: Intake):
    with intake.parts.intake.uow.reading() as tx:
        return in_force(tx.opt_out_lists.standing())


def listed(intake: Intake) -> set[tuple[int, int]]:
    newest = newest_of(intake)
    name = f"o{newest.id.hex}"
    with (
        intake.parts.objects.at_hand(intake.directory / "reading") as at_hand,
        session(
            directories=[(path := at_hand.path(newest.object_key)).parent],
            temp_directory=intake.directory / "reading",
            keys={name: intake.parts.keys.get(f"opt_out/{newest.id}")},
            limits=EngineLimits(memory_bytes=300 * MEGABYTE, threads=1, spill_bytes=0),
        ) as connection,
    ):
        return set(
            connection.sql(
                f"SELECT person_0, person_1 FROM read_parquet({literal(path)},"
                f" encryption_config = {{footer_key: {literal(name)}}})"
            ).fetchall()
        )


@pytest.mark.parametrize(
    "content",
    [
        b"9990000018\n9990000026\n 9990000034\t\n",
        b"9990000018\r\n9990000026\r\n9990000034",
        b"9990000018\n\n9990000026\n9990000026\n9990000034\n",
    ],
)
def test_a_list_is_kept_as_the_tokens_of_its_people(intake, content):
    answer = take(intake, content)

    assert answer.status_code == 201, answer.text
    assert answer.json()["people"] == 3
    haven = Cipher(intake.parts.keys.get("haven/nhs_number"))
    blocks = [len(n).to_bytes(4, "little") + n.encode() + b"\0\0" for n in NUMBERS]
    tokens = haven.encrypt(np.frombuffer(b"".join(blocks), np.uint8).reshape(-1, 16))
    first, second = words_of(tokens)
    assert listed(intake) == set(zip(first.tolist(), second.tolist(), strict=True))


@in_both_stores
def test_people_on_a_list_have_the_tokens_of_landed_rows(intake):
    take(intake, b"9990000018\n")
    submission = intake.submit(written([sus_row(), sus_row(NHS_Number="9990000026")]))

    rows = intake.landed(submission["edition_id"])
    tokens = listed(intake)
    assert [(row["person_0"], row["person_1"]) in tokens for row in rows] == [True, False]


def test_no_number_of_a_list_is_on_any_disk(intake):
    take(intake, "\n".join(NUMBERS).encode())

    for path in intake.directory.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(number.encode() in content for number in NUMBERS), path


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"9990000018\n9990000019\n", 2),
        (b"nhs_number\n9990000018\n", 1),
        (b"9990000018\n\n999 000 0026\n", 3),
        (b"9990000018,9990000026\n", 1),
        (b"9990000018\n" + b"9" * 100, 2),
        (b"\xff\xfe9\x00", 1),
    ],
)
def test_a_list_with_a_line_that_is_no_number_is_refused_whole(intake, content, line):
    answer = take(intake, content)

    assert (answer.status_code, answer.json()["code"]) == (422, "OPT_OUT_LIST_INVALID")
    assert answer.json()["line"] == line
    assert not any(number in answer.text for number in [*NUMBERS, "9990000019"])
    auditor = {"role": Role.AUDITOR, "ods": "X26"}
    assert intake.get("/v1/opt-out-lists", **auditor).json()["items"] == []
    assert list((intake.directory / "landing").rglob("*.parquet")) == []


def test_the_list_of_a_day_to_come_is_refused(intake):
    answer = take(intake, b"9990000018\n", "2018-06-02")

    assert (answer.status_code, answer.json()["code"]) == (422, "OPT_OUT_LIST_INVALID")


def test_the_newest_day_counts_then_the_newest_import(intake):
    for content, day in ((b"9990000018\n", "2018-05-31"), (b"9990000026\n", "2018-05-30")):
        take(intake, content, day)
        intake.clock.advance(60)
    assert newest_of(intake).list_date.isoformat() == "2018-05-31"

    take(intake, b"", "2018-05-31", declared=0)
    assert listed(intake) == set()


def test_a_list_that_comes_twice_under_one_key_is_taken_in_once(intake):
    key = {"Idempotency-Key": "list-of-june"}
    first = take(intake, b"9990000018\n", **key)
    again = take(intake, b"9990000018\n", **key)
    other = take(intake, b"9990000026\n", **key)
    other_day = take(intake, b"9990000018\n", "2018-05-31", **key)
    without = take(intake, b"9990000018\n")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    for answer in (other, other_day):
        assert (answer.status_code, answer.json()["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert without.json()["id"] != first.json()["id"]
    auditor = {"role": Role.AUDITOR, "ods": "X26"}
    items = intake.get("/v1/opt-out-lists", **auditor).json()["items"]
    assert [item["id"] for item in items] == [first.json()["id"], without.json()["id"]]
    # What came again, or was refused, left no object.
    assert len(list((intake.directory / "landing").rglob("*.parquet"))) == 2


# What a list says of itself is compared


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\n"])
def test_an_empty_list_says_that_it_is_empty(intake, content):
    refused = take(intake, content)
    answer = take(intake, content, declared=0)

    assert (refused.status_code, refused.json()["code"]) == (422, "OPT_OUT_LIST_EMPTY")
    assert (answer.status_code, answer.json()["people"]) == (201, 0)
    assert answer.json()["state"] == "waiting", "nobody objected: a second person says so too"


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (b"9990000018\n", 0),
        (b"9990000018\n", 2),
        (b"", 1),
        (b"9990000018\n9990000026\n9990000026\n", 2),
        (b"9990000018\n9990000026\n9990000026\n", 3),
    ],
)
def test_a_list_has_as_many_people_as_was_declared(intake, content, declared):
    answer = take(intake, content, declared=declared)

    assert (answer.status_code, answer.json()["code"]) == (422, "OPT_OUT_LIST_COUNT_DIFFERS")
    assert newest_of(intake) is None


def test_a_list_that_came_twice_in_one_body_is_refused(intake):
    answer = take(intake, body(NUMBERS) * 2)

    assert (answer.status_code, answer.json()["code"]) == (422, "OPT_OUT_LIST_DOUBLED")


@pytest.mark.parametrize(
    "content",
    [
        b"9990000018,\n9990000026,\n",
        b"9990000018,\r\n9990000026,\r\n",
        b"9990000018,",
        b"9990000018\n9990000026,\n",
        b"\n 9990000018 ,\n",
        b"9990000018,,\n",
    ],
)
def test_the_answer_of_the_national_service_is_no_list_of_objectors(intake, content):
    answer = take(intake, content)

    assert (answer.status_code, answer.json()["code"]) == (422, "OPT_OUT_LIST_IS_REPLY")
    assert "9990000018" not in answer.text
    assert newest_of(intake) is None


@pytest.mark.parametrize(
    "content",
    [
        b"The request could not be answered: 3 numbers are wrong.\n",
        b"Invalid NHS numbers,\n",
        b"9990000018;\n",
        b'"9990000018"\n',
        b"9990000018\x0b9990000026\n",
        "\u0669\u0669\u0669\u0660\u0660\u0660\u0660\u0660\u0661\u0668\n".encode(),
    ],
)
def test_words_are_no_list(intake, content):
    answer = take(intake, content)

    assert (answer.status_code, answer.json()["code"]) == (422, "OPT_OUT_LIST_INVALID")


def test_a_list_says_who_is_on_it(intake):
    silent = take(intake, b"9990000018\n", kind=None)
    other = take(intake, b"9990000018\n", kind="everybody")
    cleared = take(intake, b"9990000018\n", kind="cleared")

    assert (silent.status_code, other.status_code) == (422, 422)
    assert "kind" in silent.text
    assert (cleared.status_code, cleared.json()["code"]) == (422, "OPT_OUT_LIST_OF_CLEARED")
    assert newest_of(intake) is None


# What would release many waits


@pytest.fixture
def many(intake):
    """A list of about two hundred people, in force."""
    people = numbers(100, 320)
    answer = take(intake, body(people), "2018-05-30", declared=len(people), client_id="first")
    assert answer.json()["state"] == "waiting", "nobody is landed that it could be held against"
    confirmed = decide(intake, answer.json()["id"], "confirmation", by="another")
    assert confirmed.json()["state"] == "confirmed"
    return people, answer.json()["id"]


@pytest.fixture
def landed(intake):
    """About two hundred people whose records are there."""
    people = numbers(100, 320)
    intake.submit(written([sus_row(NHS_Number=number) for number in people]))
    return people


def test_a_first_list_is_in_force_at_once_where_its_share_of_the_landed_is_that_of_objectors(
    intake, landed
):
    few = take(intake, body(landed[:30] + numbers(1000, 1100)))

    assert few.json()["state"] == "accepted"


@pytest.mark.parametrize("kind", ["of those who were cleared", "empty", "empty and small"])
def test_a_first_list_that_cannot_be_one_of_objectors_waits(intake, landed, kind):
    content, declared = {
        "of those who were cleared": (body(landed[30:]), None),
        "empty": (b"", 0),
        "empty and small": (b"\n", 0),
    }[kind]

    waiting = take(intake, content, declared=declared, client_id="first").json()

    assert (waiting["state"], newest_of(intake)) == ("waiting", None)
    own = decide(intake, waiting["id"], "confirmation", by="first")
    assert (own.status_code, own.json()["code"]) == (409, "SECOND_PERSON_NEEDED")
    assert decide(intake, waiting["id"], "confirmation", by="second").status_code == 200
    assert str(newest_of(intake).id) == waiting["id"]


def test_the_list_behind_an_empty_one_is_a_first_one_too(intake, landed):
    empty = take(intake, b"", "2018-05-01", declared=0, client_id="first").json()
    decide(intake, empty["id"], "confirmation", by="second")

    assert take(intake, body(landed[30:])).json()["state"] == "waiting"
    assert take(intake, body(landed[:30])).json()["state"] == "accepted"


def test_a_list_that_shrinks_a_little_every_time_waits_when_it_lost_much(intake, many):
    people, _ = many
    states = []
    for left_out in (8, 16, 24):
        sent = take(intake, body(people[left_out:]), client_id="first").json()
        states.append((sent["state"], sent["change"]["removed"]))

    # 8 is less than the floor; with the 8 of before, or alone, 16 are more than 5 in a hundred.
    assert states == [("accepted", 8), ("waiting", 16), ("waiting", 16)]


def test_a_list_that_gains_more_than_it_loses_every_time_waits_when_it_lost_much(intake, many):
    """The last one is always the largest, and hides who was on those before it."""
    people, others = many[0], numbers(2000, 2100)
    states = [
        take(intake, body(people[4 * n :] + others[: 5 * n])).json()["state"] for n in (1, 2, 3)
    ]

    assert states == ["accepted", "accepted", "waiting"]


def test_who_came_and_went_within_the_window_counts_too(intake, many):
    came, others = numbers(2000, 2400), numbers(3000, 3100)
    assert take(intake, body(many[0] + came)).json()["state"] == "accepted"
    states = [
        take(intake, body(many[0] + came[12 * n :] + others[: 13 * n])).json()["state"]
        for n in (1, 2, 3)
    ]

    assert states == ["accepted", "accepted", "waiting"]


def test_a_list_that_grows_or_loses_few_is_in_force_at_once(intake, many):
    people, _ = many
    few = take(intake, body(people[5:]))
    grown = take(intake, body(people[5:] + numbers(400, 700)))

    assert [a.json()["state"] for a in (few, grown)] == ["accepted", "accepted"]
    assert few.json()["change"] == {
        "before": len(people),
        "after": len(people) - 5,
        "added": 0,
        "removed": 5,
        "changed": 0,
    }


def recalled(intake) -> list[tuple[str, str, str | None]]:
    """Say of what it was told that it was taken back after it had been in force."""
    with Session(intake.parts.engine) as session:
        events = [json.loads(e) for (e,) in session.execute(text("SELECT event FROM outbox"))]
    kind = "pseudonymisation.source-taken-back.v1"
    said = [e["data"] for e in events if e["type"] == kind]
    return [(d["kind"], d["source_id"], d["replaced_by"]) for d in said]


@pytest.mark.parametrize("kind", ["shorter", "empty", "inverted", "other people"])
def test_a_list_that_would_release_many_waits_for_a_second_person(intake, many, kind):
    people, former = many
    content, declared = {
        "shorter": (body(people[:150]), 150),
        "empty": (b"", 0),
        "inverted": (body(numbers(1000, 2000)), None),
        "other people": (body(people[:-30] + numbers(1000, 1034)), None),
    }[kind]

    waiting = take(intake, content, declared=declared, client_id="second").json()

    assert waiting["state"] == "waiting"
    assert waiting["change"]["before"] == len(people)
    assert str(newest_of(intake).id) == former
    listed_ = intake.client.get("/v1/opt-out-lists?state=waiting", headers=staff(intake)).json()
    assert [item["id"] for item in listed_["items"]] == [waiting["id"]]

    own = decide(intake, waiting["id"], "confirmation", by="second")
    assert (own.status_code, own.json()["code"]) == (409, "SECOND_PERSON_NEEDED")
    assert str(newest_of(intake).id) == former

    confirmed = decide(intake, waiting["id"], "confirmation", by="third")
    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")
    assert str(newest_of(intake).id) == waiting["id"]
    again = decide(intake, waiting["id"], "confirmation", by="fourth")
    assert (again.status_code, again.json()["code"]) == (409, "REPLACEMENT_DECIDED")


def test_a_few_objectors_are_not_released_by_an_inverted_list(intake):
    take(intake, body(NUMBERS[:2]), "2018-05-30")

    assert take(intake, body(numbers(1000, 1100))).json()["state"] == "waiting"


def test_a_list_of_an_older_day_waits_too_for_it_may_come_to_count(intake, many):
    assert take(intake, b"", "2018-05-01", declared=0).json()["state"] == "waiting"


def test_a_list_that_waits_can_be_taken_back_by_whoever_sent_it(intake, many):
    waiting = take(intake, b"", declared=0, client_id="second").json()

    back = decide(intake, waiting["id"], "withdrawal", by="second")

    assert (back.status_code, back.json()["state"]) == (200, "taken_back")
    assert str(newest_of(intake).id) == many[1]
    late = decide(intake, waiting["id"], "confirmation", by="third")
    assert (late.status_code, late.json()["code"]) == (409, "REPLACEMENT_DECIDED")
    assert recalled(intake) == []


def test_a_newer_list_in_force_supersedes_those_that_wait_behind_it(intake, many):
    waiting = take(intake, b"", "2018-05-31", declared=0).json()
    newer = take(intake, body(many[0][2:])).json()

    assert newer["state"] == "accepted"
    stands = intake.client.get(f"/v1/opt-out-lists/{waiting['id']}", headers=staff(intake)).json()
    assert stands["state"] == "superseded"


def test_a_list_that_would_release_more_by_now_than_was_shown_is_not_let_in(intake, many):
    """Between its coming and the second person's word another list came into force."""
    people, _ = many
    waiting = take(intake, body(people[60:]), "2018-05-31", client_id="first").json()
    assert (waiting["state"], waiting["change"]["removed"]) == ("waiting", 60)
    grown = take(intake, body(people + numbers(1000, 1500)), "2018-05-30").json()
    assert grown["state"] == "accepted"

    refused = decide(intake, waiting["id"], "confirmation", by="second")

    assert (refused.status_code, refused.json()["code"]) == (409, "REPLACEMENT_OUTDATED")
    assert (refused.json()["shown"], refused.json()["removed"] > 400) == (60, True)
    assert str(newest_of(intake).id) == grown["id"]
    again = take(intake, body(people[60:]), "2018-05-31", client_id="first").json()
    assert again["change"]["removed"] == refused.json()["removed"]
    assert decide(intake, again["id"], "confirmation", by="second").status_code == 200
    assert str(newest_of(intake).id) == again["id"]


@in_both_stores
def test_as_many_but_other_people_than_were_shown_are_not_released(intake, many):
    people, _ = many
    others = numbers(1000, 1066)[:60]
    waiting = take(intake, body(people[60:]), "2018-05-31", client_id="first").json()
    assert (waiting["state"], waiting["change"]["removed"]) == ("waiting", 60)
    swapped = take(intake, body(people[60:] + others), "2018-05-30", client_id="third").json()
    assert swapped["state"] == "waiting"
    assert decide(intake, swapped["id"], "confirmation", by="second").status_code == 200

    refused = decide(intake, waiting["id"], "confirmation", by="second")

    assert (refused.status_code, refused.json()["code"]) == (409, "REPLACEMENT_OUTDATED")
    assert (refused.json()["shown"], refused.json()["removed"]) == (60, len(others))


def test_a_list_in_force_is_taken_back_and_the_one_before_counts_again(intake, many):
    grown = take(intake, body(many[0] + NUMBERS), "2018-05-31").json()
    assert str(newest_of(intake).id) == grown["id"]

    back = decide(intake, grown["id"], "withdrawal", by="first")

    assert back.json()["state"] == "taken_back"
    assert str(newest_of(intake).id) == many[1]
    assert recalled(intake) == [("opt_out_list", grown["id"], many[1])]


def test_taking_back_what_holds_many_needs_a_second_person(intake, many):
    grown = take(intake, body(many[0] + numbers(1000, 1500)), "2018-05-31").json()

    first = decide(intake, grown["id"], "withdrawal", by="first")
    assert first.json()["state"] == "leaving"
    assert str(newest_of(intake).id) == grown["id"]
    again = decide(intake, grown["id"], "withdrawal", by="first")
    assert (again.status_code, again.json()["code"]) == (409, "SECOND_PERSON_NEEDED")

    assert recalled(intake) == [("opt_out_list", grown["id"], many[1])]

    assert decide(intake, grown["id"], "withdrawal", by="second").json()["state"] == "taken_back"
    assert str(newest_of(intake).id) == many[1]
    assert len(recalled(intake)) == 1


def test_the_only_list_is_taken_back_by_one_person_for_then_nothing_is_prepared(intake, many):
    assert decide(intake, many[1], "withdrawal", by="first").json()["state"] == "taken_back"
    assert newest_of(intake) is None


def test_a_list_that_cannot_be_compared_changes_everything(intake, many):
    intake.parts.keys.destroy(f"opt_out/{many[1]}")

    assert take(intake, body(many[0])).json()["state"] == "waiting"


def test_who_let_a_list_in_and_why_is_in_the_audit_log(intake, many):
    waiting = take(intake, b"", declared=0, client_id="second").json()
    decide(intake, waiting["id"], "confirmation", by="third")

    with Session(intake.parts.engine) as session:
        entries = [json.loads(e) for (e,) in session.execute(text("SELECT entry FROM audit_leaf"))]
    last = [e for e in entries if e["action"] == "opt-out-list-confirmed"][-1]
    assert (last["subject"], last["detail"]["state"]) == ("third", "confirmed")
    assert last["detail"]["reason"] == "compared with the national service by telephone"
    assert last["detail"]["change"]["removed"] == len(many[0])


def test_a_list_that_is_not_there_cannot_be_decided(intake):
    for verb in ("confirmation", "withdrawal"):
        answer = decide(intake, str(uuid4()), verb, by="first")
        assert (answer.status_code, answer.json()["code"]) == (404, "OPT_OUT_LIST_NOT_FOUND")
