"""`/livez`: the process answers. `/readyz`: it could serve. `/metrics`: how it is doing."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import JsonValue
from sqlalchemy import text

from common.db.unit_of_work import translated
from common.errors import AppError, Unavailable
from common.logging import PROBES
from common.web.auth import public
from common.web.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Check = Callable[[], None]
"""Raises where the service could not do its work."""

router = APIRouter(include_in_schema=False)


class NotReady(Unavailable):
    """Something without which no request could be served is away."""

    code = "NOT_READY"
    title = "The service is not ready"


def is_probe(scope: Mapping[str, Any]) -> bool:
    """Say whether a request is one that comes every few seconds and means nothing."""
    return scope.get("path") in PROBES


@router.get("/livez", dependencies=[public("The orchestrator has no token.")])
async def livez() -> Response:
    """Touch nothing: a database that is away is no reason to be killed."""
    return Response("alive", media_type="text/plain")


@router.get("/readyz", dependencies=[public("The orchestrator has no token.")])
def readyz(request: Request) -> Response:
    """Ask the database, and whatever the service put into its state as `readiness`."""
    checks: dict[str, Check] = {"database": lambda: _ask_database(request)}
    checks.update(getattr(request.state, "readiness", {}))
    failed: dict[str, JsonValue] = {
        name: code for name, check in checks.items() if (code := _failure(name, check))
    }
    if failed:
        raise NotReady(f"Not ready: {', '.join(failed)}.", failed=failed)
    return Response("ready", media_type="text/plain")


@router.get("/metrics", dependencies=[public("Scraped inside the cluster; holds no data.")])
def metrics(request: Request) -> Response:
    """Answer in Prometheus' text format."""
    measured: Metrics = request.app.state.metrics
    return measured.response()


def _ask_database(request: Request) -> None:
    with translated(), request.state.engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def _failure(name: str, check: Check) -> str | None:
    """Return the code of what is wrong, or None."""
    try:
        check()
    except Exception as error:
        # Whatever it is, we are not ready.
        log.warning("not_ready", check=name, exc_info=error)
        return error.code if isinstance(error, AppError) else Unavailable.code
    return None
