"""The national check: asked about just these people, answered for just these (R12, R13)."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.security.roles import Role
from dsfc_testing.clock import FakeClock
from dsfc_testing.plugin import START
from dsfc_testing.tokens import LocalIssuer
from pseudonymisation.intake.domain.opt_out_check import upheld
from services.pseudonymisation.tests.api.test_opt_outs import numbers, recalled
from services.pseudonymisation.tests.submitting import Intake, sus_row, written

NUMBERS = ["9990000018", "9990000026", "9990000034"]
ROWS = [
    *(sus_row(NHS_Number=n, Unique_CDS_Identifier=f"BRR8{i:09}") for i, n in enumerate(NUMBERS)),
    sus_row(NHS_Number=NUMBERS[0], Unique_CDS_Identifier="BRR8000000100"),
    sus_row(NHS_Number="", NHS_Number_Status="07", Unique_CDS_Identifier="BRR8000000101"),
]


def staff(intake: Intake, role: Role = Role.DSCRO_OPERATOR) -> dict[str, str]:
    return intake.headers(role, "X26")


def open_check(intake: Intake, **changes):
    body = {"data_set": "SUS_APC", "periods": ["2018-04"], "purpose": "RS"} | changes
    return intake.client.post("/v1/opt-out-checks", json=body, headers=staff(intake))


def fetch(intake: Intake, check_id: str, role: Role = Role.DSCRO_OPERATOR):
    return intake.client.get(f"/v1/opt-out-checks/{check_id}/request", headers=staff(intake, role))


def standing(intake: Intake, check_id: str) -> dict:
    return intake.client.get(f"/v1/opt-out-checks/{check_id}", headers=staff(intake)).json()


def reply(intake: Intake, check_id: str, content: bytes, reference: str | None = None):
    """Send a reply, once the request was fetched; with the check's own reference, or another."""
    check = standing(intake, check_id)
    if check.get("state") == "open":
        assert fetch(intake, check_id).status_code == 200
    return send(intake, check_id, content, reference or check.get("reference", "NONE"))


def send(intake: Intake, check_id: str, content: bytes, reference: str):
    return intake.client.put(
        f"/v1/opt-out-checks/{check_id}/reply",
        params={"reference": reference},
        content=content,
        headers=staff(intake) | {"Content-Type": "text/csv"},
    )


def lines(*numbers: str) -> bytes:
    return "".join(f"{number},\n" for number in numbers).encode()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Path:
    """A haven in which ROWS are landed, to be copied."""
    directory = tmp_path_factory.mktemp("landed")
    shutil.copyfile(migrated_file, directory / "service.db")
    clock, url = FakeClock(START), f"sqlite:///{directory / 'service.db'}"
    with Intake(directory, url, clock, LocalIssuer(clock)).serving() as haven:
        haven.submit(written(ROWS))
    return directory


@pytest.fixture
def intake(request, tmp_path, migrated_file, clock, identities) -> Iterator[Intake]:
    """The intake's port, served; with ROWS in it where the test asks for what is landed."""
    if "landed" in request.fixturenames:
        shutil.copytree(request.getfixturevalue("kept"), tmp_path, dirs_exist_ok=True)
    else:
        shutil.copyfile(migrated_file, tmp_path / "service.db")
    url = f"sqlite:///{tmp_path / 'service.db'}"
    with Intake(tmp_path, url, clock, identities).serving() as served:
        yield served


@pytest.fixture
def landed(intake) -> str:
    (edition,) = intake.get("/v1/editions").json()["items"]
    return edition["id"]


@pytest.fixture
def check(intake, landed) -> dict:
    return open_check(intake).json()


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_everybody_with_a_number_is_asked_about_once(intake, landed, check):
    assert (check["people"], check["state"], check["editions"]) == (3, "open", [landed])

    asked = intake.client.get(f"/v1/opt-out-checks/{check['id']}/request", headers=staff(intake))

    assert asked.status_code == 200
    assert sorted(asked.content.splitlines(keepends=True)) == lines(*NUMBERS).splitlines(
        keepends=True
    )


def test_that_the_request_was_read_is_logged_and_no_number_lies_on_a_disk(intake, check):
    intake.client.get(f"/v1/opt-out-checks/{check['id']}/request", headers=staff(intake))
    reply(intake, check["id"], lines(NUMBERS[0]))

    with Session(intake.parts.engine) as session:
        entries = [json.loads(e) for (e,) in session.execute(text("SELECT entry FROM audit_leaf"))]
    actions = [e["action"] for e in entries]
    assert actions[-3:] == [
        "opt-out-check-opened",
        "opt-out-check-request-read",
        "opt-out-check-answered",
    ]
    for path in intake.directory.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(number.encode() in content for number in NUMBERS), path


@pytest.mark.parametrize("role", [Role.DSCRO_APPROVER, Role.AUDITOR, Role.PROVIDER_SYSTEM])
def test_nobody_but_an_operator_of_a_dscro_has_the_request(intake, check, role):
    answer = intake.client.get(
        f"/v1/opt-out-checks/{check['id']}/request", headers=staff(intake, role)
    )

    assert code(answer) == (403, "ROLE_NOT_PERMITTED")


@pytest.mark.scenario("R13")
def test_the_reply_says_who_may_be_used(intake, check):
    answer = reply(intake, check["id"], lines(NUMBERS[0], NUMBERS[2]))

    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["cleared"]) == ("answered", 2)


def test_an_empty_reply_clears_nobody_and_is_right(intake, check):
    assert reply(intake, check["id"], b"").json()["cleared"] == 0


def test_the_same_reply_again_changes_nothing_and_another_is_refused(intake, check):
    first = reply(intake, check["id"], lines(NUMBERS[0]))
    again = reply(intake, check["id"], lines(NUMBERS[0]))
    other = reply(intake, check["id"], lines(*NUMBERS))

    assert again.json() == first.json()
    assert code(other) == (409, "OPT_OUT_CHECK_ANSWERED")
    stands = intake.client.get(f"/v1/opt-out-checks/{check['id']}", headers=staff(intake)).json()
    assert stands["cleared"] == 1
    # What came again, or was refused, left no object: one request, one reply.
    assert len(list((intake.directory / "landing" / "opt-outs").rglob("*.parquet"))) == 2


def test_a_reply_names_nobody_who_was_not_asked_about(intake, check):
    answer = reply(intake, check["id"], lines(NUMBERS[0], "9990000042"))

    assert code(answer) == (422, "OPT_OUT_REPLY_NOT_ASKED")
    assert answer.json()["not_asked"] == 1
    assert "9990000042" not in answer.text
    assert standing(intake, check["id"])["state"] == "refused"


def test_an_answer_that_is_no_list_is_an_error(intake, check):
    for content in (
        b"Invalid NHS numbers in the request\n",
        b"Invalid NHS numbers in the request,\n",
        b"9990000018\n9990000026\n",  # a list of objectors
        b"9990000018,\n9990000026\n",
        b"9990000019,\n",
        b"9990000018;\n",
        b"9990000018,9990000026,\n",
        b"<html><body>503</body></html>",
    ):
        answer = reply(intake, check["id"], content)

        assert code(answer) == (422, "OPT_OUT_REPLY_INVALID"), content
        assert "9990000018" not in answer.text
        assert standing(intake, check["id"])["state"] == "refused"


def test_a_check_asks_about_somebody(intake):
    nobody = open_check(intake)
    intake.submit(written([sus_row(NHS_Number="", NHS_Number_Status="07")]))
    nameless = open_check(intake)

    assert code(nobody) == code(nameless) == (409, "OPT_OUT_CHECK_ASKS_NOBODY")
    assert list((intake.directory / "landing").rglob("opt-outs/**/*.parquet")) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"data_set": "NONE_SUCH"}, "DATA_SET_UNKNOWN"),
        ({"periods": ["2018-13"]}, "PERIOD_INVALID"),
        ({"periods": ["1900-01"]}, "PERIOD_INVALID"),
    ],
)
def test_a_check_is_about_what_can_be_prepared(intake, landed, changes, expected):
    assert code(open_check(intake, **changes)) == (422, expected)


def test_a_check_ages(intake, check):
    intake.clock.advance(timedelta(days=8).total_seconds())

    late = reply(intake, check["id"], lines(NUMBERS[0]))
    asked = intake.client.get(f"/v1/opt-out-checks/{check['id']}/request", headers=staff(intake))

    assert code(late) == code(asked) == (409, "OPT_OUT_CHECK_TOO_OLD")


def test_one_key_opens_one_check(intake, landed):
    body = {"data_set": "SUS_APC", "periods": ["2018-04"], "purpose": "RS"}
    headers = staff(intake) | {"Idempotency-Key": "check-of-april"}
    one, same = (
        intake.client.post("/v1/opt-out-checks", json=body, headers=headers) for _ in range(2)
    )

    assert one.status_code == same.status_code == 201
    assert one.json() == same.json()


def test_a_check_that_is_not_there_is_not_answered(intake):
    assert code(reply(intake, str(uuid4()), b"")) == (404, "OPT_OUT_CHECK_NOT_FOUND")


def test_a_check_serves_the_purpose_periods_and_editions_that_it_was_opened_for(
    intake, landed, check
):
    reply(intake, check["id"], lines(NUMBERS[0]))

    with intake.parts.intake.uow.reading() as tx:
        stored = tx.opt_out_checks.get(UUID(check["id"]))

    def found(purpose="RS", periods=("2018-04",), edition=landed):
        return stored.serves(
            data_set="SUS_APC", purpose=purpose, periods=periods, editions=[UUID(edition)]
        )

    assert found()
    assert not found(purpose="COM")
    assert not found(periods=("2018-04", "2018-05"))
    assert not found(edition=str(uuid4()))


# --- a reply is decided ---------------------------------------------------------------------------


PEOPLE = numbers(100, 160)[:40]


def decide(intake: Intake, check_id: str, verb: str, *, by: str, role=Role.DSCRO_APPROVER):
    token = intake.issuer.token_for(role, audience="pseudonymisation", ods="X26", client_id=by)
    return intake.client.post(
        f"/v1/opt-out-checks/{check_id}/{verb}",
        json={"reason": "compared with the national service by telephone"},
        headers={"Authorization": f"Bearer {token}"},
    )


def answered(intake: Intake, cleared, **about) -> dict:
    opened = open_check(intake, **about)
    assert opened.status_code == 201, opened.text
    answer = reply(intake, opened.json()["id"], lines(*cleared))
    assert answer.status_code == 200, answer.text
    return answer.json()


def submit_people(intake: Intake, *more: dict) -> None:
    rows = [
        sus_row(NHS_Number=n, Unique_CDS_Identifier=f"BRR8{i:09}") for i, n in enumerate(PEOPLE)
    ]
    intake.submit(written([*rows, *more]))


def first_and_wider(intake: Intake, *, wider=PEOPLE, **about) -> tuple[dict, dict]:
    """A reply that clears twenty of forty, and one that clears more."""
    submit_people(intake)
    first = answered(intake, PEOPLE[:20])
    intake.clock.advance(60)
    return first, answered(intake, wider, **about)


@pytest.mark.parametrize(
    ("cleared", "state"),
    [
        (PEOPLE, "waiting"),  # everybody
        (PEOPLE[20:], "waiting"),  # just the objectors: the reply of the other polarity
        (PEOPLE[:31], "waiting"),  # eleven more than before
        (PEOPLE[:30], "answered"),  # no more than the floor
        (PEOPLE[:1], "answered"),  # only takes away
        ([], "answered"),
    ],
)
def test_a_reply_that_clears_many_anew_waits_for_a_second_person(intake, cleared, state):
    _, other = first_and_wider(intake, wider=cleared)

    assert other["state"] == state
    waiting = intake.client.get("/v1/opt-out-checks?state=waiting", headers=staff(intake)).json()
    assert [c["id"] for c in waiting["items"]] == ([other["id"]] if state == "waiting" else [])


def test_the_preview_counts_who_is_cleared_anew_of_those_asked_before(intake):
    _, other = first_and_wider(intake)

    assert other["standing"]["change"] == {
        "before": 20,
        "after": 0,
        "added": 0,
        "removed": 20,
        "changed": 0,
    }


@pytest.mark.parametrize("purpose", ["RS", "IV"])
def test_who_objects_does_so_whatever_the_use(intake, purpose):
    _, other = first_and_wider(intake, purpose=purpose)

    assert other["state"] == "waiting"


def test_a_month_that_was_submitted_anew_is_compared_with_its_former_reply(intake):
    submit_people(intake)
    answered(intake, PEOPLE[:20])
    submit_people(intake, sus_row(NHS_Number="9990000018", Unique_CDS_Identifier="BRR8000000900"))
    intake.clock.advance(60)

    assert answered(intake, [*PEOPLE, "9990000018"])["state"] == "waiting"


def test_what_was_cleared_little_by_little_waits_when_it_is_much(intake):
    submit_people(intake)
    states = []
    for cleared in (20, 26, 30, 36):
        states.append(answered(intake, PEOPLE[:cleared])["state"])
        intake.clock.advance(60)

    assert states == ["answered", "answered", "answered", "waiting"]


def test_a_reply_that_waits_is_let_in_by_somebody_else(intake):
    _, other = first_and_wider(intake)
    sender = other["standing"]["proposed_by"]

    own = decide(intake, other["id"], "confirmation", by=sender, role=Role.DSCRO_OPERATOR)
    assert code(own) == (409, "SECOND_PERSON_NEEDED")
    done = decide(intake, other["id"], "confirmation", by="second")

    assert (done.status_code, done.json()["state"]) == (200, "answered")
    assert done.json()["standing"]["state"] == "confirmed"
    assert code(decide(intake, other["id"], "confirmation", by="third")) == (
        409,
        "REPLACEMENT_DECIDED",
    )


def test_a_reply_is_not_let_in_beside_another_than_its_preview_shows(intake):
    _, other = first_and_wider(intake)
    intake.clock.advance(60)
    assert answered(intake, PEOPLE[:3])["state"] == "answered"

    assert code(decide(intake, other["id"], "confirmation", by="second")) == (
        409,
        "REPLACEMENT_OUTDATED",
    )


def test_one_person_takes_a_reply_back_at_once_and_what_was_made_with_it_is_void(intake, check):
    reply(intake, check["id"], lines(*NUMBERS))
    with intake.parts.intake.uow.reading() as tx:
        reply_id = tx.opt_out_checks.get(UUID(check["id"])).reply.id

    gone = decide(intake, check["id"], "withdrawal", by="first")

    assert (gone.status_code, gone.json()["state"]) == (200, "taken_back")
    assert gone.json()["standing"]["reason"].startswith("compared")
    assert recalled(intake) == [("opt_out_list", str(reply_id), None)]
    assert code(decide(intake, check["id"], "withdrawal", by="second")) == (
        409,
        "REPLACEMENT_DECIDED",
    )
    again = reply(intake, check["id"], lines(*NUMBERS))
    assert code(again) == (409, "OPT_OUT_CHECK_ANSWERED")


def test_a_reply_that_waited_is_taken_back_and_nothing_is_void_for_it(intake):
    first, other = first_and_wider(intake)

    gone = decide(intake, other["id"], "withdrawal", by=other["standing"]["proposed_by"])

    assert gone.json()["state"] == "taken_back"
    assert recalled(intake) == []
    with intake.parts.intake.uow.reading() as tx:
        checks = tx.opt_out_checks.answered("SUS_APC")
    assert [str(c.id) for c in upheld(checks)] == [first["id"]]


@pytest.mark.parametrize("verb", ["confirmation", "withdrawal"])
def test_what_is_not_there_is_not_decided(intake, check, verb):
    assert code(decide(intake, str(uuid4()), verb, by="first")) == (404, "OPT_OUT_CHECK_NOT_FOUND")
    assert code(decide(intake, check["id"], verb, by="first")) == (
        409,
        "OPT_OUT_CHECK_NOT_ANSWERED",
    )


@pytest.mark.parametrize("verb", ["confirmation", "withdrawal"])
@pytest.mark.parametrize("role", [Role.AUDITOR, Role.PROVIDER_SYSTEM])
def test_replies_are_decided_by_staff_of_the_haven_alone(intake, check, verb, role):
    reply(intake, check["id"], b"")

    assert code(decide(intake, check["id"], verb, by="first", role=role)) == (
        403,
        "ROLE_NOT_PERMITTED",
    )
