"""The app that every service begins with."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio.to_thread
import structlog
from fastapi import FastAPI
from pydantic import TypeAdapter
from starlette.types import ASGIApp

from common.logging import know_routes
from common.settings import ServiceSettings
from common.web import auth, idempotency, pages, probes, problems, schemas
from common.web.fast import FastApp, FastPath
from common.web.metrics import Metrics
from common.web.surroundings import SAFETY, Surroundings

__all__ = ["REQUIRED_STATE", "SAFETY", "Lifespan", "Service", "Surroundings", "create"]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Mapping[str, Any]]]

REQUIRED_STATE = ("settings", "clock", "engine", "verifier")


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
