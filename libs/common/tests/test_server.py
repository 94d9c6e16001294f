"""The server: several apps in one process, streams that see their connection, a clean end."""

import asyncio
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Body, FastAPI, Request, Response
from fastapi.responses import StreamingResponse

from common.clock import SystemClock
from common.db import engine as engines
from common.db import tables
from common.security.principal import Principal
from common.security.roles import Role
from common.settings import ServiceSettings
from common.web import app as web
from common.web import auth, server
from common.web.fast import FastRoute
from dsfc_testing import ports

OPEN = auth.public("A test.")
ANYBODY = auth.Permission("things:ask", frozenset(Role), "Ask")
ANY_PORT = ("127.0.0.1", 0)


def make_app(database_url: str) -> FastAPI:
    settings = ServiceSettings(environment="development", graceful_shutdown_seconds=5)

    @asynccontextmanager
    async def lifespan(_app: FastAPI):
        engine = engines.create(database_url)
        tables.metadata.create_all(engine)
        yield {"settings": settings, "clock": SystemClock(), "engine": engine, "verifier": None}
        engine.dispose()

    app = web.create(title="T", version="1", summary="", settings=settings, lifespan=lifespan)

    @app.get("/connection", dependencies=[OPEN])
    async def connection(request: Request) -> dict[str, bool]:
        protocol = request.scope["extensions"][server.CONNECTION]
        await protocol.flow.drain()
        return {
            "has_transport": protocol.transport.get_write_buffer_size() == 0,
            "is_paused": protocol.flow.write_paused,
        }

    @app.get("/aborted", dependencies=[OPEN])
    async def aborted(request: Request) -> StreamingResponse:
        transport = request.scope["extensions"][server.CONNECTION].transport

        async def body():
            yield b"first"
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            transport.abort()
            yield b"second"

        return StreamingResponse(body())

    return app


def test_several_apps_answer_on_ports_of_their_own(sqlite_url):
    apps = [(make_app(sqlite_url), *ANY_PORT), (make_app(sqlite_url), *ANY_PORT)]

    with server.in_background(apps) as urls:
        assert len(set(urls)) == 2
        assert [httpx.get(f"{url}/readyz", timeout=60).status_code for url in urls] == [200, 200]


def test_a_stream_sees_its_own_connection(sqlite_url):
    with server.in_background([(make_app(sqlite_url), *ANY_PORT)]) as (url,):
        assert httpx.get(f"{url}/connection", timeout=60).json() == {
            "has_transport": True,
            "is_paused": False,
        }


def test_a_stream_that_is_cut_never_ends_cleanly(sqlite_url):
    with (
        server.in_background([(make_app(sqlite_url), *ANY_PORT)]) as (url,),
        pytest.raises(httpx.TransportError),
    ):
        httpx.get(f"{url}/aborted", timeout=60)


def test_what_is_not_http_is_refused_in_the_same_form(sqlite_url):
    with server.in_background([(make_app(sqlite_url), *ANY_PORT)]) as (url,):
        address = httpx.URL(url)
        with socket.create_connection((address.host, address.port), timeout=30) as raw:
            raw.sendall(b"\x00\x01 nonsense\r\n\r\n")
            answer = b"".join(iter(lambda: raw.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert b"nonsense" not in answer


def test_a_port_that_is_taken_is_named(sqlite_url):
    with server.in_background([(make_app(sqlite_url), *ANY_PORT)]) as (url,):
        port = httpx.URL(url).port or 0
        with pytest.raises(SystemExit, match=str(port)):
            server.Group([(make_app(sqlite_url), "127.0.0.1", port)], [], graceful_seconds=1)


def test_an_app_that_cannot_start_stops_them_all(sqlite_url):
    def refuse(_app: FastAPI):
        raise ConnectionError

    broken = FastAPI(lifespan=refuse)
    apps = [(make_app(sqlite_url), *ANY_PORT), (broken, *ANY_PORT)]

    with pytest.raises(RuntimeError, match="did not start"), server.in_background(apps):
        pass


def test_workers_run_beside_the_api_and_stop_with_it(sqlite_url):
    started, stopped = threading.Event(), threading.Event()

    class Worker:
        name = "worker"

        def run(self, stop: threading.Event) -> None:
            started.set()
            stop.wait()
            stopped.set()

    with server.in_background([(make_app(sqlite_url), *ANY_PORT)], [Worker()]):
        assert started.wait(30)

    assert stopped.wait(30)


PROGRAM = """
import gc, sys, threading
sys.path.insert(0, {tests!r})
from test_server import make_app
from common import logging
from common.settings import ServiceSettings
from common.web import server
from fastapi import Request

settings = ServiceSettings(environment="development", graceful_shutdown_seconds=5)
logging.configure(settings)
app = make_app({database!r})

class Worker:
    name = "worker"
    def run(self, stop):
        stop.wait()
        is_kept = gc.get_freeze_count() > 10_000 and gc.get_threshold()[0] >= 20_000
        print("worker stopped; kept for good:", is_kept, flush=True)

server.serve([(app, "127.0.0.1", {port})], [Worker()], settings)
print("ended", flush=True)
"""


def test_what_outlasts_the_grace_is_ended_and_writes_down_its_end_before_the_app_closes() -> None:
    """As a stream that is cut by a stop does: its end is written in a task of its own."""
    happened: list[str] = []
    began = threading.Event()

    async def app(scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            for answer in ("startup", "shutdown"):
                await receive()
                happened.append(answer)
                await send({"type": f"lifespan.{answer}.complete"})
            return
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.shield(written_down())

    async def written_down() -> None:
        await asyncio.sleep(0.3)
        happened.append("written down")

    with server.in_background([(app, *ANY_PORT)], graceful_seconds=1) as (url,):
        asking = threading.Thread(target=lambda: httpx.get(url, timeout=30))
        asking.start()
        assert began.wait(10)
    asking.join()

    assert happened == ["startup", "written down", "shutdown"]


def test_a_signal_ends_the_process_cleanly(sqlite_url):
    with ports.held() as (port,):
        end_by_a_signal(sqlite_url, port)


def end_by_a_signal(database_url: str, port: int) -> None:
    program = PROGRAM.format(tests=str(Path(__file__).parent), database=database_url, port=port)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=60).status_code == 200:
                    break
            except httpx.TransportError:
                continue
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 0, output
    assert "worker stopped; kept for good: True" in output
    assert "ended" in output


def test_a_fast_route_writes_no_access_line(sqlite_url, caplog):
    app = make_app(sqlite_url)
    fast_router = APIRouter(route_class=FastRoute)

    async def answer(
        body: Annotated[list[int], Body()],
        request: Request,
        caller: Annotated[Principal, auth.requires(ANYBODY)],
    ) -> Response:
        """Never reached: nobody has a token."""
        raise NotImplementedError

    fast_router.add_api_route("/fast", answer, methods=["POST"])
    app.include_router(fast_router)

    with caplog.at_level("INFO"), server.in_background([(app, *ANY_PORT)]) as (url,):
        assert httpx.post(f"{url}/fast", json=[1], timeout=60).status_code == 401
        assert httpx.get(f"{url}/connection", timeout=60).status_code == 200

    lines = [record for record in caplog.records if record.name == "uvicorn.access"]
    assert [record.args[2] for record in lines] == ["/connection"]
    assert any("UNAUTHENTICATED" in str(record.msg) for record in caplog.records)
