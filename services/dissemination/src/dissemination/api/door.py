"""The door out: the one place in which bytes of a released file pass to the kernel.

S1 (docs/adr/0019). Bytes "leave" when the kernel accepts them. Before each chunk nothing that was
written may be unsent, the client's own kernel must have room for it, and the lease is looked at;
then the kernel is handed what it takes at once, and nothing else holds a byte. So there is nothing
to withhold when a lease ends: the stream pauses, however slow its client. A timer looks again when
the lease ends, and throws away with the connection what is unsent all the same (a network that
became slow). A stream that is cut ends with a reset, never as if it were whole, and the kernel
forgets what it had not sent.

The connection is uvicorn's own protocol, which `common.web.server` puts into the scope. No
sendfile, no FileResponse, no transport's buffer: nothing that writes later than it is told to.

What remains: a process that the scheduler freezes between the look at the lease and the write may
let one chunk pass; and at an expiry what was sent and is not yet confirmed may be sent again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from common import faults
from common.clock import boottime
from common.errors import AppError, Refused
from dissemination.api.kernel import Kernel
from dissemination.domain.delivery import Cut
from dissemination.domain.errors import ObjectMissing, StreamNotControlled
from dissemination.domain.lease import Lease
from dissemination.domain.ranges import Part

log: structlog.stdlib.BoundLogger = structlog.get_logger()

EXTENSION = "dsfc.connection"
EXCHANGE = "dsfc.exchange"
"""Where `common.web.server` puts the connection, and this request on it, into an ASGI scope."""

CHUNK_BYTES_MAX = 1_048_576
CHUNK_BYTES_MIN = 2_048
"""At most 1 MiB at once; less where the network is slow, so that nothing is unsent when a lease
ends. Every stream begins with the least: nobody knows yet how slow its network is."""

SLOW_SECONDS = 0.05
QUICK_SECONDS = 0.01
"""How long a chunk may take to drain: a third of what a lease of a second leaves it at its end
(`SETTLED_BEFORE`), so that agreements' restart finds nothing unsent."""

ROOM_BYTES_MAX = 65_536
"""A client that reads slowly makes room bit by bit; so much is worth a write."""

POLL_SECONDS_MIN = 0.0005
POLL_SECONDS_MAX = 0.01
"""No event tells that a client has made room, without something to be sent."""

STALLED_SECONDS = 3.0
STALLED_FACTOR = 3
"""A client that has made no room for so long while no lease is fresh has stalled, and is cut;
and for three times as long as it ever took before."""

OBSERVED_SECONDS_MAX = 0.25
"""How much of a wait counts between two looks: what this process slept is not the client's."""

RENEWAL_SECONDS_MIN = 0.02
"""Near the boundary of a fact leases grow short; agreements is not asked in a tight loop."""

RETRY_SECONDS_MIN = 0.05
RETRY_SECONDS_MAX = 1.0


class Flow(Protocol):
    """uvicorn's flow control of one connection."""

    write_paused: bool

    async def drain(self) -> None: ...


class Connection(Protocol):
    """What of uvicorn's protocol the door holds."""

    transport: asyncio.Transport
    flow: Flow


class Exchange(Protocol):
    """One request on its connection."""

    def passed(self, bytes_: int) -> None:
        """Note that so many bytes of the body were handed to the kernel directly."""


def connection_of(scope: Scope) -> Connection:
    """Return the connection of a request.

    Raises:
        StreamNotControlled: the server hides it, or encrypts what is written.

    """
    connection: Connection | None = scope.get("extensions", {}).get(EXTENSION)
    if connection is None:
        raise StreamNotControlled("The server does not hand over its connections.")
    if connection.transport.get_extra_info("sslcontext") is not None:
        raise StreamNotControlled("The server encrypts; end TLS before it.")
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
        self._kernel = Kernel(connection.transport)
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self.lease = lease
        self.code: str | None = None
        self._over = False
        self._is_full = False
        """The kernel took less than it was handed."""

        self.written = 0
        self.withheld = 0
        """What was still ours, and not the kernel's, when it was shut."""

        self._paused_at: float | None = None
        self._window_max = 0
        self._longest_shut = 0.0
        """How long the client has taken to make room, at the longest."""

        self.chunk_bytes = 0
        # Drained means empty: with uvicorn's own limits 16 KiB may still wait in here.
        self._transport.set_write_buffer_limits(high=0)
        self._resize(CHUNK_BYTES_MIN)
        self._arm()

    async def room(self) -> int:
        """Return how many bytes may be handed over at once, when there are any.

        All is sent, the client has room and the lease is fresh. Nothing may be awaited between
        this and `hand_over`. Raises Shut.
        """
        while True:
            await self._sent()
            room = await self._opened()
            await self.ready()
            if not self._kernel.unsent():
                return room

    async def ready(self) -> None:
        """Return when nothing is buffered on our side and the lease is fresh. Raises Shut."""
        while True:
            await self._drained()
            self._demand_open()
            if self.lease.may_write(boottime()) and not self._flow.write_paused:
                self._paused_at = None
                return
            await self._renewed()

    def hand_over(self, data: memoryview) -> int:
        """Hand the kernel what it takes at once, and return how many bytes; the rest is not ours.

        No buffer of this process comes between: it would write later than it may. Raises Shut.
        """
        if not self.lease.may_write(boottime()):
            return 0
        try:
            taken = self._kernel.take(data)
        except OSError:
            self.shut(Cut.CLIENT_GONE)
            raise Shut(self.code) from None
        self._is_full = taken < len(data)
        self.written += taken
        return taken

    async def finished(self) -> None:
        """Return when all that was written is sent: the end is under the lease too. Raises Shut.

        After it there is nothing left to withhold, so nothing shuts the valve any more.
        """
        await self._drained()
        await self._sent()
        self._demand_open()
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
        self._kernel.reset()
        self._changed.set()

    def close(self) -> None:
        """Let go of the connection; it may serve another request."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._transport.is_closing():
            self._transport.set_write_buffer_limits()
            self._kernel.limit_unsent(0)

    def _demand_open(self) -> None:
        if self._transport.is_closing():
            self.shut(Cut.CLIENT_GONE)
        if self.code is not None:
            raise Shut(self.code)

    def _is_waiting(self) -> bool:
        return self.code is None and not self._transport.is_closing()

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
        self._learn(self._loop.time() - began)

    async def _sent(self) -> None:
        """Wait until the kernel has sent all that it was handed, and learn from that as well."""
        if not self._kernel.unsent():
            return
        began = self._loop.time()
        try:
            async with asyncio.timeout(self._limits.stall_seconds_max):
                for pause in _pauses():
                    await asyncio.sleep(pause)
                    if not self._is_waiting() or not self._kernel.unsent():
                        break
        except TimeoutError:
            self.shut(Cut.CLIENT_STALLED)
        self._learn(self._loop.time() - began)

    def _learn(self, waited: float) -> None:
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
            self._kernel.limit_unsent(chunk_bytes)

    async def _opened(self) -> int:
        """Wait until the client's kernel has room; return how many bytes to write at once."""
        if self._is_full:
            self._is_full = False
            await asyncio.sleep(POLL_SECONDS_MIN)
        shut_for, seen, looked_at = 0.0, -1, boottime()
        pauses = _pauses()
        while self._is_waiting():
            window = self._kernel.window()
            if window is None:
                break
            self._window_max = max(self._window_max, window)
            if window >= min(self.chunk_bytes, ROOM_BYTES_MAX, max(self._window_max // 2, 1)):
                self._longest_shut = max(self._longest_shut, shut_for)
                return min(window, self.chunk_bytes)
            now = boottime()
            shut_for += min(now - looked_at, OBSERVED_SECONDS_MAX)
            looked_at = now
            if window != seen:
                self._longest_shut = max(self._longest_shut, shut_for)
                shut_for, seen = 0.0, window
            self._judge_stall(shut_for, now)
            await asyncio.sleep(next(pauses))
        return self.chunk_bytes

    def _judge_stall(self, shut_for: float, now: float) -> None:
        """Cut a client that takes nothing, where that is not only its pace."""
        pace = max(STALLED_SECONDS, STALLED_FACTOR * self._longest_shut)
        if shut_for > self._limits.stall_seconds_max:
            self.shut(Cut.CLIENT_STALLED)
        elif shut_for > pace and not self.lease.is_fresh(now):
            self.shut(Cut.LEASE_ENDED)

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

        With nothing unsent there is nothing to stop, and `ready` lets no chunk pass.
        """
        if self.lease.is_fresh(boottime()):
            self._arm()  # the timer was early
        elif self._kernel.unsent():
            self.shut(Cut.LEASE_ENDED)


def _pauses() -> Iterator[float]:
    """Look often at first, since most clients are quick."""
    seconds = 0.0
    while True:
        yield seconds
        seconds = min(max(seconds * 2, POLL_SECONDS_MIN), POLL_SECONDS_MAX)


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
            await self._pour(valve, scope["extensions"][EXCHANGE])
            # Only now is it sure that all of it is sent: the end is under the lease too.
            await valve.finished()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
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

    async def _pour(self, valve: Valve, exchange: Exchange) -> None:
        """Wait until all is sent, look at the lease, hand over one chunk; and again."""
        ahead = _ReadAhead(self._source, self._part)
        try:
            async for block in ahead:
                offset = 0
                while offset < len(block):
                    room = await valve.room()
                    taken = valve.hand_over(block[offset : offset + room])
                    exchange.passed(taken)
                    offset += taken
                    faults.reach("K8")
        finally:
            ahead.stop()

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
