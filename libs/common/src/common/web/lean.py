"""Routes on which others wait: documented by the framework, and served without its layers.

Before every download, every second while it runs, and before every extract somebody waits for one
answer. On the way of a request through telemetry, middlewares, routers and dependencies FastAPI
spends several times what the answer takes (docs/performance.md). A lean route is declared as every
other is, with a permission, a body and a response model; but what is common to all routes is done
here in one step each.

Such a route writes no access line: whoever needs one writes down what was asked (the decision has
its audit log). Refusals are logged as everywhere, and it is counted with the other metrics.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, get_type_hints

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter, ValidationError
from starlette.types import Receive, Scope, Send

from common.errors import TooLarge, UnsupportedMedia
from common.web import problems
from common.web.auth import Requires

Handler = Callable[[Request], Awaitable[Response]]


class Observed(Protocol):
    """Counts answers: route, status, seconds."""

    def __call__(self, route: str, status: int, seconds: float) -> None: ...


class LeanRoute(APIRoute):
    """The endpoint is `async` and takes three: the JSON body, the Request, and the Principal.

    The third is declared by `requires(permission)`. It answers with a Response.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return what serves the route, whoever calls it: the lane, or FastAPI's router."""
        (body,) = self.dependant.body_params
        (caller,) = self.dependant.dependencies
        if not isinstance(caller.call, Requires) or caller.name is None:
            raise TypeError(f"{self.path} declares no permission, or more than that")
        guard, endpoint = caller.call, self.endpoint
        read = _reader(TypeAdapter(get_type_hints(endpoint, include_extras=True)[body.name]))
        of_body, of_request, of_caller = body.name, self.dependant.request_param_name, caller.name
        if of_request is None:
            raise TypeError(f"{self.path} does not take the request")

        async def handle(request: Request) -> Response:
            principal = await guard(request)
            question = read(await _body(request), request)
            response: Response = await endpoint(
                **{of_body: question, of_request: request, of_caller: principal}
            )
            return response

        return handle


class Lane:
    """Serves the lean routes of an app."""

    def __init__(self, app: FastAPI, observed: Observed) -> None:
        """Find them. Raises LookupError where a router adds a dependency that would be skipped."""
        self._app = app
        self._observed = observed
        self._handlers: dict[tuple[str, str], Handler] = {}
        for route in iter_route_contexts(app.routes):
            lean = route.original_route
            if not isinstance(lean, LeanRoute):
                continue
            if len(route.dependant.dependencies) != 1:
                raise LookupError(f"{route.path} is lean, and has more than one dependency")
            handle = lean.get_route_handler()
            self._handlers |= {(m, route.path or ""): handle for m in route.methods or ()}

    def serves(self, scope: Mapping[str, Any]) -> bool:
        return (scope.get("method"), scope.get("path")) in self._handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        scope["app"] = self._app
        request = Request(scope, receive, send)
        try:
            response = await self._handlers[scope["method"], scope["path"]](request)
        except Exception as error:  # noqa: BLE001 - it is the outermost handler here
            response = problems.answer(request, error)
        self._observed(scope["path"], response.status_code, time.perf_counter() - began)
        await response(scope, receive, send)


def _reader(adapter: TypeAdapter[Any]) -> Callable[[bytes, Request], Any]:
    def read(body: bytes, request: Request) -> Any:
        if body and not problems.is_json(request):
            raise UnsupportedMedia(problems.JSON_WANTED)
        try:
            return adapter.validate_json(body)
        except ValidationError as invalid:
            found = invalid.errors(include_input=False, include_url=False)
            raise RequestValidationError(
                [{**error, "loc": ("body", *error["loc"])} for error in found]
            ) from None

    return read


async def _body(request: Request) -> bytes:
    """Return the body. Raises TooLarge where it is longer than the service reads."""
    longest: int = request.state.settings.body_bytes_max
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > longest:
            raise TooLarge("The body is longer than this service reads.")
        parts.append(part)
    return b"".join(parts)
