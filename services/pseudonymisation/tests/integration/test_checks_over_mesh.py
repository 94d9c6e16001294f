"""National checks over MESH: the real haven, a real mailbox client, mailboxes over HTTP.

Guards: `dsfc_cli.pseudonymisation.mesh.Carrier`, `Journal`, `national_service`.
"""

import json
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import requests
from mesh_client import MeshClient
from typer.testing import CliRunner

from common.security.roles import Role
from common.web.server import in_background
from dsfc_cli.pseudonymisation.mesh import (
    NEEDS_A_PERSON,
    SAID,
    Carrier,
    Code,
    Journal,
    Mailbox,
    national_service,
)
from dsfc_cli.pseudonymisation.national_checks import app
from dsfc_cli.shell.calling import Caller
from dsfc_client import ConnectionLost, Pseudonymisation
from dsfc_testing.mesh import SHARED_KEY, Mailboxes, create_mesh_app
from pseudonymisation import main
from services.pseudonymisation.tests.api.test_opt_out_checks import (
    NUMBERS,
    check,
    fetch,
    intake,
    kept,
    landed,
    lines,
    standing,
)

__all__ = ["check", "intake", "kept", "landed"]

OURS, NATIONAL, ELSE = "X26OT001", "X26HC036", "RR8OT001"
WORKFLOW = "SPINE_NTT_UPHOLDING"
SERVICE = national_service(date(2020, 6, 1))


class Tokens:
    """The operator's token of the tests' issuer, in place of an exchange."""

    def __init__(self, intake):
        self._intake = intake

    def token(self, _audience):
        told = self._intake.headers(Role.DSCRO_OPERATOR, "X26")["Authorization"]
        return told.removeprefix("Bearer ")


class Exchange:
    """A haven, mailboxes, and what carries between them."""

    def __init__(self, stack, intake, directory):
        self.intake, self.mailboxes = intake, Mailboxes({OURS: "secret", NATIONAL: "", ELSE: ""})
        haven = main.create_app(intake.settings, parts=lambda: intake.parts)
        mesh = create_mesh_app(self.mailboxes)
        url, self.mesh_url = stack.enter_context(
            in_background([(haven, "127.0.0.1", 0), (mesh, "127.0.0.1", 0)])
        )
        http = stack.enter_context(httpx.Client(timeout=60))
        self.haven = Pseudonymisation(url, http, Tokens(intake), audience="pseudonymisation")
        self.journal = Journal(directory / "journal")

    def carry(self, *again, password="secret"):
        with MeshClient(
            self.mesh_url, OURS, password, shared_key=SHARED_KEY, max_retries=0
        ) as mailbox:
            carrier = Carrier(self.haven, mailbox, SERVICE, self.journal)
            return [(one.code, one.about) for one in carrier.exchange(again)]

    def sent(self):
        return list(self.mailboxes.lying.get(NATIONAL, {}).values())

    def lies(self):
        return len(self.mailboxes.lying.get(OURS, {}))

    def answer(self, reference, content, sender=NATIONAL, workflow=WORKFLOW, parts=1):
        names = {"workflow_id": workflow, "local_id": reference, "subject": reference}
        return self.mailboxes.post(sender, OURS, content, parts=parts, **names)


@pytest.fixture
def exchange(intake, tmp_path, monkeypatch):
    monkeypatch.setattr(main.Parts, "close", lambda _self: None)
    with ExitStack() as stack:
        yield Exchange(stack, intake, tmp_path)


def test_a_reply_in_chunks_is_taken_whole_or_not_at_all(exchange, intake, check):
    """A number may be cut between two of them, and the last may not be there yet."""
    exchange.carry()
    reply = lines(*NUMBERS)
    assert len(reply) % 5, "no chunk ends where a line does"
    id_ = exchange.answer(check["reference"], reply, parts=5)
    exchange.mailboxes.lacking.add((id_, 5))

    with pytest.raises(requests.HTTPError):
        exchange.carry()
    assert (standing(intake, check["id"])["state"], exchange.lies()) == ("asked", 1)

    exchange.mailboxes.lacking.clear()
    assert [code for code, _ in exchange.carry()] == [Code.TAKEN]
    assert (standing(intake, check["id"])["cleared"], exchange.lies()) == (len(NUMBERS), 0)
    assert exchange.mailboxes.validated == [OURS] * 3, "once in each run"


def test_a_request_goes_out_once_and_its_reply_comes_in(exchange, intake, check):
    ((code, message),) = exchange.carry()
    (sent,) = exchange.sent()

    assert (code, message) == (Code.SENT, sent.id)
    assert sorted(sent.content.splitlines()) == lines(*sorted(NUMBERS)).splitlines()
    assert sent.headers["Mex-WorkflowID"] == WORKFLOW
    assert {sent.headers[n] for n in ("Mex-LocalID", "Mex-Subject")} == {check["reference"]}
    assert standing(intake, check["id"])["state"] == "asked"
    assert exchange.carry() == []
    assert len(exchange.sent()) == 1

    exchange.answer(check["reference"], lines(NUMBERS[0], NUMBERS[2]))

    assert exchange.carry() == [(Code.TAKEN, "")]
    stands = standing(intake, check["id"])
    assert (stands["state"], stands["cleared"], exchange.lies()) == ("answered", 2, 0)
    assert NUMBERS[0] not in "".join(
        file.read_text("utf-8") for file in exchange.journal.directory.iterdir()
    )


def test_a_message_that_comes_twice_changes_nothing(exchange, intake, check):
    exchange.carry()
    exchange.answer(check["reference"], lines(NUMBERS[0]))
    exchange.answer(check["reference"], lines(NUMBERS[0]))
    both = exchange.carry()
    exchange.answer(check["reference"], lines(*NUMBERS))

    assert both == [(Code.TAKEN, ""), (Code.REPEATED, "")]
    assert exchange.carry() == [(Code.REPEATED, "OPT_OUT_CHECK_ANSWERED")]
    assert (standing(intake, check["id"])["cleared"], exchange.lies()) == (1, 0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"workflow": "SUS_EXTRACTS"}, (Code.OTHER_WORKFLOW, "SUS_EXTRACTS")),
        ({"sender": ELSE}, (Code.OTHER_SENDER, ELSE)),
        ({"reference": "NDOO-BCDFGHJKLMNPQRST"}, (Code.UNKNOWN_REFERENCE, "message")),
    ],
)
def test_what_is_not_the_checks_stays_in_the_mailbox(exchange, intake, check, changes, expected):
    exchange.carry()
    told = {"reference": check["reference"], "content": lines(*NUMBERS)} | changes
    message = exchange.answer(**told)

    code, about = expected
    assert exchange.carry() == [(code, message if about == "message" else about)]
    assert (standing(intake, check["id"])["state"], exchange.lies()) == ("asked", 1)


def test_what_is_no_reply_is_refused_by_the_havens_code_and_sent_again_by_its_id(
    exchange, intake, check
):
    exchange.carry()
    exchange.answer(check["reference"], b"The file contains one or more invalid NHS Numbers.\n")

    assert exchange.carry() == [(Code.REFUSED, "OPT_OUT_REPLY_INVALID")]
    assert (standing(intake, check["id"])["state"], exchange.lies()) == ("refused", 0)
    (again,) = exchange.carry(exchange.haven.opt_out_check(check["id"]).id)
    assert again[0] is Code.SENT
    assert [one.headers["Mex-LocalID"] for one in exchange.sent()] == [check["reference"]] * 2
    assert standing(intake, check["id"])["state"] == "asked"


def test_a_request_that_mesh_did_not_deliver_is_told_and_not_sent_again_by_itself(
    exchange, intake, check
):
    ((_, message),) = exchange.carry()
    exchange.mailboxes.report(OURS, message, "14")
    exchange.mailboxes.report(OURS, "of another program", "14")

    assert exchange.carry() == [
        (Code.NOT_DELIVERED, "14"),
        (Code.UNKNOWN_REFERENCE, "of another program"),
    ]
    assert (len(exchange.sent()), exchange.lies()) == (1, 1)


def test_an_answer_that_never_comes_is_told(exchange, intake, check):
    exchange.carry()
    intake.clock.advance(timedelta(hours=3).total_seconds())

    assert exchange.carry() == [(Code.NO_ANSWER, "")]
    assert len(exchange.sent()) == 1


def test_a_request_that_mesh_does_not_take_is_told_and_tried_again(exchange, check):
    passwords = exchange.mailboxes.passwords
    exchange.mailboxes.passwords = {OURS: "secret"}

    assert exchange.carry() == [(Code.NOT_ACCEPTED, "12")]

    exchange.mailboxes.passwords = passwords
    assert [code for code, _ in exchange.carry()] == [Code.SENT]


def test_stopped_between_the_request_and_its_message_it_is_sent_by_the_next_one(
    exchange, intake, check
):
    exchange.journal.begin(exchange.haven.opt_out_check(check["id"]).id)
    fetch(intake, check["id"])

    assert [code for code, _ in exchange.carry()] == [Code.SENT]
    assert exchange.carry() == []


def test_a_check_whose_request_somebody_fetched_by_hand_is_not_sent(exchange, intake, check):
    fetch(intake, check["id"])

    assert exchange.carry() == []
    assert exchange.sent() == []


def test_a_reply_that_the_haven_cannot_take_now_stays_in_the_mailbox(exchange, check, monkeypatch):
    exchange.carry()
    exchange.answer(check["reference"], lines(NUMBERS[0]))

    def away(*_args, **_options):
        raise ConnectionLost("pseudonymisation does not answer.")

    with monkeypatch.context() as patched:
        patched.setattr(Pseudonymisation, "answer_check", away)
        with pytest.raises(ConnectionLost):
            exchange.carry()

    assert exchange.lies() == 1
    assert exchange.carry() == [(Code.TAKEN, "")]


def test_a_wrong_password_opens_no_mailbox(exchange, check):
    with pytest.raises(requests.HTTPError):
        exchange.carry(password="another")
    assert exchange.sent() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": ""}, "set DSFC_MESH_URL"),
        ({"mailbox": ""}, "set DSFC_MESH_MAILBOX"),
        ({"password_file": None}, "set DSFC_MESH_PASSWORD_FILE"),
        ({"shared_key_file": None}, "set DSFC_MESH_SHARED_KEY_FILE"),
        ({"url": "http://mesh.test"}, "has to be https"),
        ({"certificate": Path("client.pem")}, "are given together"),
    ],
)
def test_a_mailbox_is_opened_over_https_with_all_its_secrets(changes, said):
    secret = Path("secret.txt")
    told = {
        "url": "https://mesh.test",
        "mailbox": OURS,
        "password_file": secret,
        "shared_key_file": secret,
    }

    assert Mailbox(**told).wrong() is None
    assert said in Mailbox(**told | changes).wrong()


def test_the_command_carries_and_says_what_a_person_has_to_look_at(
    exchange, check, tmp_path, monkeypatch
):
    password, key = tmp_path / "password.txt", tmp_path / "key.txt"
    password.write_text("secret\n", "utf-8")
    key.write_bytes(SHARED_KEY)
    options = [
        *("--url", exchange.mesh_url, "--mailbox", OURS, "--recipient", NATIONAL),
        *("--password-file", str(password), "--shared-key-file", str(key)),
        *("--journal", str(exchange.journal.directory), "--json"),
    ]

    @contextmanager
    def connected(_caller):
        yield SimpleNamespace(pseudonymisation=exchange.haven)

    monkeypatch.setattr(Caller, "connected", connected)

    def run():
        done = CliRunner().invoke(app, ["exchange", *options])
        return done.exit_code, [(one["code"], one["check"]) for one in json.loads(done.stdout)]

    assert run() == (0, [("MESH_REQUEST_SENT", check["id"])])
    exchange.answer(check["reference"], b"The file contains one or more invalid NHS Numbers.\n")
    assert run() == (1, [("MESH_REPLY_REFUSED", check["id"])])
    password.write_text("another", "utf-8")
    refused = CliRunner().invoke(app, ["exchange", *options])
    assert (refused.exit_code, "MESH_UNREACHABLE" in refused.stderr) == (1, True)


def test_requests_go_to_the_mailbox_of_the_day():
    assert national_service(date(2021, 3, 31)).mailbox == "X26HC036"
    later = national_service(date(2021, 4, 1))
    assert (later.mailbox, later.senders) == ("X26HC065", {"X26HC036", "X26HC065"})
    with pytest.raises(LookupError):
        national_service(date(2019, 12, 31))


def test_every_code_says_the_next_step():
    assert SAID.keys() == set(Code)
    assert set(Code) > NEEDS_A_PERSON
