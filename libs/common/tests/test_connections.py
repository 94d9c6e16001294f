"""One stranger cannot stall a service: slow and greedy clients over raw sockets (docs/adr/0029).

Each refusal is a problem; who asks as one should is answered meanwhile, and the loop is not held.
"""

import asyncio
import itertools
import json
import socket
import threading
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import Body, FastAPI, Request
from fastapi.responses import StreamingResponse

from common.clock import SystemClock
from common.db import engine as engines
from common.db import tables
from common.settings import ServiceSettings
from common.web import app as web
from common.web import auth, connections, server
from common.web.app import SAFETY

OPEN = auth.public("A test.")
PATIENCE_SECONDS = 30
QUICK = 25.0
"""Seconds in which a service answers that nobody stalls, on a busy machine: less than the limits by
which it would get rid of those who stall it."""

pytestmark = pytest.mark.timeout(120)
GET = b"GET /livez HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def make_app(database_url, go_on, **limits):
    settings = ServiceSettings(environment="development", **limits)

    @asynccontextmanager
    async def lifespan(_app: FastAPI):
        engine = engines.create(database_url)
        tables.metadata.create_all(engine)
        yield {"settings": settings, "clock": SystemClock(), "engine": engine, "verifier": None}
        engine.dispose()

    app = web.create(title="T", version="1", summary="", settings=settings, lifespan=lifespan)

    @app.post("/echo", dependencies=[OPEN])
    async def echo(body: Annotated[list[object], Body()], request: Request) -> dict[str, int]:
        return {"items": len(body), "headers": len(request.headers)}

    @app.post("/upload", dependencies=[OPEN])
    async def upload(request: Request) -> dict[str, int]:
        received = 0
        async for part in request.stream():
            received += len(part)
        return {"received": received}

    @app.post("/slow", dependencies=[OPEN])
    async def slow(body: Annotated[list[object], Body()]) -> str:
        await asyncio.to_thread(go_on.wait, PATIENCE_SECONDS)
        await asyncio.sleep(0.1)  # the loop has read meanwhile what was there to be read
        return "carried out"

    @app.get("/big", dependencies=[OPEN])
    async def big() -> StreamingResponse:
        return StreamingResponse(iter([bytes(1 << 20)] * 64))

    return app


@pytest.fixture
def serving(sqlite_url, monkeypatch):
    """Return `serving(**limits)`: the address of a server with these limits."""
    monkeypatch.setattr(connections, "LOOKS_EVERY_SECONDS", 0.1)
    go_on = threading.Event()
    with ExitStack() as stack:

        def start(**limits):
            app = make_app(sqlite_url, go_on, **{"header_seconds_max": PATIENCE_SECONDS, **limits})
            (url,) = stack.enter_context(server.in_background([(app, "127.0.0.1", 0)]))
            host, _, port = url.removeprefix("http://").partition(":")
            return host, int(port)

        start.go_on = go_on
        yield start


@contextmanager
def connected(address):
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as sock:
        yield sock


def answer(sock):
    """All that comes until the end of the connection."""
    found = b""
    try:
        while part := sock.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return found


def status(found):
    return int(found.split(b" ", 2)[1]) if found else None


def problem(found):
    assert b"application/problem+json" in found
    for name, value in SAFETY:
        assert b"%b: %b\r\n" % (name, value) in found
    return json.loads(found.partition(b"\r\n\r\n")[2])


def send_until_refused(sock, *pieces, limit_bytes=64 << 20):
    """Send the pieces, the last again and again; return what was answered and how much was sent."""
    sent = 0
    try:
        for piece in pieces:
            sock.sendall(piece)
        while sent < limit_bytes:
            sock.sendall(pieces[-1])
            sent += len(pieces[-1])
    except OSError:
        pass
    return answer(sock), sent


def answers_quickly(address):
    began = time.monotonic()
    with connected(address) as sock:
        sock.sendall(GET + b"Connection: close\r\n\r\n")
        assert status(answer(sock)) == 200
    return time.monotonic() - began < QUICK


ENDLESS = {
    "a header": (GET + b"X-Endless: ", b"a" * 65_536),
    "the name of a header": (GET, b"a" * 65_536),
    "headers": (GET, b"X-Again: again\r\n" * 4_096),
    "a folded header": (GET + b"X-Folded: a", b"\r\n " + b"a" * 60_000),
    "a request line": (b"GET /", b"a" * 65_536),
    "a query": (b"GET /livez?", b"a=1&" * 16_384),
    "a method": (b"A" * 65_536,),
    "what comes before a request": (b"\r\n" * 32_768,),
    "the extension of a chunk": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;a=",
        b"a" * 65_536,
    ),
    "chunks of one byte": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\n \r\n" * 10_000,
    ),
    "trailers": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n",
        b"X-Again: again\r\n" * 4_096,
    ),
    "a trailer": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nX-Endless: ",
        b"a" * 65_536,
    ),
    "pipelined requests": (GET + b"\r\n", (GET + b"\r\n") * 1_000),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_is_ended_and_holds_up_nobody(serving, what):
    """Guards: `ConnectionInScope._parse`, `on_url`, `on_header`, the limit of the pipeline."""
    address = serving(idle_seconds_max=2, header_seconds_max=5)

    with connected(address) as sock:
        found, sent = send_until_refused(sock, *ENDLESS[what])

        assert answers_quickly(address)

    assert sent < 64 << 20
    if found and what not in {"pipelined requests", "what comes before a request"}:
        assert status(found) in {400, 414, 431}


def test_a_long_header_and_a_long_line_are_told_apart(serving):
    address = serving()
    found = {}
    for name, request in {
        "line": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        "query": b"GET /livez?" + b"a=1&" * 3_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        "header": GET + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n",
        "headers": GET + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n",
    }.items():
        with connected(address) as sock:
            sock.sendall(request)
            refused = problem(answer(sock))
        found[name] = (refused["status"], refused["code"])

    assert found == {
        "line": (414, "URI_TOO_LONG"),
        "query": (414, "URI_TOO_LONG"),
        "header": (431, "HEADERS_TOO_LARGE"),
        "headers": (431, "HEADERS_TOO_LARGE"),
    }


def test_what_is_just_within_the_limits_is_answered(serving):
    address = serving()
    with connected(address) as sock:
        sock.sendall(b"GET /livez?" + b"a" * 8_000 + b" HTTP/1.1\r\nHost: a\r\n")
        for number in range(90):
            sock.sendall(b"X-%d: " % number + b"a" * 330 + b"\r\n")
        sock.sendall(b"Connection: close\r\n\r\n")
        assert status(answer(sock)) not in {None, 408, 414, 431}


@pytest.mark.parametrize(
    "ambiguous",
    [
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]]",
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2, 3\r\n\r\n[]]",
        POST + b"Content-Length: -2\r\n\r\n[]",
        POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n[]",
    ],
)
def test_a_body_of_two_lengths_is_refused(serving, ambiguous):
    with connected(serving()) as sock:
        sock.sendall(ambiguous)
        assert problem(answer(sock))["status"] == 400


H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAA\r\n"
WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
BODIES = {
    "of a length": b"Content-Length: 5\r\n\r\n[1,2]",
    "in chunks": b"Transfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n3\r\n,2]\r\n0\r\nX-T: a\r\n\r\n",
}


@pytest.mark.parametrize("upgrade", [H2C, WEBSOCKET], ids=["h2c", "websocket"])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("piece", [1, 7, 1_000])
def test_an_upgrade_is_ignored_and_a_body_is_the_requests_own(serving, upgrade, body, piece):
    """Guard: `_stay_with_http`. Java's client asks for h2c in its first request."""
    last = GET + b"Connection: close\r\n\r\n"
    asked = (POST + upgrade + BODIES[body]) * 2 + GET + upgrade + b"\r\n" + last
    with connected(serving()) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(asked), piece):
            sock.sendall(asked[start : start + piece])
        found = answer(sock)

    assert found.count(b"HTTP/1.1 200 OK") == 4
    assert found.count(b'{"items":2,') == 2


def test_an_upgrade_opens_no_way_round_the_limits(serving):
    with connected(serving()) as sock:
        sock.sendall(POST + H2C + b"Transfer-Encoding: chunked\r\n\r\n1;a=")
        found, sent = send_until_refused(sock, b"a" * 65_536)

    assert (status(found), sent < 8 << 20) == (400, True)


@pytest.mark.parametrize("behind", [b"XXXX", b"GET /" + b"a" * 9_000, b"A: b\r\n\r\n"])
@pytest.mark.parametrize("is_at_once", [True, False])
def test_what_is_behind_a_whole_request_does_not_undo_its_answer(serving, behind, is_at_once):
    """Guard: `_is_answering`. A body that is longer than it was said to be: its request may have
    been carried out, and 400 would say that it was not."""
    with connected(serving()) as sock:
        request = POST.replace(b"/echo", b"/slow") + b"Content-Length: 2\r\n\r\n[]"
        if is_at_once:
            sock.sendall(request + behind)
        else:
            sock.sendall(request)
            threading.Event().wait(0.2)
            sock.sendall(behind)
        serving.go_on.set()
        found = answer(sock)

    assert status(found) == 200
    assert found.count(b"HTTP/1.1 ") == 1
    assert b'"carried out"' in found


def test_of_too_many_pipelined_requests_the_first_are_answered(serving):
    with connected(serving(pipelined_max=4)) as sock:
        sock.sendall((GET + b"\r\n") * 100)
        found = answer(sock)

    assert found.count(b"HTTP/1.1 200 OK") == 5  # the one that runs, and those that wait
    assert found.count(b"connection: close") == 1


@pytest.mark.parametrize("body", ["Content-Length: 20", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("path", ["/upload", "/echo"])
@pytest.mark.parametrize("how", ["closed", "half-closed", "silent", "no chunk"])
def test_half_a_body_leaves_no_traceback(serving, caplog, body, path, how):
    """Guard: `problems.answer` knows a client that is gone; a stranger could fill the log."""
    address = serving(body_progress_seconds=0.5)
    chunk = b"5\r\n[1,2," if "chunked" in body else b"[1,2,"
    with connected(address) as sock:
        sock.sendall(POST.replace(b"/echo", path.encode()) + body.encode() + b"\r\n\r\n" + chunk)
        threading.Event().wait(0.1)
        if how == "half-closed":
            sock.shutdown(socket.SHUT_WR)
        if how == "no chunk":
            sock.sendall(b"zz\r\n" * 5)
        if how != "closed":
            answer(sock)
    assert answers_quickly(address)

    assert [r for r in caplog.records if r.levelname in {"ERROR", "CRITICAL"}] == []


def test_who_takes_an_answer_byte_by_byte_holds_up_nobody_and_not_for_ever(serving):
    """Guard: `_look_at_answer`: a byte now and then is no progress."""
    address = serving(response_stall_seconds=1.0)
    ended = 'connections_ended_total{reason="stalled"} 1.0'
    with (
        connected(address) as sock,
        httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=60) as metrics,
    ):
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while ended not in metrics.get("/metrics").text:
            assert len(sock.recv(1)) == 1
            assert answers_quickly(address)
            assert time.monotonic() < deadline


def test_a_trailer_is_no_header_of_the_request(serving):
    with connected(serving()) as sock:
        sock.sendall(
            POST
            + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"2\r\n[]\r\n0\r\nAuthorization: Bearer late\r\n\r\n"
        )
        found = answer(sock)

    assert json.loads(found.partition(b"\r\n\r\n")[2]) == {"items": 0, "headers": 4}


def test_deep_json_is_refused_and_not_an_error_of_ours(serving):
    address = serving()
    with connected(address) as sock:
        body = b"[" * 500_000
        sock.sendall(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert 400 <= status(answer(sock)) < 500
    assert answers_quickly(address)


HALF = {
    "nothing": b"",
    "half a line": b"GET /li",
    "half of the headers": GET + b"X-Half: ",
    "an empty line": b"\r\n",
}


@pytest.mark.parametrize("what", HALF)
def test_half_a_request_is_closed_in_time(serving, what):
    """Guard: `ConnectionInScope.look`."""
    address = serving(header_seconds_max=0.5, idle_seconds_max=0.5)
    with connected(address) as sock:
        sock.sendall(HALF[what])
        found = answer(sock)  # the end comes, or the socket's own patience fails the test

    assert status(found) in {None, 408}


def test_a_header_that_comes_byte_by_byte_does_not_gain_time(serving):
    address = serving(header_seconds_max=1.0)
    began = time.monotonic()
    drops = itertools.chain((bytes([byte]) for byte in GET + b"X-Slow: "), itertools.repeat(b"a"))
    with connected(address) as sock:
        try:
            while time.monotonic() < began + PATIENCE_SECONDS:
                sock.sendall(next(drops))
                threading.Event().wait(0.1)
        except OSError:
            pass

    assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_kept_connection_is_closed_when_it_is_idle_also_after_blank_lines(serving):
    address = serving(idle_seconds_max=1.0, header_seconds_max=1.0)
    with connected(address) as sock:
        sock.sendall(GET + b"\r\n")
        found = b""
        while not found.endswith(b"alive"):
            found += sock.recv(65_536)
        sock.sendall(b"\r\n\r\n")  # uvicorn stops its own timer at every byte
        assert answer(sock) == b""


def test_a_body_that_makes_no_progress_is_ended_and_one_that_does_is_not(serving):
    """Guard: `_look_at_body`. A large upload may take as long as it likes, if it goes on."""
    address = serving(body_progress_seconds=3.0, body_progress_bytes=1_000)
    length = 20 * 500
    head = b"POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    with connected(address) as slow, connected(address) as silent:
        silent.sendall(head + b"Content-Length: %d\r\n\r\n" % length + b"a" * 500)
        slow.sendall(head + b"Content-Length: %d\r\n\r\n" % length)
        for _ in range(20):
            slow.sendall(b"a" * 500)
            threading.Event().wait(0.2)

        assert problem(answer(silent))["code"] == "REQUEST_TIMEOUT"
        assert json.loads(answer(slow).partition(b"\r\n\r\n")[2]) == {"received": length}


def test_an_answer_that_nobody_takes_is_given_up(serving):
    """Guard: `_look_at_answer`."""
    address = serving(response_stall_seconds=1.0)
    with connected(address) as sock:
        sock.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.recv(1)
        metrics = httpx.Client(base_url=f"http://{address[0]}:{address[1]}", timeout=60)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while 'connections_ended_total{reason="stalled"} 1.0' not in metrics.get("/metrics").text:
            assert time.monotonic() < deadline
        metrics.close()


def test_those_who_wait_for_nothing_make_room_for_those_who_ask(serving):
    """Guard: `_make_room`."""
    address = serving(connections_per_peer_max=20, connections_max=30)
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(address)) for _ in range(60)]
        for sock in silent[:10]:
            sock.sendall(b"GET /")

        assert answers_quickly(address)


def test_where_everybody_asks_the_next_is_refused_with_a_reason(serving):
    address = serving(connections_per_peer_max=2, response_stall_seconds=60)
    with ExitStack() as stack:
        for _ in range(2):
            busy = stack.enter_context(connected(address))
            busy.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
            busy.recv(1)
        sock = stack.enter_context(connected(address))
        sock.sendall(GET + b"\r\n")

        found = answer(sock)

    assert problem(found)["code"] == "UNAVAILABLE"
    assert b"retry-after: 1" in found.lower()


def test_the_lag_of_the_loop_and_the_connections_are_measured(serving):
    host, port = serving()
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            lines = client.get("/metrics").text.splitlines()
            found = {line.split(" ")[0]: line.split(" ")[1] for line in lines if line[0] != "#"}
            if float(found["event_loop_lag_seconds_count"]) > 2:
                break
            assert time.monotonic() < deadline

    assert float(found["connections_open"]) >= 1
