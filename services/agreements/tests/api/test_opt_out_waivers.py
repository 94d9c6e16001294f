"""Opt-outs are waived by a letter that two people put on record, from its date on (ruling 27)."""

from dataclasses import replace
from datetime import date

import pytest

from agreements.db.decisions.log import SqlDecisionLogs
from agreements.decision.domain.clauses import line_clauses
from agreements.decision.domain.decide import Permission, case_of, decide
from agreements.decision.domain.facts import Present
from agreements.decision.domain.question import Asker, Request
from agreements.decision.use_cases import dry_run
from agreements.records.domain.oversight.waivers import OptOutWaiver, WaiverState
from common.clock import end_of
from common.ids import digest, new_id
from common.security.roles import Role
from services.agreements.tests.api.test_organisations import code
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of
from services.agreements.tests.reference.seeding import seed
from statements.request import ExtractRequest
from statements.vocabulary import LineKey, Purpose

PATH = "/v1/opt-out-waivers"
RECORDER, SECOND = Role.REFERENCE_DATA_MANAGER, Role.CONTRACT_MANAGER
KEY = LineKey("IV", "SUS_APC", "IDENTIFIABLE")
LETTER = {
    "reference": "CAG 7-07 amendment",
    "purpose": "IV",
    "data_sets": [],
    "dated": "2018-05-01",
    "valid_from": "2018-05-25",
    "valid_to": None,
    "document_digest": digest(b"the letter"),
    "source": "The page of the Confidentiality Advisory Group",
}
WHY = {"reason": "The letter lies before me"}
REFUSED = {("OPT_OUT_NOT_APPLIED", None)}


def world_of_invoices(**line):
    """A line for invoice validation that leaves opt-outs out."""
    world = plain.sound()
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["lines"][1] |= {"opt_out": {"applied": False, "reason": "exemption"}} | line
    return world


def letter(**changes):
    said = LETTER | {
        "id": new_id(),
        "purpose": Purpose.IV,
        "data_sets": (),
        "dated": date(2018, 5, 1),
        "valid_from": date(2018, 5, 25),
        "state": WaiverState.CONFIRMED,
        "proposed_by": "one",
        "proposed_at": plain.NOON,
    }
    return OptOutWaiver(**said | changes)


def question(agreement=plain.REFERENCE, key=KEY, client="ceff-0df"):
    return Request(
        asker=Asker(client_id=client, organisation=plain.CSU),
        request=ExtractRequest(
            extract_id="",
            agreement=agreement,
            **key._asdict(),
            periods=("2018-04",),
            fields=("Hospital_Spell_No",),
            formats=("csv",),
        ),
    )


def judged(*letters, at=plain.NOON, world=None):
    facts = replace(facts_of(world or world_of_invoices()), waivers=tuple(letters))
    decision = decide(question(), facts, Present(at=at, last_decision_at=None, reserved={}))
    return decision if isinstance(decision, Permission) else {(r.code, r.subject) for r in decision}


def of_opt_outs(decision):
    if isinstance(decision, Permission):
        return set()
    return {(code, subject) for code, subject in decision if code == "OPT_OUT_NOT_APPLIED"}


NO_WAIVER = {
    "none": (),
    "that waits": (letter(state=WaiverState.WAITING),),
    "taken back": (letter(state=WaiverState.TAKEN_BACK),),
    "for another purpose": (letter(purpose=Purpose.COM),),
    "of other data sets": (letter(data_sets=("SUS_OP",)),),
    "from tomorrow": (letter(valid_from=date(2018, 6, 2)),),
    "until yesterday": (letter(valid_to=date(2018, 5, 31)),),
}


@pytest.mark.parametrize("letters", NO_WAIVER)
def test_without_a_letter_of_the_day_that_two_people_saw_opt_outs_are_upheld(letters):
    """Guard: `LineCase.opt_out_rule`, `OptOutWaiver.holds_on` and `is_about`."""
    assert of_opt_outs(judged(*NO_WAIVER[letters])) == REFUSED


def test_by_a_letter_the_line_may_leave_them_out_and_says_by_which_from_its_date_on():
    one = letter()
    before, first = (end_of(date(2018, 5, day)) for day in (23, 24))

    assert of_opt_outs(judged(one, at=before)) == REFUSED
    assert of_opt_outs(judged(one, at=first)) == set()
    facts = replace(
        facts_of(world_of_invoices()),
        waivers=(letter(reference="Another", valid_from=date(2018, 5, 26)), one),
    )
    present = Present(at=plain.NOON, last_decision_at=None, reserved={})
    case = case_of(question(), facts, present)
    (line,) = case.document.lines_of(KEY)
    ground = line_clauses.opt_out_ground(case.of_line(line))
    assert (ground.by, ground.letter) == ("rule", "CAG 7-07 amendment of 2018-05-01")
    assert (ground.since, ground.source) == (one.valid_from, one.source)


def test_a_line_that_upholds_them_does_so_with_a_letter_too():
    facts = replace(facts_of(plain.sound()), waivers=(letter(),))
    present = Present(at=plain.NOON, last_decision_at=None, reserved={})

    case = case_of(question(), facts, present)
    (line,) = case.document.lines_of(KEY)
    upholding = case.of_line(line)
    assert list(line_clauses.opt_out(upholding)) == []
    ground = line_clauses.opt_out_ground(upholding)
    assert (ground.by, ground.letter) == ("line", None)


@pytest.fixture
def house(service):
    seed(service.parts.engine, world_of_invoices(), sealer=service.parts.sealer)
    return service


def decided(house):
    """What a client of the controlled environment is answered now."""
    logs = SqlDecisionLogs(house.parts.engine, house.parts.sealer)
    answer = dry_run.request(question(), logs=logs, clock=house.clock)
    return {r.code for r in answer.refusals}


def recorded(house, **changes):
    return house.post(PATH, RECORDER, LETTER | changes)


def test_two_people_put_it_on_record_and_one_takes_it_back_at_once(house):
    assert "OPT_OUT_NOT_APPLIED" in decided(house)
    made = recorded(house)
    assert made.status_code == 201, made.text
    assert made.json()["state"] == "waiting"
    assert recorded(house).json()["id"] == made.json()["id"]
    path = f"{PATH}/{made.json()['id']}"
    assert "OPT_OUT_NOT_APPLIED" in decided(house)

    own = house.post(f"{path}/confirmation", RECORDER, WHY)
    assert code(own) == (409, "SECOND_PERSON_NEEDED")
    confirmed = house.post(f"{path}/confirmation", SECOND, WHY)

    assert (confirmed.status_code, confirmed.json()["state"]) == (200, "confirmed")
    assert "OPT_OUT_NOT_APPLIED" not in decided(house)
    again = house.post(f"{path}/confirmation", SECOND, WHY)
    assert code(again) == (409, "REPLACEMENT_DECIDED")
    [listed] = house.get(PATH, Role.AUDITOR).json()["items"]
    assert (listed["reference"], listed["not_as_sealed"]) == (LETTER["reference"], [])

    gone = house.post(f"{path}/withdrawal", SECOND, {"reason": "It was about another flow"})
    assert gone.json()["state"] == "taken_back"
    assert "OPT_OUT_NOT_APPLIED" in decided(house)
    told = [action for action in house.audited() if action.startswith("opt-out-waiver")]
    assert told == [
        "opt-out-waiver-recorded",
        "opt-out-waiver-confirmed",
        "opt-out-waiver-taken-back",
    ]


def test_what_is_on_record_is_never_changed(house):
    recorded(house)

    other = recorded(house, valid_from="2018-05-02")

    assert code(other) == (409, "OPT_OUT_WAIVER_RECORDED")
    [kept] = house.get(PATH, Role.AUDITOR).json()["items"]
    assert kept["valid_from"] == LETTER["valid_from"]


def test_no_day_is_guessed_before_the_letter_and_no_letter_is_of_tomorrow(house):
    assert recorded(house, valid_from="2018-04-30").status_code == 422
    assert recorded(house, valid_to="2018-05-24").status_code == 422
    tomorrow = recorded(house, dated="2099-01-01", valid_from="2099-01-01")
    assert code(tomorrow) == (422, "LETTER_NOT_YET_WRITTEN")
    unknown = recorded(house, data_sets=["SUS_APC", "NO_SUCH_SET"])
    assert code(unknown) == (422, "WAIVER_DATA_SET_UNKNOWN")
    assert unknown.json()["positions"] == [1]
    missing = house.post(f"{PATH}/{new_id()}/confirmation", SECOND, WHY)
    assert code(missing) == (404, "OPT_OUT_WAIVER_NOT_FOUND")
    assert house.get(PATH, Role.AUDITOR).json()["items"] == []


def test_one_that_was_written_past_the_service_waives_nothing(house):
    made = recorded(house).json()["id"]
    with house.parts.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE opt_out_waiver SET state = 'confirmed'")

    assert decided(house) == {"SEAL_BROKEN"}
    answer = house.post(f"{PATH}/{made}/confirmation", SECOND, WHY)
    assert code(answer) == (409, "SEAL_BROKEN")
