"""The app that every service begins with."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any

import anyio.to_thread
import structlog
from asgi_correlation_id import CorrelationIdMiddleware
from asgi_correlation_id.context import correlation_id
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http import CORRELATION_HEADER
from common.ids import new_id
from common.settings import ServiceSettings
from common.web import auth, probes, problems, schemas
from common.web.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]

REQUIRED_STATE = ("settings", "clock", "engine", "verifier")

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""On every response that does not say otherwise."""

PAGES = ("/docs", "/redoc")
"""FastAPI's interactive pages load scripts: our Content-Security-Policy would stop them."""

_CORRELATION_ID = re.compile(
    r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
)


class Surroundings:
    """What is round every request, errors of the framework included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_page = scope["path"].startswith(PAGES)
        replaces_body = False

        async def finish(message: Message) -> None:
            nonlocal replaces_body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if _is_bare_refusal(message, headers):
                    replaces_body = True
                    await self._refuse(message["status"], scope, receive, send)
                    return
                _add(headers, is_page=is_page)
            if not replaces_body:
                await send(message)

        # Each request is a task with a context of its own, so nothing has to be unbound.
        structlog.contextvars.bind_contextvars(correlation_id=correlation_id.get())
        await self.app(scope, receive, finish)

    async def _refuse(self, status: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Say in our own form what Starlette's body limit says in plain text."""
        response: JSONResponse = problems.problem(status)
        _add(response.headers, is_page=False)
        # The rest of a body that is too large is not read.
        response.headers["Connection"] = "close"
        await response(scope, receive, send)


class Service(FastAPI):
    """A FastAPI whose surroundings lie outside everything, also outside its error handler."""

    def build_middleware_stack(self) -> ASGIApp:
        return CorrelationIdMiddleware(
            Surroundings(super().build_middleware_stack()),
            header_name=CORRELATION_HEADER,
            generator=lambda: str(new_id()),
            # Only an id: whatever else was sent would end up in logs and events.
            validator=lambda given: _CORRELATION_ID.fullmatch(given) is not None,
        )


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
    problems.install(app)
    app.include_router(probes.router)
    schemas.amend(app, _document)
    auth.document(app)
    return app


def _with_limits(lifespan: Lifespan, metrics: Metrics, threads: int) -> Any:
    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        auth.route_permissions(app)  # a route without a permission is never served
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


def _is_bare_refusal(message: Message, headers: MutableHeaders) -> bool:
    is_text = headers.get("content-type", "").startswith("text/plain")
    return is_text and message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _add(headers: MutableHeaders, *, is_page: bool) -> None:
    for name, value in HEADERS.items():
        if name not in headers and not (is_page and name == "Content-Security-Policy"):
            headers[name] = value
