"""Mailboxes as MESH serves them (its API, version 2), for tests and machines without a network.

The published sandbox needs an earlier FastAPI than this project has, and does not run beside it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final

from fastapi import FastAPI, HTTPException, Request, Response

SHARED_KEY: Final = b"TestKey"
SENT: Final = ("Mex-WorkflowID", "Mex-LocalID", "Mex-Subject", "Mex-FileName")
OF_A_CLIENT: Final = ("mex-clientversion", "mex-osname", "mex-osversion", "mex-osarchitecture")
"""What a client says of itself when it validates its mailbox."""
UNREGISTERED: Final = {"errorEvent": "SEND", "errorCode": "12", "errorDescription": "Unregistered"}


@dataclass(frozen=True, slots=True)
class Posted:
    """A message in a mailbox."""

    id: str
    headers: Mapping[str, str]
    content: bytes
    parts: int = 1
    """In how many chunks it is given."""

    def part(self, number: int) -> bytes:
        size = -(-len(self.content) // self.parts)
        return self.content[(number - 1) * size : number * size]


@dataclass(slots=True)
class Mailboxes:
    """What lies in each mailbox, until it is acknowledged."""

    passwords: Mapping[str, str]
    validated: list[str] = field(default_factory=list)
    """Mailboxes that were validated, once for each time: MESH wants it once a day."""
    lying: dict[str, dict[str, Posted]] = field(default_factory=dict)
    lacking: set[tuple[str, int]] = field(default_factory=set)
    """Chunks of messages that cannot be had."""
    _numbers: Any = field(default_factory=lambda: count(1))

    def post(self, sender: str, to: str, content: bytes, *, parts: int = 1, **headers: str) -> str:
        """Put a message into a mailbox, with headers such as `workflow_id`; return its id."""
        names = {name.lower().removeprefix("mex-"): name for name in (*SENT, "Mex-MessageType")}
        told = {names[name.replace("_", "")]: value for name, value in headers.items()}
        return self._put(sender, to, content, {"Mex-MessageType": "DATA", **told}, parts=parts)

    def report(self, to: str, linked: str, code: str) -> str:
        """Put a report into a mailbox: a message of its own was not delivered."""
        told = {"Mex-MessageType": "REPORT", "Mex-LinkedMsgID": linked, "Mex-StatusCode": code}
        return self._put("", to, b"", told)

    def _put(
        self, sender: str, to: str, content: bytes, headers: Mapping[str, str], *, parts: int = 1
    ) -> str:
        id_ = f"2018{next(self._numbers):016}_ABCDEF"
        told = {"Mex-From": sender, "Mex-To": to, "Mex-MessageID": id_, **headers}
        self.lying.setdefault(to, {})[id_] = Posted(id_, told, content, parts)
        return id_


def create_mesh_app(mailboxes: Mailboxes, *, shared_key: bytes = SHARED_KEY) -> FastAPI:
    """Return an app that serves these mailboxes to whoever has the password and the shared key."""
    app = FastAPI()
    _send(app, mailboxes, shared_key)
    _receive(app, mailboxes, shared_key)
    return app


def _require_known(mailboxes: Mailboxes, shared_key: bytes, request: Request, mailbox: str) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    parts = token.split(":")
    said = [*parts[:3], mailboxes.passwords.get(mailbox, ""), *parts[3:4]]
    proof = hmac.new(shared_key, ":".join(said).encode(), hashlib.sha256).hexdigest()
    if scheme != "NHSMESH" or parts[0] != mailbox or not hmac.compare_digest(parts[-1], proof):
        raise HTTPException(403)


def _send(app: FastAPI, mailboxes: Mailboxes, shared_key: bytes) -> None:
    known = partial(_require_known, mailboxes, shared_key)

    @app.post("/messageexchange/{mailbox}")
    def validate(mailbox: str, request: Request) -> dict[str, str]:
        known(request, mailbox)
        if not all(request.headers.get(name) for name in OF_A_CLIENT):
            raise HTTPException(400)
        mailboxes.validated.append(mailbox)
        return {"mailboxId": mailbox}

    @app.post("/messageexchange/{mailbox}/outbox", status_code=202)
    async def take(mailbox: str, request: Request, response: Response) -> dict[str, str]:
        known(request, mailbox)
        to = request.headers["mex-to"]
        if to not in mailboxes.passwords:
            response.status_code = 417
            return UNREGISTERED
        told = {name: request.headers[name] for name in SENT if name in request.headers}
        content = await request.body()
        posted = mailboxes._put(mailbox, to, content, {"Mex-MessageType": "DATA", **told})  # noqa: SLF001
        return {"message_id": posted}


def _receive(app: FastAPI, mailboxes: Mailboxes, shared_key: bytes) -> None:
    known = partial(_require_known, mailboxes, shared_key)

    @app.get("/messageexchange/{mailbox}/inbox")
    def inbox(mailbox: str, request: Request) -> dict[str, object]:
        known(request, mailbox)
        lying = [*mailboxes.lying.get(mailbox, {})]
        return {"messages": lying, "links": {}, "approx_inbox_count": len(lying)}

    @app.get("/messageexchange/{mailbox}/inbox/{message}")
    def give(mailbox: str, message: str, request: Request) -> Response:
        return part(mailbox, message, 1, request)

    @app.get("/messageexchange/{mailbox}/inbox/{message}/{number}")
    def part(mailbox: str, message: str, number: int, request: Request) -> Response:
        known(request, mailbox)
        posted = mailboxes.lying.get(mailbox, {}).get(message)
        is_there = posted is not None and 1 <= number <= posted.parts
        if posted is None or not is_there or (message, number) in mailboxes.lacking:
            raise HTTPException(404)
        return Response(
            posted.part(number),
            status_code=206 if number < posted.parts else 200,
            media_type="application/octet-stream",
            headers={**posted.headers, "Mex-Chunk-Range": f"{number}:{posted.parts}"},
        )

    @app.put("/messageexchange/{mailbox}/inbox/{message}/status/acknowledged")
    def acknowledge(mailbox: str, message: str, request: Request) -> dict[str, str]:
        known(request, mailbox)
        mailboxes.lying[mailbox].pop(message, None)
        return {"messageId": message}
