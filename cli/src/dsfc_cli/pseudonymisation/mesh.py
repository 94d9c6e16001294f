"""Carries national checks over MESH: requests go out, replies come in (docs/adr/0219).

The haven itself reaches no network but its own: whoever runs the DSCRO runs this beside it, with
the mailbox's keys. It may be stopped at any point and begun anew. A message is acknowledged once
the haven has taken it, or has said by a code that it is no reply; what is not the check's stays in
the mailbox for whom it is meant.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import requests
import yaml
from mesh_client import MeshClient, MeshError, Message

from common.files import write_private
from dsfc_client import OptOutCheck, Problem, Pseudonymisation

HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""Of this machine: what is sent there is on no network."""
REPORT: Final = "REPORT"
"""The type of a message by which MESH itself says what became of one."""
CONFLICT, INVALID = 409, 422
TAKEN_BEFORE: Final = "OPT_OUT_CHECK_ANSWERED"
TO_SEND: Final = "open"
LATE: Final = "overdue"
HAS_REPLY: Final = frozenset({"answered", "waiting"})


class Code(StrEnum):
    """What became of a message, or of a check that waits for one."""

    SENT = "MESH_REQUEST_SENT"
    TAKEN = "MESH_REPLY_TAKEN"
    REFUSED = "MESH_REPLY_REFUSED"
    REPEATED = "MESH_MESSAGE_REPEATED"
    OTHER_WORKFLOW = "MESH_OTHER_WORKFLOW"
    OTHER_SENDER = "MESH_OTHER_SENDER"
    UNKNOWN_REFERENCE = "MESH_REFERENCE_UNKNOWN"
    NOT_DELIVERED = "MESH_NOT_DELIVERED"
    NOT_ACCEPTED = "MESH_NOT_ACCEPTED"
    NO_ANSWER = "MESH_NO_ANSWER"


SAID: Final[Mapping[Code, str]] = {
    Code.SENT: "The request is on its way; run this again for its reply.",
    Code.TAKEN: "The haven has the reply; `dsfc opt-out-checks show` says what is next.",
    Code.REFUSED: "What came is no reply of this check; send its request again by its id.",
    Code.REPEATED: "The check has its reply already; the message is acknowledged.",
    Code.OTHER_WORKFLOW: "Not of this workflow; it stays in the mailbox for whom it is meant.",
    Code.OTHER_SENDER: "Not from the national service; it stays in the mailbox: look at it.",
    Code.UNKNOWN_REFERENCE: "No check has this reference; it stays in the mailbox: look at it.",
    Code.NOT_DELIVERED: "MESH did not deliver the request; send it again by its id.",
    Code.NOT_ACCEPTED: "MESH did not take the request; look at mailbox and recipient.",
    Code.NO_ANSWER: "No reply came in time; send the request again by its id.",
}
"""The next step of each."""
NEEDS_A_PERSON: Final = frozenset(
    {
        Code.REFUSED,
        Code.OTHER_SENDER,
        Code.UNKNOWN_REFERENCE,
        Code.NOT_DELIVERED,
        Code.NOT_ACCEPTED,
        Code.NO_ANSWER,
    }
)


@dataclass(frozen=True, slots=True)
class NationalService:
    """To which mailbox requests go and from which replies come, and by which workflow."""

    workflow: str
    mailbox: str
    senders: frozenset[str]
    """The mailbox of today, and those before it: a reply may be on its way when one is given up."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of what an exchange did."""

    code: Code
    check: UUID | None
    reference: str
    about: str = ""
    """The code by which the haven or MESH says why."""

    def as_json(self) -> dict[str, str | None]:
        return {
            "code": self.code.value,
            "check": None if self.check is None else str(self.check),
            "reference": self.reference,
            "about": self.about,
            "next_step": SAID[self.code],
        }


@cache
def _services() -> tuple[Mapping[str, Any], ...]:
    path = resources.files("dsfc_cli.pseudonymisation") / "national_service.yaml"
    return tuple(yaml.safe_load(path.read_text("utf-8")))


def national_service(day: date, recipient: str | None = None) -> NationalService:
    """Return where requests go on a day, or to another recipient, as of a test environment."""
    known = [row for row in _services() if row["from"] <= day]
    if known:
        return NationalService(
            workflow=known[-1]["workflow"],
            mailbox=recipient or known[-1]["mailbox"],
            senders=frozenset({recipient} if recipient else (row["mailbox"] for row in known)),
        )
    raise LookupError(f"No mailbox of the national service is known on {day}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One's own mailbox, and the files of its secrets."""

    url: str
    mailbox: str
    password_file: Path | None
    shared_key_file: Path | None
    certificate: Path | None = None
    private_key: Path | None = None
    authority: Path | None = None

    def wrong(self) -> str | None:
        """Say what is missing; None where it can be opened."""
        for name in ("url", "mailbox", "password_file", "shared_key_file"):
            if not getattr(self, name):
                return f"set DSFC_MESH_{name.upper()}, or --{name.replace('_', '-')}."
        if (self.certificate is None) != (self.private_key is None):
            return "a certificate and its private key are given together."
        address = httpx.URL(self.url)
        if address.scheme != "https" and address.host not in HERE:
            return "messages identify people: the address of MESH has to be https."
        return None

    def opened(self) -> MeshClient:
        """Open it. Raises OSError where a file cannot be read."""
        assert self.password_file is not None
        assert self.shared_key_file is not None
        has_pair = self.certificate is not None and self.private_key is not None
        return MeshClient(
            self.url,
            self.mailbox,
            self.password_file.read_text("utf-8").strip(),
            shared_key=self.shared_key_file.read_bytes().strip(),
            cert=(str(self.certificate), str(self.private_key)) if has_pair else None,
            verify=None if self.authority is None else str(self.authority),
            application_name="dsfc",
        )


@dataclass(frozen=True, slots=True)
class Journal:
    """Which request went out by which message: a file for each check, written before and after."""

    directory: Path

    def begin(self, check: UUID) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(check, None)

    def sent(self, check: UUID, message: str) -> None:
        self._write(check, message)

    def begun(self) -> Collection[UUID]:
        """Whose request may not have gone out: it was stopped in between."""
        return {check for check, message in self._all() if message is None}

    def check_of(self, message: str | None) -> UUID | None:
        """Return whose request a message was."""
        return next((c for c, m in self._all() if m is not None and m == message), None)

    def _all(self) -> Iterator[tuple[UUID, str | None]]:
        for file in sorted(self.directory.glob("*.json")):
            yield UUID(file.stem), json.loads(file.read_text("utf-8"))["message"]

    def _write(self, check: UUID, message: str | None) -> None:
        write_private(self.directory / f"{check}.json", json.dumps({"message": message}))


@dataclass(frozen=True, slots=True)
class Carrier:
    """Between the haven and a mailbox."""

    haven: Pseudonymisation
    mailbox: MeshClient
    service: NationalService
    journal: Journal

    def exchange(self, again: Collection[UUID] = ()) -> Iterator[Happened]:
        """Take what came, then send what is open, or is named, and say what is late.

        The mailbox is validated first, as MESH asks of each at least once a day.
        """
        self.mailbox.handshake()  # type: ignore[no-untyped-call]
        checks = list(self.haven.opt_out_checks())
        by_reference = {check.reference: check for check in checks}
        has_reply = {check.id for check in checks if check.state in HAS_REPLY}
        for message_id in list(self.mailbox.iterate_message_ids()):
            message = self.mailbox.retrieve_message(message_id)
            happened = self._received(message, by_reference, has_reply)
            if happened.code is Code.TAKEN and happened.check is not None:
                has_reply.add(happened.check)
            yield happened
        wanted = {*again, *self.journal.begun()}
        for known in checks:
            check = self.haven.opt_out_check(known.id)  # as it stands after what came
            if check.id in wanted or check.state == TO_SEND:
                yield self._sent(check)
            elif check.state == LATE:
                yield Happened(Code.NO_ANSWER, check.id, check.reference)

    def _sent(self, check: OptOutCheck) -> Happened:
        self.journal.begin(check.id)
        content = self.haven.check_request_content(check.id)
        try:
            message = self.mailbox.send_message(
                self.service.mailbox,
                content,
                workflow_id=self.service.workflow,
                local_id=check.reference,
                subject=check.reference,
                filename=f"{check.reference}.dat",
            )
        except MeshError as no:
            return Happened(Code.NOT_ACCEPTED, check.id, check.reference, _said_by(no))
        self.journal.sent(check.id, message)
        return Happened(Code.SENT, check.id, check.reference, message)

    def _received(
        self, message: Message, checks: Mapping[str, OptOutCheck], has_reply: Collection[UUID]
    ) -> Happened:
        reference = message.local_id or message.subject or ""
        if message.message_type == REPORT:
            return self._reported(message, reference)
        if message.workflow_id != self.service.workflow:
            return Happened(Code.OTHER_WORKFLOW, None, reference, message.workflow_id or "")
        if message.sender not in self.service.senders:
            return Happened(Code.OTHER_SENDER, None, reference, message.sender or "")
        check = checks.get(reference)
        if check is None:
            return Happened(Code.UNKNOWN_REFERENCE, None, reference, message.id())
        try:
            self.haven.answer_check(check.id, message.read(), reference)
        except Problem as no:
            if no.status not in {CONFLICT, INVALID}:
                raise
            self.mailbox.acknowledge_message(message.id())
            code = Code.REPEATED if no.code == TAKEN_BEFORE else Code.REFUSED
            return Happened(code, check.id, reference, no.code)
        self.mailbox.acknowledge_message(message.id())
        code = Code.REPEATED if check.id in has_reply else Code.TAKEN
        return Happened(code, check.id, reference)

    def _reported(self, message: Message, reference: str) -> Happened:
        """Say which request MESH did not deliver; a report about another's message stays."""
        linked = message.mex_header("linkedmsgid")
        check = self.journal.check_of(linked)
        if check is None:
            return Happened(Code.UNKNOWN_REFERENCE, None, reference, linked or "")
        self.mailbox.acknowledge_message(message.id())
        about = str(message.mex_header("statuscode") or "")
        return Happened(Code.NOT_DELIVERED, check, reference, about)


def _said_by(no: MeshError) -> str:
    """Return the code by which MESH refused a message."""
    said = no.args[-1]
    return str(said.get("errorCode", "")) if isinstance(said, Mapping) else ""


UNREACHABLE: Final = (requests.RequestException,)
"""What the mailbox raises where it is away, or does not know whose it is."""
