"""Lists, texts and rows that are not believed: issue by issue what used to be taken at its word."""

import copy

from common.clock import SystemClock, legal_day
from dsfc_cli.demo.answers import Wanted, sections_of
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.material import COMMISSIONER, FIELDS
from dsfc_cli.demo.stage import ORGANISATIONS
from dsfc_client import Problem

CSU = "0DF"
OBJECTORS = 40
NUMBER = "999 000 0018"
"""Of the test range, as a person writes it."""


def tell(scene: Scene) -> None:
    """Tell all four scenes. Raises ClaimFailed at the first claim that does not hold."""
    _opt_outs(scene)
    _resubmission(scene)
    _texts(scene)
    _rows(scene)


def _opt_outs(scene: Scene) -> None:
    journey = scene.journey
    journey.chapter("A list of opt-outs says what it is")
    operator = scene.actor("dscro-operator").pseudonymisation
    approver = scene.actor("dscro-approver").pseudonymisation
    today = legal_day(SystemClock().now())

    def send(numbers: list[str], **query: object) -> dict[str, object]:
        content = "".join(f"{number}\n" for number in numbers).encode()
        answer = operator.call(
            "POST",
            "/v1/opt-out-lists",
            content=content,
            headers={"Content-Type": "text/csv"},
            params={"list_date": today.isoformat(), "kind": "objectors", **query},
        )
        found: dict[str, object] = answer.json()
        return found

    people = list(dict.fromkeys(row["NHS_Number"] for row in scene.rows_of(scene.submitted)))
    numbers = [number for number in people if number][:OBJECTORS]
    journey.refused("An empty list is refused", "OPT_OUT_LIST_EMPTY", lambda: send([]), status=422)
    journey.refused(
        "A list of those who were cleared is refused: it would leave out everybody else",
        "OPT_OUT_LIST_OF_CLEARED",
        lambda: send(numbers, kind="cleared"),
        status=422,
    )
    whole = send(numbers, declared_count=len(numbers))
    journey.claim(
        f"A list of {OBJECTORS} objectors that says so is in force", "accepted", whole["state"]
    )
    shorter = send(numbers[:2])
    journey.claim(
        "One that would release nearly all of them again waits", "waiting", shorter["state"]
    )
    path = f"/v1/opt-out-lists/{shorter['id']}"
    reason = {"reason": "The register was purged of doubles."}
    journey.refused(
        "Whoever sent it cannot confirm it",
        "SECOND_PERSON_NEEDED",
        lambda: operator.post(f"{path}/confirmation", reason),
        status=409,
    )
    journey.claim(
        "A second person takes it back; nobody was released by it meanwhile",
        "taken_back",
        approver.post(f"{path}/withdrawal", reason)["state"],
    )


def _resubmission(scene: Scene) -> None:
    journey, sandbox = scene.journey, scene.sandbox
    journey.chapter("A resubmission that shrinks waits for a second person")
    provider = scene.actor(f"provider-{sandbox.provider.lower()}").pseudonymisation
    csu = scene.actor("csu-0df-analytics").dissemination
    one = scene.written("one-row.csv", scene.rows_of(scene.submitted)[:1])
    sent = provider.wait(provider.submit(sandbox.data_set, sandbox.month, one).id)
    journey.claim("A file of one row in place of thousands waits", "waiting", sent.state)
    journey.claim(
        "The edition in force stays: what was released from it is not superseded",
        "released",
        csu.extract(sandbox.extract).state,
    )
    operator = scene.actor("dscro-operator").pseudonymisation
    waiting = operator.get("/v1/editions", state="waiting")["items"]
    journey.claim("Its preview says what it would change", 1, len(waiting))
    change = waiting[0]["change"]
    journey.say(f"{change['before']:,} rows before, {change['after']:,} after.")
    journey.claim(
        "Taken back, it is as if it had not come",
        "taken_back",
        operator.post(
            f"/v1/editions/{waiting[0]['id']}/withdrawal", {"reason": "Sent by mistake."}
        )["state"],
    )


def _texts(scene: Scene) -> None:
    journey, stage = scene.journey, scene.stage
    journey.chapter("What people write is read before anybody else reads it")
    wanted = Wanted(
        controller=COMMISSIONER,
        controller_name=ORGANISATIONS[COMMISSIONER][0],
        processor=CSU,
        processor_name=ORGANISATIONS[CSU][0],
        flows=[],
        today=stage.today,
    )
    applicant = stage.applicant(COMMISSIONER)
    drafted = applicant.draft({"kind": "new", "title": "Planned care of the area"})
    section = copy.deepcopy(sections_of(wanted)[9])
    objective = f"Find out why {NUMBER} waited so long."
    section["purposes"] = [{"code": "COM", "objective": objective, "gdpr_article_6": "6(1)(e)"}]
    told: list[Problem] = []

    def answer() -> None:
        try:
            applicant.answer(drafted.id, 9, section)
        except Problem as problem:
            told.append(problem)
            raise

    journey.refused(
        "An NHS number in an objective, spaced as people write it, is refused",
        "PERSONAL_DATA_IN_TEXT",
        answer,
        status=422,
    )
    said = str(told[0].members) if told else ""
    journey.claim(
        "Its place is named, and the number is not repeated",
        (True, False),
        ("objective" in said, "0018" in said),
    )


def _rows(scene: Scene) -> None:
    journey, sandbox = scene.journey, scene.sandbox
    journey.chapter("A hold that is deleted from the database opens nothing")
    handler = scene.actor("body-breach-1").agreements
    path = f"/v1/agreements/{sandbox.agreement}/holds"
    handler.post(path, {"reason": "A report was sent to the wrong place."})
    fields = list(FIELDS[sandbox.data_set])[:3]
    journey.refused("A hold stops it", "BREACH_OPEN", scene.refusals(fields=fields))
    with scene.database("agreements") as database:
        for table in ("hold_line", "hold_lift", "hold"):
            database.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    journey.refused(
        "Somebody with the database's password deletes it: it goes on stopping",
        "BREACH_OPEN",
        scene.refusals(fields=fields),
    )
    scene.suite.stop_service("agreements")
    scene.suite.start_service("agreements")
    scene.suite.wait_ready(["agreements"])
    journey.refused(
        "Once the rows are read again, they differ from their seal: the answer stays no",
        "SEAL_BROKEN",
        scene.refusals(fields=fields),
    )
