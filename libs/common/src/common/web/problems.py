"""RFC 9457 problem details for every response that is not a success.

No problem repeats what was sent: not a value, not an unknown key, not the path. What a
validator or an engine says may quote its input, so only texts known not to are passed on.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from asgi_correlation_id.context import correlation_id
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from common import errors, texts
from common.http import RemoteProblem
from common.web import operation, schemas
from common.web.auth import RoleNotPermitted

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
JSON_WANTED = "Send the body as application/json."

STATUS_OF: Mapping[type[errors.AppError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Unprocessable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    errors.RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    RemoteProblem: HTTPStatus.BAD_GATEWAY,
}

CODE_OF: Mapping[int, str] = {
    400: "BAD_REQUEST",
    401: errors.Unauthenticated.code,
    403: errors.Forbidden.code,
    404: errors.NotFound.code,
    405: "METHOD_NOT_ALLOWED",
    406: errors.NotAcceptable.code,
    408: "REQUEST_TIMEOUT",
    413: errors.TooLarge.code,
    414: "URI_TOO_LONG",
    415: errors.UnsupportedMedia.code,
    416: errors.RangeNotSatisfiable.code,
    422: "INVALID_REQUEST",
    431: "HEADERS_TOO_LARGE",
    500: "INTERNAL_ERROR",
    503: errors.Unavailable.code,
}
"""Codes of what the framework itself refuses."""

SAFE_CONTEXT = frozenset(
    {
        "class",
        "class_name",
        "decimal_places",
        "discriminator",
        "expected",
        "expected_schemes",
        "expected_version",
        "field_type",
        "ge",
        "gt",
        "le",
        "lt",
        "max_digits",
        "max_length",
        "min_length",
        "actual_length",
        "multiple_of",
        "pattern",
        "whole_digits",
    }
)
"""What pydantic puts into its messages from our models, and not from the input."""

BEGINS_SAFELY = frozenset(
    {
        "date_from_datetime_parsing",
        "date_parsing",
        "datetime_from_date_parsing",
        "datetime_parsing",
        "json_invalid",
        "time_delta_parsing",
        "time_parsing",
        "timezone_offset",
        "url_parsing",
        "url_syntax_violation",
        "uuid_parsing",
    }
)
"""Kinds of error whose message says what was wanted first, and then quotes what came."""

UNKNOWN = "*"
UNKNOWN_MEMBER = "extra_forbidden"
"""As pydantic calls a member that its model has not."""


class Problem(BaseModel):
    """The body, for the OpenAPI document; extension members are allowed."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: Annotated[str, Field(description="Names the kind of problem: `urn:dsfc:problem:CODE`.")]
    title: str
    status: int
    code: Annotated[str, Field(description="A stable code, for programs.")]
    detail: str | None = None
    instance: Annotated[
        str | None, Field(description="This occurrence: its correlation id, to quote to support.")
    ] = None


def body_of(
    status: int,
    *,
    code: str | None = None,
    title: str | None = None,
    detail: str | None = None,
    members: Mapping[str, JsonValue] | None = None,
) -> dict[str, JsonValue]:
    """Return a problem's members."""
    code = code or CODE_OF.get(status) or HTTPStatus(status).name
    occurrence = correlation_id.get()
    return {
        "type": f"urn:dsfc:problem:{code}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        **({"detail": detail} if detail else {}),
        **({"instance": f"urn:uuid:{occurrence}"} if occurrence else {}),
        **(members or {}),
    }


def problem(
    status: int,
    *,
    code: str | None = None,
    title: str | None = None,
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, JsonValue] | None = None,
) -> JSONResponse:
    """Make a response of a problem."""
    return JSONResponse(
        body_of(status, code=code, title=title, detail=detail, members=members),
        status_code=status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def status_of(error: errors.AppError) -> HTTPStatus:
    """Return the status of the nearest kind of error that has one."""
    for kind in type(error).__mro__:
        if issubclass(kind, errors.AppError) and (status := STATUS_OF.get(kind)):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def of(error: errors.AppError) -> JSONResponse:
    """Answer an error of ours with the problem that it is."""
    status = status_of(error)
    if isinstance(error, RemoteProblem):
        # The remote's words were meant for us; our caller learns that it refused, and how.
        return problem(
            status,
            code=RemoteProblem.code,
            title=error.title,
            members={"remote_code": error.code, "remote_status": error.status},
        )
    return problem(
        status,
        code=error.code,
        title=error.title,
        detail=error.detail,
        headers=_headers(status, error),
        members=error.members,
    )


def answer(request: Request, error: Exception) -> JSONResponse:
    """Answer any error, and log what is not the caller's own affair."""
    match error:
        case errors.AppError():
            return _expected(error)
        case RequestValidationError():
            return _invalid(request, error)
        case HTTPException():
            return _bare(request, error)
        case ClientDisconnect():
            # It hung up, or was refused, in the middle of its body: nobody reads this.
            log.info("client_gone")
            return problem(400, headers={"Connection": "close"})
        case OperationalError() | InterfaceError():
            # Outside a unit of work, where nothing has translated it.
            log.error("database_unavailable", exc_info=error)
            return problem(503, code="DATABASE_UNAVAILABLE", headers=_headers(503))
        case _:
            log.error("request_failed", exc_info=error)
            # uvicorn closes the connection after an error that it sees: the client is told.
            return problem(500, headers={"Connection": "close"})


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""

    async def answered(request: Request, error: Exception) -> JSONResponse:
        return answer(request, error)

    # By name, so that the framework does not answer some of them itself, or raise them again.
    named = (errors.AppError, RequestValidationError, HTTPException, ClientDisconnect)
    for kind in (*named, OperationalError, InterfaceError, Exception):
        app.add_exception_handler(kind, answered)


def _expected(error: errors.AppError) -> JSONResponse:
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_unserved", code=error.code, exc_info=error)
    else:
        log.info("request_refused", code=error.code, status=int(status))
    return of(error)


def _is_encoded(request: Request) -> bool:
    told = operation.of(request.app, request.scope)
    return told is not None and told.takes and operation.is_encoded(request)


def _bare(request: Request, error: HTTPException) -> JSONResponse:
    """Answer by the status alone: Starlette's details only repeat it, others' may quote."""
    if error.status_code == HTTPStatus.BAD_REQUEST and _is_encoded(request):
        # It was read as JSON before it was looked at what it is.
        return problem(415, detail=operation.NOT_ENCODED)
    return problem(error.status_code, headers=error.headers)


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    if _is_encoded(request):
        return problem(415, detail=operation.NOT_ENCODED)
    if _is_wrong_media_type(request, error):
        return problem(415, detail=JSON_WANTED)
    names = schemas.names_in(request.app)
    raised = error.errors()
    found: list[JsonValue] = list(_violations(request, raised, names))
    if any(violation["type"] == texts.KIND for violation in raised):
        return problem(422, code=texts.CODE, title=texts.TITLE, members={"errors": found})
    return problem(422, title="The request is not valid", members={"errors": found})


def responses(*kinds: type[errors.AppError]) -> dict[int | str, dict[str, Any]]:
    """Document the refusals of an operation: `responses=responses(NotFound, Conflict)`."""
    titles: dict[int | str, list[str]] = {}
    for kind in kinds:
        status = next(s for c in kind.__mro__ if (s := STATUS_OF.get(c)))
        titles.setdefault(int(status), []).append(f"`{kind.code}`: {kind.title}")
    return {status: schemas.problem_response("; ".join(names)) for status, names in titles.items()}


def _headers(status: int, error: errors.AppError | None = None) -> dict[str, str] | None:
    if isinstance(error, errors.TokenMissing):
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(error, RoleNotPermitted):
        return {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}  # RFC 6750 3.1
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(RETRY_AFTER_SECONDS)}
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return {"Connection": "close"}  # the rest of the body is not read
    return None


def is_json(request: Request) -> bool:
    """Say whether the body is called JSON by whoever sent it."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _is_wrong_media_type(request: Request, error: RequestValidationError) -> bool:
    """FastAPI calls a body that it would not read as JSON invalid; we call it by its name."""
    about_body = any(tuple(e["loc"][:1]) == ("body",) for e in error.errors())
    return (
        about_body and not is_json(request) and bool(error.body) and isinstance(error.body, bytes)
    )


def _violations(
    request: Request, found: Sequence[Mapping[str, Any]], known: frozenset[str]
) -> Iterator[dict[str, JsonValue]]:
    for violation in found:
        where = [
            part if isinstance(part, int) or part in known else UNKNOWN
            for part in violation["loc"]
            if violation["loc"][0] != "body" or not _is_branch(part, known)
        ]
        allowed = (
            operation.allowed_members(request.app, request.scope, violation["loc"])
            if violation["type"] == UNKNOWN_MEMBER
            else []
        )
        names = ", ".join(f"`{name}`" for name in allowed)
        yield {
            "pointer": "#/" + "/".join(map(str, where)),
            "detail": f"There is no such member; allowed are {names}."
            if names
            else _text(violation),
            "kind": str(violation["type"]),
            **({"allowed": allowed} if allowed else {}),
        }


def _is_branch(part: int | str, known: frozenset[str]) -> bool:
    """Say whether a part names one of several forms of a value, which is no place in what was sent.

    Members have small letters; forms are called as schemas are, or as types: `list[…]`.
    """
    return isinstance(part, str) and ("[" in part or (part in known and part[:1].isupper()))


def _text(violation: Mapping[str, Any]) -> str:
    """Return the message, if nothing of what was sent is in it."""
    context = violation.get("ctx") or {}
    message = str(violation["msg"])
    if violation["type"] == texts.KIND:
        return message  # it names places and kinds, never what stands there
    if isinstance(context.get("error"), errors.Invalid):
        return str(context["error"])
    if set(context) <= SAFE_CONTEXT:
        return message
    if violation["type"] in BEGINS_SAFELY:
        return re.split("[,:]", message, maxsplit=1)[0]
    return "Input is not valid"
