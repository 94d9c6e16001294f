"""A resubmission by which much would change waits, and the edition in force stays (ruling 20)."""

import json

import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.security.roles import Role
from services.pseudonymisation.tests.api.test_opt_outs import numbers
from services.pseudonymisation.tests.submitting import Intake, in_both_stores, sus_row, written

PEOPLE = numbers(2000, 2100)


def month(people: list[str], **changes: str) -> bytes:
    return written([sus_row(NHS_Number=number, **changes) for number in people])


@pytest.fixture
def landed(intake) -> dict:
    """A month of about ninety people, in force."""
    submission = intake.submit(month(PEOPLE))
    assert submission["state"] == "accepted"
    return submission


def decide(intake: Intake, edition_id: str, verb: str, role=Role.DSCRO_APPROVER, ods="X26"):
    return intake.client.post(
        f"/v1/editions/{edition_id}/{verb}",
        json={"reason": "the provider said by telephone what is right"},
        headers=intake.headers(role, ods),
    )


def edition(intake: Intake, edition_id: str) -> dict:
    return intake.get(f"/v1/editions/{edition_id}").json()


def superseded(intake: Intake) -> list[str]:
    """Say of which editions it was told that they are superseded."""
    with Session(intake.parts.engine) as session:
        events = [json.loads(e) for (e,) in session.execute(text("SELECT event FROM outbox"))]
    kind = "pseudonymisation.edition-superseded.v1"
    return [e["data"]["edition_id"] for e in events if e["type"] == kind]


def told(intake: Intake) -> list[tuple[str, int]]:
    with Session(intake.parts.engine) as session:
        events = [
            json.loads(e) for (e,) in session.execute(text("SELECT event FROM outbox ORDER BY seq"))
        ]
    kinds = {"pseudonymisation.submission-accepted.v1", "pseudonymisation.submission-rejected.v1"}
    return [
        (e["type"].split(".")[1], e["data"]["rows_accepted"]) for e in events if e["type"] in kinds
    ]


@pytest.mark.parametrize(
    "people",
    [PEOPLE[:1], numbers(3000, 3100), PEOPLE * 2, PEOPLE[40:] + numbers(3000, 3040)],
    ids=["one row", "other people", "everything twice", "many others"],
)
def test_a_file_by_which_much_would_change_waits_and_leaves_the_one_in_force(
    intake, landed, people
):
    # Another record each, so that the file is not the same record twice.
    waiting = intake.submit(
        written(
            [
                sus_row(NHS_Number=number, Unique_CDS_Identifier=f"BRR8{place:09}")
                for place, number in enumerate(people)
            ]
        )
    )

    assert (waiting["state"], waiting["code"]) == ("waiting", "SECOND_PERSON_NEEDED")
    assert edition(intake, landed["edition_id"])["state"] == "accepted"
    assert edition(intake, landed["edition_id"])["superseded_by"] is None
    assert edition(intake, waiting["edition_id"])["state"] == "waiting"
    assert superseded(intake) == []
    assert told(intake) == [("submission-accepted", len(PEOPLE))]
    with intake.parts.preparation_uow.reading() as tx:
        pinned = tx.landed.current_editions("SUS_APC")
    assert [str(e.id) for e in pinned] == [landed["edition_id"]]


def test_a_month_that_shrinks_a_little_every_time_waits_when_it_lost_much(intake, landed):
    states = []
    for left in (75, 60, 40):
        people = PEOPLE[:left]
        states.append(intake.submit(month(people))["state"])

    # Each loses fewer than the floor; together they lost more than half.
    assert len(PEOPLE) - 40 > 50 > 60 - 40
    assert states == ["accepted", "accepted", "waiting"]


def test_a_month_that_gains_more_than_it_loses_every_time_waits_when_it_lost_much(intake, landed):
    others = numbers(3000, 3100)

    states = [intake.submit(month(PEOPLE[15 * n :] + others[: 16 * n]))["state"] for n in (1, 2)]

    assert states == ["accepted", "waiting"]


@in_both_stores
def test_its_preview_says_what_would_change(intake, landed):
    waiting = intake.submit(month(PEOPLE[:1]))

    staff = {"role": Role.DSCRO_APPROVER, "ods": "X26"}
    (shown,) = intake.get("/v1/editions?state=waiting", **staff).json()["items"]
    assert shown["id"] == waiting["edition_id"]
    assert shown["change"] == {
        "before": len(PEOPLE),
        "after": 1,
        "added": 0,
        "removed": len(PEOPLE) - 1,
        "changed": 0,
    }
    report = intake.get(f"/v1/submissions/{waiting['id']}/report").json()
    assert report["totals"]["landed"] == 1


def test_a_second_person_puts_it_in_force_and_only_then_it_is_told(intake, landed):
    waiting = intake.submit(month(PEOPLE[:1]))

    confirmed = decide(intake, waiting["edition_id"], "confirmation")

    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")
    former = edition(intake, landed["edition_id"])
    assert (former["state"], former["superseded_by"]) == ("superseded", waiting["edition_id"])
    assert superseded(intake) == [landed["edition_id"]]
    assert told(intake)[-1] == ("submission-accepted", 1)
    done = intake.get(f"/v1/submissions/{waiting['id']}").json()
    assert (done["state"], done["code"]) == ("accepted", None)
    again = decide(intake, waiting["edition_id"], "confirmation")
    assert (again.status_code, again.json()["code"]) == (409, "REPLACEMENT_DECIDED")


def test_whoever_sent_it_cannot_confirm_it(intake, landed):
    opened = intake.open(provider="RR8", headers=intake.headers(Role.DSCRO_OPERATOR, "X26")).json()
    sent = intake.client.put(
        f"/v1/submissions/{opened['id']}/content",
        content=month(PEOPLE[:1]),
        headers=intake.headers(Role.DSCRO_OPERATOR, "X26") | {"Content-Type": "text/csv"},
    )
    assert sent.status_code == 202
    intake.work()
    waiting = intake.get(f"/v1/submissions/{opened['id']}").json()

    own = decide(intake, waiting["edition_id"], "confirmation", Role.DSCRO_OPERATOR)

    assert (own.status_code, own.json()["code"]) == (409, "SECOND_PERSON_NEEDED")
    assert decide(intake, waiting["edition_id"], "confirmation").status_code == 200


def test_a_provider_confirms_nothing_and_takes_back_its_own(intake, landed):
    waiting = intake.submit(month(PEOPLE[:1]))

    mine = decide(intake, waiting["edition_id"], "confirmation", Role.PROVIDER_SYSTEM, "RR8")
    others = decide(intake, waiting["edition_id"], "withdrawal", Role.PROVIDER_SYSTEM, "R0A")
    assert (mine.status_code, others.status_code) == (403, 404)

    back = decide(intake, waiting["edition_id"], "withdrawal", Role.PROVIDER_SYSTEM, "RR8")

    assert (back.status_code, back.json()["state"]) == (200, "taken_back")
    done = intake.get(f"/v1/submissions/{waiting['id']}").json()
    assert (done["state"], done["code"]) == ("rejected", "SUBMISSION_TAKEN_BACK")
    assert edition(intake, landed["edition_id"])["state"] == "accepted"
    assert told(intake)[-1] == ("submission-rejected", 0)
    late = decide(intake, waiting["edition_id"], "confirmation")
    assert (late.status_code, late.json()["code"]) == (409, "REPLACEMENT_DECIDED")
    objects = list((intake.directory / "landing" / "editions").rglob("*.parquet"))
    assert len(objects) == 1


def recalled(intake: Intake) -> list[tuple[str, str, str | None]]:
    """Say of what it was told that it was taken back after it had been in force."""
    with Session(intake.parts.engine) as session:
        events = [json.loads(e) for (e,) in session.execute(text("SELECT event FROM outbox"))]
    kind = "pseudonymisation.source-taken-back.v1"
    said = [e["data"] for e in events if e["type"] == kind]
    return [(d["kind"], d["source_id"], d["replaced_by"]) for d in said]


def in_force(intake: Intake) -> list[str]:
    with intake.parts.preparation_uow.reading() as tx:
        return [str(e.id) for e in tx.landed.current_editions("SUS_APC")]


def test_a_provider_does_not_take_back_what_is_in_force(intake, landed):
    answer = decide(intake, landed["edition_id"], "withdrawal", Role.PROVIDER_SYSTEM, "RR8")

    assert (answer.status_code, answer.json()["code"]) == (409, "REPLACEMENT_DECIDED")
    assert recalled(intake) == []


def test_the_only_edition_of_its_period_is_taken_back_by_one_person_and_told(intake, landed):
    answer = decide(intake, landed["edition_id"], "withdrawal")

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["status"]) == ("taken_back", "taken_back")
    assert in_force(intake) == []
    assert recalled(intake) == [("edition", landed["edition_id"], None)]
    again = decide(intake, landed["edition_id"], "withdrawal")
    assert (again.status_code, again.json()["code"]) == (409, "REPLACEMENT_DECIDED")
    assert intake.submit(month(PEOPLE))["state"] == "accepted"


def test_where_it_replaced_one_that_differs_much_two_people_take_it_back(intake, landed):
    waiting = intake.submit(month(PEOPLE[:1]))
    decide(intake, waiting["edition_id"], "confirmation")

    first = decide(intake, waiting["edition_id"], "withdrawal", Role.DSCRO_OPERATOR)

    assert (first.status_code, first.json()["state"]) == (200, "leaving")
    assert in_force(intake) == [waiting["edition_id"]]
    # Void from the first word on: it only takes away.
    told_now = [("edition", waiting["edition_id"], landed["edition_id"])]
    assert recalled(intake) == told_now
    own = decide(intake, waiting["edition_id"], "withdrawal", Role.DSCRO_OPERATOR)
    assert (own.status_code, own.json()["code"]) == (409, "SECOND_PERSON_NEEDED")

    second = decide(intake, waiting["edition_id"], "withdrawal", Role.DSCRO_APPROVER)

    assert (second.status_code, second.json()["state"]) == (200, "taken_back")
    assert in_force(intake) == [landed["edition_id"]]
    assert recalled(intake) == told_now
    former = edition(intake, landed["edition_id"])
    assert (former["state"], former["superseded_by"]) == ("confirmed", None)


def test_one_that_gave_way_is_taken_back_too_and_the_one_in_force_stays(intake, landed):
    later = intake.submit(month(PEOPLE, Sex="2"))
    assert later["state"] == "accepted"

    answer = decide(intake, landed["edition_id"], "withdrawal")

    assert (answer.status_code, answer.json()["state"]) == (200, "taken_back")
    assert in_force(intake) == [later["edition_id"]]
    assert recalled(intake) == [("edition", landed["edition_id"], None)]


def test_what_only_waited_is_told_of_nobody_when_it_is_taken_back(intake, landed):
    waiting = intake.submit(month(PEOPLE[:1]))

    assert decide(intake, waiting["edition_id"], "withdrawal").json()["state"] == "taken_back"
    assert recalled(intake) == []


def test_a_later_file_takes_the_place_of_one_that_waits(intake, landed):
    waiting = intake.submit(month(PEOPLE[:1]))
    again = intake.submit(month(PEOPLE[:2]))
    whole = intake.submit(month(PEOPLE, Sex="2"))

    for gone in (waiting, again):
        stands = intake.get(f"/v1/submissions/{gone['id']}").json()
        assert (stands["state"], stands["code"]) == ("rejected", "SUBMISSION_SUPERSEDED")
        assert edition(intake, gone["edition_id"])["state"] == "superseded"
    assert whole["state"] == "accepted"
    assert edition(intake, landed["edition_id"])["superseded_by"] == whole["edition_id"]
    assert intake.get("/v1/editions?state=waiting").json()["items"] == []


def test_an_edition_is_not_let_in_where_another_is_in_force_than_it_was_held_against(
    intake, landed
):
    later = intake.submit(month(PEOPLE[5:] + numbers(3000, 3005)))
    waiting = intake.submit(month(PEOPLE[:1]))
    decide(intake, later["edition_id"], "withdrawal")
    assert in_force(intake) == [landed["edition_id"]]

    answer = decide(intake, waiting["edition_id"], "confirmation")

    assert (answer.status_code, answer.json()["code"]) == (409, "REPLACEMENT_OUTDATED")
    assert in_force(intake) == [landed["edition_id"]]
    assert decide(intake, waiting["edition_id"], "withdrawal").json()["state"] == "taken_back"
    again = intake.submit(month(PEOPLE[:1]))
    assert decide(intake, again["edition_id"], "confirmation").json()["state"] == "confirmed"


def test_corrections_and_few_rows_are_in_force_at_once(intake, landed):
    corrected = intake.submit(month(PEOPLE, Sex="2"))
    few = intake.submit(month(PEOPLE[5:] + numbers(3000, 3005)))

    assert [corrected["state"], few["state"]] == ["accepted", "accepted"]


def test_the_same_file_is_not_taken_again_while_it_waits(intake, landed):
    intake.submit(month(PEOPLE[:1]))
    opened = intake.open().json()

    answer = intake.put(opened["id"], month(PEOPLE[:1]))

    assert (answer.status_code, answer.json()["code"]) == (409, "DUPLICATE_UPLOAD")


@in_both_stores
def test_an_edition_that_cannot_be_read_any_more_is_not_replaced_without_a_word(intake, landed):
    intake.parts.keys.destroy(f"edition/{landed['edition_id']}")

    assert intake.submit(month(PEOPLE, Sex="2"))["state"] == "waiting"
