"""Calls to other services. The one module that imports httpx, so that it can be exchanged.

Nothing here follows redirects or proxies of the environment, and nothing calls a URL that
a user gave. A service that does not answer is `Unavailable`; one that answers with a
problem is `RemoteProblem`, which carries its code, so that callers decide what it means.
"""

import hashlib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import structlog
from asgi_correlation_id.context import correlation_id
from pydantic import JsonValue

from common.errors import AppError, Unavailable
from common.tls import files as tls_files
from common.tls.files import Renewed

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Client = httpx.Client
Response = httpx.Response

CONNECT_SECONDS = 2.0
POOL_SECONDS = 1.0
CONNECTIONS_MAX = 50
CORRELATION_HEADER = "X-Request-ID"
_AWAY = frozenset({502, 503, 504})


class RemoteUnavailable(Unavailable):
    """Another service does not answer."""

    code = "DEPENDENCY_UNAVAILABLE"
    title = "A service that this one depends on is temporarily unavailable"


class RemoteProblem(AppError):
    """Another service answered with a problem.

    `code` is the remote's. Where nobody catches it, it is answered as a 502 without the
    remote's words: they were meant for us and not for our caller.
    """

    code = "REMOTE_PROBLEM"
    title = "A service that this one depends on refused the request"

    def __init__(
        self, *, status: int, code: str, detail: str, members: Mapping[str, JsonValue]
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.remote_members = dict(members)
        vars(self)["code"] = code  # of this one answer, not of the class


@dataclass(frozen=True, slots=True)
class Remote:
    """Another service, called with our own access token."""

    client: httpx.Client
    token: Callable[[], str | None]
    """Returns the token; kept until shortly before it expires (`common.security.client`)."""

    def call(
        self,
        method: str,
        path: str,
        *,
        json: JsonValue | None = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call, and return only what succeeded.

        Raises:
            TokensUnavailable: there is no token.
            RemoteUnavailable: nothing answered, or a gateway said that nothing did.
            RemoteProblem: the service refused, or failed.

        """
        try:
            response = self.client.request(
                method,
                path,
                headers=_headers(self.token(), headers),
                params=params,
                content=content,
                json=json,
            )
        except httpx.TransportError as error:
            raise _unavailable(self.client, error) from error
        if response.is_success:
            return response
        raise refusal(response)


def client(
    base_url: str,
    *,
    timeout_seconds: float = 5.0,
    transport: httpx.BaseTransport | None = None,
    authority: Path | None = None,
) -> httpx.Client:
    """Make a client of one service; keep it, since it keeps connections.

    Its certificate must be from an authority of that file, as it is when a request begins;
    without a file, from one that the public trusts.

    Raises:
        OSError: the file cannot be read, or holds no authority.

    """
    return httpx.Client(
        base_url=base_url,
        timeout=httpx.Timeout(
            timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds), pool=POOL_SECONDS
        ),
        follow_redirects=False,
        # A transport of our own also keeps the environment's proxies out. It retries
        # connecting only, never a request that may have arrived.
        transport=transport
        or (_pool() if authority is None else _Trusting(tls_files.trusted(authority))),
    )


@cache
def _public() -> ssl.SSLContext:
    """Whom the public trusts: read once, since it takes longer than a dozen calls."""
    return httpx.create_ssl_context()


def _pool(trusted: ssl.SSLContext | None = None) -> httpx.HTTPTransport:
    return httpx.HTTPTransport(
        verify=trusted or _public(),
        retries=1,
        limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
    )


class _Trusting(httpx.BaseTransport):
    """Connections to whom a file trusts now: where it changes, new ones; what runs goes on."""

    def __init__(self, trusted: Renewed) -> None:
        self._trusted = trusted
        self._lock = threading.Lock()
        self._newest = _Pool(trusted.context())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            context = self._trusted.context()
            if context is not self._newest.context:
                self._newest.retire()
                self._newest = _Pool(context)
            pool = self._newest
            pool.begin()
        try:
            response = pool.transport.handle_request(request)
        except BaseException:
            pool.end()
            raise
        response.stream = _Answer(response.stream, pool)
        return response

    def close(self) -> None:
        with self._lock:
            self._newest.transport.close()


class _Pool:
    """Connections made under one context; closed when it is retired and its last answer read."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.transport = _pool(context)
        self._lock = threading.Lock()
        self._under_way = 0
        self._is_retired = False

    def begin(self) -> None:
        with self._lock:
            self._under_way += 1

    def end(self) -> None:
        with self._lock:
            self._under_way -= 1
            is_over = self._is_retired and self._under_way == 0
        if is_over:
            self.transport.close()

    def retire(self) -> None:
        with self._lock:
            self._is_retired = True
            is_over = self._under_way == 0
        if is_over:
            self.transport.close()


class _Answer(httpx.SyncByteStream):
    """The body of an answer, which tells its pool when it was read or given up."""

    def __init__(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream, pool: _Pool) -> None:
        if not isinstance(stream, httpx.SyncByteStream):
            raise TypeError("an answer of a synchronous client is read synchronously")
        self._stream = stream
        self._pool: _Pool | None = pool

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        self._stream.close()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.end()


def call(
    remote: httpx.Client,
    method: str,
    path: str,
    *,
    token: str | None = None,
    json: JsonValue | None = None,
    content: bytes | None = None,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Call with this token or with none, as `Remote.call` does."""
    return Remote(remote, lambda: token).call(
        method, path, json=json, content=content, params=params, headers=headers
    )


def download(remote: httpx.Client, path: str, target: Path, *, token: str | None = None) -> str:
    """Write an answer down as it comes, and return the digest of what was written.

    Raises:
        RemoteUnavailable, RemoteProblem: as `Remote.call` does.

    """
    hashed = hashlib.sha256()
    try:
        with remote.stream("GET", path, headers=_headers(token, None)) as response:
            if not response.is_success:
                response.read()
                raise refusal(response)
            with target.open("wb") as file:
                for block in response.iter_bytes():
                    file.write(block)
                    hashed.update(block)
    except httpx.TransportError as error:
        raise _unavailable(remote, error) from error
    return f"sha256:{hashed.hexdigest()}"


def _unavailable(remote: httpx.Client, error: httpx.TransportError) -> RemoteUnavailable:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        # What it showed is for whoever runs this, and not for our callers.
        log.error("remote_not_trusted", host=remote.base_url.host, why=str(error))
    return RemoteUnavailable(f"{remote.base_url.host} does not answer.")


def refusal(response: httpx.Response) -> AppError:
    """Turn an answer that is not a success into the error that it stands for."""
    body = _problem(response)
    code = str(body.pop("code", "")) or f"HTTP_{response.status_code}"
    if response.status_code in _AWAY:
        return RemoteUnavailable(f"{response.request.url.host} is not available.", remote_code=code)
    detail = str(body.pop("detail", "") or body.get("title", "") or response.reason_phrase)
    members = {k: v for k, v in body.items() if k not in {"type", "title", "status", "instance"}}
    return RemoteProblem(status=response.status_code, code=code, detail=detail, members=members)


def _headers(token: str | None, given: Mapping[str, str] | None) -> dict[str, str]:
    headers = dict(given or {})
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if (request_id := correlation_id.get()) is not None:
        headers.setdefault(CORRELATION_HEADER, request_id)
    return headers


def _problem(response: httpx.Response) -> dict[str, Any]:
    if "problem+json" not in response.headers.get("content-type", ""):
        return {}
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
