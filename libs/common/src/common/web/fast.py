"""Fast routes: documented by the framework, and served without its layers.

Before every download, every second while it runs, and before every extract somebody waits for one
answer. On the way of a request through telemetry, middlewares, routers and dependencies FastAPI
spends several times what the answer takes (docs/performance.md). A fast route is declared as every
other is, with a permission, a body and a response model; but what is common to all routes is done
here in one step each, and for a request of the usual form in one pass (docs/adr/0069).

The usual form: a token that was verified before and has the role, JSON called that, nothing wanted
of the answer. It is only ever taken for what the general way takes as well; whatever else comes is
served by the general way, which refuses in its own words. Of what came before with the same head
some endpoints are begun by the connection itself (`common.web.quick`, docs/adr/0150).

Such a route writes no access line: whoever needs one writes down what was asked (the decision has
its audit log). Refusals are logged as everywhere, and it is counted with the other metrics.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol, Self, get_args, get_type_hints

import structlog
from asgi_correlation_id.context import correlation_id
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import TooLarge, UnsupportedMedia
from common.security.principal import Principal
from common.web import problems
from common.web.auth import Requires
from common.web.surroundings import (
    REQUEST_ID,
    SAFETY,
    Surroundings,
    added_headers,
    request_id_of,
    surrounded,
)

BEARER = b"Bearer "
JSON = b"application/json"
ACCEPTED = frozenset({b"*/*", JSON})
LOOKED_AT = frozenset(
    {b"accept", b"authorization", b"content-encoding", b"content-type", REQUEST_ID}
)
"""All that the general way looks at, here and in `operation.check`."""


ADDED_LINES = b"".join(b"%b: %b\r\n" % header for header in ((b"content-type", JSON), *SAFETY))

EXCHANGE = "dsfc.exchange"
"""`scope["extensions"][EXCHANGE]`, where the server is ours, is this request on its connection."""


class AnswersAtOnce(Protocol):
    """See `common.web.connections.Exchange`."""

    def answer(self, headers: bytes, body: bytes) -> bool: ...


class Written(Protocol):
    """An answer that writes itself: the bytes of the response model, without what is None."""

    def written(self) -> bytes: ...


Tell = Callable[["Written | Exception"], None]
"""Called once, in the thread of the event loop, with the answer or with why there is none."""

Begin = Callable[[Any, Principal, Mapping[str, Any], Tell], bool]
"""Takes the body, who asks, the app's state and whom to tell; False where it began nothing."""


@dataclass(frozen=True, slots=True)
class QuickBody:
    """Annotates a fast route's body: how it is read where it is of a form that comes often."""

    read: Callable[[bytes], Any | None]
    """It returns what the body's own type would, or None, and raises nothing."""

    begin: Begin | None = None
    """Begins what the endpoint does, where nothing but the answer has to be waited for. Where it
    raises or returns False it has begun nothing, and the endpoint is called."""


class Observed(Protocol):
    """Counts answers: route, status, seconds."""

    def __call__(self, route: str, status: int, seconds: float) -> None: ...


class FastRoute(APIRoute):
    """The endpoint is `async` and takes three: the JSON body, the Request, and the Principal.

    The third is declared by `requires(permission)`. It returns its response model, which is written
    as it is, without the members that are None; or something that writes the same (`Written`).
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Serve whoever comes by the router as whoever comes before it, in the general way."""
        return FastEndpoint.of(self).judged


@dataclass(frozen=True, slots=True)
class FastEndpoint:
    """A fast route's endpoint, with what reads its arguments."""

    guard: Requires
    read: Callable[[bytes], Any]
    endpoint: Callable[..., Awaitable[BaseModel | Written]]
    body_name: str
    request_name: str
    caller_name: str
    quick: QuickBody | None

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
        quick = next((m for m in get_args(hints[body.name])[1:] if isinstance(m, QuickBody)), None)
        return cls(
            guard=caller.call,
            read=_reader(hints[body.name], quick),
            endpoint=route.endpoint,
            body_name=body.name,
            request_name=request_name,
            caller_name=caller.name,
            quick=quick,
        )

    async def answer(self, body: Any, request: Request, caller: Principal) -> bytes:
        """Call the endpoint, and write what it answers."""
        answer = await self.endpoint(
            **{self.body_name: body, self.request_name: request, self.caller_name: caller}
        )
        if isinstance(answer, BaseModel):
            return answer.model_dump_json(exclude_none=True).encode()
        return answer.written()

    async def judged(self, request: Request) -> Response:
        """Check the permission, read the body, call the endpoint and write its answer."""
        principal = await self.guard(request)
        body = await _body(request.scope, request.receive)
        if body and not problems.is_json(request):
            raise UnsupportedMedia(problems.JSON_WANTED)
        content = await self.answer(self.read(body), request, principal)
        return Response(content, media_type="application/json")


class FastPath:
    """Serves the fast routes of an app."""

    def __init__(self, app: FastAPI, observed: Observed) -> None:
        """Find them. Raises LookupError where a router adds a dependency that would be skipped."""
        self._app = app
        self._audience: str = app.state.audience
        self._observed = observed
        self._general = Surroundings(self._judged)
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

    def endpoint(self, scope: Scope) -> FastEndpoint | None:
        return self._endpoints.get((scope["method"], scope["path"]))

    def begins_any(self) -> bool:
        """Say whether an endpoint can be begun without being called."""
        quick = [one.quick for one in self._endpoints.values()]
        return any(one is not None and one.begin is not None for one in quick)

    def known(self, fast: FastEndpoint, token: str, state: Mapping[str, Any]) -> Principal | None:
        """Return who may call it now, by a token that was verified before."""
        return fast.guard.known(state["verifier"], token, audience=self._audience)

    def count(self, path: str, status: int, began: float) -> None:
        """Count an answer to what came at that moment of `perf_counter`."""
        self._observed(path, status, time.perf_counter() - began)

    def refusal(
        self, scope: Scope, request_id: str, caller: Principal, error: Exception
    ) -> Response:
        """Return what is answered in place of what failed; it is logged as that of any request."""
        return copy_context().run(self._refusal, scope, request_id, caller, error)

    def _refusal(
        self, scope: Scope, request_id: str, caller: Principal, error: Exception
    ) -> Response:
        _bind(request_id, caller)
        return problems.answer(Request({**scope, "app": self._app}), error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of the usual form in one pass, another by the general way."""
        began = time.perf_counter()
        fast = self._endpoints[scope["method"], scope["path"]]
        usual = Usual.of(scope)
        principal = None if usual is None else self.known(fast, usual.token, scope["state"])
        if usual is None or principal is None:
            await self._general(scope, receive, send)
            return
        scope["app"] = self._app
        # As `Surroundings` does it: the context is that of this request's task.
        _bind(usual.request_id, principal)
        request = Request(scope, receive, send)
        try:
            question = fast.read(await _body(scope, receive))
            content = await fast.answer(question, request, principal)
        except Exception as error:  # noqa: BLE001 - it is the outermost handler here
            refusal = problems.answer(request, error)
            self.count(scope["path"], refusal.status_code, began)
            await refusal(scope, receive, surrounded(send, usual.request_id))
            return
        self.count(scope["path"], HTTPStatus.OK, began)
        exchange: AnswersAtOnce | None = scope.get("extensions", {}).get(EXCHANGE)
        if exchange is not None and exchange.answer(lines(usual.request_id), content):
            return
        headers = [(b"content-length", b"%d" % len(content)), (b"content-type", JSON)]
        headers += added_headers(usual.request_id)
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _judged(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve it in the general way: what is to be refused is refused in its own words."""
        began = time.perf_counter()
        scope["app"] = self._app
        request = Request(scope, receive, send)
        try:
            response = await self._endpoints[scope["method"], scope["path"]].judged(request)
        except Exception as error:  # noqa: BLE001 - it is the outermost handler here
            response = problems.answer(request, error)
        self.count(scope["path"], response.status_code, began)
        await response(scope, receive, send)


class Usual(NamedTuple):
    """What one pass over the headers finds of a request of the usual form."""

    token: str
    request_id: str

    @classmethod
    def of(cls, scope: Scope) -> Self | None:
        """Return it; None where anything has to be looked at more closely."""
        if scope["query_string"]:
            return None
        token = media_type = told = None
        for name, value in scope["headers"]:
            if name not in LOOKED_AT:
                continue
            if name == b"accept" and value in ACCEPTED:
                continue
            if name == b"authorization" and token is None and value.startswith(BEARER):
                token = value[len(BEARER) :]
            elif name == b"content-type" and media_type is None and value == JSON:
                media_type = value
            elif name == REQUEST_ID and told is None:
                told = value
            else:
                return None
        if not token or media_type is None:
            return None
        return cls(token.decode("latin-1").strip(), request_id_of(told))


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
            await self.fast_path(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def lines(request_id: str) -> bytes:
    """Return the headers of every answer of a fast route, as they are sent."""
    return b"%b%b: %b\r\n" % (ADDED_LINES, REQUEST_ID, request_id.encode("ascii"))


def _bind(request_id: str, caller: Principal) -> None:
    """Say whose request it is in each line of the log that belongs to it."""
    correlation_id.set(request_id)
    structlog.contextvars.bind_contextvars(
        correlation_id=request_id, client_id=caller.client_id, role=caller.role.value
    )


def _reader(hint: Any, quick: QuickBody | None) -> Callable[[bytes], Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)
    quickly = _nothing if quick is None else quick.read

    def read(body: bytes) -> Any:
        found = quickly(body)
        if found is not None:
            return found
        try:
            return adapter.validate_json(body)
        except ValidationError as invalid:
            found = invalid.errors(include_input=False, include_url=False)
            raise RequestValidationError(
                [{**error, "loc": ("body", *error["loc"])} for error in found]
            ) from None

    return read


def _nothing(_: bytes) -> None:
    """Leave every body to its type."""


async def _body(scope: Scope, receive: Receive) -> bytes:
    """Return the body.

    Raises:
        TooLarge: it is longer than the service reads.
        ClientDisconnect: the client hung up before its end.

    """
    longest: int = scope["state"]["settings"].body_bytes_max
    parts: list[bytes] = []
    length, is_more = 0, True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        length += len(part)
        if length > longest:
            raise TooLarge("The body is longer than this service reads.")
        parts.append(part)
        is_more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
