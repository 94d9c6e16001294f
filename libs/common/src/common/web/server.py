"""Serving: several apps on several ports in one process, and workers beside them."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common import workers as running
from common.settings import ServiceSettings
from common.web import problems
from common.web.app import Service
from common.workers import Worker

log: structlog.stdlib.BoundLogger = structlog.get_logger()

CONNECTION = "dsfc.connection"
"""`scope["extensions"][CONNECTION]` is the protocol, with its `flow` and its `transport`."""

KEEP_ALIVE_SECONDS = 30
START_SECONDS_MAX = 60.0
BACKLOG = 512

Binding = tuple[FastAPI, str, int]


class ConnectionInScope(HttpToolsProtocol):
    """Lets a stream see its own connection.

    A leased download has to know that all it wrote has left, before it looks at its lease
    again, and to abort what has not (design.md section 6). ASGI alone tells neither.
    """

    def on_message_begin(self) -> None:
        super().on_message_begin()
        # uvicorn types extensions as dictionaries; ASGI leaves their values to us.
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        app = self.config.app
        if self.cycle is not None and isinstance(app, Service) and app.lane is not None:
            # A lean route writes down what it was asked; a second line for it would cost more.
            self.cycle.access_log = self.access_log and not app.lane.serves(self.scope)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in the same form as everything else."""
        del msg  # uvicorn's own words; ours are the same for every refusal
        body = problems.problem(400).body
        head = (
            "HTTP/1.1 400 Bad Request\r\n"
            f"Content-Type: {problems.MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + bytes(body))
        self.transport.close()


class NotStarted(RuntimeError):
    """An app could not start; why is in the log."""


class _Server(uvicorn.Server):
    """uvicorn's, with signals and the end of the process left to `serve`: there are several."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit as error:
            # It would tear the loop down under the other apps.
            raise NotStarted from error

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(apps: Sequence[Binding], workers: Sequence[Worker], settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way, for a limited time.

    Raises:
        SystemExit: an app could not start, or a port is taken.

    """
    group = Group(apps, workers, graceful_seconds=settings.graceful_shutdown_seconds)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: group.stop())
    try:
        group.run()
    except NotStarted as error:
        raise SystemExit(3) from error


@contextmanager
def in_background(
    apps: Sequence[Binding], workers: Sequence[Worker] = (), *, graceful_seconds: int = 5
) -> Iterator[list[str]]:
    """Serve in a thread, for tests and tools; yields the base URLs. Port 0 is any free one."""
    group = Group(apps, workers, graceful_seconds=graceful_seconds)
    thread = threading.Thread(target=group.run_quietly, name="server", daemon=True)
    thread.start()
    try:
        group.wait_until_ready()
        yield group.urls
    finally:
        group.stop()
        thread.join()


class Group:
    """Apps and workers that start and stop together."""

    def __init__(
        self, apps: Sequence[Binding], workers: Sequence[Worker], *, graceful_seconds: int
    ) -> None:
        self._workers = workers
        self._graceful_seconds = graceful_seconds
        self._stop_workers = threading.Event()
        self._ready = threading.Event()
        self._failed = False
        self._sockets = [_bind(host, port) for _, host, port in apps]
        self._servers = [
            _Server(
                uvicorn.Config(
                    app,
                    http=ConnectionInScope,
                    ws="none",
                    lifespan="on",
                    log_config=None,  # common.logging has configured it
                    server_header=False,
                    timeout_keep_alive=KEEP_ALIVE_SECONDS,
                    timeout_graceful_shutdown=graceful_seconds,
                    backlog=BACKLOG,
                )
            )
            for app, _, _ in apps
        ]

    @property
    def urls(self) -> list[str]:
        """Return where the apps are."""
        return [_url(bound) for bound in self._sockets]

    def stop(self) -> None:
        """Ask all of them to end. Safe in a signal handler and from any thread."""
        self._stop_workers.set()
        for server in self._servers:
            server.should_exit = True

    def wait_until_ready(self) -> None:
        """Wait until all apps answer. Raises NotStarted where one could not start."""
        if not self._ready.wait(START_SECONDS_MAX) or self._failed:
            raise NotStarted("the server did not start")

    def run(self) -> None:
        """Serve in this thread until `stop`. Raises NotStarted."""
        threads: list[threading.Thread] = []
        try:
            with asyncio.Runner(loop_factory=self._servers[0].config.get_loop_factory()) as runner:
                runner.run(self._serve(threads))
        finally:
            self.stop()
            self._failed = not all(server.started for server in self._servers)
            self._ready.set()
            still = running.join(threads, timeout_seconds=self._graceful_seconds)
            if still:
                # They are daemons: what they leave half-done is what a kill would leave.
                log.warning("workers_did_not_stop", workers=still)
            for bound in self._sockets:
                bound.close()
        if self._failed:
            raise NotStarted("an app could not start")

    def run_quietly(self) -> None:
        """Serve in a thread of which nobody sees the end: `wait_until_ready` tells it."""
        with contextlib.suppress(NotStarted):
            self.run()

    async def _serve(self, threads: list[threading.Thread]) -> None:
        serving = [
            asyncio.create_task(server.serve(sockets=[bound]))
            for server, bound in zip(self._servers, self._sockets, strict=True)
        ]
        while not all(server.started for server in self._servers):
            done, _ = await asyncio.wait(serving, timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
            if done:
                self.stop()
                break
        else:
            log.info("serving", urls=self.urls)
            threads.extend(running.start(self._workers, self._stop_workers))
            self._ready.set()
        await asyncio.gather(*serving, return_exceptions=True)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise SystemExit(f"{host}:{port} cannot be listened on: {error.strerror}") from error
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
