"""Serving: several apps on several ports in one process, and workers beside them."""

import asyncio
import contextlib
import gc
import resource
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from common import workers as running
from common.settings import ServiceSettings
from common.tls import files as tls_files
from common.tls.files import Renewed
from common.tls.transport import TlsProtocol
from common.web import connections
from common.web.connections import CONNECTION, ConnectionInScope
from common.web.quick import KnownHeads, QuickConnection
from common.workers import Worker

__all__ = ["CONNECTION", "ConnectionInScope", "Group", "NotStarted", "in_background", "serve"]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LAG_EVERY_SECONDS = 0.1
FILES_MAX = 65_536
START_SECONDS_MAX = 60.0
END_SECONDS_MAX = 5.0
"""For what was cut at the end of the grace to write down how it ended."""
BACKLOG = 512
OBJECTS_BEFORE_A_LOOK = 20_000
"""For the garbage collector: a batch of decisions has thousands, which are gone with it."""

Binding = tuple[FastAPI, str, int]


class NotStarted(RuntimeError):
    """An app could not start; why is in the log."""


class _Server(uvicorn.Server):
    """uvicorn's, with signals and the end of the process left to `serve`: there are several.

    What outlasts the time for a graceful end is cancelled, as by uvicorn; but the app is closed
    only when it has written down how it ended.
    """

    def __init__(self, config: uvicorn.Config, *, graceful_seconds: float) -> None:
        super().__init__(config)
        self._graceful_seconds = graceful_seconds

    async def _wait_tasks_to_complete(self) -> None:
        try:
            async with asyncio.timeout(self._graceful_seconds):
                await super()._wait_tasks_to_complete()
        except TimeoutError:
            left = list(self.server_state.tasks)
            log.warning("cut_at_shutdown", tasks=len(left))
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=END_SECONDS_MAX)

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
        SystemExit: an app could not start, a port is taken, or its certificate cannot be read.

    """
    _raise_open_files()
    group = Group(
        apps,
        workers,
        graceful_seconds=settings.graceful_shutdown_seconds,
        when_ready=keep_for_good,
        shown=_shown(settings),
    )
    running.when_told_to_end(group.stop)
    try:
        group.run()
    except NotStarted as error:
        raise SystemExit(3) from error


@contextmanager
def in_background(
    apps: Sequence[Binding],
    workers: Sequence[Worker] = (),
    *,
    graceful_seconds: int = 5,
    shown: Renewed | None = None,
) -> Iterator[list[str]]:
    """Serve in a thread, for tests and tools; yields the base URLs. Port 0 is any free one."""
    group = Group(apps, workers, graceful_seconds=graceful_seconds, shown=shown)
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
        self,
        apps: Sequence[Binding],
        workers: Sequence[Worker],
        *,
        graceful_seconds: int,
        when_ready: Callable[[], None] | None = None,
        shown: Renewed | None = None,
    ) -> None:
        """`shown` is the certificate of all of them; without one they speak plain HTTP."""
        self._scheme = "http" if shown is None else "https"
        self._workers = workers
        self._when_ready = when_ready
        self._graceful_seconds = graceful_seconds
        self._stop_workers = threading.Event()
        self._ready = threading.Event()
        self._failed = False
        self._sockets = [_bind(host, port) for _, host, port in apps]
        self._servers = [
            _Server(
                uvicorn.Config(
                    app,
                    http=_protocol(app, shown),
                    ws="none",
                    lifespan="on",
                    log_config=None,  # common.logging has configured it
                    server_header=False,
                    timeout_keep_alive=int(connections.limits_of(app).idle_seconds_max) + 1,
                    backlog=BACKLOG,
                ),
                graceful_seconds=graceful_seconds,
            )
            for app, _, _ in apps
        ]

    @property
    def urls(self) -> list[str]:
        """Return where the apps are."""
        return [f"{self._scheme}://{_place(bound)}" for bound in self._sockets]

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
            if self._when_ready is not None:
                self._when_ready()
            self._ready.set()
        beside = [
            asyncio.create_task(self._look_at_connections()),
            asyncio.create_task(self._lag()),
        ]
        await asyncio.gather(*serving, return_exceptions=True)
        for task in beside:
            task.cancel()

    async def _look_at_connections(self) -> None:
        """End connections whose time is over, while there are any."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(connections.LOOKS_EVERY_SECONDS)
            for server in self._servers:
                connections.look_at(server.server_state.connections, loop.time())

    async def _lag(self) -> None:
        """Measure by how much the event loop is late: everything on it waits as long."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY_SECONDS
            await asyncio.sleep(LAG_EVERY_SECONDS)
            late = max(loop.time() - due, 0.0)
            for server in self._servers:
                connections.note_lag(server.config.app, late, len(server.server_state.connections))


def keep_for_good() -> None:
    """Tell the garbage collector that what has started stays, in a process that only serves.

    It would look through all of it, a quarter of a second, while every lease waits.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_A_LOOK)


def _raise_open_files() -> None:
    """Let every connection that the settings allow have its file, where the system allows that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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


def _place(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _shown(settings: ServiceSettings) -> Renewed | None:
    certificate, key = settings.tls_certificate_file, settings.tls_key_file
    if certificate is None or key is None:
        return None
    try:
        return tls_files.served(certificate, key)
    except OSError as error:
        raise SystemExit(f"{certificate} and {key} cannot be served: {error.strerror}") from error


def _protocol(app: FastAPI, shown: Renewed | None) -> Any:
    """Return what uvicorn makes a connection's protocol with; it asks for no more than that."""
    heads = KnownHeads(app)

    def make(**given: Any) -> QuickConnection | TlsProtocol:
        connection = QuickConnection(heads, **given)
        if shown is None:
            return connection

        def not_shaken() -> None:
            connections.counted_of(app)("handshake")

        return TlsProtocol(connection, shown.context(), not_shaken)

    return make
