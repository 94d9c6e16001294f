"""The door out: the one place in which bytes of a released file pass to the kernel.

design.md section 6 and S1. Bytes "leave" when the kernel accepts them. So before each chunk
the connection is drained, the lease is looked at, and then at most one chunk is written; the
lease is looked at again by a timer when it ends, and what the kernel has not taken by then
is thrown away with the connection. A stream that is cut ends with a reset, never as if it
were whole, and the kernel forgets what it had not sent.

The connection is uvicorn's own protocol, which `common.web.server` puts into the scope. No
sendfile, no FileResponse, nothing that writes later than it is told to.

What remains (design.md, S1): a process that the scheduler freezes between the look at the
lease and the write may let one chunk pass.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from common import faults
from common.clock import boottime
from common.errors import AppError, Refused
from dissemination.domain.delivery import Cut
from dissemination.domain.errors import ObjectMissing, StreamNotControlled
from dissemination.domain.lease import Lease
from dissemination.domain.ranges import Part

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EXTENSION = "dsfc.connection"
"""Where `common.web.server` puts the connection into an ASGI scope."""

CHUNK_BYTES_MAX = 1_048_576
CHUNK_BYTES_MIN = 16_384
"""design.md section 6: at most 1 MiB; less for a client that drains slowly, so that nothing
has to be thrown away when its lease ends. Every stream begins with the least: nobody knows yet
how slow its client is."""

SLOW_SECONDS = 0.05
QUICK_SECONDS = 0.01
"""How long a chunk may take to drain: a third of what a lease of a second leaves it at its end
(`SETTLED_BEFORE`), so that agreements' restart finds nothing buffered."""

RENEWAL_SECONDS_MIN = 0.02
"""Near the boundary of a fact leases grow short; agreements is not asked in a tight loop."""

RETRY_SECONDS_MIN = 0.05
RETRY_SECONDS_MAX = 1.0

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Flow(Protocol):
    """uvicorn's flow control of one connection."""

    write_paused: bool

    async def drain(self) -> None: ...


class Connection(Protocol):
    """What of uvicorn's protocol the door holds."""

    transport: asyncio.Transport
    flow: Flow


def connection_of(scope: Scope) -> Connection:
    """The connection of a request. Raises StreamNotControlled where the server hides it."""
    connection: Connection | None = scope.get("extensions", {}).get(EXTENSION)
    if connection is None:
        raise StreamNotControlled("The server does not hand over its connections.")
    return connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    pause_seconds_max: float
    """How long a stream waits for a decision while agreements is away."""

    stall_seconds_max: float
    """How long a client may take nothing at all."""

    progress_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a stream ended."""

    bytes: int
    """With the kernel; where the client went away, at most so many."""

    code: str | None
    """Why it was cut; None where it was not."""


Renew = Callable[[Lease], Awaitable[Lease]]
"""Asks again. Raises Refused where the answer is no, any other AppError where there is none."""


class Source(Protocol):
    """The object that is poured out."""

    block_bytes: int
    """How much of it is best read at once; it is read one block ahead."""

    async def read(self, offset: int, length: int) -> memoryview:
        """Raise AppError where it cannot be had."""

    def close(self) -> None: ...


class Shut(Exception):
    """The valve was shut while somebody waited to write."""


class Valve:
    """Open while a lease is fresh; shut for good by a reset of the connection."""

    def __init__(self, connection: Connection, lease: Lease, limits: Limits) -> None:
        self._transport = connection.transport
        self._flow = connection.flow
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self.lease = lease
        self.code: str | None = None
        self._over = False
        self.written = 0
        self.withheld = 0
        """What was still ours, and not the kernel's, when it was shut."""

        self._paused_at: float | None = None
        self.chunk_bytes = 0
        # Drained means empty: with uvicorn's own limits 16 KiB may still wait in here.
        self._transport.set_write_buffer_limits(high=0)
        self._resize(CHUNK_BYTES_MIN)
        self._arm()

    async def ready(self) -> None:
        """Return when a chunk may be written at once: all is drained and the lease is fresh.

        Nothing may be awaited between this and the write. Raises Shut.
        """
        while True:
            await self._drained()
            if self._transport.is_closing():
                self.shut(Cut.CLIENT_GONE)
            if self.code is not None:
                raise Shut(self.code)
            if self.lease.may_write(boottime()) and not self._flow.write_paused:
                self._paused_at = None
                return
            await self._renewed()

    async def finished(self) -> None:
        """Return when the kernel has all that was written. Raises Shut.

        After it there is nothing left to withhold, so nothing shuts the valve any more.
        """
        await self._drained()
        if self._transport.is_closing():
            self.shut(Cut.CLIENT_GONE)
        if self.code is not None:
            raise Shut(self.code)
        self._over = True

    def extend(self, lease: Lease) -> None:
        """Go by the newest answer, also where it ends sooner than the one before."""
        self.lease = lease
        self._arm()
        self._changed.set()

    def shut(self, code: str) -> None:
        """Reset the connection. What the kernel has not taken never leaves."""
        if self._over or self.code is not None:
            return
        self.code = code
        self.withheld = self._transport.get_write_buffer_size()
        _reset(self._transport)
        self._changed.set()

    def close(self) -> None:
        """Let go of the connection; it may serve another request."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits()
            _set_unsent(self._transport, 0)  # the system's own

    async def _drained(self) -> None:
        """Wait until nothing is buffered, and learn from it how much to write at once."""
        if not self._flow.write_paused:
            # All of the last chunk was taken at once. Let the timers have their turn.
            await asyncio.sleep(0)
            self._resize(self.chunk_bytes * 2)
            return
        began = self._loop.time()
        try:
            async with asyncio.timeout(self._limits.stall_seconds_max):
                await self._flow.drain()
        except TimeoutError:
            self.shut(Cut.CLIENT_STALLED)
        waited = self._loop.time() - began
        if waited > SLOW_SECONDS:
            self._resize(self.chunk_bytes // 2)
        elif waited < QUICK_SECONDS:
            self._resize(self.chunk_bytes * 2)

    def _resize(self, chunk_bytes: int) -> None:
        """Write so much at once, and let the kernel take no more than that unsent.

        It would otherwise take megabytes, and say that there is room again only when a third
        of them has gone: with a slow client far too late for the end of a lease.
        """
        chunk_bytes = min(max(chunk_bytes, CHUNK_BYTES_MIN), CHUNK_BYTES_MAX)
        if chunk_bytes != self.chunk_bytes:
            self.chunk_bytes = chunk_bytes
            _set_unsent(self._transport, chunk_bytes)

    async def _renewed(self) -> None:
        """Pause: nothing is buffered, and no lease allows more. Not for ever."""
        if self._paused_at is None:
            self._paused_at = boottime()
        patience = self._paused_at + self._limits.pause_seconds_max - boottime()
        self._changed.clear()
        try:
            async with asyncio.timeout(max(patience, 0)):
                await self._changed.wait()
        except TimeoutError:
            self.shut(Cut.DECISION_UNAVAILABLE)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(self.lease.seconds_left(boottime()), self._at_lease_end)

    def _at_lease_end(self) -> None:
        """The watchdog: whatever is still buffered has no lease any more.

        With nothing buffered there is nothing to stop, and `ready` lets no chunk pass.
        """
        if self.lease.is_fresh(boottime()):
            self._arm()  # the timer was early
        elif self._transport.get_write_buffer_size() > 0:
            self.shut(Cut.LEASE_ENDED)


class LeasedResponse(Response):
    """A part of a released file, let out as long as agreements says so."""

    def __init__(
        self,
        *,
        part: Part,
        status_code: int,
        headers: Mapping[str, str],
        media_type: str,
        lease: Lease,
        renew: Renew,
        source: Source,
        limits: Limits,
        progress: Callable[[int], Awaitable[None]],
        end: Callable[[Ending], Awaitable[None]],
        counted: Callable[[], AbstractContextManager[None]],
    ) -> None:
        super().__init__(
            status_code=status_code,
            headers={**headers, "content-length": str(part.length)},
            media_type=media_type,
        )
        self._part = part
        self._lease = lease
        self._renew = renew
        self._source = source
        self._limits = limits
        self._progress = progress
        self._end = end
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._counted():
            await self._let_out(scope, receive, send)

    async def _let_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        valve = Valve(connection_of(scope), self._lease, self._limits)
        beside = [
            asyncio.create_task(self._keep_lease(valve)),
            asyncio.create_task(_watch_client(receive, valve)),
            asyncio.create_task(self._tell_progress(valve)),
        ]
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await self._pour(valve, send)
        except Shut:
            pass  # the reset is the answer
        except AppError as error:
            log.warning("stream_cut", code=error.code, detail=error.detail)
            valve.shut(Cut.OBJECT_UNREADABLE)
        except BaseException:
            valve.shut(Cut.SERVER_STOPPED)
            raise
        finally:
            valve.close()
            for task in beside:
                task.cancel()
            # The outcome is written down also when the server stops in mid-stream.
            ending = Ending(bytes=max(valve.written - valve.withheld, 0), code=valve.code)
            await asyncio.shield(self._finish(beside, ending))

    async def _pour(self, valve: Valve, send: Send) -> None:
        """Drain, look at the lease, write one chunk; and again."""
        ahead = _ReadAhead(self._source, self._part)
        try:
            async for block in ahead:
                offset = 0
                while offset < len(block):
                    await valve.ready()
                    chunk = block[offset : offset + valve.chunk_bytes]
                    valve.written += len(chunk)
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                    offset += len(chunk)
                    faults.reach("K8")
        finally:
            ahead.stop()
        # Only now is it sure that the kernel has it all: the end is under the lease too.
        await valve.finished()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _keep_lease(self, valve: Valve) -> None:
        """Ask again before the lease ends; go on asking while nobody answers."""
        retry_seconds = 0.0
        while valve.code is None:
            wait = retry_seconds or valve.lease.renew_at - boottime()
            await asyncio.sleep(max(wait, RENEWAL_SECONDS_MIN))
            try:
                lease = await self._renew(valve.lease)
            except Refused as refused:
                log.info("stream_refused", code=refused.code)
                valve.shut(refused.code)
            except AppError as error:
                log.warning("lease_not_renewed", code=error.code)
                retry_seconds = min(max(retry_seconds * 2, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX)
            else:
                retry_seconds = 0.0
                valve.extend(lease)

    async def _tell_progress(self, valve: Valve) -> None:
        """Write down now and then how far it is, for the case that this process dies."""
        while True:
            await asyncio.sleep(self._limits.progress_seconds)
            with contextlib.suppress(AppError):  # the database is away: the next time, then
                await self._progress(valve.written)

    async def _finish(self, beside: list[asyncio.Task[None]], ending: Ending) -> None:
        await asyncio.gather(*beside, return_exceptions=True)
        try:
            await self._end(ending)
        except AppError as error:
            # The sweep will say OUTCOME_UNKNOWN: that it began is written down already.
            log.exception("delivery_end_not_recorded", code=error.code)


class _ReadAhead:
    """Blocks of the object in order, the next one read while this one is written."""

    def __init__(self, source: Source, part: Part) -> None:
        self._source = source
        self._offset = part.start
        self._end = part.end
        self._coming: asyncio.Task[memoryview] | None = None
        self._ask()

    def __aiter__(self) -> "_ReadAhead":
        return self

    async def __anext__(self) -> memoryview:
        if self._coming is None:
            raise StopAsyncIteration
        block = await self._coming
        self._coming = None
        self._offset += len(block)
        self._ask()
        return block

    def stop(self) -> None:
        if self._coming is not None:
            self._coming.cancel()
        self._source.close()

    def _ask(self) -> None:
        length = min(self._source.block_bytes, self._end - self._offset)
        if length > 0:
            self._coming = asyncio.create_task(self._exactly(self._offset, length))

    async def _exactly(self, offset: int, length: int) -> memoryview:
        block = await self._source.read(offset, length)
        if len(block) != length:
            raise ObjectMissing("The object is shorter than it was.")
        return block


async def _watch_client(receive: Receive, valve: Valve) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    valve.shut(Cut.CLIENT_GONE)


def _set_unsent(transport: asyncio.Transport, bytes_: int) -> None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_NOTSENT_LOWAT"):
        # The peer is gone (uvloop says ValueError), or it is no TCP socket.
        with contextlib.suppress(OSError, ValueError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, bytes_)


def _reset(transport: asyncio.Transport) -> None:
    """Close so that the peer gets a reset and the kernel drops what it had not sent."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError, ValueError):  # the peer was faster
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
