"""The national check: asked about just these people, answered for just these (R12, R13)."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.security.roles import Role
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


def reply(intake: Intake, check_id: str, content: bytes):
    return intake.client.put(
        f"/v1/opt-out-checks/{check_id}/reply",
        content=content,
        headers=staff(intake) | {"Content-Type": "text/csv"},
    )


def lines(*numbers: str) -> bytes:
    return "".join(f"{number},\n" for number in numbers).encode()


@pytest.fixture
def landed(intake) -> str:
    return intake.submit(written(ROWS))["edition_id"]


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
    stands = intake.client.get(f"/v1/opt-out-checks/{check['id']}", headers=staff(intake)).json()
    assert stands["state"] == "open"


@pytest.mark.parametrize(
    "content",
    [
        b"Invalid NHS numbers in the request\n",
        b"Invalid NHS numbers in the request,\n",
        b"9990000018\n9990000026\n",  # a list of objectors
        b"9990000018,\n9990000026\n",
        b"9990000019,\n",
        b"9990000018;\n",
        b"9990000018,9990000026,\n",
        b"<html><body>503</body></html>",
    ],
)
def test_an_answer_that_is_no_list_is_an_error(intake, check, content):
    answer = reply(intake, check["id"], content)

    assert code(answer) == (422, "OPT_OUT_REPLY_INVALID")
    assert "9990000018" not in answer.text
    stands = intake.client.get(f"/v1/opt-out-checks/{check['id']}", headers=staff(intake)).json()
    assert stands["state"] == "open"


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
