"""A fast answer leaves in one write, past the server's `send`: the same bytes, at every turn.

Over raw sockets and the real server, beside a route that is answered by `send`. A version of the
server that keeps its books otherwise fails here.
"""

import asyncio
import gc
import json
import socket
import threading
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Annotated

import pytest
from fastapi import APIRouter, Body, FastAPI, Request
from pydantic import BaseModel
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from common.db import engine as engines
from common.db import tables
from common.security.principal import Principal
from common.security.roles import Role
from common.settings import ServiceSettings
from common.web import app as web
from common.web import auth, server
from common.web.connections import Exchange
from common.web.fast import FastRoute

ASK = auth.Permission("things:ask", frozenset({Role.CSU_SYSTEM}), "Ask")
REQUEST_ID = "0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"
PATIENCE_SECONDS = 30
PATIENT = dict.fromkeys(
    ("idle_seconds_max", "body_progress_seconds", "response_stall_seconds"), 3600.0
) | {"header_seconds_max": 300.0}
"""No connection is ended because the machine is busy."""
LARGE = 1 << 20
PIPELINED = 12

pytestmark = pytest.mark.timeout(120)


class Asked(BaseModel):
    size: int = 0
    waits: bool = False
    stays: bool = False
    """Until whoever asked has hung up."""


class Told(BaseModel):
    size: int
    text: str


@pytest.fixture
def go_on() -> threading.Event:
    return threading.Event()


@pytest.fixture
def arrived() -> threading.Event:
    return threading.Event()


@pytest.fixture
def left() -> threading.Event:
    return threading.Event()


@pytest.fixture
def app(sqlite_url, identities, clock, go_on, arrived, left) -> FastAPI:
    settings = ServiceSettings(environment="development", client_id="agreements", **PATIENT)

    async def answer(
        asked: Annotated[Asked, Body()],
        request: Request,
        caller: Annotated[Principal, auth.requires(ASK)],
    ) -> Told:
        arrived.set()
        if asked.waits:
            await asyncio.to_thread(go_on.wait, PATIENCE_SECONDS)
        if asked.stays:
            assert (await request.receive())["type"] == "http.disconnect"
        left.set()
        return Told(size=asked.size, text="x" * asked.size)

    @asynccontextmanager
    async def lifespan(_app: FastAPI):
        engine = engines.create(sqlite_url)
        tables.metadata.create_all(engine)
        verifier = identities.verifier()
        yield {"settings": settings, "clock": clock, "engine": engine, "verifier": verifier}
        engine.dispose()

    app = web.create(title="T", version="1", summary="", settings=settings, lifespan=lifespan)
    router = APIRouter(route_class=FastRoute)
    router.add_api_route("/fast", answer, methods=["POST"])
    app.include_router(router)
    app.add_api_route("/plain", answer, methods=["POST"])
    return app


class Client:
    """Writes requests byte by byte, and reads whole answers."""

    def __init__(self, port: int, token: str) -> None:
        self._token = token
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self._received = b""

    def written(self, path: str, *more: str, version: str = "1.1", **asked: object) -> bytes:
        body = json.dumps(asked).encode()
        lines = [
            f"POST {path} HTTP/{version}",
            "Host: a",
            f"Authorization: Bearer {self._token}",
            "Content-Type: application/json",
            f"X-Request-ID: {REQUEST_ID}",
            f"Content-Length: {len(body)}",
            *more,
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self._socket.sendall(part)

    def answer(self) -> tuple[str, dict[str, str], bytes]:
        """Return status line, headers and body; fail where the connection ends before."""
        while b"\r\n\r\n" not in self._received:
            self._more()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert len(headers) == len(lines)
        length = int(headers["content-length"])
        while len(self._received) < length:
            self._more()
        body, self._received = self._received[:length], self._received[length:]
        return status, headers, body

    def is_over(self) -> bool:
        return not self._received and self._socket.recv(1) == b""

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> None:
        part = self._socket.recv(1 << 16)
        assert part, "the server closed"
        self._received += part


@pytest.fixture
def served(app, token_for):
    """Return `served()`, clients of a server that has verified their token."""
    token = token_for(Role.CSU_SYSTEM, audience="agreements")
    with ExitStack() as stack:
        (url,) = stack.enter_context(server.in_background([(app, "127.0.0.1", 0)]))
        port = int(url.rpartition(":")[2])

        def client() -> Client:
            one = Client(port, token)
            stack.callback(one.close)
            return one

        first = client()
        first.send(first.written("/plain"))
        assert first.answer()[0] == "HTTP/1.1 200 OK"
        yield client


@contextmanager
def nothing_sent_by_the_server(monkeypatch):
    async def refused(*_: object) -> None:
        raise AssertionError("it was answered by `send`")

    with monkeypatch.context() as patched:
        patched.setattr(RequestResponseCycle, "send", refused)
        yield


def asked_both(client, *more: str, version: str = "1.1"):
    found = []
    for path in ("/fast", "/plain"):
        one = client()
        one.send(one.written(path, *more, version=version, size=5))
        status, headers, body = one.answer()
        assert headers.pop("date").endswith(" GMT")
        found.append((status, headers, body, one))
    return found


def test_the_bytes_are_those_of_an_answer_by_send(served, monkeypatch):
    (*fast, _), (*plain, _) = asked_both(served)

    assert fast == plain
    with nothing_sent_by_the_server(monkeypatch):
        client = served()
        client.send(client.written("/fast", size=7))
        assert json.loads(client.answer()[2])["size"] == 7


def test_an_answer_has_the_date_that_the_server_has_by_then(served, monkeypatch):
    client = served()
    found = []
    for date in (b"Thu, 01 Mar 2018 00:00:00 GMT", b"Thu, 01 Mar 2018 00:00:01 GMT"):
        monkeypatch.setattr(Exchange, "answer", dated(Exchange.answer, date))
        for _ in range(2):
            client.send(client.written("/fast", size=1))
            found.append(client.answer()[1]["date"][-6:-4])
        monkeypatch.undo()

    assert found == ["00", "00", "01", "01"]


def dated(answer, date: bytes):
    """Have the server's headers be others, as it makes them anew each second."""
    headers = [(b"date", date)]

    def answered(exchange, *told: bytes) -> bool:
        exchange._cycle().default_headers = headers
        return answer(exchange, *told)

    return answered


@pytest.mark.parametrize(
    ("more", "version"), [(("Connection: close",), "1.1"), ((), "1.0"), ((), "1.1")]
)
def test_a_connection_ends_where_it_would(served, more, version):
    (*fast, of_fast), (*plain, of_plain) = asked_both(served, *more, version=version)

    assert fast == plain
    if fast[1].get("connection") == "close":
        assert of_fast.is_over()
        assert of_plain.is_over()
    else:
        of_fast.send(of_fast.written("/fast", size=8))
        assert json.loads(of_fast.answer()[2])["size"] == 8
    assert ("connection" in fast[1]) == (bool(more) or version == "1.0")


def test_a_body_may_come_in_pieces(served):
    client = served()
    whole = client.written("/fast", size=3)

    for at in (10, whole.index(b"\r\n\r\n") + 4, len(whole) - 1):
        client.send(whole[:at], whole[at:])
        assert json.loads(client.answer()[2])["size"] == 3


def test_who_waits_for_leave_to_send_gets_it(served):
    client = served()
    head, body = client.written("/fast", "Expect: 100-continue", size=3).split(b"\r\n\r\n")

    client.send(head + b"\r\n\r\n")
    assert client._socket.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(body)
    assert json.loads(client.answer()[2])["size"] == 3


def test_requests_one_behind_the_other_are_answered_in_their_order(served):
    client = served()
    paths = ["/fast" if n % 3 else "/plain" for n in range(PIPELINED)]

    client.send(b"".join(client.written(path, size=n) for n, path in enumerate(paths)))

    assert [json.loads(client.answer()[2])["size"] for _ in paths] == list(range(PIPELINED))


def test_who_does_not_read_is_waited_for_and_loses_nothing(served):
    client = served()
    client.send(b"".join(client.written("/fast", size=LARGE + n) for n in range(PIPELINED)))
    beside = served()
    beside.send(beside.written("/fast", size=1))
    assert json.loads(beside.answer()[2])["size"] == 1

    found = [json.loads(client.answer()[2]) for _ in range(PIPELINED)]

    assert [one["size"] for one in found] == [LARGE + n for n in range(PIPELINED)]
    assert all(len(one["text"]) == one["size"] for one in found)


def test_what_waits_to_be_taken_is_not_added_to(served, monkeypatch):
    held = []

    async def send(cycle, message, sends=RequestResponseCycle.send):
        held.append(cycle.flow.write_paused)
        await sends(cycle, message)

    monkeypatch.setattr(RequestResponseCycle, "send", send)
    client = served()
    client.send(b"".join(client.written("/fast", size=4 * LARGE) for _ in range(PIPELINED)))
    for _ in range(PIPELINED):
        client.answer()

    assert any(held)  # by `send`, which waits until what is there was taken


def test_nothing_is_written_to_who_has_hung_up(served, arrived, left, caplog):
    gone, client = served(), served()
    arrived.clear()
    left.clear()
    gone.send(gone.written("/fast", stays=True))
    assert arrived.wait(PATIENCE_SECONDS)
    gone.close()
    assert left.wait(PATIENCE_SECONDS)

    client.send(client.written("/fast", size=2))
    assert json.loads(client.answer()[2])["size"] == 2
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def test_what_was_asked_is_answered_before_the_server_ends(app, token_for, go_on, arrived):
    token = token_for(Role.CSU_SYSTEM, audience="agreements")
    group = server.Group([(app, "127.0.0.1", 0)], [], graceful_seconds=PATIENCE_SECONDS)
    serving = threading.Thread(target=group.run_quietly, daemon=True)
    serving.start()
    group.wait_until_ready()
    client = Client(int(group.urls[0].rpartition(":")[2]), token)
    client.send(client.written("/plain"))
    client.answer()
    arrived.clear()
    client.send(client.written("/fast", waits=True, size=4))
    assert arrived.wait(PATIENCE_SECONDS)

    group.stop()
    go_on.set()
    status, _, body = client.answer()
    serving.join(PATIENCE_SECONDS)

    assert (status, json.loads(body)["size"]) == ("HTTP/1.1 200 OK", 4)
    assert client.is_over()
    assert not serving.is_alive()
    client.close()


@pytest.mark.parametrize("path", ["/fast", "/plain"])
def test_a_request_that_was_answered_is_gone_without_the_garbage_collector(served, path):
    gc.collect()
    client = served()
    gc.disable()
    try:
        for _ in range(20):
            client.send(client.written(path))
            client.answer()
        left = sum(isinstance(one, RequestResponseCycle) for one in gc.get_objects())
    finally:
        gc.enable()

    assert left < 10  # each connection's last, and no ring of twenty
