"""Holds a request to what its operation declares: query parameters, body members, media types.

A parameter that no operation knows is most often a misspelt filter: ignored, it would answer
with more than was wanted. The OpenAPI document of the service is the one source; nothing is
repeated of what was sent, only names that the document has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import mimeparse
from fastapi import FastAPI, Request
from pydantic import JsonValue
from starlette.types import Scope

from common.errors import NotAcceptable, Unprocessable, UnsupportedMedia
from common.web import schemas

PREFIX = "#/components/schemas/"
NOT_ENCODED = "Send the body as it is, without `Content-Encoding`."
ANYTHING = frozenset({"*/*", "*"})


class UnknownParameter(Unprocessable):
    """The operation has no query parameter of a name that was sent."""

    code = "UNKNOWN_PARAMETER"
    title = "The operation has no such query parameter"


@dataclass(frozen=True, slots=True)
class Operation:
    """What one operation of the document takes and gives."""

    parameters: frozenset[str] = frozenset()
    """Names of its query parameters."""
    produces: tuple[str, ...] = ()
    """Media types of its successful answers; none where they have no body."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """Schema of its JSON body; empty where it takes none."""
    takes: bool = False
    """Whether it has a body of a kind that it does not itself look at the encoding of."""


def check(request: Request) -> None:
    """Check a request against its operation, before anything is read or decided.

    Raises:
        UnknownParameter: with the names that are allowed.
        NotAcceptable: with the media types that can be had.
        UnsupportedMedia: the body is compressed, or otherwise encoded.

    """
    operation = of(request.app, request.scope)
    if operation is None:
        return
    if operation.takes and is_encoded(request):
        raise UnsupportedMedia(NOT_ENCODED)
    if request.scope["query_string"]:
        unknown = [name for name in request.query_params if name not in operation.parameters]
        if unknown:
            allowed = sorted(operation.parameters)
            raise UnknownParameter(_no_such(unknown, allowed), allowed=list(allowed))
    accept = accept_of(request)
    if accept is not None and operation.produces:
        require_acceptable(accept, operation.produces)


def is_encoded(request: Request) -> bool:
    """Say whether a body has to be decoded first: read as it is, it is something else."""
    lines = ",".join(request.headers.getlist("content-encoding"))
    codings = {coding.strip().lower() for coding in lines.split(",")}
    return not codings <= {"", "identity"}


def accept_of(request: Request) -> str | None:
    """Return what is wanted: several lines of a header are one list (RFC 9110 5.3)."""
    lines = request.headers.getlist("accept")
    return ",".join(lines) if lines else None


def require_acceptable(accept: str | None, produces: Sequence[str]) -> None:
    """Raise NotAcceptable where an Accept header wants none of the types that can be had."""
    if preferred(accept, produces) is None:
        raise NotAcceptable(
            f"Send `Accept: {produces[0]}`, or no Accept header.", acceptable=list(produces)
        )


def preferred(accept: str | None, produces: Sequence[str]) -> str | None:
    """Return which of the types that can be had is wanted most; None where none is.

    Of several that are wanted alike it is the first; without a wish too (RFC 9110 12.5.1).
    """
    if not accept or not accept.strip() or accept in ANYTHING:
        return produces[0]
    if accept in produces:
        return accept
    try:
        # The library prefers the last of equals.
        return mimeparse.best_match(produces[::-1], accept.lower()) or None
    except mimeparse.MimeTypeParseException:
        return None


def of(app: FastAPI, scope: Scope) -> Operation | None:
    """Return the operation that a request is for; None where the document has none."""
    route = scope.get("route")
    template = scope["path"] if route is None else route.path_format
    return _operations(app).get((scope["method"], template))


def members_at(
    app: FastAPI, operation: Operation, location: Sequence[str | int]
) -> list[str] | None:
    """Return the names that an object of the body may have, or None where that is not known.

    `location` is pydantic's, without `body` and without the unknown name itself.
    """
    components = app.openapi().get("components", {}).get("schemas", {})
    nodes: list[Any] = [operation.body]
    for part in location:
        nodes = [inner for node in nodes for inner in _inside(node, part, components)]
    names = {name for node in nodes for name in _members(node, components)}
    return sorted(names) or None


def _operations(app: FastAPI) -> Mapping[tuple[str, str], Operation]:
    cached: Mapping[tuple[str, str], Operation] | None = getattr(app.state, "operations", None)
    if cached is None:
        document = app.openapi()
        cached = {
            (method, path): _operation(described)
            for method, path, described in schemas.operations(document)
        }
        app.state.operations = cached
    return cached


def _operation(described: Mapping[str, Any]) -> Operation:
    answers = described.get("responses", {})
    produces = dict.fromkeys(
        media_type
        for status in sorted(answers)
        if status.startswith("2")
        for media_type in answers[status].get("content", {})
    )
    taken = described.get("requestBody", {}).get("content", {})
    body = taken.get("application/json", {})
    return Operation(
        parameters=frozenset(
            parameter["name"]
            for parameter in described.get("parameters", ())
            if parameter["in"] == "query"
        ),
        produces=tuple(produces),
        body=body.get("schema", {}),
        takes=bool(taken) and (bool(body) or "415" not in answers),
    )


def _no_such(unknown: Sequence[str], allowed: Sequence[str]) -> str:
    if not allowed:
        return "This operation takes no query parameters; leave them out."
    close = dict.fromkeys(
        match for name in unknown for match in get_close_matches(name, allowed, n=1)
    )
    meant = f" Was {', '.join(f'`{name}`' for name in close)} meant?" if close else ""
    return f"Allowed are {', '.join(f'`{name}`' for name in allowed)}.{meant}"


def _resolved(node: Any, components: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Follow references and alternatives to the schemas themselves."""
    if not isinstance(node, Mapping):
        return
    reference = node.get("$ref")
    if isinstance(reference, str):
        yield from _resolved(components.get(reference.removeprefix(PREFIX)), components)
        return
    for word in ("anyOf", "oneOf", "allOf"):
        for alternative in node.get(word, ()):
            yield from _resolved(alternative, components)
    yield node


def _inside(node: Any, part: str | int, components: Mapping[str, Any]) -> Iterator[Any]:
    for schema in _resolved(node, components):
        if isinstance(part, int):
            if "items" in schema:
                yield schema["items"]
        elif part in schema.get("properties", {}):
            yield schema["properties"][part]
        elif isinstance(schema.get("additionalProperties"), Mapping):
            yield schema["additionalProperties"]
        elif part in (tags := schema.get("discriminator", {}).get("mapping", {})):
            yield {"$ref": tags[part]}
        elif part in _names_of_alternatives(schema):
            yield {"$ref": f"{PREFIX}{part}"}


def _names_of_alternatives(schema: Mapping[str, Any]) -> set[str]:
    """Pydantic names a member of a plain union by its model."""
    return {
        str(alternative.get("$ref", "")).removeprefix(PREFIX)
        for word in ("anyOf", "oneOf")
        for alternative in schema.get(word, ())
    }


def _members(node: Any, components: Mapping[str, Any]) -> Iterator[str]:
    for schema in _resolved(node, components):
        yield from schema.get("properties", {})


def allowed_members(app: FastAPI, scope: Scope, location: Sequence[str | int]) -> list[JsonValue]:
    """Return the names that stand where pydantic met one that is not known; empty if unclear."""
    operation = of(app, scope)
    if operation is None or not location or location[0] != "body":
        return []
    return list(members_at(app, operation, location[1:-1]) or [])
