"""What was published as final is never refreshed: nothing takes its place (domain.md ruling 10)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.db import engine as engines
from common.security.roles import Role
from pseudonymisation.intake.use_cases import relanding
from services.pseudonymisation.tests.haven import editions_are
from services.pseudonymisation.tests.submitting import Intake, written

MONTH = "2016-12"
PEOPLE = 100


def staff(first: int = 0, count: int = PEOPLE, **changes: str) -> bytes:
    row = {
        "AS_AT_DATE": "2016-12-31",
        "PRACTICE_CODE": "A81001",
        "STAFF_GROUP": "GP",
        "STAFF_ROLE": "Partner",
        "ESTIMATED_FLAG": "0",
    }
    return written([row | changes | {"PERSON_KEY": f"P{n}"} for n in range(first, first + count)])


def send(intake: Intake, content: bytes, period: str = MONTH, **more: Any) -> dict[str, Any]:
    return intake.submit(content, data_set="GPW", period=period, **more)


def publish(intake: Intake, *months: str, data_set: str = "GPW") -> None:
    """From now on; what was heard a moment ago is that nothing is."""
    intake.publications.kept = {}
    intake.publications.periods = {data_set: set(months)}


def state(intake: Intake, edition_id: str) -> tuple[str, str | None]:
    found = intake.get(f"/v1/editions/{edition_id}", role=Role.DSCRO_OPERATOR, ods="X26").json()
    return found["state"], found["superseded_by"]


@pytest.fixture
def landed(intake: Intake) -> dict[str, Any]:
    found = send(intake, staff())
    assert found["state"] == "accepted"
    return found


def decide(intake: Intake, edition_id: str, verb: str, ods: str = "X26") -> Any:
    return intake.client.post(
        f"/v1/editions/{edition_id}/{verb}",
        json={"reason": "agreed by telephone with the provider"},
        headers=intake.headers(Role.DSCRO_APPROVER, ods),
    )


def test_a_period_that_is_published_is_not_announced_again(intake, landed):
    publish(intake, MONTH)

    answer = intake.open("GPW", MONTH)

    assert (answer.status_code, answer.json()["code"]) == (409, "PERIOD_FINAL")
    assert answer.json()["field"] == "period"
    assert "ask the safe haven to take the edition back" in answer.json()["detail"]
    assert state(intake, landed["edition_id"]) == ("accepted", None)


def test_nor_is_a_file_of_it_checked(intake, landed):
    publish(intake, MONTH)

    answer = intake.client.post(
        "/v1/file-checks",
        params={"data_set": "GPW", "period": MONTH},
        content=staff(),
        headers=intake.headers() | {"Content-Type": "text/csv"},
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "PERIOD_FINAL")


@pytest.mark.parametrize(
    ("months", "data_set"),
    [((), "GPW"), (("2016-09", "2017-03"), "GPW"), ((MONTH,), "SHMI")],
    ids=["nothing is published", "other months are", "another data set is"],
)
def test_what_is_not_published_is_still_corrected(intake, landed, months, data_set):
    publish(intake, *months, data_set=data_set)

    corrected = send(intake, staff(SEX="1"))

    assert corrected["state"] == "accepted"
    assert state(intake, landed["edition_id"]) == ("superseded", corrected["edition_id"])


def test_the_first_file_of_a_published_period_replaces_nothing_and_is_taken(intake):
    publish(intake, MONTH)

    assert send(intake, staff())["state"] == "accepted"


def test_what_is_published_between_its_announcement_and_its_landing_is_not_refreshed(
    intake, landed, monkeypatch
):
    opened = intake.open("GPW", MONTH).json()
    assert intake.put(opened["id"], staff(SEX="1")).status_code == 202
    publish(intake, MONTH)
    landed_anew: list[Any] = []
    monkeypatch.setattr(type(intake.parts.intake.haven), "land", lambda *of: landed_anew.append(of))
    intake.work()

    assert landed_anew == []  # nor is a large file read for nothing

    found = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert (found["state"], found["code"]) == ("rejected", "PERIOD_FINAL")
    assert state(intake, landed["edition_id"]) == ("accepted", None)


def test_nor_what_is_published_while_it_is_landed(intake, landed, monkeypatch):
    opened = intake.open("GPW", MONTH).json()
    assert intake.put(opened["id"], staff(SEX="1")).status_code == 202
    haven = type(intake.parts.intake.haven)
    land = haven.land

    def published_meanwhile(self: Any, *given: Any) -> Any:
        outcome = land(self, *given)
        publish(intake, MONTH)
        return outcome

    monkeypatch.setattr(haven, "land", published_meanwhile)
    intake.work()

    found = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert (found["state"], found["code"]) == ("rejected", "PERIOD_FINAL")
    assert state(intake, landed["edition_id"]) == ("accepted", None)


def test_nor_what_is_published_while_it_waits_for_a_second_person(intake, landed):
    waiting = send(intake, staff(count=1))
    assert waiting["state"] == "waiting"
    publish(intake, MONTH)

    answer = decide(intake, waiting["edition_id"], "confirmation")

    assert (answer.status_code, answer.json()["code"]) == (409, "PERIOD_FINAL")
    assert state(intake, landed["edition_id"]) == ("accepted", None)
    assert state(intake, waiting["edition_id"]) == ("waiting", None)


@pytest.mark.parametrize("act", ["open", "confirm"])
def test_where_nobody_can_say_what_is_published_nothing_is_replaced(intake, landed, act):
    waiting = send(intake, staff(count=1))
    intake.publications.is_away = True
    acts: dict[str, Callable[[], Any]] = {
        "open": lambda: intake.open("GPW", MONTH),
        "confirm": lambda: decide(intake, waiting["edition_id"], "confirmation"),
    }

    answer = acts[act]()

    assert (answer.status_code, answer.json()["code"]) == (503, "DEPENDENCY_UNAVAILABLE")
    assert state(intake, landed["edition_id"]) == ("accepted", None)


def test_landing_waits_where_nobody_can_say_what_is_published(intake, landed):
    opened = intake.open("GPW", MONTH).json()
    assert intake.put(opened["id"], staff(SEX="1")).status_code == 202
    intake.publications.is_away = True
    intake.work()
    waits = intake.get(f"/v1/submissions/{opened['id']}").json()
    assert (waits["state"], waits["code"]) == ("received", "DEPENDENCY_UNAVAILABLE")
    assert waits["is_as_logged"]

    intake.publications.is_away = False
    intake.clock.advance(timedelta(hours=1))
    intake.work()

    assert intake.get(f"/v1/submissions/{opened['id']}").json()["state"] == "accepted"


def test_an_error_in_it_is_corrected_by_taking_the_edition_back_and_sending_it_again(
    intake, landed
):
    """Two ways out of one door: what was made of it is void, and nothing is quietly another."""
    publish(intake, MONTH)
    assert decide(intake, landed["edition_id"], "withdrawal").status_code == 200

    corrected = send(intake, staff(SEX="1"))

    assert corrected["state"] == "accepted"
    assert state(intake, landed["edition_id"])[0] == "taken_back"
    assert intake.open("GPW", MONTH).json()["code"] == "PERIOD_FINAL"


def test_what_may_not_be_released_is_landed_anew_and_sent_again_though_it_is_published(
    intake, landed
):
    """By safer rules the same file is another edition; its upload may be gone already."""
    publish(intake, MONTH)
    editions_are(
        intake.parts.engine,
        "landing_rules_digest = :digest, landing_rules_version = 1",
        digest="sha256:" + "0" * 64,
    )

    assert intake.open("GPW", MONTH).status_code == 201
    relanding.mark_unsafe(ctx=intake.parts.intake)
    assert relanding.land_again(ctx=intake.parts.intake) == 1
    intake.work()

    assert state(intake, landed["edition_id"])[0] == "superseded"


def test_an_edition_that_was_found_to_be_unsafe_is_sent_again_by_whichever_rules_are_known(
    intake, landed
):
    publish(intake, MONTH)
    editions_are(intake.parts.engine, "unsafe_at = :at", at="2018-05-30 00:00:00.000000")

    assert intake.open("GPW", MONTH).status_code == 201


def test_a_data_set_that_is_refreshed_asks_nobody_what_is_published(intake):
    intake.publications.is_away = True
    for _ in range(2):
        assert intake.open().status_code == 201
    with Session(engines.writing(intake.parts.engine)) as session:
        assert session.execute(text("SELECT count(*) FROM submission")).scalar_one() == 2
