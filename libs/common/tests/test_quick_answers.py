"""What a connection answers by itself is what the ordinary way answers, at every turn.

Over raw sockets, plain and over TLS, and the real server. Requests go to `/quick`, which is begun
by the connection once its head is known, to `/fast`, whose twin it is without that, and to
`/plain`, an ordinary route. A version of the server that keeps its books otherwise fails here
(docs/adr/0150).
"""

import asyncio
import gc
import json
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import pytest
from asgi_correlation_id.context import correlation_id
from fastapi import APIRouter, Body, FastAPI, Request
from pydantic import BaseModel, ConfigDict, ValidationError

from common import http
from common.db import engine as engines
from common.db import tables
from common.errors import NotFound
from common.http import CORRELATION_HEADER, Remote
from common.security.principal import Principal
from common.security.roles import Role
from common.settings import ServiceSettings
from common.tls.files import served as shown_by
from common.web import app as web
from common.web import auth, server
from common.web.connections import Limits
from common.web.fast import Begin, FastRoute, QuickBody
from common.web.quick import (
    HEAD_BYTES_MAX,
    HEADS_MAX,
    KnownHeads,
    QuickConnection,
    QuickExchange,
)
from dsfc_testing.certificates import Authority
from dsfc_testing.clock import FakeClock
from dsfc_testing.plugin import START
from dsfc_testing.tokens import LocalIssuer

SERVER = {"uvicorn": "0.54.0", "httptools": "0.9.0"}
"""Whose books `common.web.quick` keeps. A new version is written here by whoever has compared
`HttpToolsProtocol` and `RequestResponseCycle` of both."""

ASK = auth.Permission("things:ask", frozenset({Role.CSU_SYSTEM}), "Ask")
IDS = [f"0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a{n}" for n in range(10, 30)]
PATIENCE_SECONDS = 30
LIMITS = dict.fromkeys(
    ("idle_seconds_max", "body_progress_seconds", "response_stall_seconds"), 3600.0
) | {"header_seconds_max": 300.0}
"""No connection is ended because the machine is busy."""
LATER = 4_000.0
"""Seconds, by which every limit is over."""
BODY_MAX = 65_536
LARGE = 1 << 20

pytestmark = pytest.mark.timeout(120)


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = 0
    waits: bool = False
    fails: str = ""
    """`refused`, `bug`, or `unwritable`."""
    declines: str = ""
    """`says`, or `raises`, for `begin` alone."""
    note: str = ""


class Told(BaseModel):
    size: int
    text: str
    by: str


class Unwritable:
    def written(self) -> bytes:
        raise RuntimeError("it cannot be written")


class ByItself:
    def __init__(self, told: Told) -> None:
        self.told = told

    def written(self) -> bytes:
        return self.told.model_dump_json().encode()


@dataclass
class House:
    """One app and its server, with what a test looks at from outside."""

    issuer: LocalIssuer
    port: int = 0
    url: str = ""
    authority: Path | None = None
    context: ssl.SSLContext | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    begun: int = 0
    """Requests that a connection began by itself."""
    called: int = 0
    """Requests for which the endpoint was called."""
    loop: asyncio.AbstractEventLoop | None = None
    app: FastAPI | None = None
    tests: int = 0
    group: server.Group | None = None

    @property
    def clock(self) -> FakeClock:
        return self.issuer.clock

    def on_loop(self, call) -> Any:
        """Call it in the server's thread, and return what it does."""

        async def called() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(PATIENCE_SECONDS)

    @property
    def heads(self) -> KnownHeads:
        return next(iter(self._open()))._heads

    def connection(self, client: "Client") -> QuickConnection:
        """Return the server's end of a client's connection, which has answered it."""
        own = client.socket.getsockname()
        (found,) = (one for one in self._open() if one.client == own)
        return found

    def _open(self) -> list[QuickConnection]:
        (serving,) = self.group._servers
        return self.on_loop(lambda: list(serving.server_state.connections))


def answered(asked: Asked, caller: Principal) -> ByItself | Unwritable:
    if asked.fails == "refused":
        raise NotFound("There is no such thing.")
    if asked.fails == "bug":
        raise RuntimeError("a bug")
    if asked.fails == "unwritable":
        return Unwritable()
    return ByItself(Told(size=asked.size, text="x" * asked.size, by=caller.client_id))


def read(body: bytes) -> Asked | None:
    try:
        return Asked.model_validate_json(body)
    except ValidationError:
        return None


def begin_in(house: House) -> Begin:
    def begin(asked: Asked, caller: Principal, state: Any, tell: Any) -> bool:
        assert state["settings"].body_bytes_max == BODY_MAX
        if asked.declines == "raises":
            raise NotFound("Too many are waiting.")
        if asked.declines:
            return False
        house.begun += 1
        loop = asyncio.get_running_loop()

        def told() -> None:
            try:
                result = answered(asked, caller)
            except Exception as error:  # noqa: BLE001 - it is told
                result = error
            tell(result)

        def wait() -> None:
            house.arrived.release()
            assert house.go_on.wait(PATIENCE_SECONDS)
            loop.call_soon_threadsafe(told)

        if asked.waits:
            threading.Thread(target=wait, daemon=True).start()
        else:
            loop.call_soon(told)
        return True

    return begin


def make_app(house: House, url: str) -> FastAPI:
    settings = ServiceSettings(
        environment="development", client_id="agreements", body_bytes_max=BODY_MAX, **LIMITS
    )

    async def answer(asked: Asked, caller: Principal) -> ByItself | Unwritable:
        house.called += 1
        if asked.waits:
            house.arrived.release()
            await asyncio.to_thread(house.go_on.wait, PATIENCE_SECONDS)
        return answered(asked, caller)

    async def quick(
        asked: Annotated[Asked, Body(), QuickBody(read, begin_in(house))],
        request: Request,
        caller: Annotated[Principal, auth.requires(ASK)],
    ) -> ByItself | Unwritable:
        return await answer(asked, caller)

    async def fast(
        asked: Annotated[Asked, Body()],
        request: Request,
        caller: Annotated[Principal, auth.requires(ASK)],
    ) -> ByItself | Unwritable:
        return await answer(asked, caller)

    async def plain(
        asked: Annotated[Asked, Body()], caller: Annotated[Principal, auth.requires(ASK)]
    ) -> Told:
        return (await answer(asked, caller)).told

    @asynccontextmanager
    async def lifespan(_app: FastAPI):
        house.loop = asyncio.get_running_loop()
        engine = engines.create(url)
        tables.metadata.create_all(engine)
        verifier = house.issuer.verifier()
        yield {"settings": settings, "clock": house.clock, "engine": engine, "verifier": verifier}
        engine.dispose()

    app = web.create(title="T", version="1", summary="", settings=settings, lifespan=lifespan)
    router = APIRouter(route_class=FastRoute)
    router.add_api_route("/quick", quick, methods=["POST"], response_model=Told)
    router.add_api_route("/fast", fast, methods=["POST"], response_model=Told)
    app.include_router(router)
    app.add_api_route("/plain", plain, methods=["POST"], response_model=Told)
    return app


@contextmanager
def running(directory: Path, *, is_tls: bool) -> Iterator[House]:
    house, shown = House(LocalIssuer(FakeClock(START))), None
    if is_tls:
        certificate, key, house.authority = (directory / f"{name}.pem" for name in "cka")
        authority = Authority.new()
        authority.issue(["127.0.0.1"], certificate, key)
        house.authority.write_bytes(authority.pem)
        house.context = ssl.create_default_context(cafile=str(house.authority))
        shown = shown_by(certificate, key)
    house.app = app = make_app(house, f"sqlite:///{directory / 'app.db'}")
    house.group = server.Group(
        [(app, "127.0.0.1", 0)], [], graceful_seconds=PATIENCE_SECONDS, shown=shown
    )
    serving = threading.Thread(target=house.group.run_quietly, daemon=True)
    serving.start()
    house.group.wait_until_ready()
    (house.url,) = house.group.urls
    house.port = int(house.url.rpartition(":")[2])
    try:
        yield house
    finally:
        house.go_on.set()
        house.group.stop()
        serving.join(PATIENCE_SECONDS)
        assert not serving.is_alive()


@pytest.fixture(scope="module")
def houses(tmp_path_factory) -> Iterator[dict[bool, House]]:
    """Two servers, one of them over TLS: each test has connections and a token of its own."""
    with ExitStack() as stack:
        yield {
            is_tls: stack.enter_context(running(tmp_path_factory.mktemp("quick"), is_tls=is_tls))
            for is_tls in (False, True)
        }


@pytest.fixture(params=[False, True], ids=["http", "https"])
def house(request, houses) -> House:
    house: House = houses[request.param]
    house.go_on.clear()
    while house.arrived.acquire(blocking=False):
        pass
    return house


class Client:
    """Writes requests in pieces, and reads whole answers."""

    def __init__(self, house: House, token: str) -> None:
        self.house, self.token = house, token
        made = socket.create_connection(("127.0.0.1", house.port), timeout=PATIENCE_SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if house.context is not None:
            made = house.context.wrap_socket(made, server_hostname="127.0.0.1")
        self.socket = made
        self._received = b""

    def written(
        self,
        path: str,
        *more: str,
        line: str = "",
        id_: str = IDS[0],
        body: bytes | None = None,
        **asked: object,
    ) -> bytes:
        body = json.dumps(asked).encode() if body is None else body
        lines = [
            line or f"POST {path} HTTP/1.1",
            "Host: a",
            f"Authorization: Bearer {self.token}",
            f"{CORRELATION_HEADER}: {id_}",
            *more,
            *(
                []
                if any(m.startswith("Transfer") for m in more)
                else [f"Content-Length: {len(body)}"]
            ),
            "Content-Type: application/json",
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def send(self, *pieces: bytes) -> None:
        """Send them so that the server reads each by itself."""
        for number, piece in enumerate(pieces):
            if number:
                self.house.on_loop(lambda: None)  # all that had come was read
            self.socket.sendall(piece)

    def ask(self, path: str, *more: str, **asked: Any) -> tuple[str, dict[str, str], bytes]:
        self.send(self.written(path, *more, **asked))
        return self.answer()

    def answer(self) -> tuple[str, dict[str, str], bytes]:
        """Return status line, headers and body; fail where the connection ends before."""
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        if status == "HTTP/1.1 100 Continue":
            return status, {}, b""
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert len(headers) == len(lines)
        length = int(headers["content-length"])
        while len(self._received) < length:
            self._more()
        body, self._received = self._received[:length], self._received[length:]
        return status, headers, body

    def is_over(self) -> bool:
        try:
            return not self._received and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _more(self) -> None:
        part = self.socket.recv(1 << 16)
        assert part, "the server closed"
        self._received += part


USUAL = ({"size": 0}, {"size": 10}, {"size": 100}, {"size": 10, "waits": True})
"""What is asked first, so that heads of these lengths are known."""
PLAIN = pytest.mark.parametrize("house", [False], ids=["http"], indirect=True)
"""TLS hands on the same bytes."""


@pytest.fixture
def client(house) -> Iterator[Any]:
    """Return `client()`: connections by one token, whose usual heads are known."""
    house.tests += 1  # a client's token is the same for as long as it is valid
    who = f"csu-{house.tests}"
    token = house.issuer.token_for(Role.CSU_SYSTEM, audience="agreements", client_id=who)
    with ExitStack() as stack:

        def connect(token: str = token) -> Client:
            made = Client(house, token)
            stack.callback(made.socket.close)
            return made

        first = connect()
        house.go_on.set()
        for asked in USUAL:
            for _ in range(2):  # the token is verified, then the head is known
                first.ask("/quick", **asked)
        for _ in range(2):
            assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
        house.go_on.clear()
        house.begun = house.called = 0
        yield connect


def size_of(answer: tuple[str, dict[str, str], bytes]) -> int:
    assert answer[0] == "HTTP/1.1 200 OK", answer
    return json.loads(answer[2])["size"]


def but_date(answer: tuple[str, dict[str, str], bytes]) -> tuple[str, dict[str, str], bytes]:
    assert answer[1].pop("date").endswith(" GMT")
    return answer


def test_the_server_is_the_one_whose_books_are_kept():
    assert {name: version(name) for name in SERVER} == SERVER


def test_the_bytes_are_those_of_the_ordinary_way(house, client):
    one = client()
    found = [one.ask(path, size=5, id_=id_) for id_ in IDS[:2] for path in ("/quick", "/plain")]

    assert (house.begun, house.called) == (2, 2)
    assert list(map(but_date, found[::2])) == list(map(but_date, found[1::2]))
    assert [answer[1]["x-request-id"] for answer in found] == [IDS[0]] * 2 + [IDS[1]] * 2


def test_without_an_id_each_answer_has_a_new_one(house, client):
    one = client()
    request = one.written("/quick", size=1).replace(
        f"{CORRELATION_HEADER}: {IDS[0]}\r\n".encode(), b""
    )
    ids = set()
    for _ in range(3):
        one.send(request)
        ids.add(one.answer()[1]["x-request-id"])

    assert len(ids) == 3
    assert (house.begun, house.called) == (2, 1)


@PLAIN
@pytest.mark.parametrize("told", ["x", IDS[0][:-1], IDS[0] + "0", IDS[0].replace("-", "")])
def test_an_id_of_another_form_is_left_to_the_ordinary_way(house, client, told):
    one = client()
    answers = [one.ask("/quick", size=1, id_=told) for _ in range(3)]
    plain = one.ask("/plain", size=1, id_=told)

    assert house.begun == 0
    is_kept = plain[1]["x-request-id"] == told
    assert all((answer[1]["x-request-id"] == told) == is_kept for answer in answers)


def test_a_request_may_come_in_pieces_of_every_size(house, client):
    one = client()
    whole = one.written("/quick", size=3)
    body = whole.index(b"\r\n\r\n") + 4

    for at in (1, 4, 5, 20, body - 1, body, body + 1, len(whole) - 1):
        one.send(whole[:at], whole[at:])
        assert size_of(one.answer()) == 3
    assert (house.begun, house.called) == (3, 5)  # by itself where the head came whole
    one.send(*(whole[n : n + 1] for n in range(len(whole))))
    assert size_of(one.answer()) == 3
    one.send(whole[:body], *(whole[n : n + 1] for n in range(body, len(whole))))
    assert size_of(one.answer()) == 3
    assert (house.begun, house.called) == (4, 6)


@pytest.mark.parametrize("is_one_packet", [True, False])
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize(
    "paths",
    [
        ("/quick", "/quick"),
        ("/quick", "/plain"),
        ("/plain", "/quick"),
        ("/quick", "/plain", "/quick", "/quick", "/plain", "/quick"),
    ],
)
def test_requests_one_behind_the_other_are_answered_in_their_order(
    house, client, paths, waits, is_one_packet
):
    one = client()
    requests = [
        one.written(path, id_=IDS[n], size=10 + n, **({"waits": True} if waits and not n else {}))
        for n, path in enumerate(paths)
    ]
    one.send(b"".join(requests)) if is_one_packet else one.send(*requests)
    if waits:
        assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
        house.on_loop(lambda: None)
        house.go_on.set()
    answers = [one.answer() for _ in paths]

    assert [size_of(answer) for answer in answers] == [10 + n for n in range(len(paths))]
    assert [answer[1]["x-request-id"] for answer in answers] == IDS[: len(paths)]
    assert (house.begun > 0) == (paths[0] == "/quick" or not (waits or is_one_packet))
    assert size_of(one.ask("/quick", size=10)) == 10


def test_what_comes_behind_a_request_in_pieces_is_another_one(house, client):
    one = client()
    first, second = (one.written("/quick", size=n) for n in (11, 12))

    one.send(first[:-2], first[-2:] + second[:30], second[30:])

    assert [size_of(one.answer()) for _ in range(2)] == [11, 12]
    assert house.begun == 1


@PLAIN
@pytest.mark.parametrize(
    "behind",
    [
        b"garbage\r\n\r\n",
        b"GET /x HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01",
        b"POST /quick HTTP/1.1\r\n: x\r\n\r\n",
    ],
)
@pytest.mark.parametrize("is_one_packet", [True, False])
def test_garbage_behind_a_request_ends_the_connection_behind_its_answer(
    house, client, behind, is_one_packet
):
    ends = []
    for path in ("/quick", "/plain"):
        house.go_on.clear()
        one = client()
        request = one.written(path, size=10, waits=True)
        one.send(request + behind) if is_one_packet else one.send(request, behind)
        assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
        house.on_loop(lambda: None)
        house.go_on.set()
        ends.append((but_date(one.answer()), one.is_over()))

    assert ends[0] == ends[1]
    assert ends[0][0][1]["connection"] == "close"
    assert house.begun == 1


def test_more_than_may_wait_behind_a_request_are_not_taken(house, client):
    limit = Limits().pipelined_max
    ends = []
    for path in ("/quick", "/plain"):
        house.go_on.clear()
        one = client()
        one.send(
            one.written(path, size=10, waits=True),
            *(one.written("/quick", size=10) for _ in range(limit + 2)),
        )
        assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
        house.on_loop(lambda: None)
        house.go_on.set()
        found = []
        while True:
            try:
                found.append(but_date(one.answer()))
            except (AssertionError, ConnectionError):
                break
        ends.append(found)

    assert ends[0] == ends[1]
    assert house.begun == 1


ODD = {
    "get": {"line": "GET /{} HTTP/1.1"},
    "head": {"line": "HEAD /{} HTTP/1.1", "body": b""},
    "put": {"line": "PUT /{} HTTP/1.1"},
    "lower": {"line": "post /{} HTTP/1.1"},
    "1.0": {"line": "POST /{} HTTP/1.0"},
    "close": {"more": ["Connection: close"]},
    "query": {"line": "POST /{}?a=1 HTTP/1.1"},
    "encoded path": {"line": "POST /%{} HTTP/1.1"},
    "absolute": {"line": "POST http://a/{} HTTP/1.1"},
    "chunked": {"more": ["Transfer-Encoding: chunked"], "body": b'b\r\n{"size": 10}\r\n0\r\n\r\n'},
    "both framings": {"more": ["transfer-encoding: chunked"], "body": b"0\r\n\r\n"},
    "two lengths": {"more": ["Content-Length: 12"]},
    "no body": {"body": b""},
    "no JSON": {"body": b"{"},
    "another member": {"body": b'{"sizes": 10}'},
    "too large a body": {"body": b'{"size": 10}' + b" " * (BODY_MAX - 11)},
    "large a body": {"body": b'{"size": 10}' + b" " * (BODY_MAX - 12)},
    "upgrade": {"more": ["Connection: upgrade", "Upgrade: h2c"]},
    "many headers": {"more": [f"x-{n}: {n}" for n in range(200)]},
    "long headers": {"more": ["x-a: " + "x" * 40_000]},
    "rather long headers": {"more": ["x-a: " + "x" * HEAD_BYTES_MAX]},
    "no accepted form": {"more": ["Accept: text/html"]},
    "two tokens": {"more": ["Authorization: Bearer x"]},
    "encoded": {"more": ["Content-Encoding: gzip"]},
    "folded": {"more": ["x-a: 1\r\n 2"]},
    "bare line feeds": {"more": ["x-a: 1\nx-b: 2"]},
    "nothing in a name": {"more": [": 2"]},
    "a blank before": {"more": [" x: 2"]},
    "refused": {"fails": "refused"},
    "a bug": {"fails": "bug"},
    "unwritable": {"fails": "unwritable"},
}
TAKEN = {"refused", "a bug", "unwritable", "large a body", "encoded path", "absolute"}
"""By the connection itself, when it comes again."""


@PLAIN
@pytest.mark.parametrize("odd", ODD)
def test_whatever_else_comes_is_answered_as_by_the_ordinary_way(house, client, odd, caplog):
    ends: dict[str, Any] = {}
    beside = 0
    for path in ("quick", "fast"):
        given = {"size": 10} | ODD[odd]
        more = given.pop("more", [])
        if "line" in given:
            shown = f"{ord(path[0]):x}{path[1:]}" if odd == "encoded path" else path
            given["line"] = given["line"].format(shown)
        answers = []
        one = client()
        for _ in range(3):
            one.ask("/quick", size=10)  # so that the connection has answered by itself
            beside += 1
            one.send(one.written(f"/{path}", *more, **given))
            if odd == "head":
                head = one.socket.recv(1 << 16).lower()
                answers.append((head.split(b"\r\n", 1)[0], b"allow: post" in head, False))
                continue
            status, headers, body = one.answer()
            headers.pop("date", None)
            is_over = headers.get("connection") == "close"
            answers.append((status, headers, body.replace(f"/{path}".encode(), b""), is_over))
            if is_over:
                assert one.is_over()
                one = client()
        ends[path] = answers

    assert ends["quick"] == ends["fast"]
    assert house.begun == beside + (2 if odd in TAKEN else 0)


@PLAIN
@pytest.mark.parametrize("declines", ["says", "raises"])
def test_what_is_not_begun_goes_to_its_endpoint_as_it_came(house, client, declines):
    one = client()
    for _ in range(3):
        assert size_of(one.ask("/quick", size=10, declines=declines)) == 10
    request = one.written("/quick", size=10, declines=declines)
    body = request.index(b"\r\n\r\n") + 4
    one.send(request[: body + 3], request[body + 3 :] + one.written("/quick", size=11))

    assert [size_of(one.answer()) for _ in range(2)] == [10, 11]
    assert (house.begun, house.called) == (0, 5)


@PLAIN
def test_who_waits_for_leave_to_send_gets_it_each_time(house, client):
    one = client()
    for _ in range(3):
        head, body = one.written("/quick", "Expect: 100-continue", size=3).split(b"\r\n\r\n")
        one.send(head + b"\r\n\r\n")
        assert one.answer()[0] == "HTTP/1.1 100 Continue"
        one.send(body)
        assert size_of(one.answer()) == 3
    assert house.begun == 0


def test_the_token_is_judged_at_every_call(house, client):
    """Guards: `QuickConnection._begin` asks `FastPath.known`, `JwksTokenVerifier._judged`."""
    one = client()
    assert size_of(one.ask("/quick", size=10)) == 10
    assert house.begun == 1
    house.clock.advance(timedelta(hours=1))

    answers = [one.ask(path, size=10) for path in ("/quick", "/plain")]

    assert [answer[0] for answer in answers] == ["HTTP/1.1 401 Unauthorized"] * 2
    assert but_date(answers[0]) == but_date(answers[1])
    house.clock.advance(-timedelta(hours=2))  # before it was given
    assert one.ask("/quick", size=10)[0] == "HTTP/1.1 401 Unauthorized"
    assert house.begun == 1
    house.clock.advance(timedelta(hours=1))


def test_a_withdrawn_key_ends_the_tokens_that_it_signed(house, client, monkeypatch):
    one = client()
    assert size_of(one.ask("/quick", size=10)) == 10
    verifier = house.connection(one).app_state["verifier"]
    monkeypatch.setattr(verifier._keys, "is_current", lambda _: False)
    monkeypatch.setattr(verifier._keys, "get", lambda _: None)

    assert one.ask("/quick", size=10)[0] == "HTTP/1.1 401 Unauthorized"
    assert house.begun == 1


@PLAIN
def test_no_head_is_known_by_a_token_that_is_not_accepted(house, client):
    before = dict(house.heads._known)
    refused = [
        "x.y.z",
        house.issuer.token_for(Role.CSU_SYSTEM, audience="dissemination"),
        house.issuer.token_for(Role.AUDITOR, audience="agreements"),
    ]
    for token in refused:
        one = client(token)
        for _ in range(3):
            assert one.ask("/quick", size=10)[0].split()[1] in {"401", "403"}

    assert house.heads._known == before
    assert house.begun == 0


def test_of_two_tokens_each_has_its_own_answer(house, client):
    other = house.issuer.token_for(Role.CSU_SYSTEM, audience="agreements", client_id="oth")
    one, another = client(), client(other)
    for _ in range(3):
        assert json.loads(one.ask("/quick", size=10)[2])["by"] == f"csu-{house.tests}"
        assert json.loads(another.ask("/quick", size=10)[2])["by"] == "oth"
    assert house.begun == 4


@PLAIN
def test_a_head_is_known_by_every_byte_but_those_of_its_id(house, client):
    """None but the bytes that the parser read are taken for what it made of them."""
    heads = house.heads
    head, _, _ = client().written("/quick", size=10).partition(b"\r\n\r\n")
    head += b"\r\n\r\n"
    found = heads.find(head)
    assert found is not None
    id_at = head.index(IDS[0].encode())
    for at in range(len(head)):
        for byte in (head[at] ^ 1, head[at] ^ 0x20, 0, 10, 13, 32):
            other = head[:at] + bytes([byte]) + head[at + 1 :]
            is_in_id = id_at <= at < id_at + len(IDS[0])
            again = None if other == head else heads.find(other)
            if is_in_id:
                assert again is None or (again[0] is found[0] and again[1] != IDS[0])
            else:  # of another length one is known as well
                assert again is None or f"Length: {again[0].length}\r".encode() in other
        assert heads.find(head[:at] + head[at + 1 :]) is None
        assert heads.find(head[:at] + b"a" + head[at:]) is None
    twice = head.replace(b"\r\nHost", f"\r\n{CORRELATION_HEADER}: {IDS[1]}\r\nHost".encode())
    assert heads.find(twice) is None


def test_a_known_request_within_another_one_is_a_part_of_it(house, client):
    """In the middle of a head, of a body that is waited for, and of one that nobody reads."""
    one, known = client(), client().written("/quick", size=10)
    one.send(b"GET /plain HTTP/1.1\r\nHost: a\r\nX-A: ", known)
    in_head = one.answer()
    head = one.written("/fast", body=known)[: -len(known)]
    one.send(head, known)
    in_body = one.answer()
    one.send(head.replace(b"Bearer ", b"Bearer x"))
    unread = one.answer()
    one.send(known, one.written("/quick", size=100))

    assert in_head[0] == "HTTP/1.1 405 Method Not Allowed"
    assert in_body[0] == "HTTP/1.1 422 Unprocessable Entity"
    assert unread[0] == "HTTP/1.1 401 Unauthorized"
    assert size_of(one.answer()) == 100
    assert house.begun == 1


def test_a_body_may_hold_what_ends_a_head(house, client):
    one = client()
    body = b'{"size":\r\n\r\n\r\n\r\n 1}'
    answers = [one.ask("/quick", body=body) for _ in range(3)]

    assert [size_of(answer) for answer in answers] == [1, 1, 1]
    assert house.begun == 2


@PLAIN
def test_of_two_in_one_packet_neither_is_taken_for_the_other(house, client):
    """Guard: `QuickConnection._learn` compares where the parser ended the head."""
    one = client()
    both = one.written("/fast", "x-a: 1", size=10) + one.written("/quick", "x-a: 1", size=10)
    for _ in range(2):
        one.send(both)
        assert [size_of(one.answer()) for _ in range(2)] == [10, 10]
    for _ in range(2):
        one.ask("/fast", "x-a: 1", size=10)

    assert (house.begun, house.called) == (0, 6)


@PLAIN
def test_the_number_of_known_heads_has_a_limit(house, client):
    one = client()
    one.ask("/quick", "x-n: 0", size=10)
    connection = house.connection(one)
    cycle, path = connection.cycle, connection._path

    def fill() -> None:
        heads = KnownHeads(house.app)
        for n in range(HEADS_MAX + 5):
            heads.learn(b"POST %d" % n, cycle, path)
        assert len(heads._known) == HEADS_MAX
        assert heads.find(b"POST 4") is None
        assert heads.find(b"POST 5") is not None

    assert cycle.scope["path"] == "/quick"
    no_id = [header for header in cycle.scope["headers"] if header[0] != b"x-request-id"]
    cycle.scope["headers"][:] = no_id
    house.on_loop(fill)


def test_an_answer_has_the_date_that_the_server_has_by_then(house, client):
    one = client()
    one.ask("/quick", size=10)
    connection = house.connection(one)
    state = connection.server_state

    class Dated:
        total_requests = 0
        default_headers = ()

    connection.server_state = Dated()
    found = []
    for second in (b"00", b"00", b"01"):
        Dated.default_headers = [(b"date", b"Thu, 01 Mar 2018 00:00:%b GMT" % second)]
        found.append(one.ask("/quick", size=10)[1]["date"][-6:-4])
    connection.server_state = state

    assert found == ["00", "00", "01"]
    assert house.begun == 4


def test_who_does_not_read_is_waited_for_and_loses_nothing(house, client):
    """What waits to be taken does not grow: then the ordinary way waits until it was taken."""
    one, beside = client(), client()
    one.ask("/quick", size=10)
    connection = house.connection(one)
    house.begun = 0
    sizes = [LARGE + n for n in range(20)]
    largest = 0
    for n, size in enumerate(sizes):
        one.send(one.written("/quick", size=size, id_=IDS[n % 20]))
        assert size_of(beside.ask("/plain", size=1)) == 1
        largest = max(largest, house.on_loop(connection.transport.get_write_buffer_size))
    found = [one.answer() for _ in sizes]

    assert [size_of(answer) for answer in found] == sizes
    assert largest < 2 * LARGE + 1_000_000
    assert house.begun < len(sizes)
    assert size_of(one.ask("/quick", size=10)) == 10


def test_time_ends_a_connection_as_in_the_ordinary_way(house, client):
    """Guard: `ConnectionInScope.look`, which asks the exchange what it would ask a cycle."""

    def looked(connection: QuickConnection) -> None:
        house.on_loop(lambda: connection.look(connection.loop.time() + LATER))

    idle, answering, gathering = client(), client(), client()
    idle.ask("/plain", size=10)
    assert house.connection(idle).timeout_keep_alive_task is not None  # the server's own
    house.connection(idle)._since = long_ago = -LATER
    idle.ask("/quick", size=10)
    assert house.connection(idle)._since > long_ago
    assert house.connection(idle).timeout_keep_alive_task is None
    answering.send(answering.written("/quick", size=10, waits=True))
    assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
    whole = gathering.written("/quick", size=10)
    gathering.send(whole[:-3])
    house.on_loop(lambda: None)
    for one in (idle, answering, gathering):
        looked(house.connection(one))
    house.go_on.set()

    assert house.begun == 2
    assert idle.is_over()
    assert size_of(answering.answer()) == 10
    assert gathering.answer()[0] == "HTTP/1.1 408 Request Timeout"
    assert gathering.is_over()


def test_no_answer_is_given_up_for_room_and_a_body_that_waits_is(house, client):
    """Guard: `ConnectionInScope.may_make_room`."""
    answering, gathering = client(), client()
    answering.send(answering.written("/quick", size=10, waits=True))
    assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
    gathering.send(gathering.written("/quick", size=10)[:-3])
    house.on_loop(lambda: None)
    busy, waiting = house.connection(answering), house.connection(gathering)

    assert not house.on_loop(busy.may_make_room)
    assert house.on_loop(waiting.may_make_room)
    assert house.on_loop(waiting.waits_since) == (2, len(b'{"size": 10}') - 3)
    assert house.begun == 1
    house.go_on.set()
    assert size_of(answering.answer()) == 10


@pytest.mark.parametrize("is_whole", [True, False])
def test_nothing_is_written_to_who_has_hung_up(house, client, caplog, is_whole):
    gone, beside = client(), client()
    request = gone.written("/quick", size=10, waits=True)
    gone.send(request if is_whole else request[:-3])
    if is_whole:
        assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
    house.on_loop(lambda: None)
    assert house.begun == int(is_whole)
    gone.socket.close()
    house.on_loop(lambda: None)
    house.go_on.set()

    assert size_of(beside.ask("/quick", size=10)) == 10
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


def test_a_refusal_is_logged_with_whose_request_it_was(house, client, caplog):
    one = client()
    for id_ in IDS[:3]:
        one.ask("/quick", size=10, fails="refused", id_=id_)
    assert house.begun == 2
    caplog.clear()
    with caplog.at_level(logging.INFO):
        one.ask("/quick", size=10, fails="refused", id_=IDS[3])
    said = " ".join(record.getMessage() for record in caplog.records)

    assert "request_refused" in said
    assert IDS[3] in said
    assert house.on_loop(correlation_id.get) is None


def test_each_answer_is_counted(house, client, monkeypatch):
    counted = []
    one = client()
    one.ask("/plain", size=10)
    connection = house.connection(one)
    monkeypatch.setattr(connection._path, "_observed", lambda *told: counted.append(told[:2]))
    before = connection.server_state.total_requests
    for _ in range(3):
        one.ask("/quick", size=10)
        one.ask("/quick", body=b'{"size": 10, "fails": "refused"}')

    assert counted == [("/quick", 200), ("/quick", 404)] * 3
    assert house.on_loop(lambda: connection.server_state.total_requests) == before + 6


def test_our_own_client_is_answered_by_the_connection(house, client):
    """Head and body are two writes of its; and each request has an id of its own."""
    token = house.issuer.token_for(Role.CSU_SYSTEM, audience="agreements", client_id="own")
    with http.client(house.url, authority=house.authority, timeout_seconds=60) as remote:
        calling = Remote(remote, lambda: token)
        for id_ in IDS[:6]:
            correlation_id.set(id_)
            answer = calling.call("POST", "/quick", json={"size": 7})
            assert (answer.json()["size"], answer.headers[CORRELATION_HEADER]) == (7, id_)
        correlation_id.set(None)

    assert (house.begun, house.called) == (4, 2)


def test_a_request_that_was_answered_is_gone_without_the_garbage_collector(house, client):
    def kept() -> int:
        return sum(isinstance(one, QuickExchange) for one in gc.get_objects())

    one = client()
    one.ask("/quick", size=10)
    gc.collect()
    gc.disable()
    try:
        before = kept()
        for _ in range(30):
            one.ask("/quick", size=10)
        assert kept() <= before + 1
    finally:
        gc.enable()
    assert house.begun == 31


@pytest.mark.parametrize("is_tls", [False, True])
def test_what_was_asked_is_answered_before_the_server_ends(tmp_path, is_tls):
    """Under load: answers under way, a body that is not whole yet, and who waits."""
    with running(tmp_path, is_tls=is_tls) as house, ExitStack() as stack:
        token = house.issuer.token_for(Role.CSU_SYSTEM, audience="agreements")

        def connect() -> Client:
            made = Client(house, token)
            stack.callback(made.socket.close)
            return made

        idle = connect()
        house.go_on.set()
        for _ in range(2):
            for asked in USUAL:
                idle.ask("/quick", **asked)
            assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
        house.go_on.clear()
        house.begun = 0
        answering = [connect() for _ in range(8)]
        for one in answering:
            one.send(one.written("/quick", size=10, waits=True))
        for _ in answering:
            assert house.arrived.acquire(timeout=PATIENCE_SECONDS)
        gathering = connect()
        whole = gathering.written("/quick", size=10)
        gathering.send(whole[:-3])
        house.on_loop(lambda: None)

        assert house.begun == len(answering)
        house.group.stop()
        assert idle.is_over()
        house.go_on.set()
        gathering.send(whole[-3:])
        ends = [(one.answer(), one.is_over()) for one in (*answering, gathering)]

    assert [size_of(answer) for answer, _ in ends] == [10] * 9
    assert {answer[1]["connection"] for answer, _ in ends} == {"close"}
    assert all(is_over for _, is_over in ends)
