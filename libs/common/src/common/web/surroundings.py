"""What is round every request and every answer: its id, and headers that keep browsers safe."""

import re
from collections.abc import Sequence
from http import HTTPStatus

import structlog
from asgi_correlation_id.context import correlation_id
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.audit import begin_answer
from common.http import CORRELATION_HEADER
from common.ids import new_id_text
from common.web import problems

SAFETY = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
)
"""On every response that does not say otherwise. That of transport holds over TLS alone."""

REQUEST_ID = CORRELATION_HEADER.lower().encode("ascii")
_CORRELATION_ID = re.compile(
    rb"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
)


class Surroundings:
    """What is round every request, errors of the framework included.

    On the way of every decision and every chunk, hence plain ASGI: one pass over the
    headers in, one over the headers out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        # Each request is a task with a context of its own, so nothing has to be unset. It is a copy
        # of where it was made: after a request that waited, that one's.
        begin_answer()
        correlation_id.set(request_id)
        structlog.contextvars.bind_contextvars(correlation_id=request_id)
        await self.app(scope, receive, surrounded(send, request_id))


def surrounded(send: Send, request_id: str) -> Send:
    """Return what sends an answer with the headers that every answer has."""
    added = added_headers(request_id)
    was_refused = False

    async def finish(message: Message) -> None:
        nonlocal was_refused
        if was_refused:
            return  # the text that belonged to the answer that was replaced
        if message["type"] == "http.response.start":
            if _is_bare_refusal(message):
                was_refused = True
                message, body = _refusal(message["status"])
                await send(_with(message, added))
                await send(body)
                return
            message = _with(message, added)
        await send(message)

    return finish


def added_headers(request_id: str) -> list[tuple[bytes, bytes]]:
    """Return the headers that an answer gets where it does not say otherwise."""
    return [*SAFETY, (REQUEST_ID, request_id.encode("ascii"))]


def request_id_of(told: bytes | None) -> str:
    """Return the caller's id if it is one: whatever else was sent would end up in logs."""
    return str(told, "ascii") if told and _CORRELATION_ID.fullmatch(told) else new_id_text()


def _request_id(scope: Scope) -> str:
    told = (value for name, value in scope["headers"] if name == REQUEST_ID)
    return request_id_of(next(filter(_CORRELATION_ID.fullmatch, told), None))


def _is_bare_refusal(message: Message) -> bool:
    """Say whether it is Starlette's body limit that speaks, in plain text."""
    return message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and any(
        name == b"content-type" and value.startswith(b"text/plain")
        for name, value in message["headers"]
    )


def _refusal(status: int) -> tuple[Message, Message]:
    """Say the same in our own form. The rest of a body that is too large is not read."""
    response = problems.problem(status, headers={"Connection": "close"})
    return (
        {"type": "http.response.start", "status": status, "headers": response.raw_headers},
        {"type": "http.response.body", "body": response.body},
    )


def _with(message: Message, added: Sequence[tuple[bytes, bytes]]) -> Message:
    """Add the headers that are not there."""
    given = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *(header for header in added if header[0] not in given),
    ]
    return message
