"""The life of a national check: asked, overdue, refused, answered; killed and gone on with.

Guards: `national_check.life`, `OptOutCheck.require_asked`, `OptOutCheck.answered`,
`OptOutCheck.signals`, `lists.Numbers.finish`, and the reference that a reply came with.
"""

import json
import math
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.clock import legal_day
from common.security.roles import Role
from common.web.auth import Permission, route_permissions
from dsfc_testing.clock import FakeClock
from dsfc_testing.plugin import START
from dsfc_testing.tokens import LocalIssuer
from pseudonymisation.intake.adapters.rules import check_rule
from pseudonymisation.intake.domain.national_check.life import (
    NATIONAL_CHECK,
    CheckCommand,
    CheckRule,
    CheckState,
)
from services.pseudonymisation.tests.api.test_opt_out_checks import (
    NUMBERS,
    PEOPLE,
    answered,
    check,
    code,
    decide,
    fetch,
    intake,
    kept,
    landed,
    lines,
    open_check,
    reply,
    send,
    staff,
    standing,
    submit_people,
)
from services.pseudonymisation.tests.submitting import Intake, sus_row

__all__ = ["check", "intake", "kept", "landed"]

ROOT = Path(__file__).parents[4]
WORKER = """
import sys
from datetime import datetime
from pathlib import Path
from common import faults
from dsfc_testing.clock import FakeClock
from dsfc_testing.plugin import START
from dsfc_testing.tokens import LocalIssuer
from services.pseudonymisation.tests.api.test_lives_of_checks import walked
from services.pseudonymisation.tests.submitting import Intake
directory, now, point = sys.argv[1:]
clock = FakeClock(datetime.fromisoformat(now))
url = f"sqlite:///{Path(directory) / 'service.db'}"
with Intake(Path(directory), url, clock, LocalIssuer(clock)).serving() as intake:
    faults.arm(point)
    walked(intake)
"""
POINTS = ("check-gathered", "check-opened", "check-request-begun", "check-reply-sealed",
          "check-reply-taken")  # fmt: skip
QUICK = "check-reply-sealed"
"""The point at which most lies about: the others are long."""


def objects(intake: Intake) -> list[Path]:
    return sorted((intake.directory / "landing" / "opt-outs").rglob("*.parquet"))


def actions(intake: Intake) -> list[str]:
    with Session(intake.parts.engine) as session:
        entries = [json.loads(e) for (e,) in session.execute(text("SELECT entry FROM audit_leaf"))]
    return [entry["action"] for entry in sorted(entries, key=lambda entry: entry["index"])]


# --- what is no reply -----------------------------------------------------------------------------


def test_before_its_request_was_fetched_nothing_can_be_its_reply(intake, check):
    assert (check["state"], check["answer_due_at"]) == ("open", None)

    early = send(intake, check["id"], lines(NUMBERS[0]), check["reference"])

    assert code(early) == (409, "OPT_OUT_CHECK_NOT_ASKED")
    assert standing(intake, check["id"]) == check | {"is_as_logged": True}
    assert len(objects(intake)) == 1


def test_a_reference_has_no_characters_to_which_no_answer_comes(intake, landed):
    references = [open_check(intake).json()["reference"] for _ in range(3)]

    assert len(set(references)) == 3
    for reference in references:
        assert reference.startswith("NDOO-")
        assert reference.replace("-", "").isalpha()


NO_REPLIES = [
    (lines(*NUMBERS, "9990000042"), "OPT_OUT_REPLY_NOT_ASKED"),
    (lines(NUMBERS[0], NUMBERS[1], NUMBERS[0]), "OPT_OUT_REPLY_DOUBLED"),
    (lines(NUMBERS[0]) * 2, "OPT_OUT_REPLY_DOUBLED"),
    (lines(*NUMBERS)[:-1], "OPT_OUT_REPLY_TRUNCATED"),  # the line feed is missing
    (lines(*NUMBERS)[:-2], "OPT_OUT_REPLY_TRUNCATED"),  # a whole number, and no comma
    (lines(*NUMBERS)[:-7], "OPT_OUT_REPLY_TRUNCATED"),  # half a number
    (lines(NUMBERS[0])[:-1], "OPT_OUT_REPLY_TRUNCATED"),
    (b"Invalid NHS numbers in the request\n", "OPT_OUT_REPLY_INVALID"),
]


def test_what_is_no_reply_is_refused_remembered_and_leaves_nothing(intake, check):
    for content, expected in NO_REPLIES:
        refused = reply(intake, check["id"], content)

        assert code(refused) == (422, expected)
        assert not any(number in refused.text for number in NUMBERS)
        stands = standing(intake, check["id"])
        assert (stands["state"], stands["refused_code"]) == ("refused", expected)
        assert (stands["cleared"], stands["reply_digest"]) == (None, None)
        assert stands["is_as_logged"]
        assert check["reference"] in stands["next_step"]
        assert len(objects(intake)) == 1
        assert actions(intake)[-1] == "opt-out-check-reply-refused"
    right = reply(intake, check["id"], lines(*NUMBERS[:2])).json()
    assert (right["state"], right["refused_code"]) == ("answered", None)


def test_the_reply_of_another_check_is_told_by_its_reference(intake, check):
    """Of the same people, and so of the same numbers: that of the day before, for one."""
    assert reply(intake, check["id"], lines(*NUMBERS)).is_success
    intake.clock.advance(timedelta(days=1).total_seconds())
    today = open_check(intake).json()

    mistaken = reply(intake, today["id"], lines(*NUMBERS), check["reference"])

    assert code(mistaken) == (409, "OPT_OUT_REPLY_OF_ANOTHER_CHECK")
    stands = standing(intake, today["id"])
    assert (stands["state"], stands["cleared"]) == ("refused", None)
    assert reply(intake, today["id"], lines(*NUMBERS[:2])).json()["cleared"] == 2


def test_a_reference_of_other_characters_is_refused(intake, check):
    assert fetch(intake, check["id"]).is_success

    for reference in ("", "NDOO:1", "NDOO 1", "Ä", "X" * 65):
        answer = send(intake, check["id"], lines(*NUMBERS), reference)
        assert code(answer) == (422, "INVALID_REQUEST")


def test_what_comes_after_the_reply_changes_nothing_of_the_check(intake, check):
    taken = reply(intake, check["id"], lines(*NUMBERS)).json()

    assert code(reply(intake, check["id"], b"no list\n")) == (422, "OPT_OUT_REPLY_INVALID")
    assert code(reply(intake, check["id"], lines(*NUMBERS), "OTHER")) == (
        409,
        "OPT_OUT_REPLY_OF_ANOTHER_CHECK",
    )

    assert standing(intake, check["id"]) == taken | {"is_as_logged": True}


# --- what looks like something else ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("cleared", "state", "signals"),
    [
        (PEOPLE[:2], "waiting", ["REPLY_CLEARS_FEW"]),  # those who objected, in place of the others
        (PEOPLE[:19], "waiting", ["REPLY_CLEARS_FEW"]),
        (PEOPLE[:20], "answered", []),
        (PEOPLE, "answered", []),
        ([], "answered", []),
    ],
)
def test_a_first_reply_that_looks_inverted_waits_for_a_second_person(
    intake, cleared, state, signals
):
    """Nothing is in force that it could be held against: the objectors would be used."""
    submit_people(intake)

    first = answered(intake, cleared)

    assert (first["state"], first["signals"]) == (state, signals)
    if state == "waiting":
        assert (
            decide(intake, first["id"], "confirmation", by="second").json()["state"] == "answered"
        )


def test_an_inverted_reply_of_a_new_edition_waits_however_few_it_clears_anew(intake):
    submit_people(intake)
    answered(intake, PEOPLE[2:])
    submit_people(intake, sus_row(NHS_Number="9990000018", Unique_CDS_Identifier="BRR8000000900"))
    intake.clock.advance(60)

    inverted = answered(intake, PEOPLE[:2])

    assert (inverted["state"], inverted["signals"]) == ("waiting", ["REPLY_CLEARS_FEW"])


def with_rule(intake: Intake, **changes) -> None:
    """Let a rule of other numbers hold: the published one asks for thousands of people."""
    let_hold(intake, replace(check_rule(legal_day(intake.clock.now())), **changes))


def let_hold(intake: Intake, rule: CheckRule) -> None:
    state = intake.client.app_state
    state["context"] = replace(state["context"], check_rule=lambda _: rule)


def test_a_reply_that_clears_everybody_of_many_waits_for_a_second_person(intake):
    submit_people(intake)
    with_rule(intake, everybody_cleared_max=39)

    everybody = answered(intake, PEOPLE)

    assert (everybody["state"], everybody["signals"]) == ("waiting", ["REPLY_CLEARS_EVERYBODY"])


def test_a_request_that_the_national_service_would_not_take_is_not_made(intake, landed):
    with_rule(intake, request_bytes_max=35)

    assert code(open_check(intake)) == (409, "OPT_OUT_CHECK_TOO_LARGE")
    assert objects(intake) == []


def test_without_a_rule_nobody_is_asked_about(intake, landed):
    let_hold(intake, CheckRule.none(legal_day(intake.clock.now())))

    assert code(open_check(intake)) == (409, "OPT_OUT_CHECK_TOO_LARGE")


# --- how it stands --------------------------------------------------------------------------------


def test_an_answer_that_never_comes_is_seen_and_the_request_is_sent_again(intake, check):
    first = fetch(intake, check["id"])
    assert standing(intake, check["id"])["state"] == "asked"

    intake.clock.advance(timedelta(minutes=121).total_seconds())
    overdue = standing(intake, check["id"])

    assert overdue["state"] == "overdue"
    assert check["reference"] in overdue["next_step"]
    assert fetch(intake, check["id"]).content == first.content
    assert standing(intake, check["id"])["state"] == "asked"
    assert reply(intake, check["id"], lines(*NUMBERS)).json()["answer_due_at"] is None


def test_age_and_the_last_day_are_shown_and_then_it_is_over(intake, check):
    assert (check["age_days"], check["good_until"]) == (
        0,
        str(legal_day(intake.clock.now()) + timedelta(days=7)),
    )
    assert reply(intake, check["id"], lines(*NUMBERS)).is_success
    other = open_check(intake, purpose="IV").json()
    intake.clock.advance(timedelta(days=8).total_seconds())

    assert standing(intake, other["id"])["state"] == "expired"
    used = standing(intake, check["id"])
    assert (used["state"], used["age_days"]) == ("answered", 8)
    assert used["next_step"].startswith("Open a new check")


_C = CheckCommand


def command(intake: Intake, one: str, route: CheckCommand, role: Role, content: bytes = b"9"):
    """Send a command of the table: of a reply, one with the check's own reference."""
    method, path = route.value.split(" ")
    match route:
        case _C.REPLY:
            about = {"params": {"reference": standing(intake, one)["reference"]}}
            more = {**about, "content": content, "headers": {"Content-Type": "text/csv"}}
        case _C.CONFIRM | _C.TAKE_BACK:
            more = {"json": {"reason": "Looked at it"}, "headers": {}}
        case _:
            more = {"headers": {}}
    token = intake.issuer.token_for(
        role, audience="pseudonymisation", ods="X26", client_id="second"
    )
    more["headers"] |= {"Authorization": f"Bearer {token}"}
    return intake.client.request(method, path.replace("{check_id}", one), **more)


def stays(intake: Intake, one: str, state: CheckState) -> None:
    """Send all commands by whoever may not, and by whoever may those that are no move there."""
    assert standing(intake, one)["state"] == state
    may = {
        f"{method} {path}": permission.roles
        for method, path, permission in route_permissions(intake.client.app)
        if isinstance(permission, Permission)
    }
    for route in NATIONAL_CHECK.commands:
        for role in Role:
            if role not in may[route]:
                refused = command(intake, one, CheckCommand(route), role)
                assert code(refused) == (403, "ROLE_NOT_PERMITTED"), (route, role)
            elif not NATIONAL_CHECK.leads(state, route):
                content = lines(*PEOPLE[:23])  # no reply that any of the checks has
                refused = command(intake, one, CheckCommand(route), role, content)
                error = NATIONAL_CHECK.answers(state, route)[0]
                assert error is not None
                assert code(refused) == (409, error.code), (route, role, state)
                assert refused.json()["state"] == state
    assert standing(intake, one)["state"] == state


def test_each_command_is_a_move_or_answered_as_the_table_says(intake):
    """Guard: `OptOutCheck._permits`, which knows the table and no state of its own."""
    submit_people(intake)
    one, two, three = (open_check(intake, purpose=p).json()["id"] for p in ("RS", "IV", "OTHER"))
    assert reply(intake, two, lines(*PEOPLE[:2])).json()["state"] == "waiting"
    stays(intake, two, CheckState.WAITING)
    assert command(intake, two, _C.CONFIRM, Role.DSCRO_APPROVER).is_success
    stays(intake, two, CheckState.ANSWERED)
    stays(intake, one, CheckState.OPEN)
    fetch(intake, one)
    stays(intake, one, CheckState.ASKED)
    intake.clock.advance(timedelta(minutes=121).total_seconds())
    stays(intake, one, CheckState.OVERDUE)
    assert not command(intake, one, _C.REPLY, Role.DSCRO_OPERATOR).is_success
    stays(intake, one, CheckState.REFUSED)
    fewer = lines(PEOPLE[0])
    assert command(intake, one, _C.REPLY, Role.DSCRO_OPERATOR, fewer).is_success
    stays(intake, one, CheckState.ANSWERED)
    again = command(intake, one, _C.REPLY, Role.DSCRO_OPERATOR, fewer)
    assert (again.status_code, again.json()["state"]) == (200, "answered")
    assert command(intake, one, _C.TAKE_BACK, Role.DSCRO_OPERATOR).is_success
    stays(intake, one, CheckState.TAKEN_BACK)
    intake.clock.advance(timedelta(days=8).total_seconds())
    stays(intake, three, CheckState.EXPIRED)


STEPS = {"fetch": 4, "reply": 2, "error": 2, "wait": 2, "days": 1, "confirm": 1, "take back": 1}
"""What happens to checks, and how often."""


def happen(intake: Intake, one: str, chance: random.Random) -> None:
    match chance.choices(list(STEPS), weights=list(STEPS.values()))[0]:
        case "fetch":
            fetch(intake, one)
        case "reply":
            two = lines(*chance.sample(NUMBERS, 2))
            send(intake, one, two, standing(intake, one)["reference"])
        case "error":
            send(intake, one, b"an error\n", standing(intake, one)["reference"])
        case "wait":
            intake.clock.advance(timedelta(minutes=130).total_seconds())
        case "days":
            intake.clock.advance(timedelta(days=4).total_seconds())
        case "confirm":
            decide(intake, one, "confirmation", by="second")
        case "take back":
            decide(intake, one, "withdrawal", by="second")


def listed(intake: Intake, state: CheckState) -> set[str]:
    path = f"/v1/opt-out-checks?state={state.value}"
    return {one["id"] for one in intake.client.get(path, headers=staff(intake)).json()["items"]}


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 12))]
)
def test_lives_by_chance_go_the_ways_of_the_table_and_are_listed_as_they_stand(
    intake, landed, seed
):
    chance = random.Random(seed)
    ids = [open_check(intake, purpose=purpose).json()["id"] for purpose in ("RS", "IV", "OTHER")]
    state = dict.fromkeys(ids, CheckState.OPEN)
    went = 0
    for _ in range(25):
        happen(intake, chance.choice(ids), chance)
        for one, before in state.items():
            now = state[one] = CheckState(standing(intake, one)["state"])
            if now is not before:
                assert now in NATIONAL_CHECK.follows(before), (before, now)
                went += 1
    assert went >= len(ids)
    assert {s: listed(intake, s) for s in CheckState} == {
        s: {one for one, stands in state.items() if stands is s} for s in CheckState
    }


# --- killed, and gone on with ---------------------------------------------------------------------


def walked(intake: Intake) -> dict:
    """Open a check, fetch its request and send its reply, as somebody does who begins anew."""
    body = {"data_set": "SUS_APC", "periods": ["2018-04"], "purpose": "RS"}
    headers = staff(intake) | {"Idempotency-Key": "april"}
    opened = intake.client.post("/v1/opt-out-checks", json=body, headers=headers).json()
    if opened["cleared"] is None:
        assert len(fetch(intake, opened["id"]).content.splitlines()) == len(NUMBERS)
    reference = opened["reference"]
    return send(intake, opened["id"], lines(*NUMBERS[:2]), reference).json()


@pytest.mark.parametrize(
    "point",
    [pytest.param(point, marks=() if point == QUICK else pytest.mark.long) for point in POINTS],
)
def test_a_check_that_was_killed_there_goes_on_and_is_one_check(kept, tmp_path, point):
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    clock = FakeClock(START)

    killed = subprocess.run(
        [sys.executable, "-c", WORKER, tmp_path, clock.now().isoformat(), point],
        cwd=ROOT,
        timeout=280,
        check=False,
    )

    assert killed.returncode == -signal.SIGKILL, "the run never reached its point"
    url = f"sqlite:///{tmp_path / 'service.db'}"
    with Intake(tmp_path, url, clock, LocalIssuer(clock)).serving() as intake:
        done = walked(intake)
        assert (done["state"], done["cleared"]) == ("answered", 2)
        listed = intake.client.get("/v1/opt-out-checks", headers=staff(intake)).json()["items"]
        assert [one["id"] for one in listed] == [done["id"]]
        assert actions(intake).count("opt-out-check-opened") == 1
        assert actions(intake).count("opt-out-check-answered") == 1
        intake.parts.intake.haven.sweep(lambda: named(intake), older_than=math.inf)
        assert len(objects(intake)) == 2


def named(intake: Intake) -> set[str]:
    with intake.parts.intake.uow.reading() as tx:
        return set(tx.object_keys())
