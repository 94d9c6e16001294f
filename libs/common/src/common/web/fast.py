"""Fast routes: documented by the framework, and served without its layers.

Before every download, every second while it runs, and before every extract somebody waits for one
answer. On the way of a request through telemetry, middlewares, routers and dependencies FastAPI
spends several times what the answer takes (docs/performance.md). A fast route is declared as every
other is, with a permission, a body and a response model; but what is common to all routes is done
here in one step each.

Such a route writes no access line: whoever needs one writes down what was asked (the decision has
its audit log). Refusals are logged as everywhere, and it is counted with the other metrics.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, get_type_hints

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import TooLarge, UnsupportedMedia
from common.web import problems
from common.web.auth import Requires


class Observed(Protocol):
    """Counts answers: route, status, seconds."""

    def __call__(self, route: str, status: int, seconds: float) -> None: ...


class FastRoute(APIRoute):
    """The endpoint is `async` and takes three: the JSON body, the Request, and the Principal.

    The third is declared by `requires(permission)`. It returns its response model, which is written
    as it is, without the members that are None.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Check the declaration; FastAPI's own handler serves whoever comes by its router."""
        FastEndpoint.of(self)
        return super().get_route_handler()


@dataclass(frozen=True, slots=True)
class FastEndpoint:
    """A fast route's endpoint, with what reads its arguments."""

    guard: Requires
    read: Callable[[bytes, Request], Any]
    endpoint: Callable[..., Awaitable[BaseModel]]
    body_name: str
    request_name: str
    caller_name: str

    @classmethod
    def of(cls, route: APIRoute) -> "FastEndpoint":
        """Read the route's declaration.

        Raises:
            TypeError: it has no permission, more than one, or does not take the request.

        """
        (body,) = route.dependant.body_params
        (caller,) = route.dependant.dependencies
        if not isinstance(caller.call, Requires) or caller.name is None:
            raise TypeError(f"{route.path} declares no permission, or more than that")
        request_name = route.dependant.request_param_name
        if request_name is None:
            raise TypeError(f"{route.path} does not take the request")
        hints = get_type_hints(route.endpoint, include_extras=True)
        return cls(
            guard=caller.call,
            read=_reader(TypeAdapter(hints[body.name])),
            endpoint=route.endpoint,
            body_name=body.name,
            request_name=request_name,
            caller_name=caller.name,
        )


class FastPath:
    """Serves the fast routes of an app."""

    def __init__(self, app: FastAPI, observed: Observed) -> None:
        """Find them. Raises LookupError where a router adds a dependency that would be skipped."""
        self._app = app
        self._observed = observed
        self._endpoints: dict[tuple[str, str], FastEndpoint] = {}
        for route in iter_route_contexts(app.routes):
            fast = route.original_route
            if not isinstance(fast, FastRoute):
                continue
            if len(route.dependant.dependencies) != 1:
                raise LookupError(f"{route.path} is fast, and has more than one dependency")
            endpoint = FastEndpoint.of(fast)
            self._endpoints |= {(m, route.path or ""): endpoint for m in route.methods or ()}

    def serves(self, scope: Mapping[str, Any]) -> bool:
        return (scope.get("method"), scope.get("path")) in self._endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the permission, read the body, call the endpoint and write its answer."""
        began = time.perf_counter()
        scope["app"] = self._app
        request = Request(scope, receive, send)
        fast = self._endpoints[scope["method"], scope["path"]]
        try:
            principal = await fast.guard(request)
            body = fast.read(await _body(request), request)
            answer = await fast.endpoint(
                **{fast.body_name: body, fast.request_name: request, fast.caller_name: principal}
            )
            response = Response(
                answer.model_dump_json(exclude_none=True), media_type="application/json"
            )
        except Exception as error:  # noqa: BLE001 - it is the outermost handler here
            response = problems.answer(request, error)
        self._observed(scope["path"], response.status_code, time.perf_counter() - began)
        await response(scope, receive, send)


class FastApp(FastAPI):
    """A FastAPI whose fast routes are served before its router is asked, once it has started."""

    fast_path: FastPath | None = None
    """Set when the app starts."""

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the app with what lies round every request."""
        return app

    def build_middleware_stack(self) -> ASGIApp:
        return self.around(super().build_middleware_stack())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.fast_path is not None and self.fast_path.serves(scope):
            await self.around(self.fast_path)(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


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
