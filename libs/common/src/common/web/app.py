"""The app that every service begins with."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any

import anyio.to_thread
import structlog
from asgi_correlation_id.context import correlation_id
from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http import CORRELATION_HEADER
from common.ids import new_id
from common.logging import know_routes
from common.settings import ServiceSettings
from common.web import auth, idempotency, pages, probes, problems, schemas
from common.web.fast import FastApp, FastPath
from common.web.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]

REQUIRED_STATE = ("settings", "clock", "engine", "verifier")

SAFETY = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
)
"""On every response that does not say otherwise. That of transport holds over TLS alone."""

_REQUEST_ID = CORRELATION_HEADER.lower().encode("ascii")
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
        # Each request is a task with a context of its own, so nothing has to be unset.
        correlation_id.set(request_id)
        structlog.contextvars.bind_contextvars(correlation_id=request_id)
        added = [*SAFETY, (_REQUEST_ID, request_id.encode("ascii"))]
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

        await self.app(scope, receive, finish)


class Service(FastApp):
    """A FastAPI whose surroundings lie outside everything, also outside its error handler."""

    def around(self, app: ASGIApp) -> ASGIApp:
        return Surroundings(app)


def create(
    *,
    title: str,
    version: str,
    summary: str,
    settings: ServiceSettings,
    lifespan: Lifespan,
) -> FastAPI:
    """Make an app with problems, probes, metrics, correlation ids and limits.

    `lifespan` yields the state: settings, clock, engine, verifier, and the service's own.
    """
    metrics = Metrics(settings.own_audience)
    app = Service(
        title=title,
        version=version,
        summary=summary,
        docs_url=None,  # FastAPI's own load scripts from elsewhere
        redoc_url=None,
        lifespan=_with_limits(lifespan, metrics, settings.request_threads),
        max_body_size=settings.body_bytes_max,
        telemetry={
            "meter_provider": metrics.provider,
            "logs": False,  # they would hold the messages of exceptions
            "operation_spans": False,
            "auto_configure": False,
            "exclude": probes.is_probe,
        },
    )
    app.state.audience = settings.own_audience
    app.state.metrics = metrics
    app.state.settings = settings
    problems.install(app)
    app.include_router(probes.router)
    app.include_router(pages.router)
    schemas.amend(app, _document)
    idempotency.document(app)
    auth.document(app)
    return app


def _with_limits(lifespan: Lifespan, metrics: Metrics, threads: int) -> Any:
    @asynccontextmanager
    async def run(app: Service) -> AsyncIterator[Mapping[str, Any]]:
        # A route without a permission is never served.
        know_routes(path for _, path, _ in auth.route_permissions(app))
        app.fast_path = FastPath(app, metrics.observed)
        async with _logged(lifespan(app)) as state:
            missing = [name for name in REQUIRED_STATE if name not in state]
            if missing:
                raise LookupError(f"the lifespan's state lacks {', '.join(missing)}")
            anyio.to_thread.current_default_thread_limiter().total_tokens = threads
            metrics.watch(state["engine"])
            try:
                yield state
            finally:
                metrics.watch(None)

    return run


@asynccontextmanager
async def _logged(
    lifespan: AbstractAsyncContextManager[Mapping[str, Any]],
) -> AsyncIterator[Mapping[str, Any]]:
    """Say why the start or the end failed: Starlette's own words for it would quote values."""
    try:
        async with lifespan as state:
            yield state
    except Exception:
        log.exception("lifespan_failed")
        raise


def _document(generated: dict[str, Any]) -> None:
    """Describe problems in the OpenAPI document, in place of FastAPI's validation error."""
    components = generated.setdefault("components", {}).setdefault("schemas", {})
    components["Problem"] = TypeAdapter(problems.Problem).json_schema()
    components.pop("HTTPValidationError", None)
    components.pop("ValidationError", None)
    for _, _, operation in schemas.operations(generated):
        if "422" in operation["responses"]:
            operation["responses"]["422"] = schemas.problem_response(
                "`INVALID_REQUEST`: the request is not valid"
            )


def _request_id(scope: Scope) -> str:
    """Return the caller's id if it is one: whatever else was sent would end up in logs."""
    for name, value in scope["headers"]:
        if name == _REQUEST_ID and _CORRELATION_ID.fullmatch(value):
            return str(value, "ascii")
    return str(new_id())


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


def _with(message: Message, added: list[tuple[bytes, bytes]]) -> Message:
    """Add the headers that are not there."""
    given = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *(header for header in added if header[0] not in given),
    ]
    return message
